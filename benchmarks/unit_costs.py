"""Measure the unit costs that `dedup plan` reckons with, and write them into the package.

    python benchmarks/unit_costs.py [--photos path/to/luma]

Photos are multiplied by real edits to dumps of several sizes; every step of their runs is done in a process of its own,
on one thread, and its CPU seconds and peak memory are taken. How a part of the matching grows with the nodes of the
whole dump shows in larger dumps only: made-up fingerprints and vectors, with nothing aligned. From all of
that come the unit costs (see `dedup_pipeline/plan/`), and how well they say what was measured; docs/scale.md tells.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from claims import chain, ingest
from claims.beside import beside
from claims.made_up_dump import make as make_up
from claims.materials import Materials
from claims.report import machine
from claims.served import LATENCY, SERVER, reaching_settings, serve_pictures, write_catalog
from claims.stores import settings_of
from scale_page import write_page

from dedup_pipeline import schemas
from dedup_pipeline.config import Settings
from dedup_pipeline.plan.costs import Checked, Fetching, Origin, UnitCosts, Workflow, load_costs
from dedup_pipeline.plan.learn import catalog_of, fitted, stored_of
from dedup_pipeline.plan.model import make_plan
from dedup_pipeline.plan.observe import Observation, Observed, observe, photos_of
from dedup_pipeline.plan.steps import BY_NAME, STEPS, cells, joined, sought
from dedup_pipeline.plan.workload import Cluster, Workload
from dedup_pipeline.stages.index import library_for
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, result_of, run_stage

HERE = Path(__file__).parent
PACKAGED = HERE.parent / "dedup_pipeline" / "plan" / "unit_costs.json"
DUMP = "second"
PIECES = 4  # of the photos of a made-up dump
PARTS = 3  # so many parts at least, so that they show what grows with the nodes of the dump
FETCH = ("fetch-plan", "fetch", "fetch-finish")
TRAIN = "train"  # takes the champion; not a step of a plan
SETTINGS = (
    *("train.backbone", "train.image_px", "train.dimension", "index.trees", "index.neighbours"),
    *("match.calibration_photos", "fetch.pack_images"),
)
# a task of Airflow beside the library's work: the claim `airflow` measures it
TASK_SECONDS, TASKS = 2.0, 20


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder in the truth format; the sample shop without one")
    parser.add_argument("--sizes", nargs="+", type=int, default=[300, 900, 2_700], help="photos of each dump")
    parser.add_argument("--made-up", nargs="+", type=int, default=[5_000, 20_000], help="nodes of made-up dumps")
    parser.add_argument("--whole", nargs="+", type=int, default=[100_000, 300_000], help="nodes of larger ones")
    parser.add_argument("--rows", nargs="+", type=int, default=[100_000, 400_000], help="of dumps that are only read")
    parser.add_argument(
        "--raw",
        type=Path,
        default=Path(".dedup/bench/unit_costs.json"),
        help="all that is observed, kept as it comes: what it holds is not measured again",
    )
    parser.add_argument("--out", type=Path, default=PACKAGED, help="the unit costs")
    parser.add_argument("--scratch", type=Path, help="where there is room for data")
    return parser.parse_args()


def taken(settings: Settings, folder: Path, step: str, **order: Any) -> tuple[float, float]:
    """Do one step in a process of its own; its CPU seconds and its peak memory in MB."""
    question, answer = folder / "order.json", folder / "answer.json"
    question.write_text(json.dumps({"settings": settings.model_dump(mode="json"), "step": step, "dump": DUMP} | order))
    answer.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "one_step.py"), str(question), str(answer)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    told = json.loads(answer.read_text())
    print(
        f"{folder.name} {step} {order.get('part', '')}: {told['seconds']:.2f} s, {told['megabytes']:.0f} MB",
        file=sys.stderr,
    )
    return told["seconds"], told["megabytes"]


def part_nodes(settings: Settings, items: int) -> int:
    """Nodes of a part, so that a small dump has several."""
    return min(settings.match.part_nodes, max(100, items // PARTS))


def run_chain(folder: Path, items: int, materials: Materials, trained: Path) -> Observed:
    """Run a dump of so many photos, step by step, in a copy of a store that has a champion; and observe it."""
    folder.mkdir()
    shutil.copytree(trained / "store", folder / "store")
    write_catalog(folder / "catalog.csv", serve_pictures(folder, items, materials))
    settings = reaching_settings(folder)
    match = settings.match.model_copy(update={"part_nodes": part_nodes(settings, items)})
    settings = settings.model_copy(update={"threads": 1, "match": match})
    store = Store(settings.store)
    took: dict[tuple[str, int], tuple[float, float]] = {}
    with beside(SERVER, folder):
        took["ingest", 0] = taken(settings, folder, "ingest", catalog=str(folder / "catalog.csv"))
        for step in (*FETCH, "fingerprint", TRAIN, "embed", "index-plan", "index", "match-plan"):
            took[step, 0] = taken(settings, folder, step)
        parts = int(store.read_json(store.dump(DUMP, "match", "manifest-plan.json"))["counts"]["parts"])
        for part in range(parts):
            took["match", part] = taken(settings, folder, "match", part=part)
        for step in ("match-finish", "group", "export", "record"):
            took[step, 0] = taken(settings, folder, step)
    observed = observe(store, DUMP)
    images = observed.sizes["images"]
    known = {
        "fetch": {"task": 1.0, "images": images},
        "fetch-plan": {"task": 1.0} | photos_of(observed.sizes),
        "record": {"task": 1.0},
    }
    steps, numbers = [], dict.fromkeys(BY_NAME, 0)
    rest = [one for one in observed.steps if one.step not in known]
    for one in (*rest, *(Observation(step, drivers, 0) for step, drivers in known.items())):
        seconds, megabytes = took[one.step, numbers[one.step]]
        numbers[one.step] += 1
        steps.append(replace(one, seconds=seconds, megabytes=megabytes))
    return replace(observed, steps=steps)


def run_made_up(folder: Path, items: int, calibration: Path) -> list[Observation]:
    """What follows the embeddings in a made-up dump of so many pictures, but for the calibration."""
    folder.mkdir()
    settings = make_up(folder, items, DUMP)
    match = settings.match.model_copy(update={"part_nodes": part_nodes(settings, items)})
    settings = settings.model_copy(update={"threads": 1, "match": match})
    blind = {"flat": str(calibration)}
    steps = []
    sizes = {"rows": float(items), "images": float(items)}
    for piece in (items // PIECES, 2 * items):  # in several, then, as ever, at once
        for step in ("fetch-plan", "fetch-finish"):
            forget(settings, step)
            drivers = {"task": 1.0} | photos_of(sizes, piece=piece)
            steps.append(Observation(step, drivers, *taken(settings, folder, step, piece=piece)))
    took: dict[tuple[str, int], tuple[float, float]] = {}
    for step in ("index-plan", "index"):
        took[step, 0] = taken(settings, folder, step)
    took["match-plan", 0] = taken(settings, folder, "match-plan", **blind)
    store = Store(settings.store)
    parts = int(store.read_json(store.dump(DUMP, "match", "manifest-plan.json"))["counts"]["parts"])
    for part in range(parts):
        took["match", part] = taken(settings, folder, "match", part=part, **blind)
    took["match-finish", 0] = taken(settings, folder, "match-finish", **blind)
    for step in ("group", "export"):
        took[step, 0] = taken(settings, folder, step)
    number = 0
    for one in observe(store, DUMP).steps:
        place = (one.step, number if one.step == "match" else 0)
        number += one.step == "match"
        if place in took:
            drivers = one.drivers | ({"photos": 0.0} if one.step == "match-plan" else {})  # no photo was there
            steps.append(Observation(one.step, drivers, *took[place]))
    return steps


def run_whole(folder: Path, items: int, calibration: Path) -> list[Observation]:
    """What sees the whole of a large made-up dump: what it takes to judge all pairs is left out, and to index most."""
    folder.mkdir()
    settings = make_up(folder, items, DUMP)
    settings = settings.model_copy(update={"threads": 1})
    store, one = Store(settings.store), {"task": 1.0}
    images = {"rows": float(items), "images": float(items)}
    drivers = {"index-plan": {"vectors": float(items)}}
    drivers["match-plan"] = {"photos": 0.0, "nodes": float(items), "cells": cells(items)}
    library = library_for(settings.index.library, items)
    drivers["index"] = {"vectors": float(items)} | sought(items, 1, library, settings.index)
    own = min(items, settings.match.part_nodes)
    drivers["match"] = {"nodes": float(items), "joined": joined(own, items, settings.match.hash_radius)}
    drivers |= {step: photos_of(images) for step in ("fetch-plan", "fetch-finish")}
    drivers |= {step: {"records": 2.0 * items} for step in ("group", "export")}
    steps = []
    for step in ("fetch-plan", "fetch-finish", "index-plan", "index", "match-plan", "match", "group", "export"):
        if step == "fetch-finish":
            forget(settings, step)
        if step == "group":
            store.write_table(store.dump(DUMP, "match", "verdicts.parquet"), schemas.conform([], schemas.VERDICTS))
            paths = {name: store.dump(DUMP, "match", f"{name}.parquet") for name in ("verdicts", "nodes")}
            done = Done(paths, {"threshold": 1.0})
            run_stage(store, DUMP, "match", inputs={}, version=1, work=lambda done=done: done)  # type: ignore[misc]
        blind = {"part": 0, "flat": str(calibration)} if step.startswith("match") else {}
        took = taken(settings, folder, step, **blind)
        if step == "match":
            counts = store.read_json(store.dump(DUMP, "match", "manifest-00000.json"))["counts"]
            drivers[step] |= {name: float(counts[name]) for name in ("candidates", "aligned")}
        if step in drivers:
            steps.append(Observation(step, one | drivers[step], *took))
    return steps


def forget(settings: Settings, step: str) -> None:
    """Let a step of the fetch be done again."""
    Store(settings.store).remove(f"dumps/{DUMP}/fetch/{'plan' if step == 'fetch-plan' else 'manifest'}.json")


def run_ingest(folder: Path, rows: int) -> Observation:
    """The ingest of a dump of so many rows in 32 columns."""
    folder.mkdir()
    ingest.make(folder, rows, Materials(folder, None))
    settings = settings_of(folder).model_copy(update={"threads": 1})
    took = taken(settings, folder, "ingest", catalog=str(folder / "dump.csv"))
    counts = result_of(Store(settings.store), DUMP, "ingest").counts
    return Observation("ingest", {"task": 1.0, "rows": float(str(counts["rows"]))}, *took)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is observed, as plain values; what ``--raw`` holds is not measured again."""
    scratch = (options.scratch or options.raw.parent).resolve()  # what links to it lies elsewhere
    scratch.mkdir(parents=True, exist_ok=True)
    facts = machine() | {"taken": datetime.datetime.now(datetime.UTC).date().isoformat()}
    raw: dict[str, Any] = {"machine": facts, "runs": {}, "rows": {}, "made_up": {}, "whole": {}, "calibration": None}
    if options.raw.is_file():
        raw |= json.loads(options.raw.read_text())

    def left(kind: str, sizes: Sequence[int]) -> Iterator[int]:
        """The sizes that are still to be measured; each is noted once it is."""
        for items in sorted(sizes):
            if str(items) not in raw[kind]:
                yield items
                options.raw.write_text(json.dumps(raw, indent=1))

    with tempfile.TemporaryDirectory(dir=scratch, prefix="costs-") as name:
        folder = Path(name)
        materials, trained = Materials(folder, options.photos), folder / "trained"
        for items in left("runs", options.sizes):
            if not trained.exists():
                trained.mkdir()
                chain.prepare(trained, chain.FIRST_PICTURES, materials)
            place = folder / f"chain-{items}"
            raw["runs"][str(items)] = asdict(run_chain(place, items, materials, trained))
            calibration = place / "store" / "dumps" / DUMP / "match" / "calibration.json"
            raw["calibration"] = json.loads(calibration.read_text())
        for rows in left("rows", options.rows):
            raw["rows"][str(rows)] = [asdict(run_ingest(folder / f"ingest-{rows}", rows))]
        known = folder / "calibration.json"
        known.write_text(json.dumps(raw["calibration"]))
        for items in left("made_up", options.made_up):
            raw["made_up"][str(items)] = [asdict(one) for one in run_made_up(folder / f"made-up-{items}", items, known)]
        for items in left("whole", options.whole):
            raw["whole"][str(items)] = [asdict(one) for one in run_whole(folder / f"whole-{items}", items, known)]
    return raw


