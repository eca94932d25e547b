"""Why a run failed, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dedup_pipeline.errors import StackError
from dedup_pipeline.stack.airflow_api import AirflowClient
from dedup_pipeline.stack.records import Run

_ERRORS = ("error", "critical")


def reason_of(airflow: AirflowClient, run: Run) -> str:
    """Name the task that failed first, what its log says of it, and where that log is."""
    failed = [task for task in airflow.task_instances(run) if task.state == "failed"]
    if not failed:
        return f"run {run.run_id} of {run.dag_id} failed, though no task did: see it in Airflow"
    first = min(failed, key=lambda task: (task.end is None, task.end))
    name = first.task_id if first.map_index < 0 else f"{first.task_id}[{first.label or first.map_index}]"
    try:
        lines = airflow.log(run, first)
    except StackError as error:
        return f"task {name} failed; its log cannot be read: {error}"
    where = next((line["event"] for line in lines if str(line.get("event", "")).endswith(".log")), None)
    return f"task {name} failed: {error_in(lines)}" + (f" (log: {where})" if where else "")


def error_in(lines: Sequence[Mapping[str, Any]]) -> str:
    """The error that ended a task, as its log has it."""
    for line in reversed(lines):
        for detail in line.get("error_detail") or ():
            return str(detail["exc_value"]).strip() or str(detail["exc_type"])
    for line in reversed(lines):
        if line.get("level") in _ERRORS:
            return str(line["event"])
    return "its log has no error; it may have been killed, for example when the memory was full"
