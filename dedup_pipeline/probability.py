"""From evidence to a calibrated probability, and from probabilities to a threshold.

The model is gradient-boosted trees, monotone where the evidence has one direction, whose held-out scores are calibrated
by a logistic curve (Platt 1999). The share of duplicates among the candidates of a dump is not the share among the
pairs it was fitted on; ``prior_of`` estimates it from the candidates' own scores by expectation maximisation
(Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from dedup_pipeline.errors import InputError, ModelError
from dedup_pipeline.evidence import EVIDENCE, Floats

Doubles = npt.NDArray[np.float64]

_FOLDS = 5
_TREES = 150
_LOGIT_CAP = 12.0  # a probability of 1 - 6e-6: no finite sample supports more
_ROUNDS = 200
_LEAST_PRIOR = 1e-4


@dataclass(frozen=True)
class VerdictModel:
    """Evidence in, logit out.

    Attributes:
        names: the evidence it reads, in order.
        booster: the trees, as LightGBM's text.
        slope: of the calibration curve.
        intercept: of the calibration curve.
        prior: share of duplicates among the pairs it was fitted on.
    """

    names: tuple[str, ...]
    booster: str
    slope: float
    intercept: float
    prior: float

    def logits(self, evidence: Mapping[str, Floats]) -> Doubles:
        """Calibrated log odds (N,) at the prior of the fit, within +-12.

        Raises:
            ModelError: a kind of evidence is missing.
        """
        trees = lightgbm.Booster(model_str=self.booster)
        raw = trees.predict(_matrix(evidence, self.names), raw_score=True, num_threads=1)
        return np.clip(self.slope * np.asarray(raw, np.float64) + self.intercept, -_LOGIT_CAP, _LOGIT_CAP)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"names": list(self.names)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> VerdictModel:
        """The model that ``to_dict`` wrote.

        Raises:
            ModelError: it is not one.
        """
        try:
            return cls(**{**value, "names": tuple(value["names"])})
        except (KeyError, TypeError) as error:
            raise ModelError(f"this is no verdict model: {error}; calibrate again") from error


def fit(
    evidence: Mapping[str, Floats], labels: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64], *, seed: int
) -> tuple[VerdictModel, Doubles]:
    """Fit a verdict model on pairs with known answers.

    Args:
        evidence: every name of EVIDENCE as (N,) float32.
        labels: (N,) bool, whether the pair is one product.
        groups: (N,) int64, pairs of one group share a picture and stay in one fold.
        seed: of the trees.

    Returns:
        The model, and the held-out calibrated logits (N,): what it says of pairs it was not fitted on.

    Raises:
        InputError: there are too few pairs of either kind.
    """
    names = tuple(EVIDENCE)
    least = 2 * _FOLDS
    if min(int(labels.sum()), int((~labels).sum()), len(np.unique(groups))) < least:
        raise InputError(f"the verdicts need at least {least} photos to be calibrated on; the dump has too few")
    matrix = _matrix(evidence, names)
    held_out = np.zeros(len(labels))
    for inside, outside in GroupKFold(_FOLDS).split(matrix, labels, groups):
        trees = _trees(matrix[inside], labels[inside], names, seed)
        held_out[outside] = trees.predict(matrix[outside], raw_score=True, num_threads=1)
    curve = LogisticRegression(C=1e6).fit(held_out[:, None], labels)
    slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    text = _trees(matrix, labels, names, seed).model_to_string()
    model = VerdictModel(names, text, slope, intercept, float(labels.mean()))
    return model, np.clip(slope * held_out + intercept, -_LOGIT_CAP, _LOGIT_CAP)


def _trees(matrix: Floats, labels: npt.NDArray[np.bool_], names: tuple[str, ...], seed: int) -> lightgbm.Booster:
    parameters = {
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 12,
        "min_data_in_leaf": 10,
        "lambda_l2": 1.0,
        "monotone_constraints": [EVIDENCE[name] for name in names],
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbosity": -1,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, labels.astype(np.int8)), num_boost_round=_TREES)


def _matrix(evidence: Mapping[str, Floats], names: tuple[str, ...]) -> Floats:
    missing = [name for name in names if name not in evidence]
    if missing:
        raise ModelError(f"the verdict model needs the evidence {', '.join(missing)}: calibrate again")
    return np.stack([evidence[name] for name in names], axis=1)


def prior_of(logits: Doubles, fitted_prior: float) -> float:
    """The share of duplicates among pairs, estimated from their log odds at the prior of the fit.

    Args:
        logits: (N,) log odds.
        fitted_prior: the share of duplicates that the log odds assume.

    Returns:
        A share, at least 0.0001.
    """
    if not len(logits):
        return fitted_prior
    prior = fitted_prior
    for _ in range(_ROUNDS):
        updated = float(np.clip(probabilities(logits, fitted_prior, prior).mean(), _LEAST_PRIOR, 1 - _LEAST_PRIOR))
        if abs(updated - prior) < _LEAST_PRIOR / 100:
            break
        prior = updated
    return prior


def probabilities(logits: Doubles, fitted_prior: float, prior: float) -> Doubles:
    """Probabilities (N,) at another prior than that of the fit."""
    shift = np.log(prior / (1 - prior)) - np.log(fitted_prior / (1 - fitted_prior))
    return np.asarray(1 / (1 + np.exp(-(logits + shift))), dtype=np.float64)


def threshold_for(values: Doubles, target_precision: float) -> tuple[float, float]:
    """The lowest probability at which the accepted pairs are right often enough, by their own probabilities.

    Args:
        values: (N,) calibrated probabilities of the candidates.
        target_precision: the share of accepted pairs that shall be right.

    Returns:
        The threshold, and the expected precision of what reaches it. Never below 0.5; above every value when even the
        surest pair is not sure enough.
    """
    ordered = np.sort(values[values >= 0.5])[::-1]
    if not len(ordered):
        return 1.0, 1.0
    expected = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    enough = np.flatnonzero(expected >= target_precision)
    if not len(enough):
        return 1.0, 1.0
    return float(ordered[enough[-1]]), float(expected[enough[-1]])
