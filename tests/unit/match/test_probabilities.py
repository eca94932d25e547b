"""What decoys and texts make of log odds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from dedup_pipeline.stages.match.calibration import Calibration
from dedup_pipeline.stages.match.probabilities import PairScorer, ScoreHistogram, fit_pair_scorer
from dedup_pipeline.stages.match.text_evidence import TEXTS
from dedup_pipeline.verdict.decoys import threshold_for

DUPLICATES, STRANGERS, DECOYS = 400, 4000, 1000
MATCHED = 2 * DECOYS  # pictures of the dump: two for each decoy


def calibration(decoys: np.ndarray) -> Calibration:
    nobody = None  # the log odds are given, so there is nothing to judge
    return Calibration(nobody, tuple(decoys.tolist()), (1 / DECOYS,) * len(decoys), [], {"exchanged": 0.02})  # type: ignore[arg-type]


def rated(
    *, same_colour: tuple[float, float], use_texts: bool = True, seed: int = 0, exchanged: int = 0
) -> tuple[Rated, np.ndarray]:
    """Rate a dump in which duplicates and strangers have the same colour this often; and the answers.

    The last duplicates, so many as ``exchanged``, look as if a detail of the product were another one.
    """
    generator = np.random.default_rng(seed)
    labels = np.arange(DUPLICATES + STRANGERS) < DUPLICATES
    logits = np.where(labels, generator.normal(4, 2.5, len(labels)), generator.normal(-4, 2, len(labels)))
    agreeing = generator.random(len(labels)) < np.where(labels, *same_colour)
    columns = {name: pa.nulls(len(labels), pa.float32()) for name in TEXTS}
    columns |= {"same_colour": pa.array(agreeing, pa.int8()).cast(pa.float32()), "logit": pa.array(logits)}
    columns |= {"directions": pa.array(np.ones(len(labels), np.int64))}
    looking = np.zeros(len(labels), dtype=bool)
    looking[DUPLICATES - exchanged : DUPLICATES] = True
    columns |= {"exchanged": pa.array(np.where(looking, logits, np.nan), from_pandas=True)}
    decoys = generator.normal(-4, 2, STRANGERS // 2)
    verdicts = pa.table(columns)
    return Rated(
        verdicts,
        fit_pair_scorer(lambda names: [verdicts.select(names)], calibration(decoys), MATCHED, use_texts=use_texts),
    ), labels


@dataclass(frozen=True)
class Rated:
    """Verdicts and what they came to."""

    verdicts: pa.Table
    rating: PairScorer

    @property
    def scores(self) -> ScoreHistogram:
        """The verdicts, counted."""
        scores = ScoreHistogram()
        scores.add(self.rating.of(self.verdicts)[0], self.verdicts["directions"].to_numpy())
        return scores


def found(rated: Rated, labels: np.ndarray) -> tuple[float, float]:
    """Precision and recall at the threshold for 0.99."""
    accepted = rated.rating.of(rated.verdicts)[0] >= rated.scores.threshold(0.99, 0.9)[0]
    return float(labels[accepted].mean()), float(accepted[labels].mean())


@pytest.mark.parametrize("seed", range(3))
def test_texts_that_tell_find_more_and_the_promise_holds(seed: int) -> None:
    told, labels = rated(same_colour=(0.98, 0.15), seed=seed)
    alone, _ = rated(same_colour=(0.98, 0.15), use_texts=False, seed=seed)
    precision, recall = found(told, labels)
    assert precision >= 0.98
    assert recall > found(alone, labels)[1]


@pytest.mark.parametrize("seed", range(3))
def test_texts_that_tell_nothing_change_little(seed: int) -> None:
    told, labels = rated(same_colour=(0.5, 0.5), seed=seed)
    alone, _ = rated(same_colour=(0.5, 0.5), use_texts=False, seed=seed)
    assert found(told, labels) == pytest.approx(found(alone, labels), abs=0.03)


def test_without_texts_only_pictures_count() -> None:
    alone, _ = rated(same_colour=(0.98, 0.15), use_texts=False)
    assert alone.rating.texts is None
    assert not alone.rating.of(alone.verdicts)[1].any()
    assert alone.rating.draws == 1


def test_the_interval_holds_what_is_expected() -> None:
    told, _ = rated(same_colour=(0.98, 0.15))
    threshold, expected = told.scores.threshold(0.99, 0.9)
    low, high = told.scores.interval(told.rating, threshold)
    assert 0.9 < low <= expected <= high <= 1


def test_the_curve_of_pictures_alone_is_kept_for_pictures_without_listings() -> None:
    told, _ = rated(same_colour=(0.98, 0.15))
    alone, _ = rated(same_colour=(0.98, 0.15), use_texts=False)
    assert told.rating.pictures == alone.rating.pictures


def test_a_dump_without_candidates_is_rated_too() -> None:
    columns = {name: pa.array([], pa.float32()) for name in TEXTS}
    columns |= {
        "logit": pa.array([], pa.float64()),
        "directions": pa.array([], pa.int64()),
        "exchanged": pa.array([], pa.float64()),
    }
    verdicts = pa.table(columns)
    nothing = Rated(
        verdicts, fit_pair_scorer(lambda names: [verdicts.select(names)], calibration(np.zeros(0)), 0, use_texts=True)
    )
    assert len(nothing.rating.of(verdicts)[0]) == 0
    assert nothing.rating.texts is None
    assert nothing.scores.threshold(0.99, 0.9) == (1.0, 1.0)
    assert nothing.scores.interval(nothing.rating, 1.0) == (0.0, 1.0)


def test_counted_scores_are_those_of_every_candidate() -> None:
    told, _ = rated(same_colour=(0.98, 0.15))
    values = told.rating.of(told.verdicts)[0]
    threshold, expected = told.scores.threshold(0.99, 0.9)
    assert (threshold, expected) == pytest.approx(threshold_for(values, 0.99, 0.9))
    assert 0 < told.scores.accepted(threshold) == (values >= threshold).sum()
    assert told.scores.expected() == pytest.approx(values[values >= 0.5].sum())


def test_pairs_that_look_exchanged_are_kept_where_fewer_look_so_than_of_simulated_reuploads() -> None:
    """Of 400, eight would by the calibration."""
    dump, labels = rated(same_colour=(1, 0.1), exchanged=4)
    assert dump.rating.reuploads > 0.9
    assert found(dump, labels)[1] > found(*rated(same_colour=(1, 0.1)))[1] - 0.005


def test_pairs_that_look_exchanged_go_to_the_review_where_reuploads_do_not_explain_them() -> None:
    """Such as a shop of bottles that differ by a word on the label."""
    dump, _ = rated(same_colour=(1, 0.1), exchanged=100)
    probabilities = dump.rating.of(dump.verdicts)[0]
    looking = ~dump.verdicts["exchanged"].is_null().to_numpy()
    threshold = dump.scores.threshold(0.99, 0.9)[0]
    assert probabilities[looking].max() < 0.3
    assert not (probabilities[looking] >= threshold).any()
    assert (probabilities[~looking] >= threshold).sum() > 250
    assert 80 < dump.rating.exchanged <= 100
