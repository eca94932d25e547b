"""Evidence in, log odds out: what ranks the pairs of a dump.

The verdict model is gradient-boosted trees, monotone where the evidence has one direction, whose held-out scores are
calibrated by a logistic curve (Platt 1999). What a score is worth in one dump its decoys tell, see ``decoys``.
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

from dedup_pipeline.compute.dtypes import Doubles, Floats
from dedup_pipeline.errors import InputError, ModelError
from dedup_pipeline.verdict.evidence import EVIDENCE
from dedup_pipeline.verdict.trees import raw_scores

_FOLDS = 5
_THOROUGH = (300, 0.05)  # trees and learning rate
_QUICK = (50, 0.15)
# of the evidence, drawn anew for each tree: else a few strong kinds decide, and what little the training pairs say of
# the rest, such as a second product beside the first, is not learnt (on luma 16 of 417 pairs)
_SHARE_OF_EVIDENCE = 0.3
LOGIT_CAP = 12.0  # a probability of 1 - 6e-6: no finite sample supports more


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
        return self.logits_and_worst(evidence)[0]

    def logits_and_worst(self, evidence: Mapping[str, Floats]) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        """The same, and for which pairs (N,) they are the least that they may be: see ``trees.raw_scores``."""
        scores, at_worst = raw_scores(lightgbm.Booster(model_str=self.booster), _matrix(evidence, self.names))
        return self.calibrated(scores), at_worst

    def calibrated(self, raw: npt.ArrayLike) -> Doubles:
        """Log odds (N,) of raw scores (N,) of the trees."""
        return np.clip(self.slope * np.asarray(raw, np.float64) + self.intercept, -LOGIT_CAP, LOGIT_CAP)

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


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures with what speaks for and against them.

    Attributes:
        evidence: names of EVIDENCE, each as (N,) float32; NaN where it is missing.
        groups: (N,) int64, pairs of one group share a picture.
    """

    evidence: Mapping[str, Floats]
    groups: npt.NDArray[np.int64]


def fit(
    pairs: Pairs, labels: npt.NDArray[np.bool_], *, decoys: Pairs | None = None, seed: int
) -> tuple[VerdictModel, Doubles, Doubles]:
    """Fit a verdict model on pairs with known answers.

    Args:
        pairs: N pairs; those of one group stay in one fold.
        labels: (N,) bool, whether the pair is one product.
        decoys: M further pairs to be judged; their groups are among those of the pairs.
        seed: of the trees.

    Returns:
        The model, and the calibrated logits (N,) of the pairs and (M,) of the decoys, each from trees that have not
        seen its group: what the model says of pairs it was not fitted on.

    Raises:
        InputError: there are too few pairs of either kind.
    """
    names = tuple(name for name in EVIDENCE if name in pairs.evidence)
    matrix = _matrix(pairs.evidence, names)
    held_out, judged = _folded(pairs, labels, decoys, seed, _THOROUGH)
    curve = LogisticRegression(C=1e6).fit(held_out[:, None], labels)
    text = _trees(matrix, labels, names, seed, _THOROUGH).model_to_string()
    model = VerdictModel(names, text, float(curve.coef_[0, 0]), float(curve.intercept_[0]), float(labels.mean()))
    return model, model.calibrated(held_out), model.calibrated(judged)


def quick_probabilities(pairs: Pairs, labels: npt.NDArray[np.bool_], asked: Pairs, *, seed: int) -> Doubles:
    """What a quick fit on some pairs says of others: like ``fit``, with fewer trees and no model kept.

    Args:
        pairs: N pairs with known answers.
        labels: (N,) bool.
        asked: M pairs, whose groups are among those of the pairs.
        seed: of the trees.

    Returns:
        Calibrated probabilities (M,), each from trees that have not seen its group.

    Raises:
        InputError: there are too few pairs of either kind.
    """
    held_out, judged = _folded(pairs, labels, asked, seed, _QUICK)
    curve = LogisticRegression(C=1e6).fit(held_out[:, None], labels)
    return sigmoid(np.asarray(curve.decision_function(judged[:, None]), dtype=np.float64))


def _folded(
    pairs: Pairs, labels: npt.NDArray[np.bool_], asked: Pairs | None, seed: int, effort: tuple[int, float]
) -> tuple[Doubles, Doubles]:
    """Raw scores (N,) of the pairs and (M,) of those asked about, each from trees that have not seen its group."""
    least = 2 * _FOLDS
    if min(int(labels.sum()), int((~labels).sum()), len(np.unique(pairs.groups))) < least:
        raise InputError(f"the verdicts need at least {least} photos to be calibrated on; the dump has too few")
    names = tuple(name for name in EVIDENCE if name in pairs.evidence)
    matrix = _matrix(pairs.evidence, names)
    others = _matrix(asked.evidence, names) if asked else matrix[:0]
    held_out, judged = np.zeros(len(labels)), np.zeros(len(others))
    for inside, outside in GroupKFold(_FOLDS).split(matrix, labels, pairs.groups):
        trees = _trees(matrix[inside], labels[inside], names, seed, effort)
        held_out[outside] = raw_scores(trees, matrix[outside])[0]
        if asked:
            unseen = np.isin(asked.groups, pairs.groups[outside])
            if unseen.any():
                judged[unseen] = raw_scores(trees, others[unseen])[0]
    return held_out, judged


def _trees(
    matrix: Floats, labels: npt.NDArray[np.bool_], names: tuple[str, ...], seed: int, effort: tuple[int, float]
) -> lightgbm.Booster:
    rounds, rate = effort
    parameters = {
        "objective": "binary",
        "learning_rate": rate,
        "num_leaves": 12,
        "min_data_in_leaf": 10,
        "lambda_l2": 1.0,
        "feature_fraction": _SHARE_OF_EVIDENCE,
        "monotone_constraints": [EVIDENCE[name] for name in names],
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbosity": -1,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, labels.astype(np.int8)), num_boost_round=rounds)


def _matrix(evidence: Mapping[str, Floats], names: tuple[str, ...]) -> Floats:
    missing = [name for name in names if name not in evidence]
    if missing:
        raise ModelError(f"the verdict model needs the evidence {', '.join(missing)}: calibrate again")
    return np.stack([evidence[name] for name in names], axis=1)


def sigmoid(logits: Doubles) -> Doubles:
    """Probabilities (N,) of log odds (N,)."""
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float64)
