"""Which pairs of pictures a person should look at, the most useful first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

VERDICT_COLUMNS = ["node_a", "node_b", "kind", "probability", "logit"]
_NODES = ["node_a", "node_b"]
_DOUBTS = ["crowd", "brand", "colour"]
_SHARE_OF_SUSPICIOUS = 0.25  # of the rows: many uncertain pairs must not crowd out every contradiction
_SUREST = 0.999  # a threshold of 1 accepts nothing; all it says of the cost of a wrong pair is that it is high


class Reason(StrEnum):
    """Why a pair of pictures is in review.csv."""

    UNCERTAIN = "uncertain"  # its probability lies in the band, or above it and yet it is not accepted
    CROWD = "crowd"  # accepted, and so many listings are in the group that it is named as a star, see ``Crowds``
    COLOUR = "colour-contradicts"  # accepted, though two listings name colours that exclude each other
    BRAND = "brand-contradicts"  # accepted, though two listings name different brands

    @property
    def column(self) -> str:
        """The column of a table that tells whether it holds."""
        return self.value.partition("-")[0]


@dataclass(frozen=True)
class Review:
    """What a person should look at.

    Attributes:
        pairs: one row per pair of pictures, the most useful first: node_a, node_b (equal where listings of one picture
            contradict each other), kind, probability, accepted, reason; and id_a, id_b, two listings that contradict
            each other, null where none do.
        uncertain: how many pairs of pictures lie in the band, or above it without being accepted, listed or not.
        suspicious: how many accepted ones have listings that contradict each other, listed or not; crowds without any
            that do are not among them.
        by_reason: how many of these contradict each other in colour, and in brand.
        left_out: how many of any kind did not fit in.
    """

    pairs: pd.DataFrame
    uncertain: int
    suspicious: int
    by_reason: dict[str, int]
    left_out: int


def suspicious_pictures(chosen: pd.DataFrame) -> pd.DataFrame:
    """The pairs of pictures whose listings contradict each other, or which stand for a crowd.

    Args:
        chosen: pairs of listings that do: id_a, id_b, their pictures node_a and node_b, kind, probability, crowd (bool,
            whether they stand for one), and brand and colour (bool), in which they contradict each other.

    Returns:
        node_a <= node_b, id_a and id_b (two listings that contradict each other, in the order of the nodes), kind,
        probability, crowd, brand, colour (bool). Crowds come first, colours before brands, then the least probable.
    """
    turned = chosen["node_a"] > chosen["node_b"]
    sides = [*_NODES, "id_a", "id_b"]
    chosen = with_sides_turned(chosen, turned, ("node", "id"))
    # of many listings those two stand for the pair that contradict each other most, then the first
    chosen = chosen.assign(most=chosen["colour"].astype(int) + chosen["brand"])
    chosen = chosen.sort_values(["most", "colour", "id_a", "id_b"], ascending=[False, False, True, True])
    chosen[_DOUBTS] = chosen.groupby(_NODES)[_DOUBTS].transform("any")
    single = chosen.drop_duplicates(_NODES)
    order = ["crowd", "colour", "brand", "probability", *_NODES]
    single = single.sort_values(order, ascending=[False, False, False, True, True, True], ignore_index=True)
    return single[[*sides, "kind", "probability", *_DOUBTS]]


def with_sides_turned(pairs: pd.DataFrame, turned: pd.Series[bool], names: Iterable[str]) -> pd.DataFrame:
    """The pairs, with the columns name_a and name_b of each name exchanged in the rows that are turned."""
    columns: dict[str, pd.Series[Any]] = {}
    for name in names:
        left, right = pairs[f"{name}_a"], pairs[f"{name}_b"]
        columns |= {f"{name}_a": left.mask(turned, right), f"{name}_b": right.mask(turned, left)}
    return pairs.assign(**columns)


def choose_review(
    verdicts: Iterable[pa.RecordBatch],
    suspicious: pd.DataFrame,
    groups_of: Callable[[pd.Series[str]], npt.NDArray[np.int32]],
    *,
    band: tuple[float, float],
    threshold: float,
    rows: int,
) -> Review:
    """Choose what a person should look at.

    Crowds come first: one look settles hundreds of listings. Then accepted pairs whose colours contradict each other:
    they are few, and mostly recolours. Then come the uncertain pairs, ordered by what the decision is expected to cost:
    a rejected pair its probability, an accepted one what it lacks to 1, weighed by what the threshold says a wrong pair
    costs against a missed one. Both are highest at the threshold. Contradicting brands come last: sellers put another
    brand to a photo all the time.

    Args:
        verdicts: batches of ``VERDICT_COLUMNS``; read once, and only the best ``rows`` are held.
        suspicious: see ``suspicious_pictures``.
        groups_of: tells the groups of some pictures, -1 of those in none.
        band: lowest and highest probability of an uncertain pair; one above that is not accepted is uncertain too.
        threshold: the least probability of an accepted verdict.
        rows: how many pairs at most. A quarter is kept for suspicious ones, where they are so many.
    """
    best: pd.DataFrame | None = None
    both: set[tuple[str, str]] = set()
    uncertain = 0
    for batch in verdicts:
        inside = _judged(_from(batch, band[0]), groups_of, threshold)
        inside = inside[(inside["probability"] <= band[1]) | ~inside["accepted"]]
        if inside.empty:
            continue
        uncertain += len(inside)
        both |= _keys(inside.merge(suspicious[_NODES], on=_NODES))
        best = _best(inside if best is None else pd.concat([best, inside], ignore_index=True), rows)
    suspicious = suspicious.assign(accepted=True)
    if best is None:
        best = suspicious.loc[[]]
    pairs = _in_order(best, suspicious, both, rows)
    left_out = uncertain + len(suspicious) - len(both) - len(pairs)
    by_reason = {str(reason): int(suspicious[reason.column].sum()) for reason in (Reason.COLOUR, Reason.BRAND)}
    contradicting = int((suspicious["colour"] | suspicious["brand"]).sum())
    return Review(pairs, uncertain, contradicting, by_reason, left_out)


def _from(batch: pa.RecordBatch, least: float) -> pd.DataFrame:
    found: pd.DataFrame = batch.filter(pc.greater_equal(batch["probability"], least)).to_pandas()
    return found


def _keys(pairs: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(pairs["node_a"], pairs["node_b"], strict=True))


def _is_in(pairs: pd.DataFrame, keys: set[tuple[str, str]]) -> npt.NDArray[np.bool_]:
    """(pairs,) which of them are among some pairs of pictures."""
    found = [key in keys for key in zip(pairs["node_a"], pairs["node_b"], strict=True)]
    return np.array(found, dtype=bool)


def _judged(
    pairs: pd.DataFrame, groups_of: Callable[[pd.Series[str]], npt.NDArray[np.int32]], threshold: float
) -> pd.DataFrame:
    """Add what was decided, what a look is worth, and how near a pair is to the other decision."""
    groups = groups_of(pairs["node_a"])
    accepted = (groups >= 0) & (groups == groups_of(pairs["node_b"]))
    return pairs.assign(
        accepted=accepted,
        worth=_worth(pairs["probability"].to_numpy(), accepted, threshold),
        near=np.where(accepted, -pairs["logit"], pairs["logit"]),
    )


def _worth(
    probability: npt.NDArray[np.float64], accepted: npt.NDArray[np.bool_], threshold: float
) -> npt.NDArray[np.float64]:
    """(pairs,) the chance that the decision is wrong, times what that costs; 1 is the cost of a missed pair."""
    sure = min(threshold, _SUREST)
    return np.where(accepted, (1 - probability) * sure / (1 - sure), probability)


def _best(pairs: pd.DataFrame, rows: int) -> pd.DataFrame:
    order = ["worth", "near", *_NODES]
    return pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True).head(rows)


def _in_order(uncertain: pd.DataFrame, suspicious: pd.DataFrame, both: set[tuple[str, str]], rows: int) -> pd.DataFrame:
    """Both kinds in the order of ``choose_review``, each pair of pictures once."""
    contradicting = suspicious[[*_NODES, "id_a", "id_b", *_DOUBTS]]
    first = uncertain[[*_NODES, "kind", "probability", "accepted"]].merge(contradicting, on=_NODES, how="left")
    others = int((~_is_in(suspicious, _keys(first))).sum())
    kept = min(others, max(rows - len(first), round(rows * _SHARE_OF_SUSPICIOUS)))
    first = first.head(rows - kept)
    then = suspicious[~_is_in(suspicious, _keys(first))].head(kept)
    parts = [first.assign(uncertain=True), then.assign(uncertain=_is_in(then, both))]
    pairs = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    last = ~pairs["uncertain"]
    order = np.lexsort((last, ~pairs["colour"].eq(True), ~pairs["crowd"].eq(True)))  # stable
    pairs = pairs.iloc[order].reset_index(drop=True)
    flags = zip(*(pairs[reason.column].eq(True) for reason in Reason), strict=True)
    reasons = [" ".join(reason for reason, holds in zip(Reason, row, strict=True) if holds) for row in flags]
    return pairs.assign(reason=reasons).drop(columns=[reason.column for reason in Reason])
