"""What a dump takes over from earlier ones of its store: the calibration, and the evidence on pairs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from dedup_pipeline.config import Settings
from dedup_pipeline.model.network import write_model
from dedup_pipeline.stages.embed import embed
from dedup_pipeline.stages.index import index
from dedup_pipeline.stages.match import Calibration, match_part, plan_match, views
from dedup_pipeline.stages.match.alignment_cache import NAMES, CachedEvidence, cache_path, read_cached
from dedup_pipeline.stages.match.earlier_dumps import reuse_or_calibrate
from dedup_pipeline.stages.match.nodes import Nodes, open_nodes
from dedup_pipeline.stages.match.views import Gallery
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from tiny_shop import write_tiny_shop
from training.backbone import untrained_network

FIRST, BETWEEN, SECOND = "2018-10-05", "2018-10-06", "2018-10-07"
PRODUCTS = 40
STEP = 3  # pictures that each dump has more than the one before it, and as many that it has not: 7.5 %
PARTS = (0, 1)


def write_dump(root: Path, dump_id: str, first: int, products: int = PRODUCTS, **overrides: Any) -> Settings:
    """A dump of the products from ``first`` on, indexed by the same model as every other."""
    settings = write_tiny_shop(
        root,
        products,
        dump_id=dump_id,
        first=first,
        match__part_nodes=PRODUCTS // len(PARTS),
        match__calibration_photos=20,
        match__aligned_pairs_per_photo=8,  # new pictures must have pairs too
        **overrides,
    )
    store = Store(settings.store)
    torch.manual_seed(5)
    model_id = write_model(store, untrained_network(settings.train), {})
    done = Done({"model": store.model(model_id, "model.json")}, {"model_id": model_id})
    run_stage(store, dump_id, "train", inputs={}, version=1, work=lambda: done)
    embed(settings, dump_id)
    index(settings, dump_id)
    return settings


def match_all(settings: Settings, dump_id: str) -> list[dict[str, Any]]:
    """Plan and all parts; returns the counts of each part."""
    return [match_part(settings, dump_id, part).counts for part in plan_match(settings, dump_id)]


def finish(settings: Settings, dump_id: str) -> None:
    """Leave the manifest of a match that has finished."""
    run_stage(Store(settings.store), dump_id, "match", inputs={}, version=1, work=lambda: Done({}, {}))


def plan_of(settings: Settings, dump_id: str) -> dict[str, Any]:
    store = Store(settings.store)
    manifest: dict[str, Any] = store.read_json(store.dump(dump_id, "match", "manifest-plan.json"))
    return manifest


def calibration_of(settings: Settings, dump_id: str) -> Calibration:
    store = Store(settings.store)
    return Calibration.from_dict(store.read_json(plan_of(settings, dump_id)["outputs"]["calibration"]))


def nodes_of(settings: Settings, dump_id: str) -> Nodes:
    outputs = plan_of(settings, dump_id)["outputs"]
    arrays = {name.removeprefix("nodes."): path for name, path in outputs.items() if name.startswith("nodes.")}
    return open_nodes(Store(settings.store), dump_id, arrays)


def tables(settings: Settings, dump_id: str) -> dict[str, bytes]:
    """What the parts of a dump wrote."""
    folder = Path(settings.store) / "dumps" / dump_id / "match"
    return {file.name: file.read_bytes() for file in folder.glob("*-0000?.parquet")}


def lay_again(settings: Settings, dump_id: str) -> list[dict[str, Any]]:
    """Forget that the parts of a dump are done, and do them."""
    store = Store(settings.store)
    for part in PARTS:
        store.remove(store.dump(dump_id, "match", f"manifest-{part:05d}.json"))
    return match_all(settings, dump_id)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = write_dump(tmp_path_factory.mktemp("second") / "store", FIRST, 0)
    counts = match_all(settings, FIRST)
    assert [part["laid"] for part in counts] == [part["aligned"] for part in counts]
    assert (
        plan_of(settings, FIRST)["counts"] | {"calibrated_on": FIRST, "changed_since": 0.0, "laid_in": None}
        == (plan_of(settings, FIRST)["counts"])
    )
    finish(settings, FIRST)
    return settings


@pytest.fixture(scope="module")
def second(first: Settings) -> tuple[Settings, list[dict[str, Any]]]:
    settings = write_dump(Path(first.store), SECOND, STEP)
    return settings, match_all(settings, SECOND)


Second = tuple[Settings, list[dict[str, Any]]]


def test_a_second_dump_takes_the_calibration_over_and_says_so(second: Second) -> None:
    settings, _ = second
    counts = plan_of(settings, SECOND)["counts"]
    assert counts["calibrated_on"] == FIRST
    assert counts["changed_since"] == pytest.approx(STEP / PRODUCTS)
    assert calibration_of(settings, SECOND) == calibration_of(settings, FIRST)


def test_zero_calibrates_anew(second: Second) -> None:
    settings, _ = second
    match = settings.match.model_copy(update={"recalibrate_from": 0.0})
    plan_match(settings.model_copy(update={"match": match}), SECOND)
    assert plan_of(settings, SECOND)["counts"]["calibrated_on"] == SECOND
    assert calibration_of(settings, SECOND) != calibration_of(settings, FIRST)
    plan_match(settings, SECOND)
    assert plan_of(settings, SECOND)["counts"]["calibrated_on"] == FIRST


def test_a_finished_dump_stays_as_it_is_when_another_finishes_later(second: Second) -> None:
    settings, _ = second
    before = plan_of(settings, SECOND), tables(settings, SECOND)
    anew = {"recalibrate_from": 0.0}
    between = write_dump(Path(settings.store), BETWEEN, 2 * STEP)
    plan_match(between.model_copy(update={"match": between.match.model_copy(update=anew)}), BETWEEN)
    assert plan_of(settings, BETWEEN)["counts"]["calibrated_on"] == BETWEEN
    match_all(settings, SECOND)
    assert (plan_of(settings, SECOND), tables(settings, SECOND)) == before


def chosen(settings: Settings, dump_id: str, nodes: Nodes, **changed: Any) -> tuple[str, float]:
    """On which dump the verdicts would be calibrated, and how much has changed since."""
    known = plan_of(settings, FIRST)
    options = {"basis": known["inputs"]["basis"], "version": known["version"], "recalibrate_from": 0.1} | changed
    store, fitted = Store(settings.store), calibration_of(settings, FIRST)
    found = reuse_or_calibrate(store, dump_id, nodes, fit=lambda: fitted, **options)
    return found.calibrated_on, found.changed


def test_what_a_calibration_rests_on_must_be_the_same(second: Second) -> None:
    settings, _ = second
    nodes, changed = nodes_of(settings, SECOND), STEP / PRODUCTS
    basis = plan_of(settings, FIRST)["inputs"]["basis"]
    early, late = "2018-10-04", "2018-10-05-b"
    assert chosen(settings, late, nodes) == (FIRST, pytest.approx(changed))
    assert chosen(settings, late, nodes, recalibrate_from=changed) == (late, 0)
    assert chosen(settings, late, nodes, basis=basis | {"seed": 8}) == (late, 0)
    assert chosen(settings, late, nodes, basis=basis | {"model": "another"}) == (late, 0)
    assert chosen(settings, late, nodes, version=1) == (late, 0)
    assert chosen(settings, early, nodes) == (early, 0)  # no dump is judged by what came after it


def test_small_steps_make_no_large_one(second: Second, tmp_path: Path) -> None:
    """The third dump differs little from the second, but that one's calibration is the first's."""
    settings, _ = second
    copy = Path(shutil.copytree(settings.store, tmp_path / "store"))
    Store(str(copy)).remove(f"dumps/{BETWEEN}")
    third = write_dump(copy, "2018-10-08", 2 * STEP)
    plan_match(third, "2018-10-08")
    assert plan_of(third, SECOND)["counts"]["calibrated_on"] == FIRST
    assert plan_of(third, "2018-10-08")["counts"]["calibrated_on"] == "2018-10-08"


def test_pictures_that_are_gone_count_as_those_that_are_new(second: Second, tmp_path: Path) -> None:
    settings, _ = second
    smaller = write_dump(tmp_path / "store", "2018-10-08", 0, 30)
    plan_match(smaller, "2018-10-08")
    nodes = nodes_of(smaller, "2018-10-08")
    assert chosen(settings, "2018-10-05-b", nodes)[0] == "2018-10-05-b"
    assert chosen(settings, "2018-10-05-b", nodes, recalibrate_from=0.3) == (FIRST, pytest.approx(0.25))


def test_decoys_of_a_larger_dump_count_for_more(first: Settings) -> None:
    fitted = calibration_of(first, FIRST)
    assert fitted.grown(1.1).decoy_shares == pytest.approx([1.1 * share for share in fitted.decoy_shares])
    assert fitted.grown(0.9) == fitted


def test_only_pairs_of_new_pictures_are_laid(second: Second) -> None:
    settings, counts = second
    aligned, laid = (sum(part[name] for part in counts) for name in ("aligned", "laid"))
    assert 0 < laid < aligned / 2
    known = nodes_of(settings, FIRST).names
    table = pa.concat_tables([pq.read_table(Path(settings.store) / laid_path_of(SECOND, part)) for part in PARTS])
    assert len(table) == aligned
    pairs = zip(table["node_a"].to_pylist(), table["node_b"].to_pylist(), strict=True)
    names = set(known)
    assert sum(not {a, b} <= names for a, b in pairs) <= laid


def laid_path_of(dump_id: str, part: int) -> str:
    return f"dumps/{dump_id}/match/laid-{part:05d}.parquet"


def kept_of(settings: Settings, dump_id: str, part: int) -> tuple[Nodes, CachedEvidence]:
    """All that a part of a dump has kept."""
    nodes, store = nodes_of(settings, dump_id), Store(settings.store)
    every = np.arange(len(nodes) ** 2)
    return nodes, read_cached(store, [cache_path(store, dump_id, part)], nodes, every)


def test_kept_evidence_is_bit_for_bit_that_of_laying(second: Second) -> None:
    settings, _ = second
    found = [kept_of(settings, SECOND, part) for part in PARTS]
    assert sum(len(kept.codes) for _, kept in found) > 10
    assert any(np.isnan(kept.values).any() for _, kept in found)
    for nodes, kept in found:
        fresh = Gallery(settings, SECOND, nodes).align(kept.codes // len(nodes), kept.codes % len(nodes))
        for place, name in enumerate(NAMES):
            assert kept.values[:, place].tobytes() == fresh[name].tobytes(), name


def test_verdicts_do_not_depend_on_what_was_kept(second: Second) -> None:
    settings, _ = second
    before = tables(settings, SECOND)
    assert len(before) == 2 * len(PARTS)
    assert [part["laid"] for part in lay_again(settings, SECOND)] == [0, 0]  # its own tables know all of it
    assert tables(settings, SECOND) == before
    store = Store(settings.store)
    hidden = {part: store.read_bytes(cache_path(store, FIRST, part)) for part in PARTS}
    for part in PARTS:
        store.remove(cache_path(store, FIRST, part))
        store.remove(cache_path(store, SECOND, part))
    counts = lay_again(settings, SECOND)
    assert [part["laid"] for part in counts] == [part["aligned"] for part in counts]
    assert tables(settings, SECOND) == before
    for part, data in hidden.items():
        store.write_bytes(cache_path(store, FIRST, part), data)


def test_a_part_looks_at_no_picture_twice_and_lets_go_of_those_it_has_passed(
    first: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = first.model_copy(update={"store": str(shutil.copytree(first.store, tmp_path / "store"))})
    store, verdicts = Store(settings.store), f"dumps/{FIRST}/match/verdicts-00000.parquet"
    before = store.read_table(verdicts).to_pandas()
    store.remove(cache_path(store, FIRST, 0))
    store.remove(store.dump(FIRST, "match", "manifest-00000.json"))
    looked: list[int] = []
    held: list[int] = []

    def noted(*args: Any) -> dict[int, Any]:
        looked.extend(args[3])
        return node_views(*args)

    def align(gallery: Gallery, low: Any, high: Any) -> dict[str, Any]:
        found = laid_over(gallery, low, high)
        assert min(gallery._views) >= low[0]
        held.append(len(gallery._views))
        return found

    node_views, laid_over = views.node_views, Gallery.align
    monkeypatch.setattr(views, "node_views", noted)
    monkeypatch.setattr(Gallery, "align", align)
    monkeypatch.setattr("dedup_pipeline.stages.match.stage._BLOCK", 7)
    match_part(settings, FIRST, 0)
    assert store.read_table(verdicts).to_pandas().equals(before)
    assert len(looked) == len(set(looked)) > max(held)


def test_evidence_of_another_version_of_the_alignment_is_not_taken(second: Second) -> None:
    settings, _ = second
    before, store = tables(settings, SECOND), Store(settings.store)
    paths = [cache_path(store, dump, part) for dump in (FIRST, SECOND) for part in PARTS]
    kept = {path: store.read_bytes(path) for path in paths}
    for path in kept:
        table = store.read_table(path)
        wrong = pa.FixedSizeListArray.from_arrays(pa.array(np.full(len(table) * len(NAMES), 5, np.float32)), len(NAMES))
        table = table.set_column(2, table.schema.field("evidence"), wrong)
        store.write_table(path, table.replace_schema_metadata({"version": "of an earlier alignment"}))
    counts = lay_again(settings, SECOND)
    assert counts[0]["laid"] == counts[0]["aligned"]
    assert tables(settings, SECOND) == before
    for path, data in kept.items():
        store.write_bytes(path, data)


def test_a_part_that_is_killed_leaves_nothing_half_kept(second: Second) -> None:
    settings, _ = second
    before, store = tables(settings, SECOND), Store(settings.store)
    folder = Path(settings.store) / "dumps" / SECOND / "match"
    hidden = {path: store.read_bytes(path) for path in (cache_path(store, FIRST, part) for part in PARTS)}
    for path in (*hidden, cache_path(store, SECOND, 0)):
        store.remove(path)
    store.remove(store.dump(SECOND, "match", "manifest-00000.json"))
    code = (
        "from dedup_pipeline.config import Settings\n"
        "from dedup_pipeline.stages.match import match_part\n"
        f"match_part(Settings.model_validate_json({settings.model_dump_json()!r}), {SECOND!r}, 0)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        while process.poll() is None and not list(folder.glob(".tmp-*")):
            time.sleep(0.002)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (folder / "laid-00000.parquet").exists()
    counts = match_all(settings, SECOND)
    assert counts[0]["laid"] == counts[0]["aligned"]
    assert tables(settings, SECOND) == before
    for path, data in hidden.items():
        store.write_bytes(path, data)
