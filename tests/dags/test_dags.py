"""The Dag files as Airflow sees them: whole, light, documented, the same each time."""

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dedup_pipeline.config import setting_names
from dedup_pipeline.config.pools import POOLS
from dedup_pipeline.stages.chain import STAGES

ROOT = Path(__file__).parents[2]
HEAVY = {
    "annoy",
    "cv2",
    "faiss",
    "fsspec",
    "lightgbm",
    "matplotlib",
    "mlflow",
    "numpy",
    "openvino",
    "pandas",
    "PIL",
    "pyarrow",
}
HEAVY |= {"pytorch_lightning", "pytorch_metric_learning", "s3fs", "sklearn", "timm", "torch", "torchvision", "training"}
NO_RETRY = {"approve_promotion"}  # a person answers once


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory):
    """The environment of a process that uses Airflow."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DEDUP_", "AIRFLOW_"))}
    home = tmp_path_factory.mktemp("airflow")
    return environment | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}


@pytest.fixture(scope="session")
def parse(airflow_home):
    """Parses the Dag files in a process of its own."""

    def run(**more):
        words = [sys.executable, str(ROOT / "tests" / "dags" / "parse.py"), str(ROOT / "dags")]
        done = subprocess.run(words, env=airflow_home | more, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def parsed(parse):
    return parse()


@pytest.fixture(scope="session")
def tasks(parsed):
    """Every task by (dag, task)."""
    return {(dag, name): task for dag, some in parsed["dags"].items() for name, task in some["tasks"].items()}


def test_both_dags_are_there_without_errors(parsed):
    assert parsed["errors"] == {}
    assert sorted(parsed["dags"]) == ["catalog_dedup", "train_embedder"]


def test_parsing_imports_nothing_heavy(parsed):
    assert {name.partition(".")[0] for name in parsed["imported"]} & HEAVY == set()


def test_two_parses_give_the_same_dag(parse):
    first, second = (parse(PYTHONHASHSEED=seed)["dags"] for seed in ("1", "2"))
    for dag in first:
        ours, theirs = first[dag]["serialised"], second[dag]["serialised"]
        assert json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)


def test_a_broken_setting_is_told_where_a_person_looks(parse):
    errors = parse(DEDUP_FETCH__THREDS="4")["errors"]
    assert errors
    assert all("DEDUP_FETCH__THREDS" in text and "fetch.threads" in text for text in errors.values())


def test_an_earlier_name_of_a_setting_breaks_no_deployment(parse):
    found = parse(DEDUP_WORKFLOW__MOST_MAPPED_TASKS="7")
    assert found["errors"] == {}
    assert "catalog_dedup" in found["dags"]


def test_every_stage_is_a_task_under_its_name(parsed):
    assert set(STAGES) <= set(parsed["dags"]["catalog_dedup"]["tasks"])


def test_every_dag_and_task_is_explained(parsed, tasks):
    assert all(len(dag["doc"]) > 100 and dag["tags"] for dag in parsed["dags"].values())
    assert [key for key, task in tasks.items() if not task["doc"] or len(task["doc"]) < 30] == []
    assert {task["owner"] for task in tasks.values()} == {"catalog"}


def test_the_reference_is_that_of_the_code(airflow_home):
    words = [sys.executable, "-m", "dags.common.reference"]
    made = subprocess.run(words, env=airflow_home, capture_output=True, text=True, timeout=300, check=True, cwd=ROOT)
    assert (ROOT / "docs" / "reference" / "dags.md").read_text() == made.stdout, "call `make docs`"


def test_tasks_retry_with_backoff_and_end_in_time(tasks):
    for (dag, name), task in tasks.items():
        if name not in NO_RETRY:
            assert task["retries"] > 0, (dag, name)
            assert task["backoff"] > 1, (dag, name)
            assert task["timeout"], (dag, name)


def test_pools_are_those_that_are_set_up(tasks):
    assert {task["pool"] for task in tasks.values()} - {"default_pool"} == set(POOLS)


def test_what_strangers_serve_is_read_on_a_queue_of_its_own(tasks, parse):
    assert {task["queue"] for task in tasks.values()} == {"default"}
    found = parse(DEDUP_WORKFLOW__FETCH_QUEUE="fetch", DEDUP_WORKFLOW__GPU_QUEUE="gpu")["dags"]
    queues = {name: task["queue"] for name, task in found["catalog_dedup"]["tasks"].items()}
    assert {name for name, queue in queues.items() if queue == "fetch"} == {
        "fetch",
        "finish_fetch",
        "fingerprint",
        "finish_fingerprint",
    }
    assert {name for name, queue in queues.items() if queue == "gpu"} == {"train", "embed", "finish_embed"}


def test_packs_and_parts_are_mapped(tasks):
    mapped = {name for (dag, name), task in tasks.items() if task["mapped"]}
    assert mapped == {"fetch", "fingerprint", "embed", "index", "neighbours", "match"}


def test_no_task_reads_the_results_of_a_mapped_one(tasks):
    mapped = {name for (_, name), task in tasks.items() if task["mapped"]}
    assert tasks["catalog_dedup", "finish_fetch"]["reads"] == ["find_dump"]
    assert {key: task["reads"] for key, task in tasks.items() if mapped & set(task["reads"])} == {}


def test_the_form_is_in_sections_and_says_what_each_field_is(parsed):
    for dag in parsed["dags"].values():
        for name, schema in dag["params"].items():
            assert schema.get("section"), name
            assert schema.get("title"), name
            assert len(schema.get("description_md", "")) > 20, name


def test_fields_are_validated_like_the_settings(parsed):
    params = parsed["dags"]["catalog_dedup"]["params"]
    assert params["target_precision"]["exclusiveMaximum"] == 1
    assert params["preset"]["enum"] == ["flipkart", "google_merchant", "shopify", "columns"]
    assert params["rendition_px"]["minimum"] == 64
    defaults = parsed["dags"]["catalog_dedup"]["defaults"]
    assert defaults["target_precision"] == setting_names()["match.target_precision"][1]


def test_the_form_shows_what_the_deployment_has_set(parse):
    dags = parse(DEDUP_MATCH__TARGET_PRECISION="0.95")["dags"]
    assert dags["catalog_dedup"]["defaults"]["target_precision"] == 0.95


@pytest.mark.parametrize(
    ("words", "settings", "expected"),
    [
        (["scheduled"], {"WAIT_HOURS": "2", "POLL_SECONDS": "30"}, "deferred: {file}, every 30 s, at most 2.2 h"),
        (
            ["scheduled", "found"],
            {"WAIT_HOURS": "2"},
            "AirflowFailException: dump 2018-10-05 did not come within 2",
        ),
        (["scheduled"], {"MISSING_DUMP": "skip"}, "AirflowSkipException: dump 2018-10-05 is not there"),
        (["backfill"], {}, "AirflowSkipException: dump 2018-10-05 is not there"),
        (["manual"], {}, "AirflowFailException: dump 2018-10-05 is not there"),
    ],
    ids=["waits", "in-vain", "skips-by-setting", "backfill", "manual"],
)
def test_a_missing_dump_is_waited_for_skipped_or_an_error(airflow_home, tmp_path, words, settings, expected):
    environment = {f"DEDUP_WORKFLOW__{name}": value for name, value in settings.items()}
    environment["DEDUP_INGEST__DUMPS"] = f"{tmp_path}/{{dump_id}}.csv"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "dags" / "missing_dump.py"), *words],
        env=airflow_home | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected.format(file=tmp_path / "2018-10-05.csv") in done.stdout


@pytest.mark.parametrize("there", [True, False], ids=["found", "missing"])
def test_no_secret_of_an_address_leaves_the_settings(airflow_home, parse, tmp_path, there):
    served = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        host = f"127.0.0.1:{server.server_address[1]}"
        secret = {"DEDUP_INGEST__DUMPS": f"http://{host}/{{dump_id}}.csv?sig=tr0ub4dor"}
        secret["DEDUP_TRACKING__URI"] = "http://ann:tr0ub4dor@mlflow.test"
        if there:
            (tmp_path / "2018-10-05.csv").write_text("id")
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "dags" / "missing_dump.py"), "scheduled"],
            env=airflow_home | secret,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        server.shutdown()
        thread.join()
    assert done.returncode == 0, done.stderr
    shown = f"http://{host}/2018-10-05.csv?sig=***"
    result = f"{{'dump_id': '2018-10-05', 'catalog': '{shown}'}}" if there else f"deferred: {shown}"
    assert result in done.stdout
    assert "tr0ub4dor" not in done.stdout + done.stderr
    dags = parse(**secret)["dags"]
    assert f"http://{host}/{{dump_id}}.csv?sig=***" in json.dumps(dags)
    assert "tr0ub4dor" not in json.dumps(dags)
