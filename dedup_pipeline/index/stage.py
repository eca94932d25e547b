"""The stage ``index``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.evidence import Floats, Rows
from dedup_pipeline.index.annoy_index import METRIC, NeighbourIndex, Sidecar, build_file
from dedup_pipeline.packs import images_of, pack_ids, read_packed
from dedup_pipeline.parallel import map_ahead
from dedup_pipeline.schemas import INDEX_ROWS, NEIGHBOURS, conform
from dedup_pipeline.stage import Done, Progress, StageResult, no_progress, result_of, run_stage
from dedup_pipeline.store import Store, digest

VERSION = 1
_BLOCK = 256  # queries of one matrix product of the exact search
_BATCH = 10_000  # rows of neighbours held at a time
_CROWD = slice(5, 15)  # the nearest few may be duplicates; these ranks are the neighbourhood


def index(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Build the index over a dump's distinct vectors and measure what it finds.

    Pictures with equal vectors share a row: thousands of equal vectors ruin Annoy's recall.

    Returns:
        outputs: vectors (the Annoy file), sidecar, rows (INDEX_ROWS), neighbours (NEIGHBOURS). counts: images, vectors,
        recall (share of the exact nearest ``index.neighbours`` that the index finds, on a sample), recall_sample.

    Raises:
        NotReadyError: the dump is not embedded yet.
        ModelError: there is no vector to index.
    """
    store = Store(settings.store)
    embedded = result_of(store, dump_id, "embed")
    model_id = str(embedded.counts["model_id"])
    options = {"trees": settings.index.trees, "seed": settings.seed, "sample": settings.index.recall_sample}
    options |= {"search": settings.index.search_nodes, "neighbours": settings.index.neighbours}

    def work() -> Done:
        progress(0, 3)
        image_ids, vectors = read_embeddings(store, dump_id, model_id)
        distinct, row_of = distinct_rows(vectors)
        paths = {name: store.dump(dump_id, "index", file) for name, file in _FILES.items()}
        kept = vectors[distinct]
        store.write_table(paths["rows"], conform({"image_id": image_ids, "row": row_of}, INDEX_ROWS))
        with tempfile.TemporaryDirectory(prefix="dedup-index-") as folder:
            file = Path(folder) / "vectors.ann"
            build_file(kept, file, trees=settings.index.trees, seed=settings.seed)
            sidecar = _describe(file, kept, model_id, [image_ids[row] for row in distinct], settings)
            progress(1, 3)
            found = NeighbourIndex(file, sidecar, settings.index.search_nodes)
            recall, sample = measure_recall(found, kept, settings)
            progress(2, 3)
            _write_neighbours(store, paths["neighbours"], found, settings)
            with file.open("rb") as source, store.writing(paths["vectors"]) as target:
                shutil.copyfileobj(source, target)
        store.write_json(paths["sidecar"], sidecar.to_dict())
        progress(3, 3)
        counts = {"images": len(image_ids), "vectors": len(kept), "recall": recall, "recall_sample": sample}
        return Done(paths, dict(counts))

    inputs = {"embed": embedded.key, "model": model_id, **options}
    return run_stage(store, dump_id, "index", inputs=inputs, version=VERSION, work=work)


_FILES = {"vectors": "vectors.ann", "sidecar": "index.json", "rows": "rows.parquet", "neighbours": "neighbours.parquet"}


def open_index(settings: Settings, dump_id: str) -> tuple[NeighbourIndex, pa.Table]:
    """The index of a dump and its rows (INDEX_ROWS, sorted by image id).

    Raises:
        NotReadyError: it is not built yet.
        ModelError: the files do not belong together.
    """
    store = Store(settings.store)
    outputs = result_of(store, dump_id, "index").outputs
    sidecar = Sidecar(**store.read_json(outputs["sidecar"]))
    file = store.local_path(outputs["vectors"], Path(tempfile.gettempdir()) / "dedup-index")
    return NeighbourIndex(file, sidecar, settings.index.search_nodes), store.read_table(outputs["rows"])


