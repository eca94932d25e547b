"""What a finished run over a dump took: the drivers, seconds and bytes of each of its steps, read from its store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from dedup_pipeline.config import IndexSettings, MatchSettings
from dedup_pipeline.plan.steps import PIECE, Drivers, cells, joined, ordered, pieces, sought
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import StageResult, result_of, seconds_of
from dedup_pipeline.store.packs import FETCHES_FILE, IMAGES_FILE

_PACK_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Observation:
    """One step as it was done once.

    Attributes:
        step: a name of STEPS.
        drivers: how much of everything that its cost grows with.
        seconds: of one core.
        megabytes: peak memory of its process; 0 where that is not known.
    """

    step: str
    drivers: Drivers
    seconds: float
    megabytes: float = 0.0


@dataclass(frozen=True)
class Observed:
    """A finished run.

    Attributes:
        steps: its steps, and of those that are done pack by pack or part by part each.
        sizes: rows, images, vectors, nodes, candidates, aligned, records.
        stored: artifact to (driver that it grows with, how much of that, bytes).
    """

    steps: list[Observation]
    sizes: dict[str, float]
    stored: dict[str, tuple[str, float, float]] = field(default_factory=dict)


def observe(store: Store, dump_id: str, *, cores: int = 1) -> Observed:
    """Read what the run over a dump took.

    Args:
        store: the store.
        dump_id: a dump that has been exported.
        cores: how many cores each step had; the seconds of a manifest are multiplied by it.

    Raises:
        NotReadyError: the dump is not exported yet.
    """
    results = {stage: result_of(store, dump_id, stage) for stage in ("ingest", "fetch", "index", "match", "export")}
    sizes = _sizes(results)
    steps = [replace(one, seconds=one.seconds * cores) for one in _steps(store, dump_id, results, sizes)]
    return Observed(steps, sizes, _stored(store, dump_id, results, sizes))


def _number(result: StageResult | dict[str, Any], name: str) -> float:
    counts = result.counts if isinstance(result, StageResult) else result["counts"]
    return float(str(counts.get(name) or 0))


def _sizes(results: dict[str, StageResult]) -> dict[str, float]:
    rows, images = _number(results["ingest"], "rows"), _number(results["fetch"], "images")
    return {
        "rows": rows,
        "images": images,
        "vectors": _number(results["index"], "vectors"),
        "nodes": _number(results["match"], "nodes"),
        "candidates": _number(results["match"], "candidates"),
        "aligned": _number(results["match"], "aligned"),
        "records": rows + images,
    }


def _steps(
    store: Store, dump_id: str, results: dict[str, StageResult], sizes: dict[str, float]
) -> Iterator[Observation]:
    one = {"task": 1.0}
    yield Observation("ingest", one | {"rows": sizes["rows"]}, results["ingest"].seconds)
    yield from _fetched(store, dump_id)
    yield Observation("fetch-finish", one | photos_of(sizes), results["fetch"].seconds)
    for stage in ("fingerprint", "embed"):
        yield from _packed(store, dump_id, stage)
    index = _manifest(store, dump_id, "index", "manifest-plan.json")
    if index:
        yield Observation("index-plan", one | {"vectors": sizes["vectors"]}, index["seconds"])
        # the work of its files is spread over manifests of their own
        files, seconds = _number(index, "parts"), seconds_of(store, dump_id, "index") - index["seconds"]
        own = sizes["vectors"] / files
        of_file = sought(own, int(files), str(index["counts"]["library"]), _searched(store, dump_id, index))
        work = {name: value * files for name, value in of_file.items()}
        yield Observation("index", {"task": files, "vectors": own, **work}, seconds)
    plan = _manifest(store, dump_id, "match", "manifest-plan.json")
    if plan:
        drivers = one | {"photos": _calibrated_on(store, dump_id, plan), "nodes": sizes["nodes"]}
        drivers["cells"] = cells(sizes["vectors"])
        yield Observation("match-plan", drivers, plan["seconds"])
        radius = int(plan["inputs"].get("options", {}).get("hash_radius", MatchSettings().hash_radius))
        yield from _parts(store, dump_id, int(_number(plan, "parts")), sizes["nodes"], radius)
    candidates = {"candidates": sizes["candidates"], "ordered": ordered(sizes["candidates"])}
    yield Observation("match-finish", one | candidates, results["match"].seconds)
    for stage in ("group", "export"):
        drivers = one | {"records": sizes["records"]}
        yield Observation(stage, drivers, result_of(store, dump_id, stage).seconds)


def _searched(store: Store, dump_id: str, plan: dict[str, Any]) -> IndexSettings:
    """With how many cells of faiss a dump was indexed, and how many of them were looked at."""
    part = _manifest(store, dump_id, "index", "manifest-neighbours-00000.json") or {"inputs": {}}
    told = {"nlist": plan["inputs"].get("cells"), "nprobe": part["inputs"].get("probes")}
    return IndexSettings(**{name: value for name, value in told.items() if value is not None})


def photos_of(sizes: dict[str, float], *, piece: int = PIECE) -> Drivers:
    """What looking all photos up grows with, where ``piece`` rows are looked at together."""
    rows = max(sizes["rows"], sizes["images"])
    passed = sizes["images"] * (pieces(rows) if piece == PIECE else -(-rows // piece))
    return {"images": sizes["images"], "piece": min(rows, piece), "passed": passed}


def _calibrated_on(store: Store, dump_id: str, plan: dict[str, Any]) -> float:
    """The photos of a calibration; none where that of an earlier dump was taken over."""
    if plan["counts"].get("calibrated_on", dump_id) != dump_id:
        return 0.0
    path = plan["outputs"].get("calibration")
    return float(store.read_json(path)["figures"]["photos"]) if path else 0.0


def _manifest(store: Store, dump_id: str, stage: str, name: str) -> dict[str, Any] | None:
    path = store.dump(dump_id, stage, name)
    return dict(store.read_json(path)) if store.exists(path) else None


def _fetched(store: Store, dump_id: str) -> Iterator[Observation]:
    """The packs that this dump's plan fetched."""
    plan = _manifest(store, dump_id, "fetch", "plan.json")
    for pack in plan["packs"] if plan else ():
        path = store.pack(pack, _PACK_MANIFEST)
        if store.exists(path):
            known = store.read_json(path)
            yield Observation("fetch", {"task": 1.0, "images": _number(known, "images")}, known["seconds"])


