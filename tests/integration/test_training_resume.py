"""A training that is killed, runs out of disk or loses MLflow goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from mlflow.entities import Run

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import StageResult, result_of
from dedup_pipeline.tracking.runs import RUN_KEY, Tracking
from tiny_shop import DUMP, write_tiny_shop

TESTS = Path(__file__).parents[1]

TRAIN = """
import os, signal, sys
from dedup_pipeline.config import Settings
from training.stage import train

def progress(done, of):
    print(f"step {done} of {of}", flush=True)
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), int(sys.argv[4]))

train(Settings.model_validate_json(sys.argv[1]), sys.argv[3], progress)
"""


def train_in_process(
    settings: Settings, die_at: int = -1, by: signal.Signals = signal.SIGKILL
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRAIN, settings.model_dump_json(), str(die_at), DUMP, str(int(by))],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )


def runs_of(settings: Settings) -> list[Run]:
    tracking = Tracking.connect(settings)
    return list(tracking.client.search_runs([tracking.experiment_id()]))


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Settings]:
    folder = tmp_path_factory.mktemp("resume")
    return lambda name: write_tiny_shop(folder / name, train__epochs=3)


@pytest.fixture(scope="module")
def undisturbed(shops: Callable[[str], Settings], empty_mlflow_database: Path) -> tuple[Settings, StageResult]:
    settings = shops("undisturbed")
    place_database(settings, empty_mlflow_database)
    done = train_in_process(settings)
    assert done.returncode == 0, done.stderr
    return settings, result_of(Store(settings.store), DUMP, "train")


def place_database(settings: Settings, database: Path) -> None:
    target = Path(settings.store) / "mlflow" / "mlflow.db"
    target.parent.mkdir(parents=True)
    target.write_bytes(database.read_bytes())


@pytest.mark.slow
def test_killed_in_mid_epoch_gives_the_same_bytes_under_the_same_run(
    shops: Callable[[str], Settings], undisturbed: tuple[Settings, StageResult], empty_mlflow_database: Path
) -> None:
    settings = shops("killed")
    place_database(settings, empty_mlflow_database)
    killed = train_in_process(settings, die_at=8)  # 5 steps an epoch
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (before,) = runs_of(settings)
    assert before.info.status == "RUNNING"

    resumed = train_in_process(settings)
    assert resumed.returncode == 0, resumed.stderr
    steps = [line for line in resumed.stdout.splitlines() if line.startswith("step")]
    assert steps[0] == "step 6 of 15", "the first epoch must not be trained again"

    (after,) = runs_of(settings)
    assert after.info.run_id == before.info.run_id
    assert after.info.status == "FINISHED"
    assert after.data.tags[RUN_KEY] == before.data.tags[RUN_KEY]
    store, result = Store(settings.store), result_of(Store(settings.store), DUMP, "train")
    other_settings, expected = undisturbed
    assert result.counts["model_id"] == expected.counts["model_id"]
    for name in ("weights.safetensors", "model.json"):
        path = store.model(str(result.counts["model_id"]), name)
        assert store.read_bytes(path) == Store(other_settings.store).read_bytes(path)
    assert not list(Path(settings.store).glob("trainings/**/*.ckpt"))
    history = Tracking.connect(settings).client.get_metric_history(after.info.run_id, "train/loss")
    assert [metric.step for metric in history] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "step", "status"),
    [
        (signal.SIGTERM, 8, 143),
        (signal.SIGTERM, 15, 143),  # of 15: Lightning does not look any more
        (signal.SIGINT, 8, None),
    ],
    ids=["terminated", "terminated-in-the-last-step", "ctrl-c"],
)
def test_a_program_that_is_asked_to_end_while_it_trains_does_not_end_as_if_it_had(
    shops: Callable[[str], Settings],
    empty_mlflow_database: Path,
    by: signal.Signals,
    step: int,
    status: int | None,
) -> None:
    settings = shops(f"asked-{by}-{step}")
    place_database(settings, empty_mlflow_database)
    asked = train_in_process(settings, die_at=step, by=by)
    if status is None:  # Python's own end of what nobody catches
        assert asked.returncode
        assert asked.stderr.splitlines()[-1] == "KeyboardInterrupt"
    else:
        assert asked.returncode == status, asked.stderr
    (run,) = runs_of(settings)
    assert run.info.status == "KILLED"
    with pytest.raises(NotReadyError):
        result_of(Store(settings.store), DUMP, "train")


def same_model(settings: Settings, undisturbed: tuple[Settings, StageResult]) -> bool:
    """Whether the model is that of the undisturbed training, byte for byte."""
    ours, (other, expected) = Store(settings.store), undisturbed
    result = result_of(ours, DUMP, "train")
    paths = [ours.model(str(result.counts["model_id"]), name) for name in ("weights.safetensors", "model.json")]
    return result.counts["model_id"] == expected.counts["model_id"] and all(
        ours.read_bytes(path) == Store(other.store).read_bytes(path) for path in paths
    )


FILL = """
import resource, sys
from dedup_pipeline.config import Settings
from training.stage import train

