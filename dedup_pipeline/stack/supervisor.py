"""Programs that run together: started, watched, remembered in a file, stopped."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dedup_pipeline.errors import StackError
from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.processes import PATIENCE, is_running, spawn, start_time, stop_marked

_LAST_LINES = 12
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Service:
    """A program of the stack.

    Args:
        name: of the service; also of its log.
        command: the program and its arguments.
        environment: all of it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


class Supervisor:
    """Runs the services of one stack.

    What runs is written to `stack.json` (process id and start time), so that a later command finds it.

    Args:
        layout: the stack's places.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def log_file(self, name: str) -> Path:
        """Where a service's output goes."""
        return self.layout.logs / f"{name}.log"

    def start(self, service: Service) -> None:
        """Start a service.

        Raises:
            StackError: its program cannot be started.
        """
        try:
            child = spawn(
                service.command,
                service.environment,
                self.log_file(service.name),
                folder=self.layout.folder,
                name=service.name,
            )
        except OSError as error:
            raise StackError(f"{service.name} cannot be started: {service.command[0]}: {error.strerror}") from error
        self._children[service.name] = child
        self._remember(service.name, {"pid": child.pid, "started": start_time(child.pid) or time.time()})

    def stop(self, names: Iterable[str] | None = None, *, patience: float = PATIENCE) -> int:
        """Stop services with all that they started; returns how many processes there were.

        Args:
            names: of the services; None takes all, those of earlier commands included.
            patience: seconds between asking them to end and killing them.
        """
        chosen = None if names is None else list(names)
        stopped = stop_marked(self.layout.folder, chosen, patience=patience)
        for name in list(self._children) if chosen is None else chosen:
            child = self._children.pop(name, None)
            if child is not None:
                child.wait()
        if chosen is None:
            self.layout.state.unlink(missing_ok=True)
        else:
            for name in chosen:
                self._remember(name, None)
        return stopped

    def stop_left_over(self) -> int:
        """Stop what an earlier command left running, unless something was started here; returns how many processes."""
        return 0 if self._children else self.stop()

    def running(self) -> set[str]:
        """The services that run, as far as is remembered."""
        known = self.state()["services"]
        return {name for name, facts in known.items() if is_running(facts["pid"], facts["started"])}

    def started(self, name: str) -> float:
        """When a service was started, in seconds of the epoch; 0 when it was not."""
        return float(self.state()["services"].get(name, {}).get("started", 0.0))

    def check(self) -> None:
        """Make sure that every service that was started here still runs.

        Raises:
            StackError: one has ended; says where its log is, with its last lines.
        """
        for name, child in self._children.items():
            status = child.poll()
            if status is not None:
                raise self._ended(name, status)

    def wait(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until something is ready, as long as all services run.

        Args:
            what: is waited for, as a noun.
            ready: whether it is.
            seconds: the longest wait.

        Raises:
            StackError: a service has ended, or the time is up.
        """
        until = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() >= until:
                raise StackError(
                    f"{what} was not ready within {seconds:.0f} seconds: see the logs in {self.layout.logs}"
                )
            time.sleep(_LOOK_SECONDS)

    def finish(self, name: str, seconds: float) -> None:
        """Wait until a program that does one thing has done it.

        Raises:
            StackError: it failed, or the time is up.
        """
        child = self._children[name]
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise StackError(f"{name} took over {seconds:.0f} seconds: see {self.log_file(name)}") from None
        if status:
            raise self._ended(name, status)
        del self._children[name]
        self._remember(name, None)

    def state(self) -> dict[str, Any]:
        """What `stack.json` says: services (name -> pid, started), and what was noted; empty when it is unreadable."""
        empty: dict[str, Any] = {"services": {}}
        try:
            read = json.loads(self.layout.state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return empty
        return {**empty, **read} if isinstance(read, dict) else empty

    def note(self, **facts: object) -> None:
        """Write facts to `stack.json`, for a later command."""
        self._write({**self.state(), **facts})

    def _remember(self, name: str, facts: dict[str, Any] | None) -> None:
        state = self.state()
        state["services"].pop(name, None)
        if facts is not None:
            state["services"][name] = facts
        self._write(state)

    def _write(self, state: dict[str, Any]) -> None:
        new = self.layout.state.with_suffix(".new")
        new.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        new.replace(self.layout.state)

    def _ended(self, name: str, status: int) -> StackError:
        log = self.log_file(name)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        try:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        except OSError:
            lines = []
        tail = "".join(f"\n    {line}" for line in lines)
        return StackError(f"{name} {how}; its log is {log}" + (f", and ends with:{tail}" if tail else ""))
