"""From log odds to how likely a pair of a dump is a duplicate, by what decoys find in it, and to a threshold.

How likely a pair is a duplicate also depends on how many strangers of the dump score as high, and that only the dump
can tell. So decoys are laid into it: pictures that have no duplicate, because we made them. The candidates that decoys
find are wrong, and as many wrong ones are to be expected among the dump's own; what goes beyond is right. This is the
target-decoy estimate of proteomics (Elias and Gygi 2007, "Target-decoy search strategy for increased confidence"), with
the local rate by isotonic regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.stats import nbinom

from dedup_pipeline.compute.dtypes import Doubles, Rows
from dedup_pipeline.verdict.classifier import sigmoid

_BEYOND = 1.0  # log odds: sellers' edits are harder than simulated ones; on luma 0 to 2 accept the same pairs
_LEAN = 0.001  # more, and the mean of a block falls below what the regression says of it
_UNSEEN = 0.1  # decoys that may lie above the highest seen: no finite sample shows that there are none


@dataclass(frozen=True)
class Curve:
    """How likely a candidate of a dump is a duplicate, by its log odds; linear between the points.

    Nor is it much likelier than the classifier says by itself. Among the pairs that taught the classifier there are
    more duplicates than among any dump's candidates, so what the decoys leave over beyond that are strangers of a kind
    that no decoy is, such as one dress in many prints.

    Attributes:
        logits: (K,) ascending.
        probabilities: (K,) ascending, 0 to 1.
    """

    logits: tuple[float, ...]
    probabilities: tuple[float, ...]

    def at(self, logits: Doubles) -> Doubles:
        """The probabilities (N,) of pairs with these log odds (N,)."""
        return np.minimum(np.interp(logits, self.logits, self.probabilities), sigmoid(logits + _BEYOND))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"logits": list(self.logits), "probabilities": list(self.probabilities)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Curve:
        """The curve that ``to_dict`` wrote."""
        return cls(tuple(value["logits"]), tuple(value["probabilities"]))


def largest_scale(scales: Doubles) -> float:
    """Pictures of a dump for the decoy that stands for most of them; one where there is no decoy."""
    return float(scales.max()) if len(scales) else 1.0


class Tally:
    """The candidates of a dump, counted by what decoys lie below and above them.

    Between two neighbouring decoys all candidates are alike to the estimate: a run of equal answers is never split by
    isotonic regression. So how often the candidates of each run were found, and the ends of the run, say all that
    there is to say of any number of them. What is held grows with the decoys alone.

    Args:
        decoys: (M,) log odds of the candidate pairs of the decoys, all of them wrong.
        scales: (M,) pictures of the dump for each decoy.
        unseen: pictures of the dump for a decoy that lies higher than any; as many as for any other without it.
    """

    def __init__(self, decoys: Doubles, scales: Doubles, *, unseen: float | None = None) -> None:
        self._marks, places = np.unique(decoys, return_inverse=True)
        self._decoys, self._scales = 2 * places + 1, scales
        self._unseen = largest_scale(scales) if unseen is None else unseen
        runs = 2 * len(self._marks) + 1  # those between the marks are even, what lies on a mark is odd
        self._found = np.zeros(runs)
        self._lowest, self._highest = np.full(runs, np.inf), np.full(runs, -np.inf)
        self._lowest[1::2] = self._highest[1::2] = self._marks

    def add(self, logits: Doubles, weights: Rows | Doubles) -> None:
        """Count candidates with these log odds (N,), each found so often (N,): once from either end."""
        runs = sum(np.searchsorted(self._marks, logits, side=side) for side in ("left", "right"))
        self._found += np.bincount(runs, weights, minlength=len(self._found))
        np.minimum.at(self._lowest, runs, logits)
        np.maximum.at(self._highest, runs, logits)

    def curve(self) -> Curve:
        """How likely candidates are duplicates, by what the decoys found in the same dump.

        Returns:
            The curve: one less the ratio of wrong pairs to pairs, both per log odds, never falling with the log odds.
        """
        if not self._found.any():
            return Curve((0.0,), (0.0,))
        masses, wrong = self._found.copy(), np.zeros(len(self._found))
        for sums in (masses, wrong):
            np.add.at(sums, self._decoys, self._scales)
        known = masses > 0
        highest = self._highest[known].max() + 1e-9
        lowest, highest = (np.append(ends[known], highest) for ends in (self._lowest, self._highest))
        masses = np.append(masses[known], _UNSEEN * self._unseen)
        wrong = np.append(wrong[known], masses[-1])
        share = isotonic_regression(wrong / masses, weights=masses, increasing=False).x
        first = np.flatnonzero(np.append(True, share[1:] != share[:-1]))
        levels, last = share[first], np.append(first[1:], len(share)) - 1
        likely = np.concatenate([[0.0], 1 - np.minimum(1.0, levels / np.maximum(1 - levels, 1e-9)), [1.0]])
        # a step of the regression leans a little towards its neighbours, so that equal probabilities keep their order
        below, above = likely[1:-1] - _LEAN * np.diff(likely)[:-1], likely[1:-1] + _LEAN * np.diff(likely)[1:]
        logits = np.stack([lowest[first], highest[last]], axis=1).reshape(-1)
        probabilities = np.stack([below, above], axis=1).reshape(-1).round(9)
        return Curve(tuple(logits.tolist()), tuple(probabilities.tolist()))


def threshold_for(
    values: Doubles, target_precision: float, least: float = 0.5, counts: Rows | None = None
) -> tuple[float, float]:
    """The lowest probability at which the accepted pairs are right often enough, by their own probabilities.

    Args:
        values: (N,) calibrated probabilities of the candidates.
        target_precision: the share of accepted pairs that shall be right.
        least: the lowest threshold, at least 0.5: sure pairs do not make up for unsure ones below it.
        counts: (N,) how many candidates have each of the values; one without it.

    Returns:
        The threshold, and the expected precision of what reaches it. 1.0 and 1.0 when even the surest
        pairs are not sure enough.
    """
    order = np.argsort(-values, kind="stable")
    order = order[values[order] >= max(0.5, least)]
    ordered, many = values[order], np.ones(len(order), np.int64) if counts is None else counts[order]
    expected = np.cumsum(ordered * many) / np.cumsum(many)
    last_of_equals = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
    enough = np.flatnonzero((expected >= target_precision) & last_of_equals)
    if not len(enough):
        return 1.0, 1.0
    return float(ordered[enough[-1]]), float(expected[enough[-1]])


def precision_interval(accepted: int, decoys: int, scale: float) -> tuple[float, float]:
    """Where the precision that is kept lies with 95 % confidence, as far as the decoys can tell.

    How many decoys reach the threshold is a Poisson count whose rate is unknown, and so is how many accepted pairs are
    wrong. With Jeffreys' prior of the rate the second, given the first, is negative binomial (the posterior predictive
    of Gelman et al., "Bayesian Data Analysis", 3rd edition, section 2.6).

    Args:
        accepted: how many pairs reach the threshold.
        decoys: how many candidate pairs of decoys do.
        scale: wrong pairs of the dump that are to be expected for each of these.

    Returns:
        The lower and the upper precision, 0 to 1; 0 and 1 when nothing was accepted.
    """
    if accepted <= 0:
        return 0.0, 1.0
    most, fewest = nbinom.ppf([0.975, 0.025], decoys + 0.5, 1 / (1 + scale))
    return 1 - min(1.0, float(most) / accepted), 1 - min(1.0, float(fewest) / accepted)
