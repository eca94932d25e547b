"""The figures that a run is held to."""

from dataclasses import dataclass

from dedup_pipeline.evaluate.cost import Cost
from dedup_pipeline.evaluate.figures import Found, PairMetrics


@dataclass(frozen=True)
class Goal:
    """A figure with its bound.

    Attributes:
        name: for a person.
        bound: what it should be.
        at_least: whether more is better.
        values: split to figure, `all` alone for what a split has no figure of; None where there is nothing to measure.
        unit: ``share`` (0 to 1) or ``ms``.
    """

    name: str
    bound: float
    at_least: bool
    values: dict[str, float | None]
    unit: str

    def met(self, split: str) -> bool | None:
        """Whether the figure of a split is within the bound; None where there is nothing to measure."""
        value = self.values.get(split)
        if value is None:
            return None
        return value >= self.bound if self.at_least else value <= self.bound


def goals_of(
    views: dict[str, PairMetrics], candidates: dict[str, Found], cost: Cost, target_precision: float
) -> list[Goal]:
    """Return every goal with what was reached.

    Args:
        views: split to photo-level figures with a ranking.
        candidates: split to the recall of candidate generation.
        cost: of the run.
        target_precision: the precision that was asked for.
    """

    def shares(name: str, bound: float, values: dict[str, float | None]) -> Goal:
        return Goal(name, bound, True, values, "share")

    levels = {"1": 1.0, "2": 0.99, "3": 0.95}
    return [
        shares("Precision at the shipped threshold", target_precision, {s: v.precision for s, v in views.items()}),
        shares("Recall at the shipped threshold", 0.95, {s: v.recall for s, v in views.items()}),
        shares("Recall at precision 0.99", 0.98, {s: _at_p99(v, None) for s, v in views.items()}),
        *(
            shares(f"Recall at precision 0.99, level {level}", bound, {s: _at_p99(v, level) for s, v in views.items()})
            for level, bound in levels.items()
        ),
        shares("True pairs among the candidates", 0.995, {s: f.recall for s, f in candidates.items()}),
        Goal("Candidates and verdicts, per verified pair", 10.0, False, {"all": cost.ms_per_verified}, "ms"),
        Goal("Candidates and verdicts, per photo", 40.0, False, {"all": cost.ms_per_photo}, "ms"),
    ]


def _at_p99(view: PairMetrics, level: str | None) -> float | None:
    """Recall at precision 0.99, in all or of a level; None without a ranking or the level."""
    if view.ranking is None:
        return None
    if level is None:
        return view.ranking.recall_at_p99
    found = view.ranking.by_level_at_p99.get(level)
    return found.recall if found else None