def observed_of(raw: dict[str, Any]) -> tuple[list[Observed], list[Observation]]:
    """The runs, the smallest first, and what was measured of other dumps."""
    runs = [
        Observed(**{**run, "steps": [Observation(**one) for one in run["steps"]]})
        for _, run in sorted(raw["runs"].items(), key=lambda item: int(item[0]))
    ]
    others = [one for kind in ("rows", "made_up", "whole") for some in raw[kind].values() for one in some]
    return runs, [Observation(**one) for one in others]


def costs_of(raw: dict[str, Any], runs: list[Observed], made_up: list[Observation]) -> UnitCosts:
    """The unit costs that come nearest to what was observed."""
    settings, facts = Settings(), raw["machine"]
    steps = [one for run in runs for one in run.steps] + made_up
    # a process that holds little has not begun to grow: its memory says nothing where larger ones were measured
    large = [Observation(**one) for some in raw["whole"].values() for one in some]
    sizes_of = Counter(one.step for one in large)
    grown = {
        step for step, many in sizes_of.items() if many > 1 and {"photos", "aligned"}.isdisjoint(BY_NAME[step].memory)
    }
    small = [Observation(**one) for some in raw["made_up"].values() for one in some]
    held = [one for one in steps if one in large or one.step not in grown]
    held = [at_a_time(one, settings) for one in held if one not in small or sizes_of[one.step] < 2]
    values = settings.model_dump(mode="json")
    flags = {"--sizes": "runs", "--rows": "rows", "--made-up": "made_up", "--whole": "whole"}
    sizes = " ".join(f"{flag} {' '.join(sorted(raw[kind], key=int))}" for flag, kind in flags.items())
    return UnitCosts(
        origin=Origin(
            machine=f"{facts['processor']}, one core",
            taken=facts["taken"],
            commit=facts["commit"],
            images=[round(run.sizes["images"]) for run in runs],
            command=f"python benchmarks/unit_costs.py {sizes}",
            settings={name: values[name.split(".")[0]][name.split(".")[1]] for name in SETTINGS},
        ),
        catalog=catalog_of(runs[-1].sizes),
        seconds={step.name: fitted(steps, step.name) for step in STEPS},
        memory={step.name: fitted(held, step.name, memory=True) for step in STEPS},
        stored=stored_of(runs[-1]),
        fetching=Fetching(latency=LATENCY),
        workflow=Workflow(task_seconds=TASK_SECONDS, tasks=TASKS),
    )


