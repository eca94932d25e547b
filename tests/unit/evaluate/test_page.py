"""A small shop, run and measured from end to end, and the page about it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import InputError, NotReadyError
from dedup_pipeline.evaluate import Evaluation, read_predictions, score, to_dict
from dedup_pipeline.evaluate.catalog import evaluate_catalog
from dedup_pipeline.evaluate.page import render
from dedup_pipeline.sample import write_sample_shop
from tiny_shop import TINY

DUMP = "2018-10-05"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sample shop in it, where the commands are called."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_sample_shop(folder / "small", products=40)
    return folder


@pytest.fixture(scope="module")
def settings(place: Path, empty_mlflow_database: Path) -> Settings:
    """The settings of a training of seconds, in a store with a ready database."""
    (place / "store" / "mlflow").mkdir(parents=True)
    (place / "store" / "mlflow" / "mlflow.db").write_bytes(empty_mlflow_database.read_bytes())
    quick = {"train.epochs": 1, "match.calibration_photos": 20, "store": str(place / "store")}
    return load_settings(values={**TINY, **quick})


@pytest.fixture(scope="module")
def measured(place: Path, settings: Settings) -> Evaluation:
    """The evaluation of the shop, whose page is in the folder ``page``."""
    return evaluate_catalog(
        settings, place / "small", own_store=False, run=True, dump_id=DUMP, out=place / "page", work=place / "work"
    )


def test_the_figures_are_those_of_the_exported_json(measured: Evaluation, place: Path) -> None:
    exports = place / "store" / "exports" / DUMP
    figures = json.loads((place / "page" / "evaluation.json").read_text())
    whole = figures["splits"]["all"]
    for name, scored in (("duplicates.json", False), ("pairs.csv", True)):
        theirs = to_dict(score(place / "small", read_predictions(exports / name).pairs, scored=scored))["photo"]
        names = {"average_precision", "recall_at_p99", "recall_at_p999", "by_level_at_p99"} if scored else set(theirs)
        assert {key: whole["photo"][key] for key in names} == {key: theirs[key] for key in names}
    assert whole["photo"]["right"] > 0
    assert figures["goals"][0]["met"]["all"] == (whole["photo"]["precision"] >= 0.99)


def test_nothing_is_found_that_was_no_candidate(measured: Evaluation) -> None:
    for split in measured.splits.values():
        found = split.candidates
        assert sum(found.by_kind.values()) + sum(found.lost.values()) == found.recall.truth == split.photo.truth
        assert split.photo.recall <= found.recall.recall
        for level, shipped in split.photo.by_level.items():
            assert shipped.found <= found.by_level[level].found
    assert measured.splits["all"].candidates.by_level["0"].recall == 1.0


def test_every_stage_has_its_cost(measured: Evaluation) -> None:
    assert {"ingest", "fetch", "train", "match", "export"} <= set(measured.cost.seconds)
    assert measured.cost.candidates == measured.cost.counts["candidates"]
    assert 0 < (measured.cost.ms_per_candidate or 0) <= (measured.cost.match_ms_per_candidate or 0)


def test_the_page_is_complete_in_its_folder(measured: Evaluation, place: Path) -> None:
    page = (place / "page" / "index.html").read_text()
    targets = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert {"evaluation.json", "precision-recall.svg", "reliability.svg"} < targets
    assert [target for target in targets if not (place / "page" / target).is_file()] == []
    assert sum(target.startswith("thumbnails/") for target in targets) >= 12
    assert not re.search(r"<script|https?://|{{|\bnan\b", page)
    for mistake in [*measured.worst_wrong, *measured.worst_missed]:
        assert all(side.listing_id in page for side in mistake.sides)


def test_what_a_seller_writes_stays_text(measured: Evaluation) -> None:
    shown = [*measured.worst_wrong, *measured.worst_missed][0]
    side = replace(shown.sides[0], title='<script>alert("1")</script>', edits="<b>")
    page = render(replace(measured, catalog="<i>shop", worst_wrong=[replace(shown, sides=(side, side))]), {})
    assert "<script" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    assert "no picture" in page


def test_measuring_again_reads_the_store_and_writes_the_same_page(
    measured: Evaluation, settings: Settings, place: Path
) -> None:
    again = place / "again"
    evaluate_catalog(
        settings, place / "small", own_store=False, run=False, dump_id=None, out=again, work=place / "work"
    )
    pages = [
        {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (place / "page", again)
    ]
    assert pages[0] == pages[1]


def test_another_catalog_or_no_run_is_refused(measured: Evaluation, settings: Settings, place: Path) -> None:
    other = place / "other"
    other.mkdir()
    (other / "truth.csv").write_text("id_a,id_b,level,edits\n")
    (other / "photos.csv").write_text("productId,photo_id,family,kind,style,scored\nX,p,F,photo,S,1\n")
    with pytest.raises(InputError, match=r"no listing of dump 2018-10-05 is in the photos\.csv of 'other'"):
        evaluate_catalog(settings, other, own_store=False, run=False, dump_id=None, out=None, work=place / "work")
    empty = settings.model_copy(update={"store": str(place / "empty")})
    with pytest.raises(NotReadyError, match="has no finished dump"):
        evaluate_catalog(empty, other, own_store=False, run=False, dump_id=None, out=None, work=place / "work")
