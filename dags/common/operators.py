"""The tasks that need more of Airflow than a function has: waiting, a link, a question to a person."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.xcom import XCom

from dags.common.calls import errors_for_airflow, run_settings
from dags.common.params import text_of
from dags.common.triggers import DumpTrigger
from dedup_pipeline.addresses import showable

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from dedup_pipeline.stages.ingest import Dump

MLFLOW_URL = "mlflow_run_url"
"""The XCom key that holds the address of a task's MLflow run."""


class MlflowRunLink(BaseOperatorLink):
    """A button on the task that opens its MLflow run, from the moment the run exists."""

    name = "MLflow run"
    xcom_key = MLFLOW_URL

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The address that the task pushed; empty when it has none."""
        return str(XCom.get_value(ti_key=ti_key, key=MLFLOW_URL) or "")


class MlflowOperator(PythonOperator):
    """Runs a function that works in an MLflow run, and links to the run."""

    operator_extra_links = (MlflowRunLink(),)


def announcer(task_instance: RuntimeTaskInstanceProtocol) -> Any:
    """What tells a task's link the address of its MLflow run; a database file has no page to link to."""

    def announce(url: str) -> None:
        if url.startswith("http"):
            task_instance.xcom_push(MLFLOW_URL, url)

    return announce


class FindDump(BaseOperator):
    """Settles which dump the run is for, and waits for its file where the run was scheduled.

    A scheduled run waits without a worker, at most `workflow.wait_hours`, or is skipped (`workflow.missing_dump`).
    A backfill skips a day that has no dump. A run that a person triggered fails at once.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """The dump's id and the place of its file."""
        from dedup_pipeline.stages.ingest import check_inside, is_there

        dump, all_settings = self._dump(context), run_settings()
        settings = all_settings.workflow
        with errors_for_airflow():
            check_inside(all_settings.ingest, dump.catalog)
            there = is_there(dump.catalog)
        if there:
            return {"dump_id": dump.dump_id, "catalog": showable(dump.catalog)}
        kind = context["dag_run"].run_type.value
        missing = f"dump {dump.dump_id} is not there: {showable(dump.catalog)} does not exist"
        if kind == "manual":
            raise AirflowFailException(f"{missing}; put it there and clear this task, or name another dump")
        if kind == "backfill" or settings.missing_dump == "skip":
            raise AirflowSkipException(missing)
        waiting = timedelta(hours=settings.wait_hours)
        self.log.info("%s yet: looking again every %g s, for %s", missing, settings.poll_seconds, waiting)
        trigger = DumpTrigger(showable(dump.catalog), time.time() + waiting.total_seconds(), settings.poll_seconds)
        self.defer(trigger=trigger, method_name="found", timeout=waiting + timedelta(minutes=10))

    def found(self, context: Context, event: bool) -> dict[str, str]:
        """Go on when the file has come."""
        dump = self._dump(context)
        if not event:
            hours = run_settings().workflow.wait_hours
            raise AirflowFailException(
                f"dump {dump.dump_id} did not come within {hours:g} hours: {showable(dump.catalog)} does not exist; "
                "put it there and clear this task"
            )
        return {"dump_id": dump.dump_id, "catalog": showable(dump.catalog)}

    @staticmethod
    def _dump(context: Context) -> Dump:
        from dedup_pipeline.stages.ingest import choose_dump

        params, run = context["params"], context["dag_run"]
        date = run.logical_date.date().isoformat() if run.logical_date and not run.partition_key else None
        with errors_for_airflow():
            named = {"field 'dump'": text_of(params, "dump"), "partition key": run.partition_key, "logical date": date}
            return choose_dump(run_settings().ingest, named, text_of(params, "file"))


class PromotionApproval(ApprovalOperator):
    """Asks a person whether a better model shall become champion, where the run wants that; else lets it pass.

    Skips itself and what follows when nothing was trained, or the new model is no better.
    """

    def execute(self, context: Context) -> Any:
        """Wait for the answer; no worker is held meanwhile."""
        counts = context["ti"].xcom_pull(task_ids="train")["counts"]
        if not counts["trained"]:
            raise AirflowSkipException(f"model version {counts['model_version']} was there already: nothing to promote")
        if not counts["beats_champion"]:
            raise AirflowSkipException(counts["decision"])
        if counts["promoted"]:
            return None
        if not run_settings().workflow.approve_promotion:
            raise AirflowSkipException("train.promote is off: the model stays challenger")
        return super().execute(context)
