"""Groups so large that naming every pair of theirs would cost the square of their listings: they are named as stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dedup_pipeline.compute.dtypes import Codes, Flags, Rows
from dedup_pipeline.stages.export.exported_listings import Listed, first_of


@dataclass(frozen=True)
class Crowds:
    """The listings of which not every pair is named, and the pairs that are named instead.

    The hub of a star is the group's canonical listing. It is never paired with its own family, so listings of that are
    paired with a second hub, the first listing of another family: every listing but one has a pair of its own, whatever
    the group's size.

    Attributes:
        inside: (S,) bool, which listings are in a large group, or show a picture that as many listings show.
        low: (E,) int64, the one listing of each pair of a star, as its place among those listed.
        high: (E,) int64, the other.
        hubs: (G,) int64, the hub of each large group, ascending by group.
        second_hubs: (G,) int64, its second hub.
        first: (I,) int64, the listing that stands for a picture of a crowd where pictures have a verdict; -1 of others.
        second: (I,) int64, one of another family, where such a picture has one; else the same.
        above: so many listings a group may have before it is a star.
        left_out: pairs of the large groups that are not named.
    """

    inside: Flags
    low: Rows
    high: Rows
    hubs: Rows
    second_hubs: Rows
    first: Rows
    second: Rows
    above: int
    left_out: int

    @classmethod
    def of(cls, listed: Listed, above: int) -> Crowds:
        """Those of the listings whose group, or picture, more than ``above`` listings share."""
        grouped = np.flatnonzero(listed.groups >= 0)
        sizes = np.append(np.bincount(listed.groups[grouped], minlength=len(listed.group_ids)), 0)  # -1: of no group
        large = sizes > above
        crowded = np.bincount(listed.nodes, minlength=len(listed.names)) > above
        inside = large[listed.groups] | crowded[listed.nodes]
        members = grouped[large[listed.groups[grouped]]]
        hubs, second_hubs = _two_of(listed, listed.groups, members, len(sizes))
        first, second = _two_of(listed, listed.nodes, np.flatnonzero(inside), len(listed.names))
        hub = hubs[listed.groups[members]]
        of_hub = (listed.families[members] == listed.families[hub]) & (members != hub)
        mates = np.where(of_hub, second_hubs[listed.groups[members]], hub)
        apart = listed.families[members] != listed.families[mates]  # a hub is its own mate
        low, high = members[apart], mates[apart]
        left_out = _pairs(listed.groups[members]) - _pairs(listed.groups[members], listed.families[members]) - len(low)
        some = hubs != second_hubs
        return cls(inside, low, high, hubs[some], second_hubs[some], first, second, above, left_out)

    def between_hubs(self, low: Codes, high: Codes) -> Flags:
        """(P,) bool: which pairs of listings, the lower one first, are the two hubs of a group."""
        count = len(self.inside)
        hubs = np.minimum(self.hubs, self.second_hubs) * count + np.maximum(self.hubs, self.second_hubs)
        return np.isin(low.astype(np.int64) * count + high, hubs)

    def counts(self) -> dict[str, int]:
        """For the manifest and the summary."""
        sizes = {"above": self.above, "groups": len(self.hubs), "listings": len(self.low) + len(self.hubs)}
        return {**sizes, "pairs_left_out": self.left_out}


def _two_of(listed: Listed, codes: Codes, places: Rows, count: int) -> tuple[Rows, Rows]:
    """For each of ``count`` codes the canonical or first of its listings (P,), and the first of another family.

    -1 of codes without listings; where all are of one family, the second is the first.
    """
    first = first_of(codes, places, listed.canonical, count)
    apart = places[listed.families[places] != listed.families[first[codes[places]]]]
    second = first_of(codes, apart, listed.canonical, count)
    return first, np.where(second < 0, first, second)


def _pairs(*codes: Codes) -> int:
    """How many pairs (of P things) agree in all of their codes, (P,) each."""
    _, sizes = np.unique(np.stack(codes, axis=1), axis=0, return_counts=True)
    return int((sizes * (sizes - 1) // 2).sum())
