"""Prove that parts change nothing: every step of a dump that sees all of it, in several parts and in bounded memory.

    python benchmarks/prove_parts.py [--vectors 1000000] [--parts 8] [--megabytes 2000] [--library faiss]

Makes up a dump (vectors and hashes as of the claims `neighbours` and `perceptual`), plans and finishes its fetch,
indexes it, finds its candidates, gives them made-up verdicts, puts these together, groups and exports, once in one part
and once in several, every task in a process of its own, as workers do. Each task's memory is its highest resident set
(VmHWM of the kernel: imports, its own memory, and the pages of mapped files that happen to be in memory, though the
kernel could drop these) and its own alone (the highest RssAnon, looked at 50 times a second). Exits with 1 when the
results differ or a task of the several parts holds more than it may.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from claims.made_up_dump import make
from claims.stores import DUMP

from dedup_pipeline import schemas
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.stages import chain
from dedup_pipeline.stages.fetch import finish_fetch, photos, plan_fetch
from dedup_pipeline.stages.index import index, index_part, neighbours_part, plan_index, read_neighbours
from dedup_pipeline.stages.match import Calibration, merge_parts
from dedup_pipeline.stages.match.candidates import candidates_of
from dedup_pipeline.stages.match.earlier_dumps import PLACES
from dedup_pipeline.stages.match.merge_parts import Merged, merged
from dedup_pipeline.stages.match.node_table import open_arrays, write_arrays
from dedup_pipeline.stages.match.nodes import Nodes, load_nodes, open_nodes
from dedup_pipeline.stages.match.partition import places_by_cells, rows_of
from dedup_pipeline.stages.match.probabilities import fit_pair_scorer, write_scored
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store.packs import packed_images
from dedup_pipeline.verdict.classifier import LOGIT_CAP

_INTERVAL = 0.02
_BLOCK = 20_000  # verdicts made up at a time
_PASSING = 0.17  # of the candidates are not ruled out in the first pass, as among photos of a real catalog
_PER_NODE = 28  # candidates, about
Peaks = tuple[float, float]  # the highest resident memory of a task, and the highest of its own, in MB
Doer = Callable[[list[str]], Peaks]  # does a task, which its words on the command line name


def plan_nodes(settings: Settings) -> None:
    """What the plan of `match` does, but for calibrating: made-up vectors have no pictures."""
    store = Store(settings.store)
    with tempfile.TemporaryDirectory() as folder:
        load_nodes(settings, DUMP, Path(folder)).write(store, store.dump(DUMP, "match", "nodes"))
    write_arrays(store, store.dump(DUMP, "match"), {PLACES: places_by_cells(_nodes(store), settings)})


def candidates(settings: Settings, part: int, parts: int) -> None:
    """What a part of `match` does, but for judging: its candidates, (3, P): lower nodes, higher ones, directions."""
    store = Store(settings.store)
    nodes = _nodes(store)
    places: Any = open_arrays(store, {PLACES: store.dump(DUMP, "match", f"{PLACES}.npy")})[PLACES]
    found = candidates_of(nodes, rows_of(places, part, -(-len(nodes) // parts)), settings)
    nodes.features.take(np.unique(found.high[:20_000]))  # of a block of pairs, as they are compared
    with store.writing(store.dump(DUMP, "candidates", f"{part:05d}.npy")) as file:
        np.save(file, np.stack([found.low, found.high, found.directions]))


def verdicts(settings: Settings, part: int) -> None:
    """Made-up verdicts on the candidates of a part, the same whichever part finds a pair; most are ruled out."""
    store = Store(settings.store)
    nodes = _nodes(store)
    folder = store.dump(DUMP, "candidates")
    low, high, directions = np.load(store.local_path(f"{folder}/{part:05d}.npy"))
    path = store.dump(DUMP, "match", f"verdicts-{part:05d}.parquet")
    with store.writing_table(path, schemas.VERDICTS) as writer:
        for start in range(0, len(low), _BLOCK):
            block = slice(start, start + _BLOCK)
            one, other = low[block], high[block]
            drawn = (one * len(nodes) + other).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            share = (drawn >> np.uint64(11)) / float(1 << 53)
            passing = share < _PASSING
            columns = {name: pa.nulls(len(one), schemas.VERDICTS.field(name).type) for name in schemas.VERDICTS.names}
            columns |= {
                "node_a": nodes.names.take(one),
                "node_b": nodes.names.take(other),
                "kind": ["learned"] * len(one),
            }
            columns |= {
                "logit": np.where(passing, 8 - 20 * share / _PASSING, -LOGIT_CAP),
                "directions": directions[block],
            }
            columns |= {"title_likeness": share.astype(np.float32), "probability": share, "text_logit": share * 0}
            writer.write_table(schemas.conform(columns | {"mirrored": share < 0}, schemas.VERDICTS))


def finish(settings: Settings) -> None:
    """What finishing `match` does, with made-up decoys."""
    store = Store(settings.store)
    nodes, folder = _nodes(store), store.dump(DUMP, "match")
    files = [f"{folder}/{name}" for name in store.names(folder) if name.startswith("verdicts-")]
    paths = {"verdicts": f"{folder}/verdicts.parquet", "nodes": f"{folder}/nodes.parquet"}
    decoys = np.random.default_rng(6).normal(-6, 4, 1000).clip(-LOGIT_CAP, LOGIT_CAP)
    nothing = None  # the verdicts are made up, so there is nothing to judge
    calibration = Calibration(nothing, tuple(decoys.tolist()), (1 / 400,) * len(decoys), [], {"exchanged": 0.05})  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory(dir=Path(settings.store).parent) as work:
        found = Merged.of(merged(store, files, nodes.names, Path(work)), Path(work))
        rating = fit_pair_scorer(found.blocks, calibration, len(nodes), use_texts=True)
        scores = write_scored(store, paths["verdicts"], found.blocks(), rating)
    with store.writing_table(paths["nodes"], schemas.NODES) as writer:
        for block in nodes.members():
            writer.write_table(block)
    counts = {"threshold": scores.threshold(0.99, 0.9)[0]}
    run_stage(store, DUMP, "match", inputs={"parts": len(files)}, version=1, work=lambda: Done(paths, dict(counts)))


def _nodes(store: Store) -> Nodes:
    folder = store.dump(DUMP, "match", "nodes")
    return open_nodes(store, DUMP, {name.removesuffix(".npy"): f"{folder}/{name}" for name in store.names(folder)})


def tasks(parts: int) -> Iterator[tuple[str, list[str]]]:
    """The tasks in their order: what each is called, and its words on the command line."""
    yield "fetch: plan", ["fetch-plan", str(parts)]
    yield "fetch: finish", ["fetch-finish", str(parts)]
    yield "index: plan", ["plan"]
    yield from (("index: file", ["file", str(part)]) for part in range(parts))
    yield from (("index: neighbours", ["neighbours", str(part)]) for part in range(parts))
    yield "index: finish", ["finish"]
    yield "match: plan, without calibrating", ["nodes"]
    yield from (("match: candidates", ["candidates", str(part), str(parts)]) for part in range(parts))
    yield from (("match: made-up verdicts", ["verdicts", str(part)]) for part in range(parts))
    yield "match: finish", ["match-finish", str(parts)]
    yield "group", ["group"]
    yield "export", ["export"]


def work(settings: Settings, words: list[str]) -> None:
    """One task, in this process; its highest resident memory goes to the output."""
    kind, *numbers = words
    part, parts = (int(number) for number in [*numbers, "0", "0"][:2])
    if kind in {"fetch-plan", "fetch-finish", "match-finish"}:  # the pieces of a small dump are small too
        images = len(packed_images(Store(settings.store), DUMP))
        photos._PIECE = -(-images // part)
        rows = -(-_PER_NODE * images // part)
        merge_parts.RANGE_ROWS = min(rows, merge_parts.RANGE_ROWS) if part > 1 else rows
    doers: dict[str, Callable[[], object]] = {
        "fetch-plan": lambda: plan_fetch(settings, DUMP),
        "fetch-finish": lambda: finish_fetch(settings, DUMP),
        "plan": lambda: plan_index(settings, DUMP),
        "file": lambda: index_part(settings, DUMP, part),
        "neighbours": lambda: neighbours_part(settings, DUMP, part),
        "finish": lambda: index(settings, DUMP),
        "nodes": lambda: plan_nodes(settings),
        "candidates": lambda: candidates(settings, part, parts),
        "verdicts": lambda: verdicts(settings, part),
        "match-finish": lambda: finish(settings),
    }
    doers.get(kind, lambda: chain.run_stage(settings, kind, DUMP))()
    print(_status("self", "VmHWM"))


def _status(process: str, name: str) -> float:
    """A figure of a process's memory in MB; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{name}:")), 0.0)


