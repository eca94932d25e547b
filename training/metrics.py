"""How well embeddings tell re-uploads from everything else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, precision_recall_curve

from dedup_pipeline.compute.dtypes import Floats
from training.validation import ValidationSet


@dataclass(frozen=True)
class EmbeddingScores:
    """The scores of a model on a validation set.

    Attributes:
        similarities: (M,) float32, cosine of every query with every gallery picture that counts.
        positives: (M,) bool, whether the two are one picture.
        pairs: (M, 2) int64, their places in the validation set.
        average_precision: area under the precision-recall curve, 0 to 1.
        recall_at_1: share of the queries whose nearest gallery picture is theirs.
        recall_at_precision_99: largest share of positive pairs found with at most 1 % errors.
        positive_distance: mean cosine distance of positive pairs, 0 to 2.
        negative_distance: of negative pairs.
        hard_distance: of queries and recolours of their photo.
    """

    similarities: Floats
    positives: npt.NDArray[np.bool_]
    pairs: npt.NDArray[np.int64]
    average_precision: float
    recall_at_1: float
    recall_at_precision_99: float
    positive_distance: float
    negative_distance: float
    hard_distance: float

    def figures(self) -> dict[str, float]:
        """The figures by name, for logs and model.json."""
        names = ("average_precision", "recall_at_1", "recall_at_precision_99")
        distances = ("positive_distance", "negative_distance", "hard_distance")
        return {name: round(float(getattr(self, name)), 6) for name in names + distances}


def score(vectors: Floats, validation: ValidationSet) -> EmbeddingScores:
    """Score embeddings of a validation set.

    Pairs of one family that are not one picture are left out: their truth is unknown and nobody reports them.

    Args:
        vectors: (Q + G, D) float32, L2-normalised, in the order of the set.
        validation: the set.
    """
    count = validation.queries
    similarities = vectors[:count] @ vectors[count:].T
    same = validation.labels[:count, None] == validation.labels[None, count:]
    recoloured = ~same & (validation.origins[:count, None] == validation.origins[None, count:])
    same_family = validation.families[:count, None] == validation.families[None, count:]
    counted = same | recoloured | ~same_family
    flat, truth = similarities[counted], same[counted]
    nearest = np.where(counted, similarities, -np.inf).argmax(axis=1)
    precision, recall, _ = precision_recall_curve(truth, flat)
    rows, columns = np.nonzero(counted)
    return EmbeddingScores(
        similarities=flat,
        positives=truth,
        pairs=np.stack([rows, columns + count], axis=1).astype(np.int64),
        average_precision=float(average_precision_score(truth, flat)),
        recall_at_1=float(same[np.arange(count), nearest].mean()),
        recall_at_precision_99=float(recall[precision >= 0.99].max(initial=0.0)),
        positive_distance=float(1 - similarities[same].mean()),
        negative_distance=float(1 - similarities[counted & ~same].mean()),
        hard_distance=float(1 - similarities[recoloured].mean()) if recoloured.any() else 2.0,
    )
