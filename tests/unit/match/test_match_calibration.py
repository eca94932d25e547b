"""Calibrating on a real small store: what is made of its photos, what is learned from it, and what it is good for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.model.network import write_model
from dedup_pipeline.stages.embed import embed
from dedup_pipeline.stages.index import index, open_index
from dedup_pipeline.stages.match import Calibration, align, match_part, plan_match
from dedup_pipeline.stages.match.calibration import calibrate
from dedup_pipeline.stages.match.nodes import Nodes, load_nodes
from dedup_pipeline.stages.match.simulated_pairs import COPIES, SimulatedPairs, SimulationScope, simulate
from dedup_pipeline.stages.match.views import node_views
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, result_of, run_stage
from dedup_pipeline.verdict.alignment import ALIGNED, DEEP, aligned_evidence
from dedup_pipeline.verdict.cascade import vetoed
from dedup_pipeline.verdict.classifier import LOGIT_CAP
from dedup_pipeline.verdict.evidence import FIRST_PASS
from tiny_shop import DUMP, write_tiny_shop
from training.backbone import untrained_network

PRODUCTS = 24


@dataclass(frozen=True)
class Indexed:
    """A tiny shop that is ready to be matched."""

    settings: Settings
    nodes: Nodes

    def encoder(self) -> Encoder:
        store = Store(self.settings.store)
        return Encoder.load(store, str(result_of(store, DUMP, "embed").counts["model_id"]), self.settings)

    def simulate(self) -> SimulatedPairs:
        found, encoder = open_index(self.settings, DUMP), self.encoder()
        return simulate(self.settings, DUMP, self.nodes, found, encoder, sources=SimulationScope())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    settings = _indexed(tmp_path_factory.mktemp("matched") / "store", PRODUCTS, match__part_nodes=16)
    return Indexed(settings, load_nodes(settings, DUMP))


def _indexed(place: Path, products: int, **overrides: int) -> Settings:
    """The settings of a tiny shop that is ready to be matched."""
    settings = write_tiny_shop(place, products, **overrides)
    store = Store(settings.store)
    torch.manual_seed(3)
    model_id = write_model(store, untrained_network(settings.train), {})
    done = Done({"model": store.model(model_id, "model.json")}, {"model_id": model_id})
    run_stage(store, DUMP, "train", inputs={}, version=1, work=lambda: done)
    embed(settings, DUMP)
    index(settings, DUMP)
    return settings


@pytest.fixture(scope="module")
def made(shop: Indexed) -> SimulatedPairs:
    return shop.simulate()


@pytest.fixture(scope="module")
def calibration(shop: Indexed) -> Calibration:
    plan_match(shop.settings, DUMP)
    store = Store(shop.settings.store)
    return Calibration.from_dict(store.read_json(store.dump(DUMP, "match", "calibration.json")))


def test_every_made_picture_has_a_number_of_its_own(made: SimulatedPairs) -> None:
    numbers = np.concatenate([*made.copies, made.recolours, made.packs, made.reprints])
    assert sorted(numbers.tolist(), reverse=True) == list(range(-1, -1 - len(made.features), -1))
    assert len(made.copies) == COPIES
    assert all(len(copies) == len(made.rows) == PRODUCTS for copies in made.copies)
    assert len(made.recolours) == len(made.recoloured) > PRODUCTS / 2
    assert made.packed.tolist() == 2 * list(range(0, PRODUCTS, 2))
    assert set(made.views()) == set(numbers.tolist())


def test_the_same_pictures_are_made_each_time(shop: Indexed, made: SimulatedPairs) -> None:
    again = shop.simulate()
    np.testing.assert_array_equal(again.features.phash, made.features.phash)
    np.testing.assert_array_equal(again.features.vectors, made.features.vectors)
    np.testing.assert_array_equal(again.recoloured, made.recoloured)


def test_numbers_lead_to_the_pictures_they_are_said_to_be(shop: Indexed, made: SimulatedPairs) -> None:
    views = made.views() | node_views(shop.settings, DUMP, shop.nodes, made.rows.tolist())
    packs = [
        aligned_evidence(views[made.rows[place]], views[pack])
        for pack, place in zip(made.packs, made.packed, strict=True)
    ]
    assert np.nanmedian([evidence["structure"] for evidence in packs]) > 0.8
    assert np.nanmedian([evidence["beyond"] for evidence in packs]) > 0.2
    copies = [aligned_evidence(views[row], views[copy]) for row, copy in zip(made.rows, made.copies[0], strict=True)]
    assert np.nanmedian([evidence["structure"] for evidence in copies]) > 0.8
    assert np.nanmedian([evidence["chroma_90"] for evidence in copies]) < 7
    painted = zip(made.recolours, made.recoloured, strict=True)
    others = [aligned_evidence(views[made.rows[place]], views[other]) for other, place in painted]
    assert np.nanmedian([evidence["chroma_90"] for evidence in others]) > 10


def test_pairs_are_laid_in_their_order(shop: Indexed) -> None:
    views = node_views(shop.settings, DUMP, shop.nodes, range(5))
    first, second = np.array([0, 1, 2, 3]), np.array([0, 2, 2, 4])
    laid = align(views, first, second, shop.settings)
    assert set(laid) == {*ALIGNED, "mirrored"}
    for place, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        expected = aligned_evidence(views[a], views[b])
        for name, values in laid.items():
            assert values.dtype == np.float32
            assert values[place] == pytest.approx(expected[name], rel=1e-5, nan_ok=True), name
    nothing = np.zeros(0, np.int64)
    assert all(len(values) == 0 for values in align(views, nothing, nothing, shop.settings).values())


def test_other_motifs_are_printed_and_told_from_re_uploads(shop: Indexed, made: SimulatedPairs) -> None:
    half = len(made.reprints) // 2
    assert half > PRODUCTS / 8
    assert made.reprinted[:half].tolist() == made.reprinted[half:].tolist()
    views = made.views() | node_views(shop.settings, DUMP, shop.nodes, made.rows.tolist())
    printed = zip(made.reprints, made.reprinted, strict=True)
    laid = [aligned_evidence(views[made.rows[place]], views[other]) for other, place in printed]
    assert np.nanmedian([evidence["patch"] for evidence in laid]) > 0.02
    settings = _with(shop, calibration_photos=PRODUCTS + 100)
    told, sells_prints = (
        calibrate(some, DUMP, shop.nodes, open_index(settings, DUMP), shop.encoder())
        for some in (settings, _with(shop, calibration_photos=PRODUCTS + 100, reprints=True))
    )
    assert told.figures["reprints"] == len(made.reprints)
    assert told.classifier.motif is not None
    assert told.classifier.motif == sells_prints.classifier.motif
    assert len(told.decoys) < len(sells_prints.decoys)
    evidence = {name: np.array([one[name] for one in laid], np.float32) for name in ALIGNED}
    evidence |= {name: np.full(len(laid), np.nan, np.float32) for name in FIRST_PASS}
    assert np.median(told.classifier.motif.logits(evidence)) < -2


def test_only_what_speaks_of_another_motif_is_vetoed() -> None:
    assert vetoed(np.array([5.0, 5.0, -4.0]), np.array([-3.0, 0.0, -3.0])).tolist() == [-3.0, 5.0, -4.0]


def _with(shop: Indexed, **changes: object) -> Settings:
    return shop.settings.model_copy(update={"match": shop.settings.match.model_copy(update=changes)})


def test_photos_that_a_small_shop_lacks_are_filled_up(shop: Indexed, calibration: Calibration) -> None:
    settings = _with(shop, calibration_photos=PRODUCTS + 200)
    told = calibrate(settings, DUMP, shop.nodes, open_index(settings, DUMP), shop.encoder())
    assert (told.figures["photos"], told.figures["reference_photos"]) == (PRODUCTS, 200)
    assert calibration.figures["reference_photos"] == 0
    # what one decoy of the shop stands for is shared with those of the others
    assert max(told.decoy_shares) < max(calibration.decoy_shares) / 4
    # of what those found less counts where there are fewer strangers, but only of what looks like a duplicate: a
    # picture has as many neighbours in any shop, and were these counted less, all would seem to be duplicates
    shares = {
        looks: {share for logit, share in zip(told.decoys, told.decoy_shares, strict=True) if (logit > 0) == looks}
        for looks in (True, False)
    }
    assert min(shares[True]) < 0.5 * min(shares[False])
    assert sum(told.decoy_shares) > 0.7 * sum(calibration.decoy_shares)
    assert told.figures["recolours"] == calibration.figures["recolours"]
    rehearsed = SimulationScope(without=frozenset({"badge"}))
    alone = calibrate(settings, DUMP, shop.nodes, open_index(settings, DUMP), shop.encoder(), sources=rehearsed)
    assert alone.figures["reference_photos"] == 0


@pytest.mark.parametrize("products", [1, 2])
def test_a_dump_of_one_photo_is_refused_and_one_of_two_is_calibrated(tmp_path: Path, products: int) -> None:
    settings = _indexed(tmp_path / "store", products, match__calibration_photos=60)
    if products == 1:
        with pytest.raises(InputError, match="at least 2 photos to be calibrated on; the dump has 1"):
            plan_match(settings, DUMP)
    else:
        plan_match(settings, DUMP)
        figures = Store(settings.store).read_json(f"dumps/{DUMP}/match/calibration.json")["figures"]
        assert figures["photos"] == 2
        assert np.isfinite(list(figures.values())).all()


def test_a_calibration_survives_json(calibration: Calibration) -> None:
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


def test_decoys_of_a_kind_stand_for_one_picture_each(calibration: Calibration) -> None:
    assert len(calibration.decoys) == len(calibration.decoy_shares) > 0
    counts = {round(1 / calibration.figures[kind], 6) for kind in ("recolours", "packs")}
    assert {round(share, 6) for share in calibration.decoy_shares} == counts
    assert all(-LOGIT_CAP <= logit <= LOGIT_CAP for logit in calibration.decoys)


def test_no_more_pairs_of_decoys_are_laid_than_asked_for(shop: Indexed, calibration: Calibration) -> None:
    settings = _with(shop, aligned_pairs_per_photo=1)
    frugal = calibrate(settings, DUMP, shop.nodes, open_index(settings, DUMP), shop.encoder())
    assert frugal.classifier.least > calibration.classifier.least
    decoys = frugal.figures["recolours"] + frugal.figures["packs"]
    laid = [sum(logit > -LOGIT_CAP for logit in some.decoys) for some in (frugal, calibration)]
    assert 0 < laid[0] <= decoys < laid[1]


def test_re_uploads_are_told_from_what_is_none(calibration: Calibration) -> None:
    figures = calibration.figures
    assert figures["photos"] == PRODUCTS
    assert figures["average_precision"] > 0.8
    assert figures["expected_calibration_error"] < 0.15
    assert np.median(calibration.decoys) < 0
    assert set(calibration.classifier.first_pass.names) == set(FIRST_PASS)
    assert set(calibration.classifier.model.names) == {*FIRST_PASS, *ALIGNED} - {*DEEP}


@pytest.mark.usefixtures("calibration")
def test_a_part_lays_over_each_other_what_the_glance_lets_pass(shop: Indexed) -> None:
    parts = plan_match(shop.settings, DUMP)
    assert parts == [0, 1]
    store = Store(shop.settings.store)
    for part in parts:
        result = match_part(shop.settings, DUMP, part)
        verdicts = store.read_table(result.outputs["verdicts"])
        assert len(verdicts) == result.counts["candidates"] > 0
        laid = np.asarray(verdicts["inliers"].is_valid())
        logits = verdicts["logit"].to_numpy()
        assert int(laid.sum()) == result.counts["aligned"]
        assert (logits[~laid] == -LOGIT_CAP).all()
        assert np.isfinite(logits).all()
        assert verdicts["title_likeness"].null_count == len(verdicts)  # its listings say nothing
