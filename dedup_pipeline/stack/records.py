"""What Airflow's REST API says of runs and tasks, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class Run:
    """A run of a DAG.

    Attributes:
        dag_id: the DAG.
        run_id: its id.
        state: queued, running, success or failed.
        conf: what it was triggered with.
        partition_key: of a partitioned run.
        start: when it began.
        end: when it ended.
    """

    dag_id: str
    run_id: str
    state: str
    conf: Mapping[str, Any]
    partition_key: str | None
    start: datetime | None
    end: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing will follow unless a person clears a task."""
        return self.state in ENDED


@dataclass(frozen=True)
class TaskInstance:
    """A task of a run, or one of its mapped instances.

    Attributes:
        task_id: the task.
        map_index: -1 of a task that is not mapped, or not yet.
        label: what a mapped instance holds, if it says so.
        state: None before it is scheduled.
        try_number: 0 before the first try.
        pid: process that runs it or ran it.
        start: of the last try.
        end: of the last try.
    """

    task_id: str
    map_index: int
    label: str | None
    state: str | None
    try_number: int
    pid: int | None
    start: datetime | None
    end: datetime | None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def read_run(found: Mapping[str, Any]) -> Run:
    """A run from the API's JSON."""
    return Run(
        dag_id=found["dag_id"],
        run_id=found["dag_run_id"],
        state=found["state"],
        conf=found["conf"] or {},
        partition_key=found.get("partition_key"),
        start=_time(found["start_date"]),
        end=_time(found["end_date"]),
    )


def read_task_instance(found: Mapping[str, Any]) -> TaskInstance:
    """A task from the API's JSON."""
    return TaskInstance(
        task_id=found["task_id"],
        map_index=found["map_index"],
        label=found.get("rendered_map_index"),
        state=found["state"],
        try_number=found["try_number"],
        pid=found.get("pid"),
        start=_time(found["start_date"]),
        end=_time(found["end_date"]),
    )
