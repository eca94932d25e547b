"""The pictures of a run over a dump."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure


def reliability_figure(bins: Sequence[tuple[float, float, int]]) -> Figure:
    """Whether a probability means what it says, on photos held out of the calibration.

    Args:
        bins: mean probability, share that is right, and number of pairs of each bin.
    """
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    axes.plot([predicted for predicted, _, _ in bins], [right for _, right, _ in bins], marker="o")
    for predicted, right, count in bins:
        axes.annotate(
            f"{count:,}", (predicted, right), textcoords="offset points", xytext=(6, -10), fontsize=8, color="0.4"
        )
    axes.set(xlabel="probability", ylabel="share of pairs that are right", xlim=(0, 1), ylim=(0, 1.02))
    return figure
