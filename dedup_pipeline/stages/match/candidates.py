"""Which pairs of nodes are worth a verdict: near in hash, or near in the learned space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Flags, Rows
from dedup_pipeline.compute.hamming import radius_join
from dedup_pipeline.compute.ranges import concatenated_ranges
from dedup_pipeline.config import Settings
from dedup_pipeline.stages.index import NeighbourIndex
from dedup_pipeline.stages.match.nodes import Nodes
from dedup_pipeline.verdict.evidence import ImageFeatures

_HASHES = ("phash", "dhash")
_BLOCK = 100_000  # pairs whose neighbours are looked through at a time


def perceptual_pairs(nodes: Nodes, mine: Rows, settings: Settings) -> tuple[Rows, Rows]:
    """The pairs of one of some matched nodes (M,) and any node whose hashes are near, upright or mirrored.

    A pair is near when its pHash or its dHash differs in at most ``match.hash_radius`` bits. Hashes that more than
    ``match.crowded_hash`` nodes share take no part.

    Returns:
        Rows (P,) and (P,) int64 of the nodes.
    """
    first, second = _near_hashes(nodes, nodes.features.take(mine), settings)
    return mine[first], second


def other_family_pairs(
    nodes: Nodes, queries: ImageFeatures, sources: Rows, found: NeighbourIndex, settings: Settings
) -> tuple[Rows, Rows]:
    """The candidates of pictures that are not in the dump, found as those of the dump's own are.

    Args:
        nodes: the dump's nodes.
        queries: the pictures.
        sources: (S,) int64, the node that each was made of; others of its families are left out.
        found: the dump's index.
        settings: the settings.

    Returns:
        Rows (P,) int64 of the strangers and of the nodes, each pair once.
    """
    first, second = ([side] for side in _near_hashes(nodes, queries, settings))
    holders = _Holders.of(nodes)
    for query, vector in enumerate(queries.vectors):
        near = holders.of_rows(found.neighbours(vector, settings.index.neighbours)[0])[1]
        first.append(np.full(len(near), query))
        second.append(near)
    codes = np.unique(np.concatenate(first) * len(nodes) + np.concatenate(second))
    same_family = [nodes.families.of(source) for source in sources.tolist()]
    kept = [
        (query, node)
        for query, node in zip((codes // len(nodes)).tolist(), (codes % len(nodes)).tolist(), strict=True)
        if node == sources[query] or nodes.families.of(node).isdisjoint(same_family[query])
    ]
    pairs = np.array(kept, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _near_hashes(nodes: Nodes, queries: ImageFeatures, settings: Settings) -> tuple[Rows, Rows]:
    """Rows of the queries and of the nodes whose hashes are near."""
    first, second = [], []
    for name in _HASHES:
        hashes, asked = getattr(nodes.features, name), getattr(queries, name)
        table = np.flatnonzero(nodes.uncrowded(name, settings.match.crowded_hash))
        left, right = radius_join(asked.T.reshape(-1), hashes[table, 0], settings.match.hash_radius)
        first.append(left % max(1, len(queries)))  # upright, then mirrored
        second.append(table[right])
    return np.concatenate(first), np.concatenate(second)


@dataclass(frozen=True)
class _Holders:
    """Which matched nodes have the vector of a row of the index.

    Attributes:
        rows: (M,) int64, the row of each matched node, ascending.
        nodes: (M,) int64, the nodes in this order.
    """

    rows: Rows
    nodes: Rows

    @classmethod
    def of(cls, nodes: Nodes) -> _Holders:
        matched = np.flatnonzero(nodes.matched)
        rows = nodes.index_rows[matched]
        order = np.argsort(rows, kind="stable")
        return cls(rows[order], matched[order])

    def of_rows(self, rows: Rows) -> tuple[Rows, Rows]:
        """Places (P,) among the rows (R,) and the nodes (P,) there."""
        first, last = (np.searchsorted(self.rows, rows, side=side) for side in ("left", "right"))
        return np.repeat(np.arange(len(rows)), last - first), self.nodes[concatenated_ranges(first, last - first)]


def learned_pairs(nodes: Nodes, mine: Rows) -> tuple[Rows, Rows]:
    """The pairs of one of some matched nodes (M,) and its nearest in the index, and those with its very vector.

    Returns:
        Rows (P,) and (P,) int64 of the nodes.
    """
    own = nodes.index_rows[mine]
    holders = _Holders.of(nodes)
    places, others = holders.of_rows(own)
    first, second = [mine[places]], [others]
    near = np.asarray(nodes.nearest[own])
    there = near >= 0
    of_near, others = holders.of_rows(near[there].astype(np.int64))
    first.append(mine[np.nonzero(there)[0][of_near]])
    second.append(others)
    return np.concatenate(first), np.concatenate(second)


def found_by(nodes: Nodes, first: Rows, second: Rows, settings: Settings) -> tuple[Flags, Flags]:
    """Whether the part of the first node of each pair (P,) finds the second: by its hashes (P,), in the index (P,).

    It says of single pairs what ``perceptual_pairs`` and ``learned_pairs`` find.
    """
    near = np.zeros(len(first), dtype=bool)
    for name in _HASHES:
        hashes = getattr(nodes.features, name)
        bits = np.bitwise_count(hashes[first] ^ hashes[second][:, :1]).min(axis=1)
        near |= (bits <= settings.match.hash_radius) & nodes.uncrowded(name, settings.match.crowded_hash)[second]
    rows, others = nodes.index_rows[first], nodes.index_rows[second]
    learned = np.asarray(rows == others)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        learned[block] |= (nodes.nearest[rows[block]] == others[block, None]).any(axis=1)
    return near, learned


def directed(nodes: Nodes, first: Rows, second: Rows) -> Rows:
    """The pairs (P,) that can be news, each once, as codes first * N + second, sorted.

    Pairs of a node with itself and pairs within one family are left out.
    """
    codes = np.unique(first[first != second] * len(nodes) + second[first != second])
    return codes[nodes.of_other_families(codes // len(nodes), codes % len(nodes))]


def unordered(nodes: Nodes, codes: Rows) -> tuple[Rows, Rows, Rows]:
    """Each pair of some directed pairs once.

    Returns:
        The lower rows (P,), the higher rows (P,), sorted, and the number of directions (P,), 1 or 2, that were given.
    """
    first, second = codes // len(nodes), codes % len(nodes)
    low, high = np.minimum(first, second), np.maximum(first, second)
    pairs, directions = np.unique(low * len(nodes) + high, return_counts=True)
    return pairs // len(nodes), pairs % len(nodes), directions


@dataclass(frozen=True)
class Candidates:
    """The pairs of nodes that a part gives a verdict.

    Attributes:
        low: (P,) int64 lower rows.
        high: (P,) int64 higher rows; sorted by both.
        directions: (P,) how often each pair is found, 1 or 2: from either end.
        near: (P,) bool, whether by hashes; else in the index.
    """

    low: Rows
    high: Rows
    directions: Rows
    near: Flags


def candidates_of(nodes: Nodes, mine: Rows, settings: Settings) -> Candidates:
    """The pairs that a part gives a verdict whose nodes (M,) these are.

    A pair that two parts find belongs to one of them, or it would be aligned twice: to that of its lower
    or of its higher node, as the names of both have it, so that each has its half, and the same in the next dump.
    """
    mine = mine[nodes.matched[mine]]
    perceptual = directed(nodes, *perceptual_pairs(nodes, mine, settings))
    learned = directed(nodes, *learned_pairs(nodes, mine))
    low, high, directions = unordered(nodes, np.union1d(perceptual, learned))
    near = np.isin(low * len(nodes) + high, _unordered_codes(nodes, perceptual))
    low_is_mine, high_is_mine = np.isin(low, mine), np.isin(high, mine)
    apart = np.flatnonzero(low_is_mine != high_is_mine)
    here = np.where(low_is_mine, low, high)[apart]
    there = np.where(low_is_mine, high, low)[apart]
    back_near, back_learned = found_by(nodes, there, here, settings)
    back = back_near | back_learned
    near[apart] |= back_near
    directions[apart[back]] = 2
    to_lower = _last_bits(nodes, here) == _last_bits(nodes, there)
    kept = np.ones(len(low), dtype=bool)
    kept[apart[back & ((here < there) != to_lower)]] = False
    return Candidates(low[kept], high[kept], directions[kept], near[kept])


def _last_bits(nodes: Nodes, rows: Rows) -> npt.NDArray[np.uint8]:
    """(R,) the last bit of the name of each node."""
    names = nodes.names.data[rows]
    return np.asarray(names.view(np.uint8)[names.itemsize - 1 :: names.itemsize] & 1)


def _unordered_codes(nodes: Nodes, codes: Rows) -> Rows:
    """Directed pairs (P,) as codes lower * N + higher, sorted, each once."""
    low, high, _ = unordered(nodes, codes)
    return low * len(nodes) + high