def progress(done, of):
    if done == 8:  # the checkpoint of the second epoch, after step 10, does not fit any more
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))

train(Settings.model_validate_json(sys.argv[1]), sys.argv[2], progress)
"""


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_whole_checkpoint(
    shops: Callable[[str], Settings], undisturbed: tuple[Settings, StageResult], empty_mlflow_database: Path
) -> None:
    settings = shops("full")
    place_database(settings, empty_mlflow_database)
    full = subprocess.run(
        [sys.executable, "-c", FILL, settings.model_dump_json(), DUMP],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = full.stderr.splitlines()[-1]
    assert last.startswith("dedup_pipeline.errors.StoreError: "), full.stderr
    assert settings.store in last
    (failed,) = runs_of(settings)
    assert failed.info.status == "FAILED"
    assert not list(Path(settings.store).glob("**/.tmp-*"))

    again = train_in_process(settings)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("step 6 of 15\n"), "the first epoch was saved"
    assert same_model(settings, undisturbed)
    (finished,) = runs_of(settings)
    assert (finished.info.run_id, finished.info.status) == (failed.info.run_id, "FINISHED")


AWAY = """
import os, signal, sys
from dedup_pipeline.config import Settings
from training.stage import train

def progress(done, of):
    if done == 8:
        os.killpg(int(sys.argv[3]), signal.SIGKILL)

train(Settings.model_validate_json(sys.argv[1]), sys.argv[2], progress)
"""


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[int]:
    """A real MLflow server on a database and a folder that outlive it; its process group."""
    words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen([*words, *places], stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                break
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, "the MLflow server does not come up"
            time.sleep(0.2)
        yield server.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.slow
def test_mlflow_that_goes_away_is_found_again_with_its_run(
    shops: Callable[[str], Settings],
    undisturbed: tuple[Settings, StageResult],
    empty_mlflow_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow_database.read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = shops("away")
    tracking = settings.tracking.model_copy(update={"uri": f"http://127.0.0.1:{port}"})
    settings = settings.model_copy(update={"tracking": tracking})
    with mlflow_server(tmp_path, port) as group, monkeypatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # minutes of patience by default
        lost = subprocess.run(
            [sys.executable, "-c", AWAY, settings.model_dump_json(), DUMP, str(group)],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
            check=False,
        )
    last = lost.stderr.splitlines()[-1]
    assert last.startswith("dedup_pipeline.errors.TrackingError: "), lost.stderr
    assert f"http://127.0.0.1:{port}" in last

    with mlflow_server(tmp_path, port):
        (left,) = runs_of(settings)
        assert left.info.status == "RUNNING", "nobody was there to end it"
        again = train_in_process(settings)
        assert again.returncode == 0, again.stderr
        (finished,) = runs_of(settings)
        assert (finished.info.run_id, finished.info.status) == (left.info.run_id, "FINISHED")
        history = Tracking.connect(settings).client.get_metric_history(finished.info.run_id, "train/loss")
        assert [metric.step for metric in history] == [0, 1, 2]
    assert same_model(settings, undisturbed)
