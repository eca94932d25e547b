"""Everything that is measured of a run against its truth, for the whole catalog and for each split of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from dedup_pipeline.errors import InputError
from dedup_pipeline.evaluate.calibration import ReliabilityCurve, calibration
from dedup_pipeline.evaluate.candidates import CandidateRecall, candidate_recall
from dedup_pipeline.evaluate.classify import best_photo_pairs, true_photo_pairs
from dedup_pipeline.evaluate.cost import Cost, cost_of
from dedup_pipeline.evaluate.crowds import classified_rows
from dedup_pipeline.evaluate.figures import Counts, PairMetrics, metrics_to_dict
from dedup_pipeline.evaluate.goals import Goal, goals_of
from dedup_pipeline.evaluate.intervals import wilson
from dedup_pipeline.evaluate.judged import judged_photo_pairs
from dedup_pipeline.evaluate.mistakes import Mistake, worst_missed, worst_wrong
from dedup_pipeline.evaluate.outcome import RunOutcome
from dedup_pipeline.evaluate.ranking import at_threshold, steps
from dedup_pipeline.evaluate.score import score_against
from dedup_pipeline.evaluate.splits import ALL, SPLITS, TUNE, crowds_within, pairs_within, split_of_listings, within
from dedup_pipeline.evaluate.truth import Truth


@dataclass(frozen=True)
class Carried:
    """Precision and recall of a split at a score that was chosen elsewhere, 0 to 1."""

    precision: float
    recall: float


@dataclass(frozen=True)
class SplitFigures:
    """The figures of one split.

    Attributes:
        styles: how many styles, and families without one, it has.
        photos: how many photos.
        counts: what was accepted, and what of it is outside precision and recall.
        photo: precision and recall of duplicates.json by pair of photos, with the ranking of the exported scores.
        listing: the same by pair of listings.
        precision_interval: 95 %, of the photo level.
        recall_interval: 95 %, of the photo level.
        calibration: of the candidates.
        candidates: recall of candidate generation.
    """

    styles: int
    photos: int
    counts: Counts
    photo: PairMetrics
    listing: PairMetrics
    precision_interval: tuple[float, float]
    recall_interval: tuple[float, float]
    calibration: ReliabilityCurve
    candidates: CandidateRecall

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"photo": metrics_to_dict(self.photo), "listing": metrics_to_dict(self.listing)}


@dataclass(frozen=True)
class Evaluation:
    """A run held against its truth.

    Attributes:
        catalog: its name.
        dump_id: the dump.
        model: version and id of the model.
        target_precision: what was asked for.
        expected_precision: what the run itself expects.
        threshold: the least probability of an accepted verdict.
        listings: how many the truth knows.
        splits: ``all``, ``tune`` and ``test``.
        carried: split to its precision and recall at the score at which ``tune`` has precision 0.99: what a threshold
            that was set on one half is worth on the other. Empty where no score of ``tune`` has it.
        goals: with what was reached.
        cost: of the run.
        worst_wrong: wrong pairs.
        worst_missed: missed pairs.
        curves: split to precision and recall over the score, see ``ranking.steps``.
    """

    catalog: str
    dump_id: str
    model: dict[str, str]
    target_precision: float
    expected_precision: float
    threshold: float
    listings: int
    splits: dict[str, SplitFigures]
    carried: dict[str, Carried]
    goals: list[Goal]
    cost: Cost
    worst_wrong: list[Mistake]
    worst_missed: list[Mistake]
    curves: dict[str, pd.DataFrame]

    def met(self, split: str) -> int:
        """How many goals a split meets."""
        return sum(goal.met(split) is True for goal in self.goals)

    def held_to(self, split: str) -> int:
        """How many goals a split has a figure for."""
        return sum(goal.met(split) is not None for goal in self.goals)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: all but the curves; equal stores give equal values."""
        names = ("catalog", "dump_id", "model", "target_precision", "expected_precision", "threshold", "listings")
        value: dict[str, Any] = {name: getattr(self, name) for name in names}
        value["splits"] = {name: split.to_dict() for name, split in self.splits.items()}
        value["carried"] = {name: asdict(carried) for name, carried in self.carried.items()}
        value["goals"] = [asdict(goal) | {"met": {s: goal.met(s) for s in goal.values}} for goal in self.goals]
        value["cost"] = asdict(self.cost)
        for name in ("worst_wrong", "worst_missed"):
            value[name] = [asdict(mistake) for mistake in getattr(self, name)]
        return value


