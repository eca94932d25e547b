"""Damaged files of a finished store, one of each kind; `damage.py` tries all of them."""

import pytest
from damage import FILES, Trial


@pytest.fixture(scope="module")
def trial(undisturbed, shop, tmp_path_factory):
    return Trial(undisturbed.store, shop.catalog, shop.host, tmp_path_factory.mktemp("damage") / "copy")


@pytest.mark.parametrize(
    ("part", "way"),
    [
        ("ingest/listings.parquet", "flip"),
        ("packs/*/fetches.parquet", "cut"),
        ("packs/*/embeddings", "flip"),
        ("weights.safetensors", "flip"),
        ("index/vectors", "flip"),
        ("index/annoy", "cut"),
        ("match/calibration.json", "flip"),
        ("match/manifest.json", "flip"),
        ("duplicates.json", "flip"),
    ],
)
def test_a_damaged_file_is_made_anew_or_named(trial, part, way):
    (pattern,) = [name for name in FILES if part in name]
    outcome = trial.everything(trial.victim(pattern), way)
    assert outcome.word == "made anew", outcome.told
    outcome = trial.alone(trial.victim(pattern), way, FILES[pattern])
    assert outcome.good, outcome.told
