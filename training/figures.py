"""The pictures that a person looks at after a training."""

from __future__ import annotations

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from dedup_pipeline.model.preprocess import Prepared
from training.metrics import EmbeddingScores
from training.validation import ValidationSet

_SHOWN = 12
_POINTS = 2000
_GAP = 6


def precision_recall_figure(scores: dict[str, EmbeddingScores]) -> Figure:
    """Precision over recall, a curve for each named model."""
    figure, axes = _axes("recall", "precision")
    for name, some in scores.items():
        precision, recall, _ = precision_recall_curve(some.positives, some.similarities)
        step = max(1, len(recall) // _POINTS)
        axes.plot(recall[::step], precision[::step], label=f"{name}: average precision {some.average_precision:.3f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="lower left")
    return figure


def distance_figure(scores: EmbeddingScores, validation: ValidationSet) -> Figure:
    """Histograms of the cosine distance: re-uploads, recolours, everything else."""
    figure, axes = _axes("cosine distance", "share of pairs")
    left, right = scores.pairs[:, 0], scores.pairs[:, 1]
    recoloured = ~scores.positives & (validation.origins[left] == validation.origins[right])
    parts = {
        "re-upload": scores.positives,
        "recolour": recoloured,
        "other product": ~scores.positives & ~recoloured,
    }
    bins = np.linspace(0, max(1.0, float(1 - scores.similarities.min())), 60)
    for name, chosen in parts.items():
        if chosen.any():
            counts, _ = np.histogram(1 - scores.similarities[chosen], bins=bins)
            axes.stairs(counts / chosen.sum(), bins, label=name, fill=True, alpha=0.5)
    axes.legend()
    return figure


def worst_errors(scores: EmbeddingScores, validation: ValidationSet) -> Prepared:
    """A sheet of the worst errors: above, the nearest pairs that are not one picture; below, the farthest that are.

    Returns:
        (H, W, 3) uint8 RGB: two rows of up to 12 pairs, each the query over the gallery picture.
    """
    wrong = np.flatnonzero(~scores.positives)
    missed = np.flatnonzero(scores.positives)
    nearest = wrong[np.argsort(-scores.similarities[wrong], kind="stable")[:_SHOWN]]
    farthest = missed[np.argsort(scores.similarities[missed], kind="stable")[:_SHOWN]]
    return np.concatenate([_row(scores.pairs[nearest], validation), _row(scores.pairs[farthest], validation)])


def _row(pairs: npt.NDArray[np.int64], validation: ValidationSet) -> Prepared:
    side = validation.pictures.shape[1]
    sheet = np.full((2 * side + 2 * _GAP, _SHOWN * (side + _GAP), 3), 128, dtype=np.uint8)
    for number, (query, found) in enumerate(pairs):
        left = number * (side + _GAP)
        sheet[:side, left : left + side] = validation.pictures[query]
        sheet[side : 2 * side, left : left + side] = validation.pictures[found]
    return sheet


def _axes(x_label: str, y_label: str) -> tuple[Figure, matplotlib.axes.Axes]:
    # no pyplot: its global state and windows have no place in a worker
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    return figure, axes
