"""Runs ``dedup`` as processes of its own, many a minute, and strikes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

_PROGRAM = Path(__file__).with_name("struck.py")
_LEFT_SECONDS = 20.0


@dataclass(frozen=True)
class Strike:
    """When and how a process is struck.

    Attributes:
        at: the number of the write to its store, from 1; 0 for none.
        how: the name of a signal, or ``MemoryError``.
    """

    at: int = 0
    how: str = ""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        status: its exit status; negative when a signal ended it.
        said: what it printed.
        writes: how many writes to its store it began; None when it was killed.
        left: what it started and what lived on after it, as command lines.
    """

    status: int
    said: str
    writes: int | None
    left: list[str]


class Nursery:
    """Makes the processes, one at a time, while its ``with`` block lasts.

    Args:
        folder: for what they print; they work in it.
        environment: theirs, on top of this process's own, the settings of a person left out.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        own = {name: value for name, value in os.environ.items() if not name.startswith("DEDUP_")}
        self._environment = own | dict(environment)
        self._number = 0

    def __enter__(self) -> Self:
        """Start the program that makes them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "nursery.log").open("wb") as log:
            self._program = subprocess.Popen(
                [sys.executable, str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                cwd=self.folder,
                text=True,
            )
        self._hear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        if error is not None:
            self._program.kill()
        self._program.__exit__(kind, error, trace)  # closes the pipes, which ends it, and waits

    def run(self, words: Sequence[str], environment: Mapping[str, str], strike: Strike | None = None) -> Ended:
        """Run ``dedup`` with some words and wait for its end, and for that of all that it started."""
        self._number += 1
        log = self.folder / f"{self._number:03d}-{words[0]}.log"
        chosen = strike or Strike()
        asked = {"words": list(words), "environment": self._environment | dict(environment), "log": str(log)}
        asked |= {"strike": {"at": chosen.at, "how": chosen.how}}
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps(asked) + "\n")
        self._program.stdin.flush()
        pid = int(self._hear()["pid"])
        status = int(self._hear()["status"])
        counted = log.with_name(f"{log.name}.writes")
        writes = int(counted.read_text()) if counted.exists() else None
        return Ended(status, log.read_text(errors="replace"), writes, _left_of(pid))

    def _hear(self) -> dict[str, Any]:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        if not line:
            raise RuntimeError(f"struck.py has ended: see {self.folder / 'nursery.log'}")
        heard: dict[str, Any] = json.loads(line)
        return heard


def _left_of(session: int) -> list[str]:
    """What of a session does not end by itself soon after its first process; it is ended here."""
    until = time.monotonic() + _LEFT_SECONDS
    while (left := _members(session)) and time.monotonic() < until:
        time.sleep(0.1)
    for process in left:
        process.kill()
    return [_command(process) for process in left]


def _members(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):  # it ended meanwhile
            continue
    return found


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return str(process.pid)
