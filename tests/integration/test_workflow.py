"""The workflows in a real Airflow, with a real MLflow server, as a team operates them."""

import collections
import datetime
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import requests
from mlflow.tracking import MlflowClient

from conftest import QUICK, Shop
from dedup_pipeline.errors import StackError
from dedup_pipeline.sample import ImageServer, write_catalog
from dedup_pipeline.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
TODAY = datetime.datetime.now(datetime.UTC).date().isoformat()
PATIENCE = 600.0  # seconds for one run
PAGES, PASSWORD = "mlflow.test", "tr0ub4dor"


class CountingServer(ImageServer):
    """Counts how often each path is asked for."""

    def __init__(self, folder):
        super().__init__(folder)
        self.asked = collections.Counter()
        asked, plain = self.asked, self._server.RequestHandlerClass

        class Handler(plain):
            def do_GET(self):  # noqa: N802 - the name is http.server's
                asked[self.path] += 1
                super().do_GET()

        self._server.RequestHandlerClass = Handler


class Workflow:
    """A stack whose scheduled runs wait for their dump, and what a person does with it."""

    def __init__(self, stack: Stack, shop: Shop, server: CountingServer):
        self.stack, self.shop, self.server, self.airflow = stack, shop, server, stack.airflow
        write_catalog(shop.folder, server.base_url, stack.layout.folder / "whole.csv")
        self.lines = (stack.layout.folder / "whole.csv").read_text(encoding="utf-8").splitlines(keepends=True)

    @property
    def mlflow(self) -> MlflowClient:
        """MLflow's own client; it would take the registry of an earlier test in this process, if not told."""
        return MlflowClient(self.stack.mlflow_url, self.stack.mlflow_url)

    def put_dump(self, dump: str, *, share: float = 1.0, prefix: str = "") -> None:
        """Put a dump where dumps lie: the first rows; a prefix makes all its photos new to the store."""
        text = "".join(self.lines[: round(len(self.lines) * share)])
        target = self.stack.layout.catalogs / f"{dump}.csv"
        hidden = target.with_suffix(".part")
        hidden.write_text(
            text.replace(f"{self.server.base_url}/", f"{self.server.base_url}/{prefix}"), encoding="utf-8"
        )
        hidden.replace(target)  # a half-written dump must not be found

    def command(self, *words: str) -> str:
        """Airflow's own command."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=self.stack.airflow_environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def backfill(self, first: str, last: str, *words: str) -> None:
        """Airflow's backfill command; it wants to wait until Airflow has closed the one before."""
        span = ("--from-date", first, "--to-date", last)
        for _ in range(60):
            try:
                self.command("backfill", "create", "--dag-id", "catalog_dedup", *span, *words)
            except AssertionError as error:
                if "AlreadyRunningBackfill" not in str(error):
                    raise
                time.sleep(3)
            else:
                return
        raise AssertionError("the backfill before was never closed")

    def run(self, conf=None, *, dag="catalog_dedup", **named):
        """Trigger a run and wait for its end."""
        return self.airflow.wait(self.airflow.trigger(dag, conf, **named), PATIENCE)

    def tasks(self, run):
        """The tasks of a run by name; of a mapped one the last."""
        return {task.task_id: task for task in self.airflow.task_instances(run)}

    def states(self, run):
        """How often each state occurs."""
        return collections.Counter(task.state for task in self.airflow.task_instances(run))

    def said(self, run, name):
        """The log of a task, as text."""
        return json.dumps(self.airflow.log(run, self.tasks(run)[name]))

    def exports(self, dump):
        """Every exported file of a dump."""
        return {file.name: file.read_bytes() for file in (self.stack.layout.store / "exports" / dump).iterdir()}


