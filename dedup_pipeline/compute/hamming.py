"""The exact radius join of 64-bit hashes.

Multi-index hashing (Norouzi, Punjani and Fleet 2012, "Fast search in Hamming space with multi-index hashing") with the
general pigeonhole principle (Qin et al. 2018, "GPH: Similarity search in Hamming space"): cut the bits into m segments
with flips t1 + … + tm = r - m + 1; were every segment of two hashes apart by more than its flips, the hashes would be
apart by more than r. So each segment is looked up with every pattern of so few flipped bits, and only what meets there
is compared in full. Few long segments take many look-ups and meet few hashes, many short ones the other way round: the
size of the table decides. Both sides are sorted by the segment, so that what is looked up one after the other lies side
by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Rows
from dedup_pipeline.compute.ranges import concatenated_ranges

Hashes = npt.NDArray[np.uint64]
Keys = npt.NDArray[np.uint32]

_HASH_BITS = 64
_SEGMENTS = range(3, 9)  # from 22 bits, of which a table of all keys is 17 MB, to 8
_BLOCK = 1 << 16  # candidate pairs compared at a time: what they take, about 2 MB, stays near the processor
# nanoseconds, measured with 100,000 and 1,000,000 hashes; they choose the segments, not the result
_LOOK_UP, _COMPARE, _KEY = 2.0, 12.0, 4.0


@dataclass(frozen=True)
class Segment:
    """Some neighbouring bits of a hash.

    Attributes:
        shift: the lowest bit.
        bits: how many.
        flips: by how many they may differ.
    """

    shift: int
    bits: int
    flips: int

    def keys(self, hashes: Hashes) -> Keys:
        """These bits of hashes (N,)."""
        return ((hashes >> np.uint64(self.shift)) & np.uint64((1 << self.bits) - 1)).astype(np.uint32)


def radius_join(queries: Hashes, table: Hashes, radius: int) -> tuple[Rows, Rows]:
    """All pairs of a query and a table row that differ in at most ``radius`` bits.

    Beside the result, memory is that of the two sides, sorted, and of a block of pairs.

    Args:
        queries: (Q,) uint64.
        table: (T,) uint64.
        radius: 0 to 15 bits.

    Returns:
        Query rows and table rows (P,) int64 each: every such pair once, sorted.
    """
    found = [
        codes
        for segment in segments(len(queries), len(table), radius)
        for codes in _meeting(queries, table, segment, radius)
    ]
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    codes = np.unique(np.concatenate(found))
    return codes // len(table), codes % len(table)


def segments(queries: int, table: int, radius: int) -> list[Segment]:
    """The segments that are likely to cost least, for so many hashes on the two sides; those that must be looked at."""
    return min((_cut(radius, count) for count in _SEGMENTS), key=lambda cut: _cost(cut, queries, table))


def likely_seconds(queries: int, table: int, radius: int) -> float:
    """What a join of so many hashes is likely to take, as far as its look-ups and comparisons go."""
    return min(_cost(_cut(radius, count), queries, table) for count in _SEGMENTS) * 1e-9


def _cut(radius: int, count: int) -> list[Segment]:
    """So many segments, their flips as even as can be; one that may not even differ by 0 is left out."""
    flips, more = divmod(radius - count + 1, count)
    ends = [_HASH_BITS * place // count for place in range(count + 1)]
    cut = [Segment(ends[i], ends[i + 1] - ends[i], flips + (i < more)) for i in range(count)]
    return [segment for segment in cut if segment.flips >= 0]


def _cost(cut: list[Segment], queries: int, table: int) -> float:
    """Nanoseconds that a join is likely to take, were all keys equally frequent."""
    cost = 0.0
    for segment in cut:
        patterns = sum(comb(segment.bits, flips) for flips in range(segment.flips + 1))
        cost += queries * patterns * (_LOOK_UP + _COMPARE * table / (1 << segment.bits)) + _KEY * (1 << segment.bits)
    return cost


@dataclass(frozen=True)
class _Sorted:
    """Hashes in the order of a segment's keys.

    Attributes:
        rows: (N,) where each was.
        hashes: (N,) sorted by their keys.
        keys: (K,) distinct keys, ascending.
        starts: (K + 1,) where the hashes of each key begin.
    """

    rows: Rows
    hashes: Hashes
    keys: Keys
    starts: Rows

    @classmethod
    def by(cls, hashes: Hashes, segment: Segment) -> _Sorted:
        keys = segment.keys(hashes)
        rows = np.argsort(keys)
        keys = keys[rows]
        first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        return cls(rows, hashes[rows], keys[first], np.append(first, len(keys)))


def _meeting(queries: Hashes, table: Hashes, segment: Segment, radius: int) -> Iterator[Rows]:
    """The pairs of the join that a segment finds, some more than once, as codes query * T + table row."""
    if not len(queries) or not len(table):
        return
    left, right = _Sorted.by(queries, segment), _Sorted.by(table, segment)
    place = np.full(1 << segment.bits, -1, dtype=np.int32)  # of each key among those of the table
    place[right.keys] = np.arange(len(right.keys), dtype=np.int32)
    present = place >= 0
    widths, counts = np.diff(left.starts), np.diff(right.starts)
    for pattern in _patterns(segment.bits, segment.flips):
        probes = left.keys ^ pattern
        met = np.flatnonzero(present[probes])
        there = place[probes[met]]
        # each query of a key with all hashes of the key that it meets
        rows = concatenated_ranges(left.starts[met], widths[met])
        first, count = (np.repeat(values[there], widths[met]) for values in (right.starts, counts))
        for block in _blocks(count):
            some, width = rows[block], count[block]
            others = concatenated_ranges(first[block], width)
            apart = right.hashes[others]
            apart ^= np.repeat(left.hashes[some], width)
            near = np.flatnonzero(np.bitwise_count(apart) <= radius)
            if len(near):
                mine = np.searchsorted(np.cumsum(width), near, side="right")
                yield left.rows[some[mine]] * len(table) + right.rows[others[near]]


@lru_cache
def _patterns(bits: int, flips: int) -> tuple[np.uint32, ...]:
    """Every pattern of so many bits with at most so many ones."""
    return tuple(
        np.uint32(sum(1 << bit for bit in chosen))
        for ones in range(flips + 1)
        for chosen in combinations(range(bits), ones)
    )


def _blocks(counts: Rows) -> Iterator[slice]:
    """Cut rows into runs of about _BLOCK candidates."""
    total = np.cumsum(counts)
    if not len(total):
        return
    ends = np.searchsorted(total, np.arange(_BLOCK, total[-1] + _BLOCK, _BLOCK)) + 1
    start = 0
    for end in np.unique(np.minimum(ends, len(counts))):
        yield slice(start, int(end))
        start = int(end)
