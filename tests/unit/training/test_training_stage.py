"""The train stage with a real MLflow: SQLite and files in a temporary store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import ModelError, SettingsError
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.model.preprocess import prepare
from dedup_pipeline.stages.embed import embed
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import StageResult
from dedup_pipeline.tracking.runs import CHALLENGER, CHAMPION, Tracking, tracking_uri
from tiny_shop import DUMP, draw_product, write_tiny_shop
from training import mlflow_run
from training.registry import decide
from training.stage import train


def with_train(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"train": settings.train.model_copy(update=changes)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_database: Path) -> tuple[Settings, StageResult]:
    folder = tmp_path_factory.mktemp("trained") / "store"
    settings = write_tiny_shop(folder)
    (folder / "mlflow").mkdir()
    (folder / "mlflow" / "mlflow.db").write_bytes(empty_mlflow_database.read_bytes())
    return settings, train(settings, DUMP)


def test_the_result_names_the_model(trained: tuple[Settings, StageResult]) -> None:
    settings, result = trained
    store = Store(settings.store)
    model_id = result.counts["model_id"]
    assert result.outputs["model"] == f"models/{model_id}/model.json"
    assert (result.counts["model_version"], result.counts["trained"], result.counts["promoted"]) == ("1", 1, 1)
    description = store.read_json(result.outputs["model"])
    assert description["dump_id"] == DUMP
    assert {"backbone", "image_px", "dimension", "mean", "std", "pooling", "loss", "packages"} <= set(description)
    assert embed(settings, DUMP).counts["images"] == 24


def test_the_run_holds_what_a_person_looks_for(trained: tuple[Settings, StageResult]) -> None:
    settings, result = trained
    tracking = Tracking.connect(settings)
    run = tracking.client.get_run(str(result.counts["run_id"]))
    assert run.info.status == "FINISHED"
    assert run.data.params["margin"] == str(settings.train.margin)
    assert {"val/average_precision", "train/loss", "challenger/recall_at_1"} <= set(run.data.metrics)
    assert len(tracking.client.get_metric_history(run.info.run_id, "val/recall_at_1")) == settings.train.epochs
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == [DUMP]
    names = {file.path for file in tracking.client.list_artifacts(run.info.run_id, "figures")}
    assert names == {f"figures/{name}.png" for name in ("precision_recall", "distances", "worst_errors")}


def test_the_registered_model_gives_the_encoders_vectors(trained: tuple[Settings, StageResult]) -> None:
    settings, result = trained
    tracking = Tracking.connect(settings)
    version = tracking.champion()
    assert version is not None
    assert version.tags["model_id"] == result.counts["model_id"]
    model = mlflow.pytorch.load_model(f"models:/{settings.tracking.model_name}@{CHAMPION}")
    pictures = [draw_product(number) for number in range(5)]
    stacked = torch.from_numpy(np.stack([prepare(picture, 64) for picture in pictures]))
    with torch.no_grad():
        theirs = model(stacked).numpy()
    on_cpu = settings.model_copy(update={"embed": settings.embed.model_copy(update={"runtime": "openvino"})})
    ours = Encoder.load(Store(settings.store), str(result.counts["model_id"]), on_cpu).encode(pictures)
    assert (theirs * ours).sum(axis=1).min() > 1 - 1e-3


def test_again_does_nothing(trained: tuple[Settings, StageResult]) -> None:
    settings, result = trained
    again = train(settings, DUMP)
    assert again.reused
    assert again.counts == result.counts


def test_champion_and_number_settle_without_training(
    trained: tuple[Settings, StageResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, result = trained
    monkeypatch.setattr(mlflow_run, "fit", None)
    store = Store(settings.store)
    for asked in ("champion", "1"):
        settled = train(with_train(settings, model=asked), DUMP)
        assert (settled.counts["trained"], settled.counts["model_id"]) == (0, result.counts["model_id"])
    # a champion can travel: another store gets its files from the registry
    store.remove(f"models/{result.counts['model_id']}")
    store.remove(store.dump(DUMP, "train"))
    assert train(with_train(settings, model="champion"), DUMP).counts["model_id"] == result.counts["model_id"]


def test_what_does_not_exist_is_named(trained: tuple[Settings, StageResult]) -> None:
    settings, _ = trained
    with pytest.raises(ModelError, match="no version 77"):
        train(with_train(settings, model="77"), DUMP)
    with pytest.raises(SettingsError, match=r"train\.model = 'best'"):
        train(with_train(settings, model="best"), DUMP)


def test_a_worse_challenger_registered_before_a_failure_is_found_again_and_not_promoted(
    trained: tuple[Settings, StageResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, result = trained
    tracking, name = Tracking.connect(settings), settings.tracking.model_name
    other = with_train(settings, model="train", epochs=1, backbone_rate=0.0, learning_rate=1e-7)
    with monkeypatch.context() as patch:
        patch.setattr("training.mlflow_run._compare", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            train(other, DUMP)
    (failed,) = [run for run in tracking.client.search_runs([tracking.experiment_id()]) if run.info.status == "FAILED"]
    assert len(tracking.client.search_model_versions(f"name = '{name}'")) == 2

    monkeypatch.setattr(mlflow_run, "fit", None)  # it must not train again
    second = train(other, DUMP)
    assert second.counts["run_id"] == failed.info.run_id
    assert second.counts["model_version"] == "2"
    assert len(tracking.client.search_model_versions(f"name = '{name}'")) == 2
    assert {run.info.status for run in tracking.client.search_runs([tracking.experiment_id()])} == {"FINISHED"}
    assert tracking.client.get_model_version_by_alias(name, CHALLENGER).version == 2
    better = float(second.counts["average_precision"]) > float(result.counts["average_precision"])
    assert second.counts["promoted"] == int(better)
    champion = tracking.champion()
    assert champion is not None
    assert int(champion.version) == (2 if better else 1)


def test_an_equal_challenger_does_not_become_champion(trained: tuple[Settings, StageResult]) -> None:
    tracking = Tracking.connect(trained[0])
    first, second = tracking.version("1"), tracking.version("2")
    decision = decide(tracking, second, first, (0.4, 0.4))
    assert not decision.promoted
    assert "champion 1 stays" in tracking.version("2").tags["decision"]


def test_a_calibration_is_noted_on_the_version(trained: tuple[Settings, StageResult]) -> None:
    tracking = Tracking.connect(trained[0])
    tracking.note_calibration("1", {"threshold": 0.83, "target_precision": 0.99})
    assert tracking.version("1").tags["threshold"] == "0.83"


def broken(*_: object) -> dict[str, Any]:
    raise RuntimeError("power cut")


def test_a_remote_store_needs_an_mlflow_server(trained: tuple[Settings, StageResult]) -> None:
    settings, _ = trained
    remote = settings.model_copy(update={"store": "memory://shop"})
    with pytest.raises(SettingsError, match=r"tracking\.uri"):
        tracking_uri(remote)
    server = settings.tracking.model_copy(update={"uri": "http://mlflow:5000"})
    assert tracking_uri(remote.model_copy(update={"tracking": server})) == "http://mlflow:5000"


def test_without_a_champion_it_says_what_to_set(tmp_path: Path, with_mlflow: Callable[[Path], None]) -> None:
    settings = write_tiny_shop(tmp_path / "store", products=3)
    with_mlflow(Path(settings.store))
    with pytest.raises(ModelError, match="no champion yet"):
        train(with_train(settings, model="champion"), DUMP)
