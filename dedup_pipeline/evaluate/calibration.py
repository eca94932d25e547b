"""Whether a probability means what it says: of the candidates that got 0.9, nine in ten should be right."""

from dataclasses import dataclass

import pandas as pd

from dedup_pipeline.evaluate.intervals import wilson
from dedup_pipeline.evaluate.judged import EXACT

_EDGES = tuple(number / 10 for number in range(11))
_SURE_EDGES = (0.5, 0.9, 0.99, 0.999, 1.0)  # a threshold lies among the sure ones, where tenths are too coarse
_LIKELY = 0.5


@dataclass(frozen=True)
class Bin:
    """Candidates whose probability is from `low` to below `high` (to 1 in the last bin).

    Attributes:
        low: 0 to 1.
        high: 0 to 1.
        pairs: how many.
        right: how many of them are true.
        mean_probability: what they were said to be; None when empty.
        share_right: what they are; None when empty.
        interval: 95 % interval of that share.
    """

    low: float
    high: float
    pairs: int
    right: int
    mean_probability: float | None
    share_right: float | None
    interval: tuple[float, float]


@dataclass(frozen=True)
class Calibration:
    """How well probabilities fit.

    Attributes:
        pairs: candidates that are right or wrong.
        right: how many of them are right.
        expected_calibration_error: mean distance of share and probability over ten equal bins, weighted by their pairs,
            0 to 1 (Naeini, Cooper, Hauskrecht 2015).
        expected_calibration_error_likely: the same over the candidates from 0.5 up; the others are so many, and so
            clearly wrong, that they hide it. None without any.
        bins: ten equal bins, least probable first.
        sure_bins: finer ones from 0.5 up.
    """

    pairs: int
    right: int
    expected_calibration_error: float | None
    expected_calibration_error_likely: float | None
    bins: tuple[Bin, ...]
    sure_bins: tuple[Bin, ...]


def calibration(judged: pd.DataFrame) -> Calibration:
    """Compare the probability of every candidate with the truth.

    Args:
        judged: as of ``judged_photo_pairs``. A verdict counts once, however many photos equal its pictures; ignored
            pairs and families do not count, nor do exact copies, which get no verdict.
    """
    verdicts = judged[judged["found"].notna() & judged["found"].ne(EXACT) & judged["label"].isin(["right", "wrong"])]
    table = pd.DataFrame({"probability": verdicts["probability"].astype(float), "right": verdicts["label"].eq("right")})
    table = table.groupby([verdicts["node_a"], verdicts["node_b"]]).max()
    bins = _bins(table, _EDGES)
    return Calibration(
        pairs=len(table),
        right=int(table["right"].sum()),
        expected_calibration_error=_error(bins),
        expected_calibration_error_likely=_error(tuple(each for each in bins if each.low >= _LIKELY)),
        bins=bins,
        sure_bins=_bins(table, _SURE_EDGES),
    )


def _bins(table: pd.DataFrame, edges: tuple[float, ...]) -> tuple[Bin, ...]:
    places = pd.cut(table["probability"], [*edges[:-1], float("inf")], right=False, labels=False)
    return tuple(_bin(table[places == place], edges[place], edges[place + 1]) for place in range(len(edges) - 1))


def _bin(table: pd.DataFrame, low: float, high: float) -> Bin:
    pairs, right = len(table), int(table["right"].sum())
    if not pairs:
        return Bin(low, high, 0, 0, None, None, (0.0, 1.0))
    return Bin(low, high, pairs, right, float(table["probability"].mean()), right / pairs, wilson(right, pairs))


def _error(bins: tuple[Bin, ...]) -> float | None:
    total = sum(each.pairs for each in bins)
    gaps = [
        each.pairs * abs(each.share_right - each.mean_probability)
        for each in bins
        if each.share_right is not None and each.mean_probability is not None
    ]
    return sum(gaps) / total if total else None