def read_embeddings(store: Store, dump_id: str, model_id: str) -> tuple[list[str], Floats]:
    """The embeddings of a dump's distinct images.

    Returns:
        Image ids, sorted, and their vectors (N, D) float32.

    Raises:
        NotReadyError: there are none.
    """
    table = read_packed(store, images_of(store, dump_id), pack_ids(store, dump_id), f"embeddings-{model_id}.parquet")
    if table is None or not len(table):
        raise NotReadyError(f"dump {dump_id} has no picture to index: see its fetch statuses in {store.root}")
    vectors = table["vector"].combine_chunks()
    flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return table["image_id"].to_pylist(), flat.reshape(len(table), -1)


def distinct_rows(vectors: Floats) -> tuple[Rows, Rows]:
    """Collapse equal vectors (N, D).

    Returns:
        The first place (M,) of each distinct vector in order of appearance, and for every vector (N,) its number among
        the distinct ones.
    """
    as_bytes = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.dtype.itemsize * vectors.shape[1])))
    _, first, inverse = np.unique(as_bytes.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[inverse].astype(np.int64)


def _describe(file: Path, vectors: Floats, model_id: str, image_ids: list[str], settings: Settings) -> Sidecar:
    return Sidecar(
        items=len(vectors),
        dimension=vectors.shape[1],
        metric=METRIC,
        trees=settings.index.trees,
        seed=settings.seed,
        model_id=model_id,
        ids_digest=digest(image_ids),
        size=file.stat().st_size,
    )


def _write_neighbours(store: Store, path: str, found: NeighbourIndex, settings: Settings) -> None:
    """Find every row's neighbours, in threads, and write them in batches."""
    count = settings.index.neighbours

    def row_of(row: int) -> dict[str, object]:
        rows, cosines = found.neighbours_of_row(row, count)
        return {"row": row, "neighbours": rows, "cosines": cosines, "crowd": crowd_of(cosines)}

    with store.writing_table(path, NEIGHBOURS) as writer:
        for start in range(0, len(found), _BATCH):
            batch = range(start, min(start + _BATCH, len(found)))
            writer.write_table(conform(list(map_ahead(row_of, batch, settings.worker_threads)), NEIGHBOURS))


def crowd_of(cosines: Floats) -> float:
    """How near a picture's neighbourhood is: the mean cosine of its 6th to 15th neighbour, or of the last it has.

    Args:
        cosines: (K,) float32, nearest first.
    """
    ranks = cosines[_CROWD] if len(cosines) > _CROWD.start else cosines[-1:]
    return float(ranks.mean()) if len(ranks) else 0.0


def measure_recall(found: NeighbourIndex, vectors: Floats, settings: Settings) -> tuple[float, int]:
    """Compare the index with exact search on a sample of its own vectors (N, D).

    Returns:
        The share of the exact nearest ``index.neighbours`` that the index returns, and the number of queries.
    """
    count = min(settings.index.neighbours, len(vectors) - 1)
    if count < 1:
        return 1.0, 0
    size = min(settings.index.recall_sample, len(vectors))
    queries = np.sort(np.random.default_rng(settings.seed).choice(len(vectors), size, replace=False))
    hits = 0
    for start in range(0, size, _BLOCK):
        block = queries[start : start + _BLOCK]
        cosines = vectors[block] @ vectors.T
        cosines[np.arange(len(block)), block] = -np.inf
        least = np.partition(cosines, -count, axis=1)[:, -count]
        for query, row_cosines, floor in zip(block, cosines, least, strict=True):
            rows, _ = found.neighbours_of_row(int(query), count)
            # as near as the last exact one counts: equal distances have no order
            hits += int((row_cosines[rows] >= floor - 1e-6).sum())
    return round(hits / (size * count), 6), size
