"""What texts tell of a pair of pictures, learnt from the dump at hand and from no labels.

Simulated re-uploads have no text of their own, and what sellers write differs from one marketplace to the next. But the
pictures alone settle most pairs. Those that they make all but certain show how the texts of duplicates agree; those
that were laid over each other and told apart show how the texts of look-alikes do. Pictures chose both, so the texts
cannot choose their own teachers; and a handful of coefficients from hundreds of pairs cannot remember any one of them,
so no pair needs to be held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from dedup_pipeline.evidence import Floats
from dedup_pipeline.match.texts import TEXTS
from dedup_pipeline.probability import LOGIT_CAP, Doubles, sigmoid

Flags = npt.NDArray[np.bool_]

MOST = 2.0  # log odds: text alone decides nothing
LEAST_PAIRS = 50  # of either kind; fewer do not show how texts agree
_SURE = 0.95  # probability among the dump's candidates, by the pictures alone
_APART = 0.05  # at the share of duplicates of the calibration, which is higher: surer still among the dump's candidates
_NEAREST = 500  # of those told apart: the nearest have the texts that decoys would have, distant ones contradict easily
_DRAWS = 16  # texts that a decoy is given


@dataclass(frozen=True)
class TextModel:
    """Agreement of texts in, log likelihood ratio out.

    Attributes:
        means: of each name of TEXTS that tells anything.
        weights: log odds for each unit above the mean.
        intercept: log odds where everything is as the mean.
        strangers: ascending, what the texts of look-alikes come to.
        sure: pairs it learnt from that are duplicates.
        apart: pairs it learnt from that are none.
    """

    means: dict[str, float]
    weights: dict[str, float]
    intercept: float
    strangers: tuple[float, ...]
    sure: int
    apart: int

    def ratios(self, texts: Mapping[str, Floats]) -> Doubles:
        """What the texts of N pairs add to their log odds (N,), within +-MOST; 0 where nothing is known."""
        names = list(self.weights)
        matrix = np.stack([np.asarray(texts[name], np.float64) for name in names], axis=1)
        return _ratios(matrix, self._array(self.means), self._array(self.weights), self.intercept)

    def _array(self, values: dict[str, float]) -> Doubles:
        return np.array([values[name] for name in self.weights])

    def on_decoys(self, logits: Doubles, scales: Doubles) -> tuple[Doubles, Doubles]:
        """Give M decoys texts.

        A decoy is wrong however it looks, so its text is as that of look-alikes. The text of the listing whose photo it
        was made of would not do: it agrees with that listing in everything, which hardly a recolour for sale does.

        Args:
            logits: (M,) by the pictures.
            scales: (M,) pictures of the dump for each decoy.

        Returns:
            Log odds and scales of as many decoys for each text, which share the scale.
        """
        many = len(self.strangers)
        return with_texts(np.repeat(logits, many), np.tile(self.strangers, len(logits))), np.repeat(scales / many, many)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def with_texts(logits: Doubles, ratios: Doubles) -> Doubles:
    """Log odds (N,) by pictures and texts; what the pictures ruled out at a glance stays so."""
    return np.where(logits > -LOGIT_CAP, logits + ratios, logits)


def learn_texts(texts: Mapping[str, Floats], logits: Doubles, probabilities: Doubles) -> TextModel | None:
    """Learn what the texts of a dump tell.

    Args:
        texts: every name of TEXTS as (N,) float32, of all candidates.
        logits: (N,) of the candidates, by the pictures alone.
        probabilities: (N,) of the candidates, by the pictures alone.

    Returns:
        The model; None when too few pairs of either kind have texts.
    """
    matrix = np.stack([np.asarray(texts[name], np.float64) for name in TEXTS], axis=1)
    known = ~np.isnan(matrix)
    sure, apart = probabilities >= _SURE, _nearest(logits, np.asarray(known.any(axis=1)))
    telling = [place for place in range(len(TEXTS)) if _tells(matrix[:, place], sure, apart)]
    sure, apart = (kind & known[:, telling].any(axis=1) for kind in (sure, apart))
    if not telling or min(sure.sum(), apart.sum()) < LEAST_PAIRS:
        return None
    learnt = matrix[sure | apart][:, telling]
    means, scales = np.nanmean(learnt, axis=0), np.nanstd(learnt, axis=0)
    standard = np.nan_to_num((learnt - means) / scales)
    model = LogisticRegression(class_weight="balanced").fit(standard, sure[sure | apart])
    weights, intercept = (model.coef_[0] / scales).round(6), round(float(model.intercept_[0]), 6)
    strangers = _ratios(matrix[apart][:, telling], means.round(6), weights, intercept)
    names = [list(TEXTS)[place] for place in telling]
    return TextModel(
        means=dict(zip(names, means.round(6).tolist(), strict=True)),
        weights=dict(zip(names, weights.tolist(), strict=True)),
        intercept=intercept,
        strangers=tuple(np.quantile(strangers, (np.arange(_DRAWS) + 0.5) / _DRAWS).round(6).tolist()),
        sure=int(sure.sum()),
        apart=int(apart.sum()),
    )


def _nearest(logits: Doubles, known: Flags) -> Flags:
    """(N,) the look-alikes with known texts that were told apart and came nearest to duplicates."""
    apart = np.flatnonzero(known & (logits > -LOGIT_CAP) & (sigmoid(logits) <= _APART))
    nearest = np.zeros(len(logits), dtype=bool)
    nearest[apart[np.argsort(-logits[apart], kind="stable")[:_NEAREST]]] = True
    return nearest


def _tells(values: Doubles, sure: Flags, apart: Flags) -> bool:
    """Whether enough pairs of either kind have a value, and not all the same."""
    of_kinds = [values[kind & ~np.isnan(values)] for kind in (sure, apart)]
    return min(len(one) for one in of_kinds) >= LEAST_PAIRS and float(np.ptp(np.concatenate(of_kinds))) > 0


def _ratios(matrix: Doubles, means: Doubles, weights: Doubles, intercept: float) -> Doubles:
    """(N,) of the matrix (N, F); what is missing counts as the mean, and a pair without any text as 0."""
    ratios = np.nan_to_num(matrix - means) @ weights + intercept
    ratios[np.isnan(matrix).all(axis=1)] = 0.0
    return np.clip(ratios, -MOST, MOST).round(6)
