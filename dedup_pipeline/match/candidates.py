"""Which pairs of nodes are worth a verdict: near in hash, or near in the learned space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dedup_pipeline.config import Settings
from dedup_pipeline.evidence import Looks, Rows
from dedup_pipeline.hamming import Hashes, radius_join
from dedup_pipeline.index import NeighbourIndex, read_neighbours
from dedup_pipeline.match.nodes import Nodes
from dedup_pipeline.runs import runs
from dedup_pipeline.store import Store


def perceptual_pairs(nodes: Nodes, part: range, settings: Settings) -> tuple[Rows, Rows]:
    """The pairs of a node of the part and any node whose hashes are near, upright or mirrored.

    A pair is near when its pHash or its dHash differs in at most ``match.hash_radius`` bits. Hashes that more than
    ``match.crowded_hash`` nodes share take no part.

    Returns:
        Rows (P,) and (P,) int64 of the nodes.
    """
    mine = _rows_of(nodes, part)
    first, second = _near_hashes(nodes, nodes.looks.take(mine), settings)
    return mine[first], second


def stranger_pairs(
    nodes: Nodes, strangers: Looks, sources: Rows, found: NeighbourIndex, settings: Settings
) -> tuple[Rows, Rows]:
    """The candidates of pictures that are not in the dump, found as those of the dump's own are.

    Args:
        nodes: the dump's nodes.
        strangers: the pictures.
        sources: (S,) int64, the node that each was made of; others of its families are left out.
        found: the dump's index.
        settings: the settings.

    Returns:
        Rows (P,) int64 of the strangers and of the nodes, each pair once.
    """
    first, second = ([side] for side in _near_hashes(nodes, strangers, settings))
    holders = _Holders.of(nodes)
    for stranger, vector in enumerate(strangers.vectors):
        near = holders.of_rows(found.neighbours(vector, settings.index.neighbours)[0])[1]
        first.append(np.full(len(near), stranger))
        second.append(near)
    codes = np.unique(np.concatenate(first) * len(nodes) + np.concatenate(second))
    kin = [nodes.families.of(source) for source in sources.tolist()]
    kept = [
        (stranger, node)
        for stranger, node in zip((codes // len(nodes)).tolist(), (codes % len(nodes)).tolist(), strict=True)
        if node == sources[stranger] or nodes.families.of(node).isdisjoint(kin[stranger])
    ]
    pairs = np.array(kept, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _near_hashes(nodes: Nodes, queries: Looks, settings: Settings) -> tuple[Rows, Rows]:
    """Rows of the queries and of the nodes whose hashes are near."""
    everyone = np.flatnonzero(nodes.matched)
    first, second = [], []
    for name in ("phash", "dhash"):
        hashes, asked = getattr(nodes.looks, name), getattr(queries, name)
        table = everyone[_uncrowded(hashes[everyone, 0], settings.match.crowded_hash)]
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
        return np.repeat(np.arange(len(rows)), last - first), self.nodes[runs(first, last - first)]


def learned_pairs(store: Store, dump_id: str, nodes: Nodes, part: range) -> tuple[Rows, Rows]:
    """The pairs of a node of the part and its nearest neighbours in the index, and those with its very vector.

    Returns:
        Rows (P,) and (P,) int64 of the nodes.
    """
    mine = _rows_of(nodes, part)
    own = nodes.index_rows[mine]
    holders = _Holders.of(nodes)
    places, others = holders.of_rows(own)
    first, second = [mine[places]], [others]
    for rows, table in read_neighbours(store, dump_id, ["neighbours"], own):
        here = np.flatnonzero((own >= rows[0]) & (own <= rows[-1]))
        lists = table["neighbours"].combine_chunks()
        starts = lists.offsets.to_numpy()
        at = own[here] - rows[0]
        widths = starts[at + 1] - starts[at]
        near = lists.values.to_numpy()[runs(starts[at], widths)]
        places, others = holders.of_rows(near)
        first.append(mine[np.repeat(here, widths)[places]])
        second.append(others)
    return np.concatenate(first), np.concatenate(second)


def directed(nodes: Nodes, first: Rows, second: Rows) -> Rows:
    """The pairs (P,) that can be news, each once, as codes first * N + second, sorted.

    Pairs of a node with itself and pairs within one family are left out.
    """
    codes = np.unique(first[first != second] * len(nodes) + second[first != second])
    return codes[nodes.strangers(codes // len(nodes), codes % len(nodes))]


def unordered(nodes: Nodes, codes: Rows) -> tuple[Rows, Rows, Rows]:
    """Each pair of some directed pairs once.

    Returns:
        The lower rows (P,), the higher rows (P,), sorted, and the number of directions (P,), 1 or 2, that were given.
    """
    first, second = codes // len(nodes), codes % len(nodes)
    low, high = np.minimum(first, second), np.maximum(first, second)
    pairs, directions = np.unique(low * len(nodes) + high, return_counts=True)
    return pairs // len(nodes), pairs % len(nodes), directions


def _rows_of(nodes: Nodes, part: range) -> Rows:
    rows = np.arange(part.start, min(part.stop, len(nodes)), dtype=np.int64)
    return rows[nodes.matched[rows]]


def _uncrowded(hashes: Hashes, most: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] <= most)
