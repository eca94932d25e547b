"""What texts tell of a pair of pictures, learnt from the dump at hand and from no labels.

Simulated re-uploads have no text of their own, and what sellers write differs from one marketplace to the next. But the
pictures alone settle most pairs. Those that they make all but certain show how the texts of duplicates agree; those
that were aligned and told apart show how the texts of look-alikes do. Pictures chose both, so the texts
cannot choose their own teachers; and a handful of coefficients from hundreds of pairs cannot remember any one of them,
so no pair needs to be held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from dedup_pipeline.compute.dtypes import Doubles, Flags, Floats, Rows
from dedup_pipeline.stages.match.text_evidence import TEXTS
from dedup_pipeline.verdict.classifier import LOGIT_CAP, sigmoid

MOST = 2.0  # log odds
LEAST_PAIRS = 50  # of either kind; fewer do not show how texts agree
_SURE = 0.95  # probability among the dump's candidates, by the pictures alone
_APART = 0.05  # at the share of duplicates of the calibration, which is higher: surer still among the dump's candidates
_NEAREST = 500  # of those told apart: the nearest have the texts that decoys would have, distant ones contradict easily
_MOST_SURE = 100_000  # duplicates that teach; pairs are sorted by digests, so the first are a random sample
_DRAWS = 16  # texts that a decoy is given

TextPairs = tuple[Mapping[str, Floats], Doubles, Doubles]


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
    """Log odds (N,) by pictures and texts.

    Texts settle what pictures leave open and outvote nothing: they add no more than the pictures say in favour, and
    nothing where these say none. What the pictures ruled out in the first pass stays so.
    """
    return np.where(logits > -LOGIT_CAP, logits + np.minimum(ratios, np.maximum(logits, 0.0)), logits)


def learn_texts(candidates: Iterable[TextPairs]) -> TextModel | None:
    """Learn what the texts of a dump tell; of its candidates only those that teach are held.

    Args:
        candidates: of all candidates of the dump, some at a time: every name of TEXTS as (N,) float32, and by the
            pictures alone their log odds (N,) and probabilities (N,).

    Returns:
        The model; None when too few pairs of either kind have texts.
    """
    matrix, sure, apart = _teachers(candidates)
    known = ~np.isnan(matrix)
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


@dataclass(frozen=True)
class _Pairs:
    """Pairs with texts.

    Attributes:
        places: (N,) among all candidates.
        texts: (N, F).
        logits: (N,) by the pictures.
    """

    places: Rows
    texts: Doubles
    logits: Doubles

    def take(self, rows: Rows | slice | Flags) -> _Pairs:
        return _Pairs(self.places[rows], self.texts[rows], self.logits[rows])

    def and_(self, more: _Pairs) -> _Pairs:
        sides = ((getattr(self, name), getattr(more, name)) for name in ("places", "texts", "logits"))
        return _Pairs(*(np.concatenate(side) for side in sides))


def _teachers(candidates: Iterable[TextPairs]) -> tuple[Doubles, Flags, Flags]:
    """The texts (N, F) of the pairs that teach, in their order, and which are sure and which apart (N,).

    Sure are the first of those that the pictures make all but certain; apart the look-alikes that were told apart and
    came nearest to duplicates. Of either only those with any text.
    """
    sure = apart = _Pairs(np.empty(0, np.int64), np.empty((0, len(TEXTS))), np.empty(0))
    seen = 0
    for texts, logits, probabilities in candidates:
        matrix = np.stack([np.asarray(texts[name], np.float64) for name in TEXTS], axis=1)
        known = ~np.isnan(matrix).all(axis=1)
        pairs = _Pairs(np.arange(seen, seen + len(logits)), matrix, logits)
        seen += len(logits)
        certain = np.flatnonzero(known & (probabilities >= _SURE))
        sure = sure.and_(pairs.take(certain[: _MOST_SURE - len(sure.places)]))
        told_apart = apart.and_(pairs.take(known & (logits > -LOGIT_CAP) & (sigmoid(logits) <= _APART)))
        apart = told_apart.take(np.argsort(-told_apart.logits, kind="stable")[:_NEAREST])
    places, first = np.unique(np.concatenate([sure.places, apart.places]), return_index=True)
    matrix = np.concatenate([sure.texts, apart.texts])[first]
    return matrix, np.isin(places, sure.places), np.isin(places, apart.places)


def _tells(values: Doubles, sure: Flags, apart: Flags) -> bool:
    """Whether enough pairs of either kind have a value, and not all the same."""
    of_kinds = [values[kind & ~np.isnan(values)] for kind in (sure, apart)]
    return min(len(one) for one in of_kinds) >= LEAST_PAIRS and float(np.ptp(np.concatenate(of_kinds))) > 0


def _ratios(matrix: Doubles, means: Doubles, weights: Doubles, intercept: float) -> Doubles:
    """(N,) of the matrix (N, F); what is missing counts as the mean, and a pair without any text as 0."""
    ratios = np.full(len(matrix), intercept)
    # column by column: a product of matrices rounds differently for other numbers of rows
    for column, weight in zip(np.nan_to_num(matrix - means).T, weights, strict=True):
        ratios += column * weight
    ratios[np.isnan(matrix).all(axis=1)] = 0.0
    return np.asarray(np.clip(ratios, -MOST, MOST).round(6))
