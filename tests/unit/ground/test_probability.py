"""Probabilities mean what they say, and the threshold keeps its promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.errors import InputError, ModelError
from dedup_pipeline.verdict.alignment import ALIGNED
from dedup_pipeline.verdict.classifier import Pairs, VerdictModel, fit, quick_probabilities, sigmoid
from dedup_pipeline.verdict.decoys import precision_interval, threshold_for
from dedup_pipeline.verdict.evidence import EVIDENCE


def pairs(count, share, seed):
    """Evidence of duplicates and others that overlap, with their answers."""
    generator = np.random.default_rng(seed)
    labels = generator.random(count) < share
    evidence = {}
    for number, (name, direction) in enumerate(EVIDENCE.items()):
        shift = direction * (1.0 if number < 3 else 0.3)
        evidence[name] = (generator.standard_normal(count) + shift * labels).astype(np.float32)
    return evidence, labels, np.arange(count) // 3


@pytest.fixture(scope="module")
def fitted():
    evidence, labels, groups = pairs(6000, 0.3, 0)
    return fit(Pairs(evidence, groups), labels, seed=1)[0]


def test_half_of_what_is_called_even_is_a_duplicate(fitted):
    evidence, labels, _ = pairs(40_000, 0.3, 1)
    values = sigmoid(fitted.logits(evidence))
    for low in np.arange(0, 1, 0.2):
        inside = (values >= low) & (values < low + 0.2)
        assert labels[inside].mean() == pytest.approx(values[inside].mean(), abs=0.05)


def test_a_model_survives_json(fitted):
    evidence, _, _ = pairs(100, 0.3, 4)
    again = VerdictModel.from_dict(fitted.to_dict())
    assert np.array_equal(again.logits(evidence), fitted.logits(evidence))


def test_more_likeness_is_never_less_probable(fitted):
    evidence, _, _ = pairs(500, 0.3, 5)
    for name, direction in EVIDENCE.items():
        if direction:
            more = {**evidence, name: evidence[name] + np.float32(direction * 0.5)}
            assert (fitted.logits(more) >= fitted.logits(evidence) - 1e-9).all(), name


def test_the_same_pairs_give_the_same_model():
    evidence, labels, groups = pairs(600, 0.3, 6)
    assert fit(Pairs(evidence, groups), labels, seed=1)[0] == fit(Pairs(evidence, groups), labels, seed=1)[0]


def test_decoys_are_judged_by_trees_that_have_not_seen_their_group():
    evidence, labels, groups = pairs(3000, 0.3, 9)
    generator = np.random.default_rng(0)
    noise = {name: generator.standard_normal(len(labels)).astype(np.float32) for name in evidence}
    known = Pairs(noise, groups)  # nothing to learn but by heart
    _, held_out, judged = fit(known, labels, decoys=known, seed=1)
    assert np.array_equal(held_out, judged)
    assert abs(np.corrcoef(judged, labels)[0, 1]) < 0.1


def test_a_quick_fit_says_about_the_same_and_knows_nothing_by_heart():
    evidence, labels, groups = pairs(2000, 0.3, 11)
    known = Pairs(evidence, groups)
    quick = quick_probabilities(known, labels, known, seed=1)
    assert np.corrcoef(quick, sigmoid(fit(known, labels, seed=1)[1]))[0, 1] > 0.95
    generator = np.random.default_rng(0)
    noise = {name: generator.standard_normal(len(labels)).astype(np.float32) for name in evidence}
    quick = quick_probabilities(Pairs(noise, groups), labels, Pairs(noise, groups), seed=1)
    assert abs(np.corrcoef(quick, labels)[0, 1]) < 0.1


def test_the_precision_that_is_kept_lies_in_its_interval_as_often_as_it_says():
    generator = np.random.default_rng(3)
    for rate, scale, accepted in ((0.3, 2.0, 400), (4.0, 2.0, 400), (3.0, 0.1, 12), (20.0, 0.5, 300)):
        within = []
        for decoys, wrong in zip(generator.poisson(rate, 1500), generator.poisson(rate * scale, 1500), strict=True):
            low, high = precision_interval(accepted, int(decoys), scale)
            within.append(low <= 1 - min(wrong, accepted) / accepted <= high)
        assert 0.92 < np.mean(within) <= 1


def test_no_decoy_in_a_large_shop_promises_less_than_in_a_small_one():
    assert precision_interval(100, 0, 4.0)[0] < precision_interval(100, 0, 1.0)[0] < 1
    assert precision_interval(0, 3, 2.0) == (0.0, 1.0)
    assert precision_interval(1, 500, 2.0) == (0.0, 0.0)


def test_evidence_that_nobody_looked_for_is_no_obstacle():
    evidence, labels, groups = pairs(3000, 0.3, 10)
    unseen = np.random.default_rng(1).random(len(labels)) < 0.5
    for name in ALIGNED:
        evidence[name][unseen] = np.nan
    model, held_out, _ = fit(Pairs(evidence, groups), labels, seed=1)
    assert np.isfinite(held_out).all()
    for some in (unseen, ~unseen):
        assert sigmoid(held_out[some]).mean() == pytest.approx(labels[some].mean(), abs=0.05)
        assert held_out[some & labels].mean() > held_out[some & ~labels].mean() + 1
    nothing = {name: np.full(1, np.nan, np.float32) for name in evidence}
    assert np.isfinite(model.logits(nothing)).all()


def test_too_few_pairs_are_refused():
    evidence, labels, groups = pairs(20, 0.3, 7)
    with pytest.raises(InputError, match="at least 10 photos"):
        fit(Pairs(evidence, groups), labels, seed=1)


def test_missing_evidence_is_named(fitted):
    evidence, _, _ = pairs(5, 0.3, 8)
    del evidence["cosine"]
    with pytest.raises(ModelError, match="cosine"):
        fitted.logits(evidence)


@given(st.lists(st.floats(0, 1), max_size=50), st.floats(0.6, 0.999))
def test_what_reaches_the_threshold_is_expected_to_be_right_often_enough(values, target):
    array = np.array(values)
    threshold, expected = threshold_for(array, target)
    accepted = array[array >= threshold]
    assert threshold >= 0.5
    if len(accepted) and threshold < 1:
        assert accepted.mean() == pytest.approx(expected)
        assert expected >= target - 1e-12
