"""Evidence that is missing where it never was when the trees were grown; on LightGBM itself."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.verdict.classifier import LOGIT_CAP, Pairs, VerdictModel, fit
from dedup_pipeline.verdict.evidence import EVIDENCE
from dedup_pipeline.verdict.trees import raw_scores

COLOUR, FREE, HOLED = 0, 1, 2  # features: less is better; neither way; missing in some pairs of the calibration


def drawn(count: int, seed: int) -> tuple[Floats, Floats]:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(5, 2, (count, 3)).astype(np.float32)
    labels = matrix[:, COLOUR] + np.abs(matrix[:, FREE] - 5) + matrix[:, HOLED] < 11
    matrix[::5, HOLED] = np.nan
    return matrix, labels.astype(np.float32)


@pytest.fixture(scope="module")
def grown() -> lightgbm.Booster:
    parameters = {"objective": "binary", "num_threads": 1, "verbosity": -1, "monotone_constraints": [-1, 0, 0]}
    return lightgbm.train(parameters, lightgbm.Dataset(*drawn(3000, 1)), num_boost_round=40)


def with_missing(matrix: Floats, *features: int) -> Floats:
    matrix = matrix.copy()
    matrix[:, features] = np.nan
    return matrix


def test_the_library_takes_what_was_never_missing_for_0(grown: lightgbm.Booster) -> None:
    matrix, _ = drawn(50, 2)
    at_0 = matrix.copy()
    at_0[:, COLOUR] = 0
    np.testing.assert_array_equal(grown.predict(with_missing(matrix, COLOUR)), grown.predict(at_0))


@pytest.mark.parametrize("features", [(COLOUR,), (FREE,), (COLOUR, FREE)])
def test_no_value_would_make_such_a_pair_less_likely(grown: lightgbm.Booster, features: tuple[int, ...]) -> None:
    matrix, _ = drawn(40, 3)
    scores, at_worst = raw_scores(grown, with_missing(matrix, *features))
    assert at_worst.all()
    for value in np.linspace(-5, 15, 81, dtype=np.float32):
        filled = matrix.copy()
        filled[:, features] = value
        assert (scores <= grown.predict(filled, raw_score=True) + 1e-9).all()


def test_of_a_feature_with_one_direction_it_is_what_the_worst_value_comes_to(grown: lightgbm.Booster) -> None:
    matrix, _ = drawn(40, 4)
    worst = matrix.copy()
    worst[:, COLOUR] = 1e9
    scores, _ = raw_scores(grown, with_missing(matrix, COLOUR))
    np.testing.assert_allclose(scores, grown.predict(worst, raw_score=True), atol=1e-9)


def test_what_the_trees_saw_missing_is_left_to_them(grown: lightgbm.Booster) -> None:
    matrix, _ = drawn(200, 5)
    for asked in (matrix, with_missing(matrix, HOLED)):
        scores, at_worst = raw_scores(grown, asked)
        np.testing.assert_array_equal(scores, grown.predict(asked, raw_score=True, num_threads=1))
        assert not at_worst.any()


def test_pairs_that_lack_nothing_are_as_ever_beside_one_that_does(grown: lightgbm.Booster) -> None:
    matrix, _ = drawn(50, 6)
    expected = grown.predict(matrix, raw_score=True, num_threads=1)
    matrix[7, COLOUR] = np.nan
    scores, at_worst = raw_scores(grown, matrix)
    assert np.flatnonzero(at_worst).tolist() == [7]
    np.testing.assert_array_equal(np.delete(scores, 7), np.delete(expected, 7))


@pytest.fixture(scope="module")
def calibrated() -> VerdictModel:
    """A model of a calibration in which all evidence was always there, as in a small dump of studio photos."""
    generator = np.random.default_rng(0)
    labels = generator.random(1500) < 0.3
    evidence = {}
    for name, direction in EVIDENCE.items():
        more = labels if direction > 0 else ~labels  # where less is better, 0 is the best there is
        evidence[name] = np.abs(generator.normal(0.25 * more, 1)).astype(np.float32)
    return fit(Pairs(evidence, np.arange(1500) // 3), labels, seed=1)[0]


def test_evidence_that_cannot_be_told_speaks_for_no_pair(calibrated: VerdictModel) -> None:
    middling = {name: np.full(1, 1.0, np.float32) for name in EVIDENCE}
    for name, direction in EVIDENCE.items():
        missing, worst = (middling | {name: np.full(1, value, np.float32)} for value in (np.nan, -1e9 * direction))
        if direction:
            np.testing.assert_allclose(calibrated.logits(missing), calibrated.logits(worst), atol=1e-9, err_msg=name)
        assert calibrated.logits(missing)[0] <= calibrated.logits(middling)[0] + 1e-9, name
    nothing = {name: np.full(1, np.nan, np.float32) for name in EVIDENCE}
    logits, at_worst = calibrated.logits_and_worst(nothing)
    assert at_worst.all()
    assert -LOGIT_CAP <= logits[0] < calibrated.logits(middling)[0]
