"""Measuring a list of duplicates, or a whole run, against a catalog whose duplicates are known."""

from dedup_pipeline.evaluate.evaluation import Evaluation, SplitFigures, evaluate
from dedup_pipeline.evaluate.figures import Counts, Found, Ranking, Score, View, to_dict
from dedup_pipeline.evaluate.outcome import Outcome, read_outcome
from dedup_pipeline.evaluate.predictions import Predictions, read_predictions
from dedup_pipeline.evaluate.score import score
from dedup_pipeline.evaluate.splits import SPLITS, split_of
from dedup_pipeline.evaluate.truth import Truth, read_truth

__all__ = [
    "SPLITS",
    "Counts",
    "Evaluation",
    "Found",
    "Outcome",
    "Predictions",
    "Ranking",
    "Score",
    "SplitFigures",
    "Truth",
    "View",
    "evaluate",
    "read_outcome",
    "read_predictions",
    "read_truth",
    "score",
    "split_of",
    "to_dict",
]
