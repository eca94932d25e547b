"""Runs the sample shop through the cluster of docker/compose.yaml, as processes, and kills a worker in the middle.

    apt-get install redis-server postgresql
    pip install -r requirements.txt -r requirements-dev.txt -r requirements-cluster.txt -r requirements-mlflow.txt
    python tests/integration/celery_topology.py [--kill train] [--s3-server /path/to/moto_server]

It passes when the exports equal, byte for byte, those of `dedup run` on the same dump, no MLflow run is left open or
doubled, and everybody who should be refused is.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

sys.path.append(str(Path(__file__).parents[1]))  # after this folder: both have a conftest

from cluster import Cluster

from compose_file import ROOT
from conftest import QUICK
from dedup_pipeline.errors import StackError
from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop
from dedup_pipeline.stack import AirflowClient, Run
from dedup_pipeline.stack.services import variable
from dedup_pipeline.store import Store

logger = logging.getLogger("topology")

DUMP = "2018-10-05"
WORKER_OF = {"train": "worker-gpu", "embed": "worker-gpu", "fetch": "fetch-worker", "fingerprint": "fetch-worker"}


def main() -> int:
    """Run it; the status is 0 when everything held."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kill", default="train", help="the task in which its worker is killed; empty kills none")
    words.add_argument("--products", type=int, default=60, help="products of the sample shop")
    words.add_argument("--s3-server", type=Path, help="a program like moto_server: the store lies in object storage")
    words.add_argument("--keep", action="store_true", help="leave the folder with the logs")
    given = words.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    folder = Path(tempfile.mkdtemp(prefix="celery-topology-"))
    folder.chmod(0o755)
    try:
        report = run(folder, given)
    finally:
        if given.keep:
            logger.info("left in %s", folder)
        else:
            shutil.rmtree(folder)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if report["passed"] else 1


def run(folder: Path, given: argparse.Namespace) -> dict[str, object]:
    """The whole scenario; returns what was seen."""
    shop = folder / "shop"
    write_sample_shop(shop, products=given.products)
    with ImageServer(shop) as images:
        settings = {**QUICK, "fetch.allow_hosts": images.base_url.removeprefix("http://")}
        environment = {variable(name): value for name, value in settings.items()}
        cluster = Cluster(folder, environment, given.s3_server)
        dump = cluster.dumps / f"{DUMP}.csv"
        write_catalog(shop, images.base_url, dump)
        try:
            start = time.monotonic()
            cluster.start()
            report: dict[str, object] = {"start_seconds": round(time.monotonic() - start)}
            cluster.initialise()  # a second time must change nothing
            report["refused"] = refusals(cluster)
            report |= through_airflow(cluster, given.kill)
            report["memory_mb"] = cluster.memory()
            report["mlflow"] = mlflow_runs(cluster)
            found = exports_of(cluster)
        finally:
            cluster.stop()
        report |= compare(found, undisturbed(folder / "undisturbed", dump, environment))
    mlflow = report["mlflow"]
    report["passed"] = bool(
        report["state"] == "success"
        and report["same_bytes"]
        and report["log_lines"]
        and str(report["mlflow_link"]).startswith(f"http://localhost:{cluster.ports['mlflow']}/")
        and all(report["refused"].values())
        and not mlflow["open"]
        and not mlflow["doubled"]
    )
    return report