@pytest.fixture(scope="module")
def workflow(shop, tmp_path_factory):
    """A running stack with the quick settings, and the DAGs unpaused."""
    with CountingServer(shop.folder) as server:
        settings = {**QUICK, "fetch.allow_hosts": server.base_url.removeprefix("http://")}
        settings["tracking.pages"] = f"http://ann:{PASSWORD}@{PAGES}"
        settings |= {"workflow.poll_seconds": "1", "workflow.retry_seconds": "1"}
        settings |= {"workflow.fetch_queue": "fetch"}  # Celery's: an executor without queues passes over it
        environment = {"DEDUP_" + name.upper().replace(".", "__"): value for name, value in settings.items()}
        folder = tmp_path_factory.mktemp("workflow") / "stack"
        with Stack(
            folder, dags=ROOT / "dags", environment=environment, expect=("catalog_dedup", "train_embedder")
        ) as stack:
            for dag in ("catalog_dedup", "train_embedder"):
                stack.airflow.set_paused(dag, paused=False)
            yield Workflow(stack, shop, server)


@pytest.fixture(scope="module")
def first(workflow):
    """A run triggered with a partition key, the first in its store."""
    workflow.put_dump("2018-10-05")
    return workflow.run({"model": "train"}, partition_key="2018-10-05")


def test_a_triggered_run_exports_the_bytes_of_the_command_line(workflow, first, undisturbed):
    assert first.state == "success", workflow.states(first)
    ours, theirs = workflow.exports("2018-10-05"), undisturbed.exports()
    groups = [pd.read_parquet(io.BytesIO(some.pop("groups.parquet"))) for some in (ours, theirs)]
    for some in (ours, theirs):
        some["review.csv"] = re.sub(rb"127\.0\.0\.1:\d+", b"the-server", some["review.csv"])
    assert ours == theirs
    pd.testing.assert_frame_equal(*(some.drop(columns="photo_url") for some in groups))  # the servers' ports differ


def test_packs_are_mapped_and_say_what_they_hold(workflow, first):
    mapped = [task for task in workflow.airflow.task_instances(first) if task.task_id == "fetch"]
    assert len(mapped) > 1
    assert {task.label for task in mapped} >= {f"pack 1 of {len(mapped)}"}


def test_tasks_pass_on_small_references_only(workflow, first):
    for task in workflow.airflow.task_instances(first):
        value = workflow.airflow.xcom(first, task.task_id, map_index=task.map_index)
        assert len(json.dumps(value)) < 4000, task


@pytest.mark.parametrize(("name", "stage"), [("train", "train"), ("record", "record")])
def test_the_link_leads_to_the_mlflow_run_and_its_tags_lead_back(workflow, first, name, stage):
    task = workflow.tasks(first)[name]
    url = workflow.airflow.links(first, task)["MLflow run"]
    run = workflow.mlflow.get_run(url.rsplit("/", 1)[-1])
    assert url.startswith(f"http://{PAGES}/#/experiments/")
    assert run.info.status == "FINISHED"
    assert run.data.tags["stage"] == stage
    assert run.data.tags["airflow.run_id"] == first.run_id
    assert run.data.tags["airflow.url"].startswith(f"{workflow.stack.airflow_url}/dags/catalog_dedup/runs/")


def test_a_password_in_an_address_is_nowhere(workflow, first):
    assert first.state == "success"
    files = [file for file in workflow.stack.layout.folder.rglob("*") if file.is_file()]
    assert {"airflow.db", "mlflow.db", "summary.json"} <= {file.name for file in files}
    assert [file for file in files if PASSWORD.encode() in file.read_bytes()] == []
    assert PAGES in json.dumps(workflow.airflow.xcom(first, "train"))


def test_the_run_over_the_dump_is_recorded(workflow, first):
    run_id = workflow.airflow.xcom(first, "record")["counts"]["run_id"]
    run = workflow.mlflow.get_run(run_id)
    summary = json.loads(workflow.exports("2018-10-05")["summary.json"])
    assert run.data.metrics["ingest/rows"] == summary["ingest"]["rows"]
    assert run.data.metrics["index/recall"] == summary["index"]["recall"]
    assert run.data.metrics["export/pairs"] == summary["export"]["pairs"]
    assert run.data.metrics["seconds/fetch"] > 0
    assert run.data.tags["export.duplicates"].endswith("exports/2018-10-05/duplicates.json")


