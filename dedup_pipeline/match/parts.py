"""Which nodes a part has: near ones, so that a part looks at few pictures that are also another's.

Candidates are near each other, so parts of near nodes keep most of their pairs to themselves. The nodes are put in an
order in which near ones stand together, and cut into parts of equal size. What is found does not depend on it.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from sklearn.cluster import BisectingKMeans
from threadpoolctl import threadpool_limits

from dedup_pipeline.config import Settings
from dedup_pipeline.evidence import Rows
from dedup_pipeline.match.node_table import Codes
from dedup_pipeline.match.nodes import Nodes

_CELL = 300  # nodes in a cell, about: several cells to a part
_MOST_CELLS = 16_384
_SAMPLE = 40  # vectors that a cell is learnt from
_BLOCK = 100_000  # nodes that are given their cells at a time


def places_by_cells(nodes: Nodes, settings: Settings) -> Codes:
    """The places (N,) int32 of the nodes in an order by cells, near cells beside each other.

    The cells are the leaves of a tree of halves (bisecting k-means: Steinbach, Karypis and Kumar 2000, "A comparison of
    document clustering techniques"), in the order of the tree; the nodes of a cell are in the order of their rows.
    """
    count = max(1, min(_MOST_CELLS, len(nodes) // _CELL))
    cells = np.zeros(len(nodes), dtype=np.int32)
    if count > 1:
        size = min(len(nodes), count * _SAMPLE)
        sample = np.sort(np.random.default_rng(settings.seed).choice(len(nodes), size, replace=False))
        tree = BisectingKMeans(count, random_state=settings.seed, bisecting_strategy="largest_cluster")
        with threadpool_limits(limits=settings.worker_threads):
            tree.fit(_vectors(nodes, sample))
            for start in range(0, len(nodes), _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, len(nodes)))
                cells[rows] = tree.predict(_vectors(nodes, rows))
    return _places(cells)


def places_taken_over(nodes: Nodes, known: Codes) -> Codes:
    """The places (N,) int32 of the nodes in the order of another dump, so that parts are much the same in both.

    Args:
        nodes: the nodes.
        known: (N,) int32, the place of each in the other dump; -1 where it is new, which then stands beside its nearest
            neighbour that is not.
    """
    of_rows = np.full(len(nodes.nearest), -1, dtype=np.int32)
    old, new = np.flatnonzero(known >= 0), np.flatnonzero(known < 0)
    of_rows[nodes.index_rows[old]] = known[old]
    places = known.copy()
    for start in range(0, len(new), _BLOCK):
        rows = new[start : start + _BLOCK]
        near = np.asarray(nodes.nearest[nodes.index_rows[rows]])
        of_near = np.where(near >= 0, of_rows[near], -1)
        places[rows] = of_near[np.arange(len(rows)), np.argmax(of_near >= 0, axis=1)]
    return _places(places)


def rows_of(places: Codes, part: int, size: int) -> Rows:
    """The rows (R,) of the nodes of a part, ascending, where parts have so many nodes."""
    return np.flatnonzero(places // size == part)


def digest_of(places: Codes) -> str:
    """A digest of all places."""
    return blake2b(np.ascontiguousarray(places).data, digest_size=16).hexdigest()


def _vectors(nodes: Nodes, rows: Rows) -> np.ndarray:
    return nodes.looks.stored.take(nodes.looks.index_rows[rows])


def _places(keys: Codes) -> Codes:
    """The place of each of some keys (N,) in their order; of equal ones, in that of their rows."""
    places = np.empty(len(keys), dtype=np.int32)
    places[np.argsort(keys, kind="stable")] = np.arange(len(keys))
    return places
