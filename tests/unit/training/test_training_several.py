"""Training apart from any dump's run: on several dumps, told to its caller, promoted by a person."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError, ModelError, NotReadyError
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import StageResult, result_of
from dedup_pipeline.tracking.runs import CHALLENGER, Caller, Tracking
from tiny_shop import DUMP, write_tiny_shop
from training import mlflow_run
from training.dataset import load_photos
from training.registry import promote
from training.stage import train, train_embedder

LATER = "2018-10-12"
DUMPS = [DUMP, LATER]


def with_train(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"train": settings.train.model_copy(update=changes)})


def two_dumps(root: Path) -> Settings:
    """A store with the products 0 to 19 in one dump, 12 to 27 in the next."""
    write_tiny_shop(root, products=20)
    return write_tiny_shop(root, products=16, dump_id=LATER, first=12)


def champion_of(settings: Settings) -> str | None:
    champion = Tracking.connect(settings).champion()
    return str(champion.version) if champion else None


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_database: Path) -> Settings:
    root = tmp_path_factory.mktemp("several") / "store"
    made = with_train(two_dumps(root), promote=False)
    (root / "mlflow").mkdir()
    shutil.copy(empty_mlflow_database, root / "mlflow" / "mlflow.db")
    return made


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def trained(settings: Settings, told: list[str]) -> StageResult:
    return train_embedder(settings, DUMPS, caller=Caller({"airflow.dag_id": "train_embedder"}, told.append))


def test_photos_are_united_and_the_order_does_not_matter(settings: Settings) -> None:
    store = Store(settings.store)
    photos, turned = (load_photos(store, settings, dumps) for dumps in (DUMPS, DUMPS[::-1]))
    assert len(photos) == 28
    assert photos.image_ids == turned.image_ids == tuple(sorted(set(photos.image_ids)))
    assert photos.held_out.tolist() == turned.held_out.tolist()
    assert photos.families.tolist() == turned.families.tolist()
    fewer = load_photos(store, with_train(settings, max_photos=16), DUMPS)
    assert len(fewer) == 16
    assert set(fewer.image_ids) <= set(photos.image_ids)


def test_it_settles_no_dump_and_promotes_nothing_unasked(settings: Settings, trained: StageResult) -> None:
    store = Store(settings.store)
    for dump in DUMPS:
        with pytest.raises(NotReadyError):
            result_of(store, dump, "train")
    assert trained.dump_id == f"{DUMP}, {LATER}"
    counts = trained.counts
    assert (counts["model_version"], counts["photos"]) == ("1", 28)
    assert (counts["beats_champion"], counts["promoted"]) == (1, 0)
    assert counts["decision"] == "version 1 is the first model"
    tracking = Tracking.connect(settings)
    assert tracking.champion() is None
    assert tracking.client.get_model_version_by_alias(settings.tracking.model_name, CHALLENGER).version == 1


def test_its_run_names_every_dump_and_its_caller(settings: Settings, trained: StageResult, told: list[str]) -> None:
    run = Tracking.connect(settings).client.get_run(str(trained.counts["run_id"]))
    assert run.info.status == "FINISHED"
    assert {each.dataset.name for each in run.inputs.dataset_inputs} == set(DUMPS)
    assert run.data.tags["airflow.dag_id"] == "train_embedder"
    assert run.data.tags["decision"] == trained.counts["decision"]
    assert told == [trained.counts["run_url"]]


def test_again_in_another_order_by_another_caller_does_nothing(settings: Settings, trained: StageResult) -> None:
    told: list[str] = []
    again = train_embedder(settings, [LATER, DUMP, LATER], caller=Caller({"airflow.dag_id": "other"}, told.append))
    assert again.reused
    assert again.counts == trained.counts
    assert told == [trained.counts["run_url"]]


def test_a_person_promotes(settings: Settings, trained: StageResult) -> None:
    decision = promote(settings, "1", reason="looked at the worst errors")
    assert decision.promoted
    assert champion_of(settings) == "1"
    version = Tracking.connect(settings).version("1")
    assert version.tags["promoted_because"] == "looked at the worst errors"
    assert "@" in version.tags["promoted_by"]
    again = promote(settings, "1", reason="clicked twice")
    assert (again.promoted, again.reason) == (True, "version 1 is champion already")
    assert Tracking.connect(settings).version("1").tags["promoted_because"] == "looked at the worst errors"
    with pytest.raises(ModelError, match="no version 77"):
        promote(settings, "77", reason="typing error")
    with pytest.raises(ModelError, match="no version best"):
        promote(settings, "best", reason="typing error")


def test_a_dump_alone_gives_the_same_model_through_both_doors(
    settings: Settings, trained: StageResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = train_embedder(settings, [DUMP])
    assert alone.counts["model_id"] != trained.counts["model_id"]
    assert "champion 1" in str(alone.counts["decision"])
    monkeypatch.setattr(mlflow_run, "fit", None)  # it must not train again
    told: list[str] = []
    settled = train(with_train(settings, model="train"), DUMP, caller=Caller(announce=told.append))
    assert settled.outputs == alone.outputs
    assert {name: settled.counts[name] for name in alone.counts} == alone.counts
    assert told == [alone.counts["run_url"]]
    used = train(with_train(settings, model="1"), LATER, caller=Caller(announce=told.append))
    assert used.counts["model_id"] == trained.counts["model_id"]
    assert told[1:] == [trained.counts["run_url"]]


def test_without_a_dump_it_says_so(settings: Settings) -> None:
    with pytest.raises(InputError, match="at least one dump"):
        train_embedder(settings, [])
    with pytest.raises(NotReadyError, match="no finished 'ingest'"):
        train_embedder(settings, ["2031-01-01"])