def test_clearing_one_task_runs_it_again_and_changes_nothing(workflow, first):
    before, tasks = workflow.exports("2018-10-05"), workflow.tasks(first)
    workflow.airflow.clear(first, ["group"])
    run = workflow.airflow.wait(first, PATIENCE)
    after = workflow.tasks(run)
    assert run.state == "success"
    assert {name for name in after if after[name].try_number > tasks[name].try_number} == {"group", "export", "record"}
    assert workflow.exports("2018-10-05") == before


def test_clearing_a_mapped_stage_whose_plan_is_shorter_now_changes_nothing(workflow, first):
    def instances():
        return {
            task.map_index: task.state
            for task in workflow.airflow.task_instances(first)
            if task.task_id == "fingerprint"
        }

    before, counts = workflow.exports("2018-10-05"), workflow.airflow.xcom(first, "finish_fingerprint")["counts"]
    mapped, store = instances(), workflow.stack.layout.store
    assert len(mapped) > 1
    tables = sorted((store / "packs").glob("*/fingerprints-*.parquet"))
    content = tables[-1].read_bytes()
    tables[-1].unlink()  # of all packs one is still to be done: of the old instances only the first has work
    (store / "dumps" / "2018-10-05" / "fingerprint" / "manifest.json").unlink()
    workflow.airflow.clear(first, ["plan_fingerprint"])
    run = workflow.airflow.wait(first, PATIENCE)
    assert run.state == "success", workflow.states(run)
    assert instances() == {index: "success" if index == 0 else "removed" for index in mapped}
    old = workflow.airflow.xcom(run, "fingerprint", map_index=max(mapped))
    assert old is not None, "Airflow has learnt to drop what a removed task left"
    assert workflow.airflow.xcom(run, "finish_fingerprint")["counts"] == counts
    assert tables[-1].read_bytes() == content
    assert workflow.exports("2018-10-05") == before


def test_a_backfill_takes_both_days_and_all_between(workflow, first):
    for number, dump in enumerate(("2018-10-02", "2018-10-03", "2018-10-04")):
        workflow.put_dump(dump, share=0.7 + 0.1 * number, prefix="/")  # other URLs of the same pictures
    workflow.server.asked.clear()
    workflow.backfill("2018-10-02", "2018-10-04", "--max-active-runs", "3")
    runs = [run for run in workflow.airflow.runs("catalog_dedup") if run.run_id.startswith("backfill")]
    runs = [workflow.airflow.wait(run, PATIENCE) for run in runs]
    assert sorted(run.partition_key for run in runs) == ["2018-10-02", "2018-10-03", "2018-10-04"]
    assert {run.state for run in runs} == {"success"}, [workflow.states(run) for run in runs]
    for run in runs:
        assert workflow.airflow.xcom(run, "find_dump")["dump_id"] == run.partition_key
        assert workflow.exports(run.partition_key)
        assert workflow.airflow.xcom(run, "train")["counts"]["trained"] == 0
    found = {path: times for path, times in workflow.server.asked.items() if times > 1}
    assert workflow.server.asked
    assert found == {}


def test_reprocessing_does_what_its_name_says(workflow, first):
    def runs():
        return [run for run in workflow.airflow.runs("catalog_dedup") if run.partition_key == "2018-10-04"]

    before = {run.run_id: run.start for run in runs()}
    for behaviour in ("none", "failed"):
        workflow.backfill("2018-10-04", "2018-10-04", "--reprocess-behavior", behaviour)
        assert {run.run_id: run.start for run in runs()} == before, behaviour
    exported = workflow.exports("2018-10-04")
    workflow.backfill("2018-10-04", "2018-10-04", "--reprocess-behavior", "completed")
    again = [workflow.airflow.wait(run, PATIENCE) for run in runs()]
    assert {run.run_id: run.start for run in again} != before
    assert {run.state for run in again} == {"success"}
    assert workflow.exports("2018-10-04") == exported


def test_a_backfill_skips_a_day_without_a_dump(workflow):
    workflow.backfill("2018-09-01", "2018-09-01")
    run = next(run for run in workflow.airflow.runs("catalog_dedup") if run.partition_key == "2018-09-01")
    run = workflow.airflow.wait(run, PATIENCE)
    assert workflow.states(run) == {"skipped": len(workflow.airflow.task_instances(run))}


