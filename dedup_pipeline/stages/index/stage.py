"""The stage ``index``: plan, then every part's file, then every part's neighbours, then finish."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.compute.threads import map_ahead
from dedup_pipeline.config import Settings
from dedup_pipeline.schemas import INDEX_ROWS, INDEX_SOURCES, NEIGHBOURS
from dedup_pipeline.stages.embed import embeddings_file
from dedup_pipeline.stages.index.annoy_files import build_file as build_annoy
from dedup_pipeline.stages.index.files import GROUP_ROWS, file_name, open_files
from dedup_pipeline.stages.index.ivf_cells import cell_count
from dedup_pipeline.stages.index.neighbour_index import NeighbourIndex
from dedup_pipeline.stages.index.quality import local_similarities, measure_recall
from dedup_pipeline.stages.index.rows import IndexRows, find_rows, read_vectors
from dedup_pipeline.stages.index.sidecar import METRIC, Sidecar
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.manifests import Done, Progress, StageResult, no_progress, result_of, run_stage

VERSION = 4
_ANNOY_UP_TO = 10_000  # vectors, with index.library=auto: docs/decisions/0007
_TOGETHER = 60_000  # rows asked for at once: the more, the more of them look at one cell; some 1.2 kB each
_WRITTEN = 100_000  # rows written at a time


def index(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Build the index over a dump's distinct vectors, find every row's neighbours, and measure what it finds.

    Pictures with equal vectors share a row: thousands of equal vectors ruin Annoy's recall.

    Returns:
        outputs: rows (INDEX_ROWS); of each part ``vectors-00000`` (an array), ``index-00000`` (the library's file),
        ``sidecar-00000`` and ``neighbours-00000`` (NEIGHBOURS). counts: images, vectors, parts, library, recall (share
        of the exact nearest ``index.neighbours`` that the index finds, on a sample), recall_sample.

    Raises:
        NotReadyError: the dump is not embedded yet, or no picture of it is.
    """
    start = time.monotonic()
    store = Store(settings.store)
    plan = _plan(settings, dump_id)
    parts = _parts(plan)
    of = 2 * len(parts) + 2
    progress(1, of)
    files = []
    for part in parts:
        files.append(index_part(settings, dump_id, part))
        progress(1 + len(files), of)
    found = []
    for part in parts:
        found.append(neighbours_part(settings, dump_id, part))
        progress(1 + len(files) + len(found), of)

    def work() -> Done:
        opened = open_files(store, [result.outputs for result in files], settings)
        recall, sample = measure_recall(opened, opened.vectors, settings)
        outputs = {"rows": plan.outputs["rows"]}
        for part, result in enumerate(files):
            of_part = {**result.outputs, **found[part].outputs}
            outputs |= {f"{kind}-{part:05d}": path for kind, path in of_part.items()}
        counts = {name: plan.counts[name] for name in ("images", "vectors", "parts", "library")}
        return Done(outputs, counts | {"recall": recall, "recall_sample": sample})

    inputs = {"parts": [result.key for result in found], "sample": settings.index.recall_sample}
    result = run_stage(store, dump_id, "index", inputs=inputs, version=VERSION, work=work).since(start)
    progress(of, of)
    return result


def plan_index(settings: Settings, dump_id: str) -> list[int]:
    """Number the distinct vectors of a dump and divide them into parts.

    Returns:
        The numbers of the parts.

    Raises:
        NotReadyError: the dump is not embedded yet, or no picture of it is.
    """
    return _parts(_plan(settings, dump_id))


def _parts(plan: StageResult) -> list[int]:
    return list(range(int(str(plan.counts["parts"]))))


def library_for(wished: str, vectors: float) -> str:
    """``annoy`` or ``faiss``: what ``index.library`` stands for with so many vectors."""
    if wished != "auto":
        return wished
    return "annoy" if vectors <= _ANNOY_UP_TO else "faiss"


