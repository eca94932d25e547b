"""A dump through a real Airflow on this machine, started for it; the seconds are of the run, from trigger to end.

Its overhead is what the run took beside the work of the library, which the manifests in the store tell.
"""

import os
import warnings
from pathlib import Path

import psutil
from contender import Contest
from own_store import reaching_store

from dedup_pipeline.stack import Stack
from dedup_pipeline.stack.services import variable
from dedup_pipeline.stages.chain import STAGES
from dedup_pipeline.stages.fetch import pack_seconds, planned_packs
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import seconds_of

DUMP, DAG = "2018-10-05", "catalog_dedup"
PATIENCE = 7200.0
RUN_SECONDS = 600.0  # of the run that the promise speaks of

warnings.simplefilter("ignore")


def cpu_seconds() -> float:
    """Of this process and all below it, those that have ended included."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    times = [process.cpu_times() for process in processes if process.is_running()]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


contest = Contest()
settings = reaching_store(contest)
given = {
    "store": settings.store,
    "threads": settings.threads,
    "fetch.allow_hosts": ",".join(settings.fetch.allow_hosts),
    "tracking.uri": f"sqlite:///{settings.store}/mlflow/mlflow.db",
}
environment = {variable(name): str(value) for name, value in given.items()}
os.chdir(contest.results)  # MLflow puts the artifacts of a database without a server where it is called
with Stack(
    contest.results / "stack", dags=Path(__file__).resolve().parents[2] / "dags", environment=environment
) as stack:
    (stack.layout.catalogs / f"{DUMP}.csv").write_bytes((contest.data / "catalog.csv").read_bytes())
    stack.airflow.set_paused(DAG, paused=False)
    with contest.timed(cpu=cpu_seconds):
        run = stack.airflow.wait(stack.airflow.trigger(DAG, {"dump": DUMP}), PATIENCE)
    tasks = [task for task in stack.airflow.task_instances(run) if task.state == "success"]
if run.state != "success" or run.start is None or run.end is None:
    raise SystemExit(f"the run is {run.state}")
store = Store(settings.store)
work = sum(seconds_of(store, DUMP, stage) for stage in STAGES) + pack_seconds(store, planned_packs(store, DUMP))
overhead = (run.end - run.start).total_seconds() - work
contest.report(
    "apache-airflow-core",
    **{
        "tasks": len(tasks),
        "seconds of the library": work,
        "overhead seconds": overhead,
        "overhead seconds a task": overhead / len(tasks),
        "share of this run": overhead / (work + overhead),
        "share of a run of 10 minutes": overhead / RUN_SECONDS,
    },
)