@pytest.mark.parametrize(
    ("conf", "named", "dump"),
    [
        ({"dump": "2018-10-03"}, {}, "2018-10-03"),
        ({"file": "2018-10-04.csv"}, {}, "2018-10-04"),
        ({}, {"logical_date": datetime.datetime(2018, 10, 2, tzinfo=datetime.UTC)}, "2018-10-02"),
    ],
    ids=["its-id", "only-a-file", "a-logical-date"],
)
def test_a_manual_run_takes_the_dump_that_is_meant(workflow, first, conf, named, dump):
    run = workflow.airflow.trigger("catalog_dedup", conf, **named)
    run = workflow.airflow.wait(run, PATIENCE)
    assert workflow.airflow.xcom(run, "find_dump")["dump_id"] == dump
    assert run.state == "success", workflow.states(run)


@pytest.mark.parametrize(
    ("conf", "named", "said"),
    [
        ({"dump": "2018-10-04"}, {"partition_key": "2018-10-05"}, "names more than one dump"),
        ({"file": "2018-10-04.csv"}, {"partition_key": "2018-10-05"}, "names more than one dump"),
        ({"file": "../../../etc/passwd"}, {}, "does not lie in"),
        ({"file": "simplecache::http://127.0.0.1:9/2018-10-05.csv"}, {}, "does not lie in"),
        ({"dump": "1999-01-01"}, {}, "dump 1999-01-01 is not there"),
    ],
    ids=["two-dumps", "file-of-another-day", "file-elsewhere", "file-of-another-scheme", "missing"],
)
def test_what_cannot_be_done_fails_at_once_with_its_sentence(workflow, conf, named, said):
    run = workflow.run(conf, **named)
    task = workflow.tasks(run)["find_dump"]
    assert (run.state, task.state, task.try_number) == ("failed", "failed", 1)
    assert said in workflow.said(run, "find_dump")


def test_a_broken_dump_fails_at_once_with_its_sentence(workflow):
    (workflow.stack.layout.catalogs / "2018-08-01.csv").write_text("sku,photo\n1,http://example.test/a.jpg\n")
    run = workflow.run({"dump": "2018-08-01"})
    task = workflow.tasks(run)["ingest"]
    assert (run.state, task.try_number) == ("failed", 1)
    assert "productId" in workflow.said(run, "ingest")


def test_a_model_that_does_not_exist_fails_at_once(workflow, first):
    run = workflow.run({"dump": "2018-10-03", "model": "4711"})
    task = workflow.tasks(run)["train"]
    assert (run.state, task.try_number) == ("failed", 1)
    assert "has no version 4711" in workflow.said(run, "train")


@pytest.mark.parametrize(
    ("conf", "said"),
    [({"target_precision": 3}, "target_precision"), ({"form": "xml"}, "form"), ({"dump": "../x"}, "dump")],
)
def test_the_form_refuses_what_does_not_fit(workflow, conf, said):
    with pytest.raises(StackError, match=said):
        workflow.airflow.trigger("catalog_dedup", conf)


def test_photos_that_fail_stop_the_run_and_a_clear_goes_on(workflow, first):
    workflow.put_dump("2018-07-01", share=0.4, prefix="missing/")
    run = workflow.run({"dump": "2018-07-01"})
    task = workflow.tasks(run)["finish_fetch"]
    assert run.state == "failed"
    assert task.try_number > 1  # that may pass, so it was tried again
    assert "max_failure_ratio" in workflow.said(run, "finish_fetch")
    assert not (workflow.stack.layout.store / "exports" / "2018-07-01").exists()


def test_a_scheduled_run_waits_for_its_dump(workflow, first):
    run = next(run for run in workflow.airflow.runs("catalog_dedup") if run.partition_key == TODAY)
    assert run.run_id.startswith("scheduled")
    assert workflow.tasks(run)["find_dump"].state == "deferred"
    workflow.put_dump(TODAY, share=0.7, prefix="/")
    run = workflow.airflow.wait(run, PATIENCE)
    assert run.state == "success", workflow.states(run)
    assert workflow.exports(TODAY)


