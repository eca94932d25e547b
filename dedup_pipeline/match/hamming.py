"""The exact radius join of 64-bit hashes.

Multi-index hashing (Norouzi, Punjani and Fleet 2012, "Fast search in Hamming space with multi-index hashing"): two
hashes within radius r agree to within r // 4 bits in at least one of four 16-bit quarters. So each quarter is looked
up with every pattern of so few flipped bits, and only what meets there is compared in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from dedup_pipeline.evidence import Rows

Hashes = npt.NDArray[np.uint64]

_QUARTERS = 4
_BITS = 16
_BLOCK = 200_000  # candidate pairs compared at a time, by which memory is bounded


def radius_join(queries: Hashes, table: Hashes, radius: int) -> tuple[Rows, Rows]:
    """All pairs of a query and a table row that differ in at most ``radius`` bits.

    Args:
        queries: (Q,) uint64.
        table: (T,) uint64.
        radius: 0 to 15 bits.

    Returns:
        Query rows and table rows (P,) int64 each: every such pair once, sorted.
    """
    found = list(_found(queries, table, radius))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    codes = np.unique(np.concatenate(found))
    return codes // len(table), codes % len(table)


def _found(queries: Hashes, table: Hashes, radius: int) -> Iterator[Rows]:
    for quarter in range(_QUARTERS):
        shift = np.uint64(quarter * _BITS)
        keys = ((queries >> shift) & np.uint64(0xFFFF)).astype(np.int64)
        table_keys = ((table >> shift) & np.uint64(0xFFFF)).astype(np.int64)
        order = np.argsort(table_keys, kind="stable")
        starts = np.searchsorted(table_keys[order], np.arange((1 << _BITS) + 1))
        for pattern in _patterns(radius // _QUARTERS):
            probes = keys ^ pattern
            first, count = starts[probes], starts[probes + 1] - starts[probes]
            for block in _blocks(count):
                rows, places = _expand(first[block], count[block])
                left, right = rows + block.start, order[places]
                near = np.bitwise_count(queries[left] ^ table[right]) <= radius
                yield left[near] * len(table) + right[near]


def _patterns(flips: int) -> list[int]:
    """Every pattern of 16 bits with at most so many ones."""
    return [sum(1 << bit for bit in bits) for ones in range(flips + 1) for bits in combinations(range(_BITS), ones)]


def _blocks(counts: Rows) -> Iterator[slice]:
    """Cut rows into runs of about _BLOCK candidates."""
    total = np.cumsum(counts)
    if not len(total) or not total[-1]:
        return
    ends = np.searchsorted(total, np.arange(_BLOCK, total[-1] + _BLOCK, _BLOCK)) + 1
    start = 0
    for end in np.unique(np.minimum(ends, len(counts))):
        if end > start:
            yield slice(start, int(end))
        start = int(end)


def _expand(first: Rows, count: Rows) -> tuple[Rows, Rows]:
    """For each row, the places first, first + 1, … of its run."""
    rows = np.repeat(np.arange(len(count)), count)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows.astype(np.int64), (first[rows] + offsets).astype(np.int64)
