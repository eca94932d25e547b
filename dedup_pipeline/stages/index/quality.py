"""How good an index is, and how near a picture's neighbourhood."""

from __future__ import annotations

import numpy as np

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.config import Settings
from dedup_pipeline.stages.index.neighbour_index import NeighbourIndex
from dedup_pipeline.stages.index.vectors import Vectors

_NEIGHBOURHOOD = slice(5, 15)  # the nearest few may be duplicates; these ranks are the neighbourhood
_BLOCK = 16_384  # vectors compared with the sample at a time
_CLOSE = 1e-6  # as near as the last exact one counts: equal distances have no order


def local_similarity(cosines: Floats) -> float:
    """How near a picture's neighbourhood is: the mean cosine of its 6th to 15th neighbour, or of the last it has.

    Args:
        cosines: (K,) float32, nearest first.
    """
    ranks = cosines[_NEIGHBOURHOOD] if len(cosines) > _NEIGHBOURHOOD.start else cosines[-1:]
    return float(ranks.mean()) if len(ranks) else 0.0


def local_similarities(cosines: Floats) -> Floats:
    """The same for many pictures: (Q, K) float32 with -inf after the last neighbour of each; (Q,) float32."""
    similarities = np.zeros(len(cosines), dtype=np.float32)
    full = np.empty(0, dtype=np.int64)
    if cosines.shape[1] > _NEIGHBOURHOOD.start:
        full = np.flatnonzero(np.isfinite(cosines).all(axis=1))
        similarities[full] = cosines[full][:, _NEIGHBOURHOOD].mean(axis=1)
    for row in np.setdiff1d(np.arange(len(cosines)), full).tolist():
        similarities[row] = local_similarity(cosines[row][np.isfinite(cosines[row])])
    return similarities


def measure_recall(found: NeighbourIndex, vectors: Vectors, settings: Settings) -> tuple[float, int]:
    """Compare the index with exact search on a sample of its own vectors, which are read a block at a time.

    Returns:
        The share of the exact nearest ``index.neighbours`` that the index returns, and the number of queries.
    """
    count = min(settings.index.neighbours, len(vectors) - 1)
    if count < 1:
        return 1.0, 0
    size = min(settings.index.recall_sample, len(vectors))
    rows = np.sort(np.random.default_rng(settings.seed).choice(len(vectors), size, replace=False))
    queries = vectors.take(rows)
    nearest = np.full((size, count), -np.inf, dtype=np.float32)
    first = 0
    for piece in vectors.pieces:
        for start in range(0, len(piece), _BLOCK):
            block = piece[start : start + _BLOCK]
            cosines = queries @ block.T
            own = np.flatnonzero((rows >= first) & (rows < first + len(block)))
            cosines[own, rows[own] - first] = -np.inf
            keep = min(count, len(block))
            some = np.partition(cosines, -keep, axis=1)[:, -keep:]
            nearest = np.partition(np.concatenate([nearest, some], axis=1), -count, axis=1)[:, -count:]
            first += len(block)
    floors = nearest.min(axis=1)
    hits = 0
    for query, floor, others in zip(queries, floors, found.neighbours_of_rows(rows, count)[0], strict=True):
        hits += int((vectors.take(others[others >= 0]) @ query >= floor - _CLOSE).sum())
    return round(hits / (size * count), 6), size