def _plan(settings: Settings, dump_id: str, *, sizes_only: bool = False) -> StageResult:
    store = Store(settings.store)
    embedded = result_of(store, dump_id, "embed")
    model_id = str(embedded.counts["model_id"])
    wished = settings.index.library
    options = {"library": wished, "part_vectors": settings.index.part_vectors, "seed": settings.seed}
    options |= settings.index.stored(include={"nlist"}) if wished != "annoy" else {}

    def work() -> Done:
        rows = find_rows(store, dump_id, embeddings_file(model_id))
        size, items = settings.index.part_vectors, len(rows.first)
        library = library_for(wished, items)
        outputs = {"rows": store.dump(dump_id, "index", "rows.parquet")}
        with store.writing_table(outputs["rows"], INDEX_ROWS) as writer:
            for start in range(0, len(rows.packed), _WRITTEN):
                block = slice(start, start + _WRITTEN)
                columns = {"image_id": list(rows.packed.ids[block]), "row": rows.row_of[block]}
                writer.write_table(pa.table(columns, schema=INDEX_ROWS))
        parts = -(-items // size)
        for part in range(parts):
            path, last = store.dump(dump_id, "index", file_name("sources", part)), min(items, (part + 1) * size)
            with store.writing_table(path, INDEX_SOURCES) as writer:
                for start in range(part * size, last, _WRITTEN):
                    writer.write_table(rows.sources(slice(start, min(start + _WRITTEN, last))).cast(INDEX_SOURCES))
            outputs[f"sources-{part:05d}"] = path
        if library == "faiss":
            outputs["cells"] = store.dump(dump_id, "index", "cells.npy")
            _write_array(store, outputs["cells"], _cells(store, rows, model_id, settings))
        return Done(outputs, {"images": len(rows.packed), "vectors": items, "parts": parts, "library": library})

    inputs = {"embed": embedded.key, "model": model_id, **options}
    how: dict[str, Any] = {"part": "plan", "sizes_only": sizes_only}
    return run_stage(store, dump_id, "index", inputs=inputs, version=VERSION, work=work, **how)


def _cells(store: Store, rows: IndexRows, model_id: str, settings: Settings) -> Floats:
    """The cells of the whole dump, whatever its parts."""
    from dedup_pipeline.stages.index import faiss_files  # noqa: PLC0415 - 60 MB that only it needs

    items = len(rows.first)
    cells = cell_count(items, settings.index.nlist)
    size = min(items, cells * faiss_files.SAMPLE)
    sample = np.sort(np.random.default_rng(settings.seed).choice(items, size, replace=False))
    vectors = read_vectors(store, rows.sources(sample), embeddings_file(model_id))
    return faiss_files.learn_cells(vectors, cells, seed=settings.seed)


def index_part(settings: Settings, dump_id: str, part: int, *, sizes_only: bool = False) -> StageResult:
    """Write the vectors of one part, and the library's file over them.

    Args:
        settings: the settings.
        dump_id: the dump.
        part: its number.
        sizes_only: as of ``run_stage``.

    Returns:
        outputs: vectors, index, sidecar. counts: vectors.
    """
    store = Store(settings.store)
    plan = _plan(settings, dump_id, sizes_only=True)
    model_id = str(result_of(store, dump_id, "embed").counts["model_id"])
    library, trees = str(plan.counts["library"]), settings.index.trees

    def work() -> Done:
        sources = store.read_table(plan.outputs[f"sources-{part:05d}"])
        vectors = read_vectors(store, sources, embeddings_file(model_id))
        kinds = {"vectors": "vectors", "index": library, "sidecar": "sidecar"}
        paths = {kind: store.dump(dump_id, "index", file_name(name, part)) for kind, name in kinds.items()}
        _write_array(store, paths["vectors"], vectors)
        cells = store.map_array(plan.outputs["cells"]) if library == "faiss" else np.empty((0, 0), np.float32)
        with tempfile.TemporaryDirectory(prefix="dedup-index-") as folder:
            file = Path(folder) / "part"
            if library == "faiss":
                from dedup_pipeline.stages.index.faiss_files import build_file  # noqa: PLC0415 - 60 MB that only it needs

                build_file(vectors, cells, file)
            else:
                build_annoy(vectors, file, trees=trees, seed=settings.seed)
            sidecar = Sidecar(
                library=library,
                first=part * settings.index.part_vectors,
                items=len(vectors),
                dimension=vectors.shape[1],
                metric=METRIC,
                size=file.stat().st_size,
                model_id=model_id,
                ids_digest=digest(sources["image_id"].to_pylist()),
                seed=settings.seed,
                trees=trees if library == "annoy" else 0,
                cells=len(cells),
            )
            with file.open("rb") as source, store.writing(paths["index"]) as target:
                shutil.copyfileobj(source, target)
        store.write_json(paths["sidecar"], sidecar.to_dict())
        return Done(paths, {"vectors": len(vectors)})

    inputs = {"plan": plan.key, "part": part} | ({"trees": trees} if library == "annoy" else {})
    name = f"part-{part:05d}"
    how: dict[str, Any] = {"part": name, "sizes_only": sizes_only}
    return run_stage(store, dump_id, "index", inputs=inputs, version=VERSION, work=work, **how)


def neighbours_part(settings: Settings, dump_id: str, part: int) -> StageResult:
    """Find the neighbours of the rows of one part, among those of all parts.

    Returns:
        outputs: neighbours (NEIGHBOURS). counts: vectors.
    """
    store = Store(settings.store)
    plan = _plan(settings, dump_id, sizes_only=True)
    files = [index_part(settings, dump_id, other, sizes_only=True) for other in _parts(plan)]
    annoy = plan.counts["library"] == "annoy"
    searched = {"search": settings.index.search_k} if annoy else settings.index.stored(include={"nprobe"})

    def work() -> Done:
        opened = open_files(store, [result.outputs for result in files], settings)
        first = part * settings.index.part_vectors
        rows = np.arange(first, first + int(str(files[part].counts["vectors"])))
        path = store.dump(dump_id, "index", file_name("neighbours", part))
        _write_neighbours(store, path, opened, rows, settings)
        return Done({"neighbours": path}, {"vectors": len(rows)})

    inputs = {"files": [result.key for result in files], "part": part, "neighbours": settings.index.neighbours}
    name = f"neighbours-{part:05d}"
    return run_stage(store, dump_id, "index", part=name, inputs=inputs | searched, version=VERSION, work=work)


def _write_neighbours(store: Store, path: str, found: NeighbourIndex, rows: Rows, settings: Settings) -> None:
    """Find the neighbours of rows (R,), many at once in threads, and write them in row groups."""

    def asked(some: Rows) -> tuple[Rows, Floats]:
        return found.neighbours_of_rows(some, settings.index.neighbours)

    threads = settings.worker_threads
    with store.writing_table(path, NEIGHBOURS) as writer:
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            answers = map_ahead(asked, np.array_split(some, min(threads, len(some))), threads)
            table = _neighbours(some, *(np.concatenate(side) for side in zip(*answers, strict=True)))
            writer.write_table(table, row_group_size=GROUP_ROWS)


def _neighbours(rows: Rows, others: Rows, cosines: Floats) -> pa.Table:
    """NEIGHBOURS of rows (R,): others (R, K), -1 where there are no more, and their cosines."""
    there = others >= 0
    ends = pa.array(np.append(0, np.cumsum(there.sum(axis=1))), pa.int32())
    columns = {
        "row": rows,
        "neighbours": pa.ListArray.from_arrays(ends, pa.array(others[there], pa.int64())),
        "cosines": pa.ListArray.from_arrays(ends, pa.array(cosines[there], pa.float32())),
        "crowd": local_similarities(cosines),
    }
    return pa.table(columns, schema=NEIGHBOURS)


def _write_array(store: Store, path: str, values: Floats) -> None:
    with store.writing(path) as file:
        np.save(file, values)
