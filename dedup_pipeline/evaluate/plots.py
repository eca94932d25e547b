"""The two figures of the page, as SVG: equal evaluations give equal bytes."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dedup_pipeline.evaluate.evaluation import Evaluation
from dedup_pipeline.evaluate.splits import ALL, TEST, TUNE

COLOURS = {ALL: "#1f2937", TUNE: "#9aa5b4", TEST: "#0f766e"}
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "evaluation",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 10,
    "axes.edgecolor": "#c4cbd4",
    "axes.labelcolor": "#475569",
    "xtick.color": "#64748b",
    "ytick.color": "#64748b",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def precision_recall_svg(evaluation: Evaluation) -> bytes:
    """Precision over recall of the exported scores by split; a dot where duplicates.json stands."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure()
        for name, curve in evaluation.curves.items():
            view = evaluation.splits[name].photo
            average = view.ranking.average_precision if view.ranking else 0.0
            if len(curve):
                recall, precision = [0.0, *curve["recall"]], [curve["precision"].iloc[0], *curve["precision"]]
                axes.plot(recall, precision, color=COLOURS[name], label=f"{name}  {average:.3f}", linewidth=1.8)
            if view.right:
                axes.plot(view.recall, view.precision, "o", color=COLOURS[name], markersize=7, markeredgecolor="white")
        axes.axhline(evaluation.target_precision, color="#dc2626", linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(f"asked for {evaluation.target_precision:g}", (0.01, evaluation.target_precision - 0.005),
                      va="top", fontsize=8.5, color="#dc2626")  # fmt: skip
        axes.set(xlim=(0, 1.01), ylim=(_floor(evaluation), 1.005), xlabel="recall", ylabel="precision")
        axes.legend(loc="lower left", frameon=False, title="average precision", alignment="left", title_fontsize=9)
        return _svg(figure)


def _floor(evaluation: Evaluation) -> float:
    """Where the precision axis begins: as near to 1 as the shipped precisions and half of the way down allow."""
    lowest = min((split.photo.precision for split in evaluation.splits.values() if split.photo.right), default=0.0)
    return max(0.0, min(0.8, lowest - 0.1))


def reliability_svg(evaluation: Evaluation) -> bytes:
    """The share of true pairs over the probability, with 95 % intervals; below, how many candidates there are."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 4.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
        upper.plot([0, 1], [0, 1], color="#94a3b8", linewidth=0.9, linestyle=(0, (4, 3)))
        for name, split in evaluation.splits.items():
            filled = [each for each in split.calibration.bins if each.pairs]
            x = [each.mean_probability for each in filled]
            y = [each.share_right or 0.0 for each in filled]
            error = split.calibration.expected_calibration_error_likely
            label = f"{name}  {error:.3f}" if error is not None else name
            upper.plot(x, y, "o-", color=COLOURS[name], markersize=4.5, linewidth=1.4, label=label)
            if name == ALL:
                spread = [[max(0.0, v - each.interval[0]) for v, each in zip(y, filled, strict=True)],
                          [max(0.0, each.interval[1] - v) for v, each in zip(y, filled, strict=True)]]  # fmt: skip
                upper.errorbar(x, y, yerr=spread, fmt="none", ecolor=COLOURS[name], elinewidth=0.9, capsize=2.5)
                places = [(each.low + each.high) / 2 for each in split.calibration.bins]
                lower.bar(places, [each.pairs for each in split.calibration.bins], width=0.092, color="#cbd5e1")
                lower.bar(places, [each.right for each in split.calibration.bins], width=0.092, color=COLOURS[TEST])
        upper.set(xlim=(0, 1), ylim=(-0.02, 1.04), ylabel="share that is true")
        upper.legend(loc="upper left", edgecolor="none", title="calibration error from 0.5 up", alignment="left",
                     title_fontsize=9)  # fmt: skip
        lower.set_yscale("symlog", linthresh=1)
        lower.set(xlabel="probability", ylabel="candidates", ylim=(0, None))
        upper.grid(color="#eef1f5")
        return _svg(figure)


def _figure() -> tuple[Figure, Axes]:
    # no pyplot: its global state and windows have no place in a library
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(color="#eef1f5")
    return figure, axes


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
