"""Measuring a list of duplicates against a catalog whose duplicates are known."""

from dedup_pipeline.evaluate.figures import Counts, Found, Ranking, Score, View, to_dict
from dedup_pipeline.evaluate.predictions import Predictions, read_predictions
from dedup_pipeline.evaluate.score import score
from dedup_pipeline.evaluate.truth import Truth, read_truth

__all__ = [
    "Counts",
    "Found",
    "Predictions",
    "Ranking",
    "Score",
    "Truth",
    "View",
    "read_predictions",
    "read_truth",
    "score",
    "to_dict",
]
