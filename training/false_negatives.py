"""The false-negative guard: photos that are plainly one picture get one label, so that no miner pushes them apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

HASH_BITS = 6
"""Photos count as one when both of their hashes differ by at most so many of 64 bits, upright or mirrored ..."""

COLOUR_DISTANCE = 3.0
"""... and their colour quantiles by at most this on average, in CIE Lab units: a recolour differs by more."""


def components(count: int, pairs: Iterable[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """The connected components of a graph.

    Args:
        count: nodes 0 to count - 1.
        pairs: edges.

    Returns:
        (count,) int64: the smallest node of each node's component.
    """
    ends = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    edges = coo_matrix((np.ones(len(ends), np.int8), ends.T), shape=(count, count))
    _, labels = connected_components(edges, directed=False)
    _, smallest = np.unique(labels, return_index=True)
    return np.asarray(smallest.astype(np.int64)[labels])


def labels_of(fingerprints: pa.Table) -> npt.NDArray[np.int64]:
    """Give photos that are one picture one label.

    Args:
        fingerprints: N rows of schemas.FINGERPRINTS.

    Returns:
        (N,) int64: the smallest row of each row's label.
    """
    return components(fingerprints.num_rows, _near_pairs(fingerprints))


def _near_pairs(table: pa.Table) -> Iterable[tuple[int, int]]:
    """Pairs of equal pixels, or near in pHash and dHash and colour; compares all with all, a row at a time."""
    plain = {name: table[name].to_numpy().astype(np.uint64) for name in ("phash", "dhash")}
    mirrored = {name: table[f"{name}_mirrored"].to_numpy().astype(np.uint64) for name in ("phash", "dhash")}
    colours = np.asarray(table["colour"].to_pylist(), dtype=np.float32).reshape(table.num_rows, -1)[:, :-1]
    _, pixels = np.unique(np.asarray(table["pixel_id"].to_pylist(), dtype=object).astype(str), return_inverse=True)
    for row in range(table.num_rows - 1):
        rest = slice(row + 1, None)
        near = _both_near(plain, plain, row, rest) | _both_near(plain, mirrored, row, rest)
        near &= np.abs(colours[rest] - colours[row]).mean(axis=1) <= COLOUR_DISTANCE
        near |= pixels[rest] == pixels[row]
        yield from ((row, row + 1 + int(other)) for other in np.flatnonzero(near))


def _both_near(
    left: dict[str, npt.NDArray[np.uint64]], right: dict[str, npt.NDArray[np.uint64]], row: int, rest: slice
) -> npt.NDArray[np.bool_]:
    distances = [np.bitwise_count(right[name][rest] ^ left[name][row]) for name in ("phash", "dhash")]
    return np.asarray(np.maximum(*distances) <= HASH_BITS)
