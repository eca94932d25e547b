"""From verdicts on pictures and groups of listings to pairs of listings, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.compute.dtypes import Codes, Doubles, Flags, Rows
from dedup_pipeline.compute.ranges import concatenated_ranges
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.schemas import VerdictKind
from dedup_pipeline.stages.export.crowds import Crowds
from dedup_pipeline.stages.export.exported_listings import Listed
from dedup_pipeline.store import Store

DIGITS = 6  # of a score: what a calibration can tell apart, and the same on every machine
KINDS = [kind.value for kind in VerdictKind]
_BLOCK = 500_000  # verdicts whose listings are looked up at a time
Kinds = npt.NDArray[np.int8]
_SCALE = 10**DIGITS  # of scores, which are held as whole numbers of the last digit
Found = tuple[Rows, Codes, Kinds]  # keys of pairs, their scores and kinds


@dataclass(frozen=True)
class Likely:
    """Verdicts that any file can name.

    Attributes:
        low: (V,) int32, the lower node, as a place among the images of the dump.
        high: (V,) int32, the higher one; sorted by both.
        probabilities: (V,) float64.
        kinds: (V,) int8, places among KINDS.
    """

    low: Codes
    high: Codes
    probabilities: Doubles
    kinds: Kinds

    @classmethod
    def read(cls, store: Store, path: str, names: ByteStrings, least: float) -> Likely:
        """Read the verdicts from a probability up out of VERDICTS, whose nodes are among some names, sorted."""
        low, high, probabilities, kinds = ([np.empty(0, kind)] for kind in (np.int32, np.int32, np.float64, np.int8))
        known = pa.array(KINDS)
        with store.reading_table(path) as table:
            for batch in table.iter_batches(columns=["node_a", "node_b", "kind", "probability"]):
                some = batch.filter(pc.greater_equal(batch["probability"], least))
                for places, side in ((low, "node_a"), (high, "node_b")):
                    places.append(names.find(ByteStrings.of_column(some[side])).astype(np.int32))
                probabilities.append(some["probability"].to_numpy())
                kinds.append(pc.index_in(some["kind"], value_set=known).to_numpy().astype(np.int8))
        return cls(np.concatenate(low), np.concatenate(high), np.concatenate(probabilities), np.concatenate(kinds))


@dataclass(frozen=True)
class ListingPairs:
    """Pairs of listings, sorted by ids, each once.

    Attributes:
        low: (P,) int32, the listing with the smaller id, as its place among those listed.
        high: (P,) int32, the other.
        digits: (P,) int32, the scores in units of their last digit.
        kinds: (P,) int8, places among KINDS.
        accepted: (P,) bool, of one group and not one family.
    """

    low: Codes
    high: Codes
    digits: Codes
    kinds: Kinds
    accepted: Flags

    def __len__(self) -> int:
        return len(self.low)

    def scores(self, rows: Rows) -> Doubles:
        """The scores (R,) of some pairs, rounded to DIGITS."""
        return np.asarray(self.digits[rows] / _SCALE, dtype=np.float64)


def listing_pairs(listed: Listed, found: Iterable[Found]) -> ListingPairs:
    """Pairs of listings in their order, each once.

    Args:
        listed: the listings.
        found: the pairs, see ``found_pairs``; of one that is there twice the first counts.
    """
    parts = [list(part) for part in zip(*found, strict=True)]
    keys, digits, kinds = (_joined(part) for part in parts)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    if not first.all():
        keys, order = keys[first], order[first]
    digits, kinds = digits[order], kinds[order]
    del order
    count = max(1, len(listed))
    low = (keys // count).astype(np.int32)
    keys %= count
    high = keys.astype(np.int32)
    del keys
    groups = listed.groups[low]
    return ListingPairs(low, high, digits, kinds, (groups >= 0) & (groups == listed.groups[high]))


def _joined(parts: list[Any]) -> Any:
    """One array of several, which are let go of."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


def _digits(scores: Doubles) -> Codes:
    return np.asarray(np.rint(scores * _SCALE), dtype=np.int32)


def found_pairs(listed: Listed, verdicts: Likely, crowds: Crowds, *, minimum_score: float) -> Iterator[Found]:
    """Every pair of listings of two families that has a verdict or shares a group; the former first.

    Of crowds the pairs of their stars alone; and where one of their pictures has a verdict on another group's, one
    listing stands for all that show it. So what is found grows with the listings, not with their square. Once all are
    taken, nothing of the verdicts is held.

    Args:
        listed: the listings.
        verdicts: on their pictures.
        crowds: of the listings.
        minimum_score: pairs below are left out, unless they share a group.

    Yields:
        Pairs with their scores. One that shares a group and has no verdict has the lesser of its two scores in it.
    """
    low, high = _together(listed, np.where(crowds.inside, np.int32(-1), listed.nodes))
    yield _keys(listed, low, high), np.full(len(low), _SCALE, dtype=np.int32), _same(listed, low, high)
    yield from _across(listed, verdicts, crowds, minimum_score)
    yield _of_stars(listed, verdicts, crowds, minimum_score)
    low, high = _together(listed, np.where(crowds.inside, np.int32(-1), listed.groups))
    kinds = np.full(len(low), _code(VerdictKind.GROUP), dtype=np.int8)
    yield _keys(listed, low, high), _digits(np.minimum(listed.scores[low], listed.scores[high])), kinds


def _same(listed: Listed, low: Rows, high: Rows) -> Kinds:
    """The kinds (P,) of pairs of listings that show one node."""
    equal = listed.images[low] == listed.images[high]
    return np.where(equal, _code(VerdictKind.SAME_BYTES), _code(VerdictKind.SAME_PIXELS)).astype(np.int8)


