"""The figures of a score, and their form as plain JSON values."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Counts:
    """How many pairs were predicted and which of them are outside precision and recall."""

    predicted_pairs: int
    ignored_pairs: int
    family_violations: int
    unknown_ids: int


@dataclass(frozen=True)
class Found:
    """Recall of one level or one kind of edit: `found` of `truth` pairs, `recall` is their ratio."""

    recall: float
    found: int
    truth: int


@dataclass(frozen=True)
class Ranking:
    """What the scores are worth; truth that was never predicted counts as never found.

    Attributes:
        average_precision: sum over distinct scores of precision times the gain in recall, 0 to 1.
        recall_at_p999: highest recall at a precision of at least 0.999, 0 to 1.
        recall_at_p99: the same for 0.99.
        recall_at_p95: the same for 0.95.
        threshold_at_p999: the score from which on that recall is reached; None where no score reaches the precision.
        threshold_at_p99: the same for 0.99.
        threshold_at_p95: the same for 0.95.
        by_level_at_p99: recall of every level at ``threshold_at_p99``, the one threshold of all levels.
    """

    average_precision: float
    recall_at_p999: float
    recall_at_p99: float
    recall_at_p95: float
    threshold_at_p999: float | None
    threshold_at_p99: float | None
    threshold_at_p95: float | None
    by_level_at_p99: dict[str, Found]


@dataclass(frozen=True)
class PairMetrics:
    """Figures of one way to count pairs; ratios are 0 to 1, `by_edit` exists at photo level only."""

    precision: float
    recall: float
    f1: float
    right: int
    wrong: int
    missed: int
    truth: int
    by_level: dict[str, Found]
    wrong_by_kind: dict[str, int]
    by_edit: dict[str, Found] | None = None
    ranking: Ranking | None = None


@dataclass(frozen=True)
class Score:
    """All figures of one list of duplicates."""

    counts: Counts
    photo: PairMetrics
    listing: PairMetrics


def by_key(keys: Iterable[str], found_keys: Iterable[str]) -> dict[str, Found]:
    """Return the recall per key; ``found_keys`` are the keys of what was found of ``keys``."""
    total, found = Counter(keys), Counter(found_keys)
    return {key: Found(found[key] / number, found[key], number) for key, number in sorted(total.items())}


def metrics_to_dict(figures: PairMetrics) -> dict[str, Any]:
    """Return one view as plain JSON values; the keys of its ranking lie beside its own."""
    flat = asdict(figures)
    ranking = flat.pop("ranking")
    if flat["by_edit"] is None:
        del flat["by_edit"]
    return flat | (ranking or {})


def to_dict(result: Score) -> dict[str, Any]:
    """Return a score as plain JSON values; the keys of a ranking lie beside those of its view."""
    return {
        "counts": asdict(result.counts),
        "photo": metrics_to_dict(result.photo),
        "listing": metrics_to_dict(result.listing),
    }
