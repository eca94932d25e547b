"""A training that is killed in the middle of an epoch goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run

from dedup_pipeline.config import Settings
from dedup_pipeline.stage import StageResult, result_of
from dedup_pipeline.store import Store
from dedup_pipeline.tracking import RUN_KEY, Tracking
from tiny_shop import DUMP, write_tiny_shop

TESTS = Path(__file__).parents[1]

TRAIN = """
import os, signal, sys
from dedup_pipeline.config import Settings
from training.stage import train

def progress(done, of):
    print(f"step {done} of {of}", flush=True)
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

train(Settings.model_validate_json(sys.argv[1]), sys.argv[3], progress)
"""


def train_in_process(settings: Settings, die_at: int = -1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRAIN, settings.model_dump_json(), str(die_at), DUMP],
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
    assert not store.exists(store.dump(DUMP, "train", "checkpoints"))
    history = Tracking.connect(settings).client.get_metric_history(after.info.run_id, "train/loss")
    assert [metric.step for metric in history] == [0, 1, 2]
