"""How a task trains: tell MLflow who asked, tell Airflow where the run is, close the run when all tries are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context

from dags.common.calls import call, run_settings
from dags.common.operators import announcer
from dedup_pipeline.config import load_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dedup_pipeline.config import Settings
    from dedup_pipeline.store.manifests import StageResult
    from dedup_pipeline.tracking.runs import Caller

_RUN_TAG = "airflow.run_id"


def caller() -> Caller:
    """The current task as MLflow is told of it: the way back."""
    from dedup_pipeline.tracking.runs import Caller

    task_instance: Any = get_current_context()["ti"]
    tags = {
        "airflow.dag_id": task_instance.dag_id,
        _RUN_TAG: task_instance.run_id,
        "airflow.task_id": task_instance.task_id,
        "airflow.try_number": str(task_instance.try_number),
        "airflow.url": task_instance.log_url,
    }
    return Caller(tags, announcer(task_instance))


def train(stage: Callable[..., StageResult], what: Any) -> dict[str, Any]:
    """Call a training stage.

    Args:
        stage: takes settings, what to train on, and ``caller``.
        what: a dump's id, or several.
    """
    return call(stage, training_settings(), what, caller=caller())


def training_settings() -> Settings:
    """The settings of the run; where a person decides about the promotion, the training does not."""
    settings = run_settings()
    if not settings.workflow.approve_promotion:
        return settings
    return settings.model_copy(update={"train": settings.train.model_copy(update={"promote": False})})


def close_run(context: Context) -> None:
    """Set the MLflow runs that a killed task left open to FAILED, when Airflow does not try again.

    It hangs on the tasks and on their Dag: Airflow calls no task's callback for a process that was killed in its last
    try, but that of the Dag, once nothing of the run is left to do.
    """
    from dedup_pipeline.tracking.runs import Tracking

    # the form has no field for MLflow, and a Dag's callback may come without its values
    tracking = Tracking.connect(load_settings())
    tracking.fail_open_runs({_RUN_TAG: str(context["run_id"])})