def evaluate(truth: Truth, outcome: RunOutcome, catalog: str) -> Evaluation:
    """Measure a run.

    Args:
        truth: of the catalog.
        outcome: of the run over it.
        catalog: what to call it.

    Raises:
        InputError: the run was over another catalog.
    """
    known = outcome.listings["listing_id"].isin(truth.listings.index)
    if not known.any():
        raise InputError(
            f"no listing of dump {outcome.dump_id} is in the photos.csv of '{catalog}': name the store of its own run"
        )
    judged = judged_photo_pairs(truth, outcome)
    splits = {name: _figures(truth, outcome, judged, name) for name in SPLITS}
    cost = cost_of(outcome)
    target = float(outcome.summary["target_precision"])
    views = {name: split.photo for name, split in splits.items()}
    curves = {name: _curve(truth, outcome, name) for name in SPLITS}
    recalls = {name: split.candidates.recall for name, split in splits.items()}
    return Evaluation(
        catalog=catalog,
        dump_id=outcome.dump_id,
        model=outcome.model,
        target_precision=target,
        expected_precision=float(outcome.counts["expected_precision"]),
        threshold=outcome.threshold,
        listings=len(truth.listings),
        splits=splits,
        carried=_carried(splits, curves),
        goals=goals_of(views, recalls, cost, target),
        cost=cost,
        worst_wrong=worst_wrong(judged, truth, outcome),
        worst_missed=worst_missed(judged, truth, outcome),
        curves=curves,
    )


def _figures(truth: Truth, outcome: RunOutcome, judged: pd.DataFrame, split: str) -> SplitFigures:
    part = within(truth, split)
    crowds = crowds_within(outcome.crowds, truth, split)
    shipped = score_against(part, pairs_within(outcome.accepted, truth, split), crowds=crowds)
    ranked = score_against(part, pairs_within(outcome.exported, truth, split), scored=True, crowds=crowds)
    mine = judged if split == ALL else judged[judged["split"].eq(split)]
    listings = truth.listings if split == ALL else truth.listings[split_of_listings(truth).eq(split)]
    photos = listings[listings["kind"].eq("photo")]
    view = replace(shipped.photo, ranking=ranked.photo.ranking)
    return SplitFigures(
        styles=photos["style"].where(photos["style"].ne(""), photos["family"]).nunique(),
        photos=photos["photo_id"].nunique(),
        counts=shipped.counts,
        photo=view,
        listing=replace(shipped.listing, ranking=ranked.listing.ranking),
        precision_interval=wilson(view.right, view.right + view.wrong),
        recall_interval=wilson(view.right, view.truth),
        calibration=calibration(mine),
        candidates=candidate_recall(mine),
    )


def _carried(splits: dict[str, SplitFigures], curves: dict[str, pd.DataFrame]) -> dict[str, Carried]:
    ranking = splits[TUNE].photo.ranking
    if ranking is None or ranking.threshold_at_p99 is None:
        return {}
    return {name: Carried(*at_threshold(curve, ranking.threshold_at_p99)) for name, curve in curves.items()}


def _curve(truth: Truth, outcome: RunOutcome, split: str) -> pd.DataFrame:
    part, crowds = within(truth, split), crowds_within(outcome.crowds, truth, split)
    rows = classified_rows(pairs_within(outcome.exported, truth, split), crowds, part)
    known = true_photo_pairs(part)
    best = best_photo_pairs(rows[rows["class"].isin(["right", "wrong"])], known)
    return steps(best, max(1, len(known)))