def in_parts(settings: Settings, parts: int, vectors: int, library: str, do: Doer) -> dict[str, Peaks]:
    """Do every task anew, in so many parts; the most that any task of a name took."""
    for again in ("candidates", "match", "group", "export", "fetch/plan.json"):
        Store(settings.store).remove(f"dumps/{DUMP}/{again}")
    chosen = [f"store={settings.store}", "threads=1", f"index.library={library}", "match.hash_radius=8"]
    chosen.append(f"index.part_vectors={-(-vectors // parts)}")
    peaks: dict[str, Peaks] = {}
    for name, words in tasks(parts):
        peak, own = do(["--task", ",".join(chosen), *words])
        before = peaks.get(name, (0.0, 0.0))
        peaks[name] = (max(peak, before[0]), max(own, before[1]))
    return peaks


def run(words: list[str]) -> Peaks:
    """Run a task; its highest resident memory and the highest of its own, in MB."""
    with subprocess.Popen([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True) as process:
        own = 0.0
        while process.poll() is None:
            own = max(own, _status(str(process.pid), "RssAnon"))
            time.sleep(_INTERVAL)
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        sys.exit(f"task {' '.join(words)} failed")
    return float(said.split()[-1]), own


def fingerprint_of(settings: Settings) -> str:
    """A digest of all neighbours, cosines, candidates and verdicts, in the order of the rows, and of the exports."""
    store = Store(settings.store)
    lengths, rows, cosines, pairs = (hashlib.sha256() for _ in range(4))
    for _, table in read_neighbours(store, DUMP, ["neighbours", "cosines"]):
        lists = table["neighbours"].combine_chunks()
        lengths.update(np.asarray(lists.value_lengths()).tobytes())
        rows.update(lists.flatten().to_numpy().tobytes())
        cosines.update(table["cosines"].combine_chunks().flatten().to_numpy().tobytes())
    folder = store.dump(DUMP, "candidates")
    found = np.concatenate([np.load(store.local_path(f"{folder}/{name}")) for name in store.names(folder)], axis=1)
    pairs.update(found[:, np.lexsort((found[1], found[0]))].tobytes())
    rated = hashlib.sha256(store.read_bytes(store.export(DUMP, "pairs.csv")))
    rated.update(store.read_bytes(store.export(DUMP, "review.csv")))
    with store.reading_table(store.dump(DUMP, "match", "verdicts.parquet")) as table:
        for batch in table.iter_batches(columns=["node_a", "node_b", "directions", "probability"]):
            for column in batch.to_pandas().to_dict("list").values():
                rated.update(repr(column).encode())
    return " ".join(digest.hexdigest() for digest in (lengths, rows, cosines, pairs, rated))


def main() -> None:
    """Run it in one part and in several, print every task's memory, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--megabytes", type=float, default=2000, help="that a task of the several parts may hold")
    parser.add_argument("--library", default="faiss", choices=["annoy", "faiss"])
    parser.add_argument("--scratch", type=Path, help="where there is room for the dump, 3 kB a vector")
    parser.add_argument("--task", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        work(load_settings(options.task[0].split(",")), options.task[1:])
        return
    if options.scratch is not None:
        options.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.scratch, prefix="parts-") as folder:
        settings = make(Path(folder), options.vectors, DUMP)
        found, most = [], 0.0
        print("| parts | task | peak resident MB | of these its own |\n|---|---|---|---|")
        for parts in (1, options.parts):
            peaks = in_parts(settings, parts, options.vectors, options.library, run)
            for name, (peak, own) in peaks.items():
                print(f"| {parts} | {name} | {peak:.0f} | {own:.0f} |", flush=True)
            found.append(fingerprint_of(settings))
            most = max(peak for peak, _ in peaks.values())
    same = found[0] == found[1]
    print(
        f"\nNeighbours, candidates, verdicts and exports: {'the same' if same else 'not the same'}. "
        f"Highest peak: {most:.0f} MB."
    )
    sys.exit(0 if same and most <= options.megabytes else 1)


if __name__ == "__main__":
    main()
