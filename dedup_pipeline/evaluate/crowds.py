"""Groups that an export names as stars: what their pairs are, counted by what the truth tells apart and not one by one.

A star names each listing of a group once, and means that every two of its listings of two families are duplicates (see
``export.crowds``). Most of these pairs are alike to the truth: two listings of one photo against two of another. So the
listings are put into kinds, and a row stands for all pairs of two kinds; pairs that the truth names itself are rows of
their own. A pair has the lesser of the scores of its two listings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from dedup_pipeline.evaluate.classify import class_and_mistake, classified, pair_table, with_photos
from dedup_pipeline.evaluate.truth import Truth, unordered

GROUP_COLUMNS = ["group_id", "listing_id", "family_id", "canonical"]
Scores = Mapping[tuple[str, str], float]
_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Crowd:
    """A group that is named as a star.

    Attributes:
        families: listing to its family, as exported.
        scores: listing to the score of the pair that names it; 1 of the hub.
    """

    families: Mapping[str, str]
    scores: Mapping[str, float]

    def only(self, listings: "set[str]") -> "Crowd":
        """The same group without other listings."""
        kept = [name for name in self.families if name in listings]
        return Crowd({name: self.families[name] for name in kept}, {name: self.scores[name] for name in kept})


def crowds_among(groups: pd.DataFrame, pairs: Scores, above: int) -> list[Crowd]:
    """The groups of more than ``above`` listings.

    Args:
        groups: GROUP_COLUMNS.
        pairs: those that are named, with their scores.
        above: so many listings a group may have before it is a star.
    """
    sizes = groups["group_id"].map(groups["group_id"].value_counts())
    large = groups[sizes > above]
    group_of = dict(zip(large["listing_id"], large["group_id"], strict=True))
    family_of = dict(zip(large["listing_id"], large["family_id"], strict=True))
    hubs = large[large["canonical"]]
    hub_of = dict(zip(hubs["group_id"], hubs["listing_id"], strict=True))
    scores = {listing: 1.0 for listing in hub_of.values()}
    for (first, second), value in pairs.items():
        group = group_of.get(first)
        if group is None or group != group_of.get(second):
            continue
        hub = hub_of[group]
        # a pair without the hub names a listing of its family
        named = {first: second, second: first}.get(hub) or (first if family_of[first] == family_of[hub] else second)
        scores[named] = value
    found = []
    for _, rows in large.groupby("group_id"):
        tied = rows[rows["listing_id"].isin(scores)]
        families = dict(zip(tied["listing_id"], tied["family_id"], strict=True))
        found.append(Crowd(families, {listing: scores[listing] for listing in families}))
    return found


def classified_rows(pairs: Scores, crowds: Sequence[Crowd], truth: Truth) -> pd.DataFrame:
    """All predicted pairs as of ``classified``: those that are named, and those that stars mean.

    Returns:
        Further columns: pairs and photo_pairs, how many pairs of listings and of photos a row stands for; crowd (bool),
        whether a star means it.
    """
    table = pair_table(pairs)
    of = {listing: number for number, crowd in enumerate(crowds) for listing in crowd.families}
    if of:
        sides = [table[name].map(of) for name in ("id_a", "id_b")]
        table = table[~sides[0].eq(sides[1])].reset_index(drop=True)
    rows = [classified(table, truth).assign(pairs=1, photo_pairs=1, crowd=False)]
    rows += [_rows_of(crowd, truth).assign(crowd=True) for crowd in crowds if len(crowd.families) > 1]
    return pd.concat(rows, ignore_index=True) if len(rows) > 1 else rows[0]


def _rows_of(crowd: Crowd, truth: Truth) -> pd.DataFrame:
    """The pairs that a star means."""
    members = _Members.of(crowd, truth)
    own = members.named(truth)
    count = len(members.kinds)
    named_apart, named_within = members.counted(own, count)
    apart = members.between(count) - named_apart
    within = members.of_one_family(count) - named_within
    parts = [classified(own[["id_a", "id_b", "score"]], truth).assign(pairs=1, photo_pairs=1)]
    parts += [members.rows(apart, truth, one_family=False), members.rows(within, truth, one_family=True)]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


@dataclass(frozen=True)
class _Members:
    """The listings of a crowd, and kinds of them that the truth does not tell apart but for their families.

    Attributes:
        table: indexed by listing: exported (family), family (in the truth, or one of its own), score, kind.
        kinds: one listing of each kind, in order, as of ``Truth.listings``, with score; known (bool), whether the truth
            knows them; listing.
    """

    table: pd.DataFrame
    kinds: pd.DataFrame

    @classmethod
    def of(cls, crowd: Crowd, truth: Truth) -> "_Members":
        listings = sorted(crowd.families)
        seen = truth.listings.reindex(listings)
        known = seen["kind"].notna()
        seen = seen.assign(known=known, score=[crowd.scores[name] for name in listings])
        telling = ["photo_id", "kind", "style", "scored", "known", "score", *(["parts"] if "parts" in seen else [])]
        of_kind = seen.groupby(telling, dropna=False, sort=False).ngroup()
        first = ~of_kind.duplicated()
        table = pd.DataFrame(
            {
                "exported": [crowd.families[name] for name in listings],
                "family": seen["family"].where(known, "?" + seen.index.to_series()),
                "score": seen["score"],
                "kind": of_kind,
            },
            index=seen.index,
        )
        kinds = seen[first].assign(listing=seen.index[first]).set_index(of_kind[first]).sort_index()
        return cls(table, kinds)

    def between(self, count: int) -> _Counts:
        """(K, K) pairs of two kinds, neither of one exported family nor of one in the truth."""
        both = self.table["exported"] + "\0" + self.table["family"]
        every = pd.Series("", index=self.table.index)
        same = self._same(self.table["exported"], count) + self._same(self.table["family"], count)
        return self._same(every, count) - same + self._same(both, count)

    def of_one_family(self, count: int) -> _Counts:
        """(K, K) pairs of one family in the truth, but not of one exported one."""
        both = self.table["exported"] + "\0" + self.table["family"]
        return self._same(self.table["family"], count) - self._same(both, count)

    def _same(self, keys: "pd.Series[str]", count: int) -> _Counts:
        """(K, K) pairs of listings of two kinds with one key; in the upper triangle, each once."""
        codes, _ = pd.factorize(keys)
        ones = np.ones(len(codes), dtype=np.int64)
        table = csr_matrix((ones, (codes, self.table["kind"])), shape=(int(codes.max()) + 1, count))
        met = np.asarray((table.T @ table).toarray(), dtype=np.int64)
        alone = np.bincount(self.table["kind"], minlength=count)
        met[np.diag_indices(count)] = (met.diagonal() - alone) // 2
        return np.triu(met)

    def named(self, truth: Truth) -> pd.DataFrame:
        """The pairs within that the truth names: id_a, id_b, score, within (bool, whether of one family)."""
        known = pd.concat([truth.pairs[["id_a", "id_b"]], truth.ignored], ignore_index=True).drop_duplicates()
        inside = known["id_a"].isin(self.table.index) & known["id_b"].isin(self.table.index)
        known = known[inside & known["id_a"].ne(known["id_b"])].reset_index(drop=True)
        first, second = (self.table.loc[known[name]].reset_index(drop=True) for name in ("id_a", "id_b"))
        known = known.assign(score=np.minimum(first["score"], second["score"]))
        known = known.assign(low=np.minimum(first["kind"], second["kind"]), within=first["family"].eq(second["family"]))
        known = known.assign(high=np.maximum(first["kind"], second["kind"]))
        return known[first["exported"].ne(second["exported"])].reset_index(drop=True)

    @staticmethod
    def counted(named: pd.DataFrame, count: int) -> tuple[_Counts, _Counts]:
        """(K, K) of such pairs, those of two families and those of one."""
        found = []
        for some in (named[~named["within"]], named[named["within"]]):
            counts = np.zeros((count, count), dtype=np.int64)
            np.add.at(counts, (some["low"], some["high"]), 1)
            found.append(counts)
        return found[0], found[1]

    def rows(self, counts: _Counts, truth: Truth, *, one_family: bool) -> pd.DataFrame:
        """A row for each two kinds (K, K) that have pairs."""
        low, high = np.nonzero(counts)
        sides = [self.kinds.iloc[places].reset_index(drop=True) for places in (low, high)]
        names = [side["listing"] for side in sides]
        sides = [side.assign(family="a" if one_family else str(place)) for place, side in enumerate(sides)]
        nothing = pd.Series(False, index=names[0].index)
        table = pd.DataFrame({"id_a": names[0], "id_b": names[1], "level": None, "ignore": None})
        table["score"] = np.minimum(sides[0]["score"], sides[1]["score"])
        table["class"], table["mistake"] = class_and_mistake(*sides, ignored=nothing, right=nothing)
        table["pairs"] = counts[low, high]
        # listings that the truth does not know are photos of their own
        sizes = np.bincount(self.table["kind"], minlength=len(counts))
        photos = [np.where(side["known"], 1, sizes[places]) for side, places in zip(sides, (low, high), strict=True)]
        table["photo_pairs"] = np.where(low == high, np.where(photos[0] > 1, table["pairs"], 1), photos[0] * photos[1])
        return with_photos(unordered(table), truth)