def undisturbed(store: Path, dump: Path, environment: dict[str, str]) -> dict[str, bytes]:
    """The exports of one process that nobody disturbs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DEDUP_")}
    words = [sys.executable, "-m", "dedup_pipeline", "run", "--catalog", str(dump), "--dump", DUMP, "--model", "train"]
    start = time.monotonic()
    subprocess.run([*words, "--store", str(store)], env=clean | environment, check=True, capture_output=True, cwd=ROOT)
    logger.info("dedup run took %.0f s", time.monotonic() - start)
    return exports(str(store))


def exports(root: str) -> dict[str, bytes]:
    """Every exported file of a store."""
    store = Store(root)
    return {name: store.read_bytes(store.export(DUMP, name)) for name in store.names(f"exports/{DUMP}")}


def through_airflow(cluster: Cluster, kill: str) -> dict[str, object]:
    """Trigger the workflow, kill the worker of a task in its middle, and wait for the end."""
    client = AirflowClient(cluster.url, *cluster.admin)
    until = time.monotonic() + 180
    while client.dag("catalog_dedup") is None:
        if time.monotonic() > until:
            raise StackError(f"catalog_dedup is not there: {client.import_errors()}")
        time.sleep(2)
    start = time.monotonic()
    run = client.trigger("catalog_dedup", {"dump": DUMP, "model": "train"})
    killed = kill_worker(cluster, client, run, kill) if kill else {}
    ended = client.wait(run, 1500)
    tasks = client.task_instances(run)
    train = next(task for task in tasks if task.task_id == "train")
    return {
        "log_lines": len(client.log(run, train)),
        "mlflow_link": client.links(run, train).get("MLflow run", ""),
        "state": ended.state,
        "run_seconds": round(time.monotonic() - start),
        "killed": killed,
        "tasks": len(tasks),
        "tried_again": {task.task_id: task.try_number for task in tasks if task.try_number > 1},
        "failed": sorted({task.task_id for task in tasks if task.state in {"failed", "upstream_failed"}}),
    }


def kill_worker(cluster: Cluster, client: AirflowClient, run: Run, task_id: str) -> dict[str, object]:
    """Kill the worker of a task a few seconds after it began, and start the worker again."""
    worker = WORKER_OF.get(task_id, "worker")
    until = time.monotonic() + 600
    while not any(task.task_id == task_id and task.state == "running" for task in client.task_instances(run)):
        if time.monotonic() > until or client.run(run.dag_id, run.run_id).ended:
            raise StackError(f"task {task_id} was never seen running: {client.task_instances(run)}")
        time.sleep(0.3)
    time.sleep(8 if task_id == "train" else 0.5)
    processes = cluster.kill(worker)
    logger.info("killed %d processes of %s in %s", processes, worker, task_id)
    cluster.start_service(worker)
    return {"worker": worker, "in": task_id, "processes": processes}


def refusals(cluster: Cluster) -> dict[str, bool]:
    """Who must not get in, and does not."""
    mlflow = f"http://127.0.0.1:{cluster.ports['mlflow']}"
    experiments = f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
    login = (cluster.secret("MLFLOW_NAME"), cluster.secret("MLFLOW_PASSWORD"))
    wrong = requests.post(f"{cluster.url}/auth/token", json={"username": "admin", "password": "admin"}, timeout=30)
    port = str(cluster.ports["postgres"])
    as_mlflow = {**cluster.environment("postgres"), "PGPASSWORD": cluster.secret("MLFLOW_DATABASE_PASSWORD")}

    def query(user: str, database: str, environment: dict[str, str]) -> int:
        words = [
            shutil.which("psql") or "psql",
            "-h",
            "127.0.0.1",
            "-p",
            port,
            "-U",
            user,
            "-d",
            database,
            "-c",
            "select 1",
        ]
        return subprocess.run(words, env=environment, capture_output=True, check=False).returncode

    def redis(*lines: str) -> list[bytes]:
        """What Redis answers to some commands."""
        with socket.create_connection(("127.0.0.1", cluster.ports["redis"]), timeout=10) as connection:
            connection.sendall("".join(f"{line}\r\n" for line in (*lines, "QUIT")).encode())
            return connection.makefile("rb").read().splitlines()

    as_fetch = f"AUTH fetch {cluster.secret('FETCH_QUEUE_PASSWORD')}"
    return {
        "airflow: wrong password": wrong.status_code == requests.codes.unauthorized,
        "airflow: no token": requests.get(f"{cluster.url}/api/v2/dags", timeout=30).status_code == 401,
        "mlflow: no login": requests.get(experiments, timeout=30).status_code == 401,
        "mlflow: the login passes": requests.get(experiments, auth=login, timeout=30).ok,
        "mlflow: another host": requests.get(experiments, auth=login, headers={"Host": "evil"}, timeout=30).status_code
        == 403,
        "redis: no password": redis("PING")[0].startswith(b"-NOAUTH"),
        "redis: the fetch worker in its own queue passes": redis(as_fetch, "LLEN fetch")[1].startswith(b":"),
        "redis: the fetch worker in another queue": redis(as_fetch, "LPUSH default x")[1].startswith(b"-NOPERM"),
        "redis: the fetch worker in what others have taken": redis(as_fetch, "HGETALL unacked")[1].startswith(
            b"-NOPERM"
        ),
        "redis: the fetch worker commands the others": redis(as_fetch, "PUBLISH /0.celery.pidbox x")[1].startswith(
            b"-NOPERM"
        ),
        "postgres: mlflow in airflow's database": query("mlflow", "airflow", as_mlflow) != 0,
        "postgres: mlflow in its own passes": query("mlflow", "mlflow", as_mlflow) == 0,
        "postgres: a wrong password": query("airflow", "airflow", as_mlflow) != 0,
    }


def mlflow_runs(cluster: Cluster) -> dict[str, object]:
    """What the run left in MLflow."""
    from mlflow.entities import ViewType
    from mlflow.tracking import MlflowClient

    os.environ |= {
        "MLFLOW_TRACKING_USERNAME": cluster.secret("MLFLOW_NAME"),
        "MLFLOW_TRACKING_PASSWORD": cluster.secret("MLFLOW_PASSWORD"),
    }
    client = MlflowClient(f"http://127.0.0.1:{cluster.ports['mlflow']}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments(view_type=ViewType.ALL)]
    runs = client.search_runs(experiments, run_view_type=ViewType.ALL)
    keys = [run.data.tags.get("dedup.run_key", "") for run in runs]
    artifacts = [file.path for run in runs for file in client.list_artifacts(run.info.run_id)]
    return {
        "runs": {run.info.run_name: run.info.status for run in runs},
        "open": [run.info.run_id for run in runs if run.info.status in {"RUNNING", "SCHEDULED"}],
        "doubled": sorted({key for key in keys if keys.count(key) > 1}),
        "artifacts": sorted(set(artifacts)),
        "versions": [version.version for version in client.search_model_versions()],
    }


def exports_of(cluster: Cluster) -> dict[str, bytes]:
    """The exports in the cluster's store."""
    environment = cluster.environment("worker")
    os.environ |= {name: value for name, value in environment.items() if name.startswith("AWS_")}
    return exports(environment["DEDUP_STORE"])


def compare(found: dict[str, bytes], expected: dict[str, bytes]) -> dict[str, object]:
    """Whether the exports are those of the undisturbed run."""
    different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return {"files": sorted(found), "different": different, "same_bytes": bool(found) and not different}


if __name__ == "__main__":
    sys.exit(main())
