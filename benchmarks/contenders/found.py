"""What contenders that look for neighbours and near hashes share; needs numpy alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NEIGHBOURS = 30


def queries_of(data: Path, count: int, most: int) -> np.ndarray:
    """At most so many of ``count`` rows: all, or the members of the first true pairs and then any others."""
    if count <= most:
        return np.arange(count)
    pairs = np.load(data / "pairs.npy")[: most // 2].ravel()
    others = np.setdiff1d(np.arange(count), pairs)
    return np.concatenate([pairs, others[: most - len(pairs)]])


def write_neighbours(results: Path, queries: np.ndarray, neighbours: np.ndarray) -> None:
    """Rows (Q,) that were asked for, and the rows (Q, K) that were found for them."""
    np.save(results / "queries.npy", queries)
    np.save(results / "neighbours.npy", neighbours)


def write_pairs(results: Path, queries: np.ndarray, rows: np.ndarray, others: np.ndarray) -> None:
    """Rows (Q,) that were asked for, and the pairs (P,) and (P,) of a query's row and one that is near it."""
    np.save(results / "queries.npy", queries)
    np.save(results / "near.npy", np.stack([rows, others], axis=1).astype(np.int64))
