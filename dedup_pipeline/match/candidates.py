"""Which pairs of nodes are worth a verdict: near in hash, or near in the learned space."""

from __future__ import annotations

import numpy as np

from dedup_pipeline.config import Settings
from dedup_pipeline.evidence import Looks, Rows
from dedup_pipeline.index import NeighbourIndex
from dedup_pipeline.match.hamming import Hashes, radius_join
from dedup_pipeline.match.nodes import Nodes
from dedup_pipeline.stage import result_of
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
    first, second = (side.tolist() for side in _near_hashes(nodes, strangers, settings))
    of_row = _nodes_by_index_row(nodes)
    for stranger, vector in enumerate(strangers.vectors):
        for row in found.neighbours(vector, settings.index.neighbours)[0].tolist():
            second += of_row.get(row, [])
            first += [stranger] * len(of_row.get(row, []))
    codes = np.unique(np.array(first, dtype=np.int64) * len(nodes) + np.array(second, dtype=np.int64))
    kept = [
        (stranger, node)
        for stranger, node in zip((codes // len(nodes)).tolist(), (codes % len(nodes)).tolist(), strict=True)
        if node == sources[stranger] or nodes.families[node].isdisjoint(nodes.families[sources[stranger]])
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


def _nodes_by_index_row(nodes: Nodes) -> dict[int, list[int]]:
    """Row of the index to the matched nodes whose vector it holds."""
    of_row: dict[int, list[int]] = {}
    for node in np.flatnonzero(nodes.matched).tolist():
        of_row.setdefault(int(nodes.index_rows[node]), []).append(node)
    return of_row


def learned_pairs(store: Store, dump_id: str, nodes: Nodes, part: range) -> tuple[Rows, Rows]:
    """The pairs of a node of the part and its nearest neighbours in the index.

    Returns:
        Rows (P,) and (P,) int64 of the nodes.
    """
    table = store.read_table(result_of(store, dump_id, "index").outputs["neighbours"], ["neighbours"])
    neighbours = table["neighbours"].combine_chunks()
    of_row = _nodes_by_index_row(nodes)
    first, second = [], []
    for node in _rows_of(nodes, part).tolist():
        own = int(nodes.index_rows[node])
        for row in (own, *neighbours[own].as_py()):
            for other in of_row.get(row, ()):
                first.append(node)
                second.append(other)
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)


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
