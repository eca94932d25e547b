"""Which pairs of nodes are worth a verdict: near in hash, or near in the learned space."""

from __future__ import annotations

import numpy as np

from dedup_pipeline.config import Settings
from dedup_pipeline.evidence import Rows
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
    everyone = np.flatnonzero(nodes.matched)
    first, second = [], []
    for hashes in (nodes.looks.phash, nodes.looks.dhash):
        table = everyone[_uncrowded(hashes[everyone, 0], settings.match.crowded_hash)]
        for side in (0, 1):
            left, right = radius_join(hashes[mine, side], hashes[table, 0], settings.match.hash_radius)
            first.append(mine[left])
            second.append(table[right])
    return np.concatenate(first), np.concatenate(second)


def learned_pairs(store: Store, dump_id: str, nodes: Nodes, part: range) -> tuple[Rows, Rows]:
    """The pairs of a node of the part and its nearest neighbours in the index.

    Returns:
        Rows (P,) and (P,) int64 of the nodes.
    """
    table = store.read_table(result_of(store, dump_id, "index").outputs["neighbours"], ["neighbours"])
    neighbours = table["neighbours"].combine_chunks()
    node_rows: dict[int, list[int]] = {}
    for node in np.flatnonzero(nodes.matched).tolist():
        node_rows.setdefault(int(nodes.index_rows[node]), []).append(node)
    first, second = [], []
    for node in _rows_of(nodes, part).tolist():
        own = int(nodes.index_rows[node])
        for row in (own, *neighbours[own].as_py()):
            for other in node_rows.get(row, ()):
                first.append(node)
                second.append(other)
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)


def unordered(nodes: Nodes, first: Rows, second: Rows) -> tuple[Rows, Rows]:
    """Each pair once, the smaller row first, sorted; pairs of one node or within one family are left out."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    codes = np.unique(low[low != high] * len(nodes) + high[low != high])
    low, high = codes // len(nodes), codes % len(nodes)
    news = nodes.strangers(low, high)
    return low[news], high[news]


def _rows_of(nodes: Nodes, part: range) -> Rows:
    rows = np.arange(part.start, min(part.stop, len(nodes)), dtype=np.int64)
    return rows[nodes.matched[rows]]


def _uncrowded(hashes: Hashes, most: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] <= most)