def at_a_time(one: Observation, settings: Settings) -> Observation:
    """A step with what it holds in memory at a time: one pack of several, one chunk of rows."""
    held = {"chunk": min(one.drivers.get("rows", 0.0), float(settings.ingest.chunk_rows))}
    if BY_NAME[one.step].each == "pack":
        held["images"] = min(one.drivers["images"], float(settings.fetch.pack_images))
    return replace(one, drivers=one.drivers | held)


def said(costs: UnitCosts, run: Observed) -> float:
    """The core seconds that a plan says for a run."""
    sizes = run.sizes
    work = Workload(round(sizes["rows"]), round(sizes["images"]), round(sizes["images"]))
    settings = Settings()
    match = settings.match.model_copy(update={"part_nodes": part_nodes(settings, round(sizes["images"]))})
    one_core = Cluster(workers=1, cores=1, memory=64.0)
    return make_plan(work, one_core, costs, settings.model_copy(update={"match": match})).core_hours * 3600


def checked(raw: dict[str, Any]) -> list[Checked]:
    """Each run against what plans say that were made without it."""
    runs, made_up = observed_of(raw)
    found = []
    for run in runs:
        others = [other for other in runs if other is not run] or runs
        found.append(
            Checked(
                rows=round(run.sizes["rows"]),
                images=round(run.sizes["images"]),
                part_nodes=part_nodes(Settings(), round(run.sizes["images"])),
                core_seconds=round(sum(one.seconds for one in run.steps), 1),
                said=round(said(costs_of(raw, others, made_up), run), 1),
            )
        )
    return found


def page(raw: dict[str, Any], costs: UnitCosts) -> str:
    """How well plans say what was measured, as a table."""
    lines = [
        "| images | measured | fitted to all | error | fitted to the others | error |",
        "|---|---|---|---|---|---|",
    ]
    for run, one in zip(observed_of(raw)[0], costs.checked, strict=True):
        real, known, unknown = one.core_seconds, said(costs, run), one.said
        cells = (f"{one.images:,}", f"{real:.0f} s", f"{known:.0f} s", f"{known / real - 1:+.0%}")
        lines.append(f"| {' | '.join((*cells, f'{unknown:.0f} s', f'{unknown / real - 1:+.0%}'))} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, fit, write."""
    options = arguments()
    options.raw.parent.mkdir(parents=True, exist_ok=True)
    raw = measure(options)
    costs = costs_of(raw, *observed_of(raw)).model_copy(update={"checked": checked(raw)})
    options.out.write_text(costs.to_json())
    load_costs(options.out)
    errors = page(raw, costs)
    if options.out == PACKAGED:
        write_page(costs, errors)
    print(errors)


if __name__ == "__main__":
    main()
