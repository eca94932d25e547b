"""Whether a probability means what it says: of the candidates that got 0.9, nine in ten should be right."""

import math
from dataclasses import dataclass

import pandas as pd

from dedup_pipeline.evaluate.intervals import wilson
from dedup_pipeline.evaluate.judged import EXACT
from dedup_pipeline.verdict.reliability import TENTHS, ReliabilityBin, expected_calibration_error, reliability

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
class ReliabilityCurve:
    """How well probabilities fit.

    Attributes:
        pairs: candidates that are right or wrong.
        right: how many of them are right.
        expected_calibration_error: mean distance of share and probability over ten equal bins, weighted by their pairs,
            0 to 1; None without any.
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


def calibration(judged: pd.DataFrame) -> ReliabilityCurve:
    """Compare the probability of every candidate with the truth.

    Args:
        judged: as of ``judged_photo_pairs``. A verdict counts once, however many photos equal its pictures; ignored
            pairs and families do not count, nor do exact copies, which get no verdict.
    """
    verdicts = judged[judged["found"].notna() & judged["found"].ne(EXACT) & judged["label"].isin(["right", "wrong"])]
    table = pd.DataFrame({"probability": verdicts["probability"].astype(float), "right": verdicts["label"].eq("right")})
    table = table.groupby([verdicts["node_a"], verdicts["node_b"]]).max()
    values, labels = table["probability"].to_numpy(), table["right"].to_numpy(dtype=bool)
    tenths, sure = (reliability(values, labels, edges) for edges in (TENTHS, _SURE_EDGES))
    likely = [each for low, each in zip(TENTHS[:-1], tenths, strict=True) if low >= _LIKELY]
    return ReliabilityCurve(
        pairs=len(table),
        right=int(table["right"].sum()),
        expected_calibration_error=_known(expected_calibration_error(tenths)),
        expected_calibration_error_likely=_known(expected_calibration_error(likely)),
        bins=_bins(tenths, TENTHS),
        sure_bins=_bins(sure, _SURE_EDGES),
    )


def _bins(found: list[ReliabilityBin], edges: tuple[float, ...]) -> tuple[Bin, ...]:
    return tuple(_bin(each, low, high) for each, low, high in zip(found, edges[:-1], edges[1:], strict=True))


def _bin(each: ReliabilityBin, low: float, high: float) -> Bin:
    right = round(each.share * each.pairs) if each.pairs else 0
    return Bin(low, high, each.pairs, right, _known(each.said), _known(each.share), wilson(right, each.pairs))


def _known(figure: float) -> float | None:
    return None if math.isnan(figure) else figure
