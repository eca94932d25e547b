"""What is read from the store of a finished run, and the command that uses it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from types import MappingProxyType

import pytest

from dedup_pipeline import schemas
from dedup_pipeline.errors import InputError, NotReadyError
from dedup_pipeline.plan.observe import observe
from dedup_pipeline.plan.steps import joined
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage

DUMP = "2018-10-05"
FIRST, SECOND = "pack-a", "pack-b"
COUNTS = {
    "ingest": {"rows": 12, "listings": 11},
    "fetch": {"images": 6, "ok": 8},
    "embed": {"images": 6, "packs_reused": 0},
    "index": {"vectors": 5},
    "match": {"nodes": 4, "candidates": 9, "aligned": 3},
    "group": {"groups": 1},
    "export": {"pairs": 2},
}


def stage(store, name, files=(), *, dump=DUMP, part="", inputs=MappingProxyType({}), values=None, **counts):
    """A stage that left files of so many bytes, or values as JSON."""

    def work():
        outputs = {file: store.dump(dump, name, file) for file in files}
        for size, path in enumerate(outputs.values(), start=1):
            store.write_bytes(path, b"x" * 100 * size)
        for file, value in (values or {}).items():
            store.write_json(outputs[file], value)
        return Done(outputs, counts)

    run_stage(store, dump, name, inputs=inputs, version=1, part=part, work=work)


@pytest.fixture
def store(tmp_path):
    """A store whose run fetched one pack, and found another from an earlier dump; matched in two parts."""
    store = Store(str(tmp_path / "store"))
    stage(store, "ingest", ["listings.parquet", "rejects.parquet"], **COUNTS["ingest"])
    for pack, images in ((FIRST, 4), (SECOND, 2)):
        rows = [{"image_id": f"{number:064x}", "data": b"y" * 50} for number in range(images)]
        store.write_table(store.pack(pack, "images.parquet"), schemas.conform(rows, schemas.IMAGES))
        store.write_bytes(store.pack(pack, "fingerprints-1.parquet"), b"z" * 10 * images)
        store.write_json(store.pack(pack, "manifest.json"), {"counts": {"images": images}, "seconds": 3.0})
    store.write_json(store.dump(DUMP, "fetch", "plan.json"), {"packs": [FIRST]})
    stage(store, "fetch", ["photos", "packs"], values={"packs": {"packs": [FIRST, SECOND]}}, **COUNTS["fetch"])
    stage(store, "fingerprint", part=FIRST, images=4, packs_reused=0)
    stage(store, "fingerprint", part=SECOND, packs_reused=1, images=0)
    stage(store, "fingerprint", packs_reused=2, images=0)
    stage(store, "embed", **COUNTS["embed"])
    stage(store, "index", part="plan", parts=1, library="annoy", **COUNTS["index"])
    stage(store, "index", ["vectors", "annoy", "rows", "neighbours"], **COUNTS["index"])
    calibration = {"calibration": {"figures": {"photos": 3}}}
    stage(store, "match", ["calibration"], part="plan", values=calibration, parts=2, nodes=4)
    for number in (0, 1):
        stage(store, "match", [f"verdicts-{number:05d}.parquet"], part=f"{number:05d}", candidates=5, aligned=2)
    stage(store, "match", ["verdicts.parquet"], **COUNTS["match"])
    stage(store, "group", ["groups.parquet"], **COUNTS["group"])
    stage(store, "export", ["duplicates.json"], **COUNTS["export"])
    return store


def test_every_step_is_seen_with_what_its_cost_grows_with(store):
    observed = observe(store, DUMP)
    drivers = [(one.step, one.drivers) for one in observed.steps]
    part = {"task": 1, "nodes": 4, "joined": joined(2, 4, 8), "candidates": 5, "aligned": 2}
    assert drivers == [
        ("ingest", {"task": 1, "rows": 12}),
        ("fetch", {"task": 1, "images": 4}),  # the other pack was there
        ("fetch-finish", {"task": 1, "images": 6, "piece": 12, "passed": 6}),
        ("fingerprint", {"task": 1, "images": 4}),
        ("embed", {"task": 1, "images": 6}),
        ("index-plan", {"task": 1, "vectors": 5}),
        ("index", {"task": 1, "vectors": 5, "in_trees": pytest.approx(5 * math.log2(5)), "in_cells": 0}),
        ("match-plan", {"task": 1, "photos": 3, "nodes": 4, "cells": 0}),
        ("match", part),
        ("match", part),
        ("match-finish", {"task": 1, "candidates": 9, "ordered": 9}),
        ("group", {"task": 1, "records": 18}),
        ("export", {"task": 1, "records": 18}),
    ]
    assert observed.sizes["nodes"] == 4


def test_what_was_taken_over_from_another_dump_cost_nothing(store):
    """Seconds of a second dump must not pass for those of a calibration and of laying pairs."""
    store.remove(store.dump(DUMP, "match", "manifest-plan.json"))
    store.remove(store.dump(DUMP, "match", "manifest-00000.json"))
    stage(store, "match", ["calibration"], part="plan", parts=2, nodes=4, calibrated_on="2018-10-04")
    stage(store, "match", ["verdicts-00000.parquet"], part="00000", candidates=5, aligned=2, laid=1)
    drivers = [one.drivers for one in observe(store, DUMP).steps if one.step.startswith("match")]
    assert drivers[0]["photos"] == 0
    assert [some["aligned"] for some in drivers[1:3]] == [1, 2]
    assert observe(store, DUMP).sizes["aligned"] == 3  # what the catalog is like stays


def test_an_index_is_seen_as_it_was_asked_for_not_as_by_default(store):
    for part in ("plan", ""):
        store.remove(store.dump(DUMP, "index", f"manifest{part and '-'}{part}.json"))
    stage(store, "index", part="plan", inputs={"cells": 2}, parts=1, library="faiss", vectors=640)
    stage(store, "index", part="neighbours-00000", inputs={"probes": 1}, vectors=640)
    stage(store, "index", ["vectors"], vectors=640)
    (drivers,) = (one.drivers for one in observe(store, DUMP).steps if one.step == "index")
    assert drivers["in_cells"] == 640 * (2 + 640 / 2)  # by default: 20 cells, all of them looked at


def test_seconds_are_those_of_the_manifests_on_so_many_cores(store):
    fetched = [one.seconds for one in observe(store, DUMP, cores=2).steps if one.step == "fetch"]
    assert fetched == [6.0]


def test_bytes_are_those_of_the_files(store):
    stored = observe(store, DUMP).stored
    assert stored["listings"] == ("rows", 12, 300)
    assert stored["fingerprints"] == ("images", 6, 60)
    assert stored["vectors"] == ("vectors", 5, 100)
    assert stored["index"] == ("vectors", 5, 200)
    assert stored["neighbours"] == ("vectors", 5, 700)
    assert stored["verdicts"] == ("candidates", 9, 300)
    assert stored["exports"] == ("rows", 12, 200)
    assert stored["images"][:2] == ("images", 6)


def test_a_run_that_has_not_ended_teaches_nothing(store):
    with pytest.raises(NotReadyError, match="2018-10-06"):
        observe(store, "2018-10-06")


def plan(*words):
    command = [sys.executable, "-m", "dedup_pipeline", "plan", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_learns_from_a_run_saves_it_and_plans_by_it(store, tmp_path):
    size = ("--rows", 1_000_000, "--images", 800_000)
    learnt = plan(*size, "--store", store.root, "--learn", DUMP, "--save", tmp_path / "mine.json", "--json")
    assert learnt.returncode == 0, learnt.stderr
    told = json.loads(learnt.stdout)
    assert told["origin"]["command"] == f"dedup plan --learn {DUMP}"
    assert told["stored_bytes"]["fingerprints"] == 8_000_000
    assert {"ingest", "fetch", "match", "export"} <= told["stages"].keys()
    again = plan(*size, "--costs", tmp_path / "mine.json", "--workers", 3)
    assert again.returncode == 0, again.stderr
    assert "8 MB" in again.stdout
    assert f"dedup plan --learn {DUMP}" in again.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rows", 0, "--images", 5), "--rows"),
        (("--rows", 5, "--images", 5, "--learn", "2018-10-05", "--store", "nowhere"), "no finished 'ingest'"),
        (("--rows", 5, "--images", 5, "--costs", "nowhere.json"), "nowhere.json cannot be read"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_sentence(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = plan(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_run_on_no_core_cannot_be(store):
    from dedup_pipeline.config import load_settings
    from dedup_pipeline.plan import learnt_from, load_costs

    with pytest.raises(InputError, match="--cores-of-run"):
        learnt_from(load_costs(), load_settings([f"store={store.root}"]), DUMP, cores=0)
