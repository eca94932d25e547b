"""What scores are worth: precision and recall at every threshold, and the figures that sum them up."""

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix_at_thresholds

from dedup_pipeline.evaluate.figures import Ranking, by_key


def steps(table: pd.DataFrame, truth: int) -> pd.DataFrame:
    """Walk down the distinct scores; pairs of equal score are one step, as no threshold can part them.

    Args:
        table: score, right (bool) and count, how many pairs a row stands for.
        truth: how many true pairs there are, those that nobody scored included.

    Returns:
        Indexed by score, highest first: precision and recall, 0 to 1, of the pairs from that score on.
    """
    if table.empty:  # scikit-learn takes no empty table
        return pd.DataFrame({"precision": [], "recall": []}, dtype=float)
    scores = table["score"].astype(float)
    _, wrong, _, right, thresholds = confusion_matrix_at_thresholds(
        table["right"].astype(bool), scores, sample_weight=table["count"]
    )
    return pd.DataFrame({"precision": right / (right + wrong), "recall": right / truth}, pd.Index(thresholds))


def ranking(table: pd.DataFrame, levels: "pd.Series[str]") -> Ranking:
    """Sum up what scores are worth.

    Args:
        table: score, right (bool), level (of right pairs) and count, how many pairs a row stands for: 1 if right.
        levels: the level of every true pair.
    """
    if not len(table) or not len(levels):
        return Ranking(0.0, 0.0, 0.0, 0.0, None, None, None, by_key(levels, ()))
    walk = steps(table, len(levels))
    average = float((np.diff(walk["recall"].to_numpy(), prepend=0.0) * walk["precision"].to_numpy()).sum())
    (recall_999, threshold_999), (recall_99, threshold_99), (recall_95, threshold_95) = (
        _reached(walk, wanted) for wanted in (0.999, 0.99, 0.95)
    )
    found = table["right"].astype(bool) & (table["score"] >= (np.inf if threshold_99 is None else threshold_99))
    return Ranking(
        average_precision=average,
        recall_at_p999=recall_999,
        recall_at_p99=recall_99,
        recall_at_p95=recall_95,
        threshold_at_p999=threshold_999,
        threshold_at_p99=threshold_99,
        threshold_at_p95=threshold_95,
        by_level_at_p99=by_key(levels, table.loc[found, "level"]),
    )


def at_threshold(walk: pd.DataFrame, threshold: float) -> tuple[float, float]:
    """Return precision and recall of the pairs from a score on; nothing that high is precision 1 and recall 0.

    Args:
        walk: as of ``steps``.
        threshold: the score.
    """
    enough = walk[walk.index >= threshold]
    return (float(enough["precision"].iloc[-1]), float(enough["recall"].iloc[-1])) if len(enough) else (1.0, 0.0)


def _reached(walk: pd.DataFrame, wanted: float) -> tuple[float, float | None]:
    """The highest recall at a precision, and the score from which on it is reached."""
    enough = walk[walk["precision"] >= wanted]
    return (float(enough["recall"].iloc[-1]), float(enough.index[-1])) if len(enough) else (0.0, None)
