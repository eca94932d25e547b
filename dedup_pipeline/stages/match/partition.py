"""Which nodes a part has: near ones, so that a part looks at few pictures that are also another's.

Candidates are near each other, so parts of near nodes keep most of their pairs to themselves. The nodes are put in an
order in which near ones stand together, and cut into parts of equal size. What is found does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from sklearn.cluster import BisectingKMeans
from threadpoolctl import threadpool_limits

from dedup_pipeline.compute.dtypes import Codes, Rows
from dedup_pipeline.config import Settings
from dedup_pipeline.stages.match.nodes import Nodes

_CELL = 100  # vectors in a cell, about: several cells to a part
_MOST_CELLS = 8_192
_SAMPLE = 20  # vectors that a cell is learnt from
_ROUNDS, _VOTERS = 2, 5  # in which nearest vectors vote on the cell of each, and how many of them
_BLOCK = 100_000  # vectors or nodes at a time


def places_by_cells(nodes: Nodes, settings: Settings) -> Codes:
    """The places (N,) int32 of the nodes in an order by cells, near cells beside each other.

    The cells are the leaves of a tree of halves (bisecting k-means: Steinbach, Karypis and Kumar 2000, "A comparison of
    document clustering techniques"), in the order of the tree. Then each vector goes where most of its nearest are
    (label propagation: Raghavan, Albert and Kumara 2007, "Near linear time algorithm to detect community structures in
    large-scale networks"), for the walls of cells run through crowds. Nodes of a cell stand in the order of their rows.
    """
    vectors = nodes.features.stored
    cells = np.zeros(len(vectors), dtype=np.int32)
    count = min(_MOST_CELLS, len(vectors) // _CELL)
    if count > 1:
        size = min(len(vectors), count * _SAMPLE)
        sample = np.sort(np.random.default_rng(settings.seed).choice(len(vectors), size, replace=False))
        tree = BisectingKMeans(count, random_state=settings.seed, bisecting_strategy="largest_cluster")
        with threadpool_limits(limits=settings.worker_threads):
            tree.fit(vectors.take(sample))
            for rows in _blocks(len(vectors)):
                cells[rows] = tree.predict(vectors.take(rows))
        for _ in range(_ROUNDS):
            cells = _voted(cells, nodes.nearest)
    return _places(cells[nodes.index_rows])


def _voted(cells: Codes, nearest: Codes) -> Codes:
    """The cell (V,) that most of each row and its nearest are in; its own where none has more."""
    found = cells.copy()
    for rows in _blocks(len(cells)):
        near = np.asarray(nearest[rows, :_VOTERS])
        votes = np.column_stack([cells[rows], np.where(near >= 0, cells[near], -1)])
        counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2) * (votes >= 0)
        found[rows] = votes[np.arange(len(rows)), counts.argmax(axis=1)]
    return found


def _blocks(count: int) -> Iterator[Rows]:
    """The numbers below a count, some at a time."""
    for start in range(0, count, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, count))


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
    for some in _blocks(len(new)):
        rows = new[some]
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


def _places(keys: Codes) -> Codes:
    """The place of each of some keys (N,) in their order; of equal ones, in that of their rows."""
    places = np.empty(len(keys), dtype=np.int32)
    places[np.argsort(keys, kind="stable")] = np.arange(len(keys))
    return places
