"""From a peer's pairs of files, or this project's pairs of listings, to the figures of its row."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog_folder import Pictures
from processes import PeerError

from dedup_pipeline.errors import InputError
from dedup_pipeline.evaluate import PairMetrics, Truth, read_predictions
from dedup_pipeline.evaluate.score import score_against
from dedup_pipeline.evaluate.splits import pairs_within, within

ListingPairs = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Found:
    """Pairs of listings: all with their score, and those that the tool reports as it comes."""

    ranked: ListingPairs
    default: ListingPairs


@dataclass(frozen=True)
class Figures:
    """What a tool found, at photo level; ratios are 0 to 1.

    Attributes:
        precision: of what it reports as it comes; recall and f1 likewise.
        by_level: recall of what it reports, by level of the re-upload.
        average_precision: of its scores.
        recall_at_p99: highest recall of any threshold that keeps a precision of 0.99.
        forgiving_average_precision: the same, with placeholders and other colours of a style not counted as mistakes.
        forgiving_recall_at_p99: likewise.
    """

    precision: float
    recall: float
    f1: float
    by_level: dict[str, float]
    average_precision: float
    recall_at_p99: float
    forgiving_average_precision: float
    forgiving_recall_at_p99: float


def peer_pairs(file: Path, pictures: Pictures, truth: Truth) -> Found:
    """Read a peer's CSV and name the listings of its files.

    No peer sees that two listings share one file. Where such a pair is right it is given to the peer, with the highest
    score; where it is wrong, as with a placeholder's URL, it is not held against the peer.

    Raises:
        PeerError: a row is not of the form in ``peer_output``.
    """
    rows = list(_rows(file, pictures))
    ranked: ListingPairs = {}
    default: ListingPairs = {}
    for first, second, value, reported in rows:
        for pair in _listing_pairs(pictures.listings[first], pictures.listings[second]):
            ranked[pair] = max(value, ranked.get(pair, -math.inf))
            if reported:
                default[pair] = 1.0
    highest = max((value for _, _, value, _ in rows), default=1.0)
    right = _right(truth)
    for listings in pictures.listings.values():
        for pair in right.intersection(_listing_pairs(listings, listings)):
            ranked[pair], default[pair] = highest, 1.0
    return Found(ranked, default)


def _right(truth: Truth) -> set[tuple[str, str]]:
    return set(zip(truth.pairs["id_a"], truth.pairs["id_b"], strict=True))


def _rows(file: Path, pictures: Pictures) -> Iterator[tuple[str, str, float, bool]]:
    with file.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                first, second, value = row["file_a"], row["file_b"], float(row["score"])
                reported = bool(int(row["default"]))
            except (KeyError, TypeError, ValueError) as error:
                raise PeerError(f"{file}, line {number} is not file_a,file_b,score,default: {error!r}") from error
            if not {first, second} <= pictures.listings.keys() or not math.isfinite(value):
                raise PeerError(f"{file}, line {number}: {first}, {second}, {value} are not two pictures and a number")
            if first != second:
                yield first, second, value, reported


def _listing_pairs(first: list[str], second: list[str]) -> Iterator[tuple[str, str]]:
    return ((a, b) if a < b else (b, a) for a in first for b in second if a != b)


def own_pairs(folder: Path) -> Found:
    """Read what this project exported.

    Args:
        folder: exports/<dump> of a store: holds pairs.parquet and duplicates.json.

    Raises:
        InputError: a file is missing or not of that form.
    """
    ranked, default = read_predictions(folder / "pairs.parquet"), read_predictions(folder / "duplicates.json")
    if not ranked.scored:
        raise InputError(f"{folder / 'pairs.parquet'} has no column score: give a folder that `dedup export` wrote")
    return Found(ranked.pairs, default.pairs)


def figures(whole: Truth, found: Found, split: str) -> Figures:
    """Measure pairs against the truth of a catalog, or of the half of its styles that is one split."""
    truth, ranked = within(whole, split), pairs_within(found.ranked, whole, split)
    reported = score_against(truth, pairs_within(found.default, whole, split)).photo
    average, at_p99 = _ranking(score_against(truth, ranked, scored=True).photo)
    forgiving, forgiving_at_p99 = _ranking(score_against(truth, _forgiven(truth, ranked), scored=True).photo)
    levels = {level: round(value.recall, 4) for level, value in reported.by_level.items()}
    return Figures(
        precision=round(reported.precision, 4),
        recall=round(reported.recall, 4),
        f1=round(reported.f1, 4),
        by_level=levels,
        average_precision=average,
        recall_at_p99=at_p99,
        forgiving_average_precision=forgiving,
        forgiving_recall_at_p99=forgiving_at_p99,
    )


def _ranking(view: PairMetrics) -> tuple[float, float]:
    if view.ranking is None:
        return 0.0, 0.0
    return round(view.ranking.average_precision, 4), round(view.ranking.recall_at_p99, 4)


def _forgiven(truth: Truth, pairs: Mapping[tuple[str, str], float]) -> ListingPairs:
    """Leave out the mistakes with a placeholder, and those between two colours or views of one style."""
    right = _right(truth)
    placeholders = set(truth.listings.index[truth.listings["kind"] == "placeholder"])
    styles = dict(truth.listings.loc[truth.listings["style"] != "", "style"].items())

    def counts(pair: tuple[str, str]) -> bool:
        first, second = pair
        if pair in right:
            return True
        return placeholders.isdisjoint(pair) and (first not in styles or styles[first] != styles.get(second))

    return {pair: value for pair, value in pairs.items() if counts(pair)}