def _code(kind: VerdictKind) -> int:
    return KINDS.index(kind.value)


def _keys(listed: Listed, one: Codes | Rows, other: Codes | Rows) -> Rows:
    return np.minimum(one, other).astype(np.int64) * len(listed) + np.maximum(one, other)


def _together(listed: Listed, codes: Codes) -> tuple[Rows, Rows]:
    """All pairs of listings of two families that have one code, of those from 0 up; the lower first."""
    order = np.flatnonzero(codes >= 0)
    order = order[np.argsort(codes[order], kind="stable")]
    places = np.arange(len(order), dtype=np.int64)
    ends = np.searchsorted(codes[order], codes[order], side="right")
    counts = ends - places - 1
    low, high = np.repeat(order, counts), order[concatenated_ranges(places + 1, counts)]
    apart = listed.families[low] != listed.families[high]
    return low[apart], high[apart]


def _across(listed: Listed, verdicts: Likely, crowds: Crowds, minimum_score: float) -> Iterator[Found]:
    """Pairs of listings whose pictures have a verdict, but for those of one crowd."""
    order = np.argsort(listed.nodes, kind="stable")
    counts = np.bincount(listed.nodes, minlength=len(listed.names))
    firsts = np.cumsum(counts) - counts
    crowded = np.flatnonzero(crowds.first >= 0)
    order[firsts[crowded]], counts[crowded] = crowds.first[crowded], 1
    chosen = np.flatnonzero(verdicts.probabilities >= minimum_score)
    for start in range(0, len(chosen), _BLOCK):
        some = chosen[start : start + _BLOCK]
        low, high = verdicts.low[some], verdicts.high[some]
        one, of_one = order[concatenated_ranges(firsts[low], counts[low])], np.repeat(np.arange(len(some)), counts[low])
        others = counts[high[of_one]]
        other = order[concatenated_ranges(firsts[high[of_one]], others)]
        one, of_both = np.repeat(one, others), some[np.repeat(of_one, others)]
        one, other = _of_two_families(listed, crowds, one, other)
        apart = listed.families[one] != listed.families[other]
        apart &= ~(crowds.inside[one] & (listed.groups[one] >= 0) & (listed.groups[one] == listed.groups[other]))
        of_both = of_both[apart]
        yield _keys(listed, one[apart], other[apart]), _digits(verdicts.probabilities[of_both]), verdicts.kinds[of_both]


def _of_two_families(listed: Listed, crowds: Crowds, one: Rows, other: Rows) -> tuple[Rows, Rows]:
    """The pairs (P,), (P,); one that stands for a crowd gives way to one of another family where the two are of one."""

    def instead(mine: Rows, theirs: Rows) -> Rows:
        gives_way = crowds.inside[mine] & (listed.families[mine] == listed.families[theirs])
        return np.where(gives_way, crowds.second[listed.nodes[mine]], mine)

    one = instead(one, other)
    return one, instead(other, one)


def _of_stars(listed: Listed, verdicts: Likely, crowds: Crowds, minimum_score: float) -> Found:
    """The pairs of the stars of crowds, with the scores and kinds that they would have in a smaller group."""
    low, high = crowds.low, crowds.high
    probabilities, at = _verdicts_on(listed, verdicts, listed.nodes[low], listed.nodes[high])
    judged = (at >= 0) & (probabilities >= minimum_score)
    scores = np.where(judged, probabilities, np.minimum(listed.scores[low], listed.scores[high]))
    kinds = np.where(judged, np.append(verdicts.kinds, 0)[at], _code(VerdictKind.GROUP)).astype(np.int8)
    equal = listed.nodes[low] == listed.nodes[high]
    kinds[equal] = _same(listed, low[equal], high[equal])
    return _keys(listed, low, high), _digits(np.where(equal, 1.0, scores)), kinds


def _verdicts_on(listed: Listed, verdicts: Likely, one: Codes | Rows, other: Codes | Rows) -> tuple[Doubles, Rows]:
    """How likely pairs of nodes (P,) are duplicates, and the places (P,) of the verdicts; 0 and -1 without one."""
    found, places = np.zeros(len(one)), np.full(len(one), -1, dtype=np.int64)
    known = verdicts.low.astype(np.int64) * len(listed.names) + verdicts.high
    asked = np.minimum(one, other).astype(np.int64) * len(listed.names) + np.maximum(one, other)
    if len(known):
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        there = known[at] == asked
        found[there], places[there] = verdicts.probabilities[at[there]], at[there]
    return found, places


def ties(listed: Listed, pairs: ListingPairs, threshold: float) -> Rows:
    """(P,) the listing through which two are accepted that do not match each other; -1 of all other pairs.

    Args:
        listed: the listings.
        pairs: of them.
        threshold: the least probability of an accepted verdict.
    """
    group = pairs.kinds == _code(VerdictKind.GROUP)
    indirect = pairs.accepted & (group | (pairs.digits < np.rint(threshold * _SCALE)))
    found = np.full(len(pairs), -1, dtype=np.int64)
    found[indirect] = tie(listed, pairs.low[indirect], pairs.high[indirect])
    return found


def tie(listed: Listed, one: Codes | Rows, other: Codes | Rows) -> Rows:
    """(P,) the listing that ties two of one group which do not match each other; -1 where the one ties the other.

    That is what ties the one of them to the group that does not match its medoid; or else a listing of the medoid.
    """
    by_one, by_other = listed.through[one], listed.through[other]
    # what ties a medoid's match is a medoid, which nothing ties
    joined_one, joined_other = listed.through[by_one] != by_one, listed.through[by_other] != by_other
    found = np.where(~joined_one & (joined_other | (by_one == one)), by_other, by_one)
    return np.where((found == one) | (found == other), -1, found)
