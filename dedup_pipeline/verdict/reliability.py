"""Whether a probability means what it says: of the pairs that got 0.9, nine in ten should be right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Doubles

TENTHS = tuple(number / 10 for number in range(11))


class ReliabilityBin(NamedTuple):
    """What is known of the pairs of a bin, which were given about the same probability.

    Attributes:
        said: their mean probability, 0 to 1; NaN without pairs.
        share: how many of them are right, 0 to 1; NaN without pairs.
        pairs: how many there are.
    """

    said: float
    share: float
    pairs: int


def reliability(values: Doubles, labels: npt.NDArray[np.bool_], edges: Sequence[float]) -> list[ReliabilityBin]:
    """How often pairs are right that were given about the same probability.

    Args:
        values: (N,) probabilities; those below the first edge are in no bin.
        labels: (N,) bool, whether the pair is right.
        edges: B + 1, ascending; a bin is from one to below the next, the last one to 1.

    Returns:
        The B bins, those without pairs included.
    """
    numbers = np.searchsorted(edges[:-1], values, side="right") - 1
    chosen = (numbers == number for number in range(len(edges) - 1))
    return [
        ReliabilityBin(float(values[one].mean()), float(labels[one].mean()), int(one.sum()))
        if one.any()
        else ReliabilityBin(math.nan, math.nan, 0)
        for one in chosen
    ]


def expected_calibration_error(bins: Iterable[ReliabilityBin]) -> float:
    """Mean distance of share and probability, 0 to 1, weighted by the pairs of the bins; NaN without pairs.

    Naeini, Cooper, Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    filled = [some for some in bins if some.pairs]
    gaps = sum(some.pairs * abs(some.said - some.share) for some in filled)
    return gaps / sum(some.pairs for some in filled) if filled else math.nan
