"""Families: listings connected by the ids that they name, in either direction and over any number of steps."""

from __future__ import annotations

import numpy as np

from dedup_pipeline.stages.ingest.id_table import IdNumbers


class UnionFind:
    """Connects numbered ids; a union-find that works on many links at once.

    An id that is in no row connects those that name it: they are variants of one product, whether or not this dump
    offers it. Pairs inside a family are known and never reported, so a link too many costs a duplicate and a link too
    few reports a known variant.
    """

    def __init__(self) -> None:
        self._parents: IdNumbers = np.arange(1 << 16, dtype=np.int32)

    def link(self, one: IdNumbers, other: IdNumbers) -> None:
        """Connect ids pair by pair: (links,) and (links,) numbers."""
        if not len(one):
            return
        self._grow(int(max(one.max(), other.max())) + 1)
        while True:
            one, other = self._roots(one), self._roots(other)
            apart = one != other
            if not apart.any():
                return
            one, other = one[apart], other[apart]
            np.minimum.at(self._parents, np.maximum(one, other), np.minimum(one, other))

    def labels(self, count: int) -> IdNumbers:
        """(count,) the family of each id: equal numbers for connected ids."""
        self._grow(count)
        parents = self._parents[:count]
        while True:
            further = parents[parents]
            if np.array_equal(further, parents):
                return parents
            parents = further

    def _roots(self, ids: IdNumbers) -> IdNumbers:
        roots = ids
        while True:
            further = self._parents[roots]
            if np.array_equal(further, roots):
                break
            roots = further
        self._parents[ids] = roots  # short ways for those who ask next
        return roots

    def _grow(self, count: int) -> None:
        if count > len(self._parents):
            larger = np.arange(max(count, len(self._parents) * 3 // 2), dtype=np.int32)
            larger[: len(self._parents)] = self._parents
            self._parents = larger
