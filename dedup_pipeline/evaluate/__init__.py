"""Measuring a list of duplicates, or a whole run, against a catalog whose duplicates are known."""

from dedup_pipeline.evaluate.evaluation import Evaluation, SplitFigures, evaluate
from dedup_pipeline.evaluate.figures import Counts, Found, PairMetrics, Ranking, Score, to_dict
from dedup_pipeline.evaluate.outcome import RunOutcome, read_outcome
from dedup_pipeline.evaluate.predictions import Predictions, read_predictions
from dedup_pipeline.evaluate.score import score
from dedup_pipeline.evaluate.splits import SPLITS, split_of
from dedup_pipeline.evaluate.truth import Truth, read_truth

__all__ = [
    "SPLITS",
    "Counts",
    "Evaluation",
    "Found",
    "PairMetrics",
    "Predictions",
    "Ranking",
    "RunOutcome",
    "Score",
    "SplitFigures",
    "Truth",
    "evaluate",
    "read_outcome",
    "read_predictions",
    "read_truth",
    "score",
    "split_of",
    "to_dict",
]
