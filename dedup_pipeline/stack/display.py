"""A run's tasks in the terminal: a live table for a person, a line for every change where nobody watches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dedup_pipeline.stack.records import TaskInstance

_WAITING = "waiting"
_STYLES = {"success": "green", "failed": "red", "running": "cyan", "up_for_retry": "yellow", "upstream_failed": "red"}
_DONE = ("success", "skipped")
# of the instances of a mapped task, the state that says most
_LOUDEST = (
    "failed",
    "up_for_retry",
    "running",
    "queued",
    "scheduled",
    "deferred",
    "upstream_failed",
    "success",
    "skipped",
)
_LIVE_LINES = 40  # longer tables than a terminal is high cannot be drawn over


@dataclass(frozen=True)
class TaskLine:
    """What is shown of one task.

    Attributes:
        task_id: the task.
        state: that of its instances that says most.
        done: instances that succeeded or were skipped.
        of: instances there are.
        mapped: whether the task is mapped.
        seconds: from the first start to the last end, or to now; None before it starts.
    """

    task_id: str
    state: str
    done: int
    of: int
    mapped: bool
    seconds: float | None

    @property
    def count(self) -> str:
        """`3/5` of a mapped task."""
        return f"{self.done}/{self.of}" if self.mapped else ""


def summarise(order: Mapping[str, Sequence[str]], instances: Sequence[TaskInstance]) -> list[TaskLine]:
    """One line for every task of a run.

    Args:
        order: each task with those that follow it.
        instances: of the run.

    Returns:
        The lines, each task after those it waits for.
    """
    before: dict[str, set[str]] = {task: set() for task in order}
    for task, followers in order.items():
        for follower in followers:
            before[follower].add(task)
    of_task: dict[str, list[TaskInstance]] = {task: [] for task in TopologicalSorter(before).static_order()}
    for instance in instances:
        of_task.setdefault(instance.task_id, []).append(instance)
    return [_line(task, found) for task, found in of_task.items()]


def _line(task: str, instances: Sequence[TaskInstance]) -> TaskLine:
    states = Counter(instance.state or _WAITING for instance in instances)
    state = next((state for state in _LOUDEST if states[state]), _WAITING)
    if states[_WAITING] and state in _DONE:
        state = _WAITING
    starts = [instance.start for instance in instances if instance.start]
    ends = [instance.end or datetime.now(UTC) for instance in instances if instance.start]
    return TaskLine(
        task,
        state,
        done=sum(states[name] for name in _DONE),
        of=len(instances),
        mapped=any(instance.map_index >= 0 for instance in instances),
        seconds=(max(ends) - min(starts)).total_seconds() if starts else None,
    )


class RunDisplay:
    """Shows the lines of a run while its `with` block lasts.

    Args:
        console: to write to.
        began: the instant (of `time.monotonic`) that plain lines count their seconds from.
    """

    def __init__(self, console: Console, began: float) -> None:
        self._console = console
        self._began = began
        self._live = Live(console=console, transient=True, refresh_per_second=4) if console.is_terminal else None
        self._shown: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, lines: Sequence[TaskLine]) -> None:
        """Show how a run stands."""
        if self._live:
            self._live.update(_table(lines[:_LIVE_LINES]))
            return
        for line in lines:
            now = (line.state, line.count)
            if line.state != _WAITING and self._shown.get(line.task_id) != now:
                self._shown[line.task_id] = now
                self._console.print(f"{time.monotonic() - self._began:6.1f} s  {_plain(line)}", soft_wrap=True)

    def finish(self, lines: Sequence[TaskLine]) -> None:
        """Leave the last state on the screen."""
        if self._live:
            self._live.stop()
            self._console.print(_table(lines))
        else:
            self.show(lines)


def _plain(line: TaskLine) -> str:
    seconds = f"{line.seconds:.1f} s" if line.seconds is not None and line.state in (*_DONE, "failed") else ""
    return " ".join(filter(None, [f"{line.task_id:<20}", f"{line.state:<10}", line.count, seconds])).rstrip()


def _table(lines: Sequence[TaskLine]) -> Table:
    table = Table("task", "state", box=None, header_style="dim", pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("", justify="right")
    for line in lines:
        seconds = "" if line.seconds is None else f"{line.seconds:.1f} s"
        style = _STYLES.get(line.state, "dim")
        state = (
            Spinner("dots", Text("running", style), style=style) if line.state == "running" else Text(line.state, style)
        )
        table.add_row(line.task_id, state, line.count, seconds)
    return table
