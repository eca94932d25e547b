"""What `find_dump` does without a file: runs the task's code in a fresh process and prints what it raised.

python missing_dump.py RUN_TYPE [found]
"""

import sys
from types import SimpleNamespace

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.sdk.execution_time.context import set_current_context

from dags.common.operators import FindDump

run_type, *rest = sys.argv[1:]
run = SimpleNamespace(
    run_type=SimpleNamespace(value=run_type), partition_key="2018-10-05", logical_date=None, run_id="r"
)
context = {"params": {"dump": None, "file": None}, "dag_run": run}
task = FindDump(task_id="find_dump")
try:
    with set_current_context(context):
        outcome = task.found(context, event=False) if rest else task.execute(context)
except TaskDeferred as deferred:
    trigger, wait = deferred.trigger, deferred.timeout
    outcome = (
        f"deferred: {trigger.catalog}, every {trigger.poll_seconds:g} s, at most {wait.total_seconds() / 3600:.1f} h"
    )
except (AirflowFailException, AirflowSkipException) as error:
    outcome = f"{type(error).__name__}: {error}"
sys.stdout.write(f"{outcome}\n")
