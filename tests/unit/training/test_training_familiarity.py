"""How much of what a champion learnt elsewhere helps on another dump, with a real MLflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dedup_pipeline.config import Settings
from dedup_pipeline.model.files import read_description
from dedup_pipeline.store import Store
from tiny_shop import DUMP, write_tiny_shop
from training import stage
from training.familiarity import Familiarity, familiarity
from training.stage import train

LATER, LAST = "2018-10-12", "2018-10-19"


def with_train(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"train": settings.train.model_copy(update=changes)})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, with_mlflow: Callable[[Path], None]) -> Settings:
    """A store with a champion of one dump, and two dumps of other products."""
    root = tmp_path_factory.mktemp("familiarity") / "store"
    made = write_tiny_shop(root, products=24)
    with_mlflow(root)
    assert train(made, DUMP).counts["promoted"] == 1
    write_tiny_shop(root, products=24, dump_id=LATER, first=24)
    return write_tiny_shop(root, products=24, dump_id=LAST, first=48)


def test_a_champion_is_measured_against_what_its_training_gained(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, model_id = Store(settings.store), str(train(settings, LATER).counts["model_id"])
    assert familiarity(store, settings, LATER, model_id) is None  # two epochs on 24 drawings gained nothing
    gained = {"average_precision": 0.8, "untrained_average_precision": 0.5}

    def as_if_it_had(where: Store, which: str) -> dict[str, Any]:
        return {**read_description(where, which), "metrics": gained}

    monkeypatch.setattr("training.familiarity.read_description", as_if_it_had)
    assert familiarity(store, settings, DUMP, model_id) is None  # it is at home there
    taken = train(with_train(settings, min_gain_kept=0.01, model="1"), LATER).counts
    found, untrained = float(taken["average_precision"]), float(taken["untrained_average_precision"])
    assert 0.2 < untrained < 1
    assert float(taken["gain_kept"]) == pytest.approx((found - untrained) / (1 - untrained) / 0.6, abs=1e-3)
    assert abs(float(taken["gain_kept"])) < 0.4  # what has learnt nothing keeps nothing
    assert "keeps" in str(taken["note"])


def test_where_little_is_kept_the_run_says_so_or_trains(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_known", lambda *_: Familiarity(0.5, 0.45, 0.2))
    taken = train(settings, LAST).counts
    assert taken["trained"] == 0
    assert "version 1 was trained on other products and keeps 20% of what it learnt" in str(taken["note"])
    trained = train(with_train(settings, min_gain_kept=0.3), LAST).counts
    assert (trained["trained"], trained["model_version"]) == (1, "2")
    asked = train(with_train(settings, min_gain_kept=0.3, model="1"), LAST).counts
    assert (asked["trained"], asked["model_version"]) == (0, "1")  # who names a version gets it