def _packed(store: Store, dump_id: str, stage: str) -> Iterator[Observation]:
    """The packs that a stage did in this run: in one task, or in a task each."""
    folder = store.dump(dump_id, stage)
    names = [name for name in store.names(folder) if name.startswith("manifest") and name.endswith(".json")]
    apart = [name for name in names if name != _PACK_MANIFEST]
    for name in apart or names:
        known = store.read_json(f"{folder}/{name}")
        # what earlier runs did cost this one nothing; how many images that were a manifest does not say
        if not _number(known, "packs_reused") and _number(known, "images"):
            yield Observation(stage, {"task": 1.0, "images": _number(known, "images")}, known["seconds"])


def _parts(store: Store, dump_id: str, parts: int, nodes: float, radius: int) -> Iterator[Observation]:
    for number in range(parts):
        known = _manifest(store, dump_id, "match", f"manifest-{number:05d}.json")
        if known:
            drivers = {"task": 1.0, "nodes": nodes, "joined": joined(nodes / parts, nodes, radius)}
            drivers["candidates"] = _number(known, "candidates")
            # evidence that an earlier run had kept cost this one nothing
            drivers["aligned"] = _number(known, "laid" if "laid" in known["counts"] else "aligned")
            yield Observation("match", drivers, known["seconds"])


def _stored(
    store: Store, dump_id: str, results: dict[str, StageResult], sizes: dict[str, float]
) -> dict[str, tuple[str, float, float]]:
    """The bytes of what lies in the store for a dump; of packs all that they hold, for the images that they hold."""
    found = {"listings": ("rows", sizes["rows"], _bytes(store, results["ingest"].outputs.values()))}
    packs = store.read_json(results["fetch"].outputs["packs"])["packs"]
    held = sum(_rows(store, store.pack(pack, IMAGES_FILE)) for pack in packs)
    kinds: dict[str, float] = {}
    for pack in packs:
        for name in store.names(store.pack(pack, "").rstrip("/")):
            kinds[_kind(name)] = kinds.get(_kind(name), 0.0) + store.size(store.pack(pack, name))
    found |= {kind: ("images", held, size) for kind, size in sorted(kinds.items())}
    found["photos"] = ("images", sizes["images"], _bytes(store, [results["fetch"].outputs["photos"]]))
    outputs = results["index"].outputs
    kinds_of = {"rows": "neighbours", "neighbours": "neighbours", "vectors": "vectors"}
    for kind in ("neighbours", "vectors", "index"):
        names = [name for name in outputs if kinds_of.get(name.partition("-")[0], "index") == kind]
        found[kind] = ("vectors", sizes["vectors"], _bytes(store, [outputs[name] for name in names]))
    plan = _manifest(store, dump_id, "match", "manifest-plan.json")
    if plan:
        arrays = [path for name, path in plan["outputs"].items() if name.startswith("nodes")]
        found["nodes"] = ("nodes", sizes["nodes"], _bytes(store, arrays))
    folder = store.dump(dump_id, "match")
    for kind, driver in (("verdicts", "candidates"), ("laid", "aligned")):
        files = [f"{folder}/{name}" for name in store.names(folder) if name.startswith(kind)]
        found[kind] = (driver, sizes[driver], _bytes(store, files))
    exported = {*results["export"].outputs.values(), *result_of(store, dump_id, "group").outputs.values()}
    found["exports"] = ("rows", sizes["rows"], _bytes(store, exported))
    return {name: value for name, value in found.items() if value[1] > 0}


def _kind(name: str) -> str:
    """What a file of a pack is called in a plan."""
    if name in {IMAGES_FILE, FETCHES_FILE}:
        return PurePosixPath(name).stem
    stem = name.partition("-")[0]
    return stem if stem in {"fingerprints", "embeddings"} else "pack notes"


def _bytes(store: Store, paths: Any) -> float:
    return float(sum(store.size(path) for path in paths))


def _rows(store: Store, path: str) -> int:
    with store.reading_table(path) as table:
        metadata: pq.FileMetaData = table.metadata
        return int(metadata.num_rows)