def test_a_person_decides_about_the_promotion_of_a_training(workflow, first):
    workflow.put_dump("2018-06-01", share=0.7)
    assert workflow.run({"dump": "2018-06-01"}).state == "success"
    client = workflow.mlflow
    before = client.get_model_version_by_alias("embedder", "champion").version
    client.delete_registered_model_alias("embedder", "champion")  # so that the new one is better for sure
    run = workflow.airflow.trigger(
        "train_embedder", {"dumps": ["2018-10-05", "2018-06-01"], "approve_promotion": True, "epochs": 1}
    )
    _wait_for(workflow, run, "approve_promotion", "awaiting_input")
    version = str(workflow.airflow.xcom(run, "train")["counts"]["model_version"])
    assert version != before
    with pytest.raises(Exception, match=r"(?i)alias.*not found"):
        client.get_model_version_by_alias("embedder", "champion")
    _answer(workflow, run, "Approve")
    run = workflow.airflow.wait(run, PATIENCE)
    assert run.state == "success", (workflow.states(run), workflow.said(run, "approve_promotion"))
    champion = client.get_model_version_by_alias("embedder", "champion")
    assert champion.version == version
    assert "approved by" in champion.tags["promoted_because"]
    client.set_registered_model_alias("embedder", "champion", before)


def test_a_training_that_is_asked_to_end_is_tried_again_in_its_model_run(workflow, first):
    def epochs():
        return list((workflow.stack.layout.store / "trainings").rglob("*.ckpt"))

    run = workflow.airflow.trigger("train_embedder", {"dumps": ["2018-10-05"], "epochs": 12})
    until = time.monotonic() + PATIENCE
    while not epochs():
        assert time.monotonic() < until, workflow.states(run)
        assert not workflow.airflow.run(run.dag_id, run.run_id).ended, workflow.states(run)
        time.sleep(0.05)
    os.kill(workflow.tasks(run)["train"].pid, signal.SIGTERM)  # as a worker that is stopped does
    run = workflow.airflow.wait(run, PATIENCE)
    task = workflow.tasks(run)["train"]
    assert (run.state, task.state, task.try_number) == ("success", "success", 2)
    assert "Task exited" in json.dumps(workflow.airflow.log(run, task, 1))
    assert "training goes on from" in json.dumps(workflow.airflow.log(run, task, 2))
    counts = workflow.airflow.xcom(run, "train")["counts"]
    (found,) = [
        found
        for found in workflow.mlflow.search_runs([workflow.mlflow.get_run(counts["run_id"]).info.experiment_id])
        if found.data.tags.get("airflow.run_id") == run.run_id
    ]
    assert (found.info.run_id, found.info.status) == (counts["run_id"], "FINISHED")
    assert found.data.tags["airflow.try_number"] == "2"
    assert not epochs()


def _wait_for(workflow, run, name, state):
    for _ in range(int(PATIENCE)):
        if workflow.tasks(run)[name].state == state:
            return
        assert not workflow.airflow.run(run.dag_id, run.run_id).ended, workflow.states(run)
        time.sleep(1)
    raise AssertionError(f"{name} is {workflow.tasks(run)[name].state}")


def _answer(workflow, run, option):
    time.sleep(8)  # Airflow fails a task that is answered faster than its executor reports; no person reads so fast
    login = {"username": "admin", "password": workflow.stack.password}
    token = requests.post(f"{workflow.stack.airflow_url}/auth/token", json=login, timeout=30).json()["access_token"]
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/approve_promotion/-1/hitlDetails"
    answer = requests.patch(
        f"{workflow.stack.airflow_url}{path}",
        json={"chosen_options": [option], "params_input": {}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert answer.ok, answer.text


def test_airflows_own_command_reaches_the_stack(workflow, first):
    words = [
        "airflow",
        "--folder",
        str(workflow.stack.layout.folder),
        "dags",
        "list-runs",
        "catalog_dedup",
        "-o",
        "json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "dedup_pipeline", *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert first.run_id in {run["run_id"] for run in json.loads(done.stdout[done.stdout.index("[{") :])}


def test_no_model_run_is_left_open(workflow, first):
    client = workflow.mlflow
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert {run.info.status for run in runs} == {"FINISHED"}
    keys = [run.data.tags["dedup.run_key"] for run in runs]
    assert len(keys) == len(set(keys))
