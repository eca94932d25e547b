"""The decoys' estimate: what the dump's strangers score tells what its candidates are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from dedup_pipeline.verdict.classifier import LOGIT_CAP, sigmoid
from dedup_pipeline.verdict.decoys import Curve, Tally, threshold_for


def curve_of(candidates, weights, decoys, scales):
    """The curve of candidates that are all counted at once."""
    tally = Tally(decoys, scales)
    tally.add(candidates, weights)
    return tally.curve()


def dump(duplicates, wrong, decoys, seed=0):
    """Log odds of a dump's candidates with their answers, and of as many decoys' candidates."""
    generator = np.random.default_rng(seed)
    labels = np.arange(duplicates + wrong) < duplicates
    logits = np.where(labels, generator.normal(4, 1.5, len(labels)), generator.normal(-3, 1.5, len(labels)))
    return logits, labels, generator.normal(-3, 1.5, decoys)


@pytest.mark.parametrize("duplicates", [30, 300, 3000])
def test_the_number_of_duplicates_is_found(duplicates):
    logits, _, decoys = dump(duplicates, 20_000, 10_000)
    values = curve_of(logits, np.ones(len(logits)), decoys, np.full(len(decoys), 2.0)).at(logits)
    assert values[values >= 0.5].sum() == pytest.approx(duplicates, rel=0.25)


@pytest.mark.parametrize("target", [0.9, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_the_promised_precision_is_kept(target, seed):
    logits, labels, decoys = dump(1000, 30_000, 15_000, seed)
    values = curve_of(logits, np.ones(len(logits)), decoys, np.full(len(decoys), 2.0)).at(logits)
    threshold, expected = threshold_for(values, target)
    accepted = values >= threshold
    assert expected >= target
    assert labels[accepted].mean() >= target - 0.015
    assert accepted[labels].mean() > 0.8


def test_a_dump_without_duplicates_has_none():
    logits, _, decoys = dump(0, 20_000, 10_000)
    values = curve_of(logits, np.ones(len(logits)), decoys, np.full(len(decoys), 2.0)).at(logits)
    assert threshold_for(values, 0.99)[0] > values.max() - 1e-9 or (values >= threshold_for(values, 0.99)[0]).sum() <= 2


def test_rare_decoys_of_one_kind_count_as_many_as_they_stand_for():
    logits, labels, decoys = dump(1000, 30_000, 15_000)
    rare = np.random.default_rng(1).normal(-3, 1.5, 1500)
    ones = np.ones(len(logits))
    # half of what is wrong is of each kind: one decoy of the rare kind stands for ten pairs, one of the other for one
    mixed = curve_of(logits, ones, np.concatenate([decoys, rare]), np.repeat([1.0, 10.0], [15_000, 1500])).at(logits)
    assert mixed[mixed >= 0.5].sum() == pytest.approx(1000, rel=0.25)
    threshold, expected = threshold_for(mixed, 0.99)
    assert expected >= 0.99
    assert labels[mixed >= threshold].mean() >= 0.975


def test_equal_scales_are_as_one_scale_for_all():
    logits, _, decoys = dump(100, 3000, 3000)
    once = curve_of(logits, np.ones(len(logits)), decoys, np.full(len(decoys), 2.0))
    twice = curve_of(logits, np.ones(len(logits)), np.tile(decoys, 2), np.full(2 * len(decoys), 1.0))
    assert twice.at(logits) == pytest.approx(once.at(logits), abs=0.02)


def test_without_decoys_or_candidates_there_is_still_a_curve():
    nothing = np.zeros(0)
    assert curve_of(nothing, nothing, nothing, nothing).at(np.array([3.0])) == 0
    values = curve_of(np.array([-1.0, 5.0]), np.ones(2), nothing, nothing).at(np.array([-1.0, 5.0]))
    assert ((values >= 0) & (values <= 1)).all()


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=40),
    st.lists(st.floats(-10, 10), max_size=40),
    st.floats(0.1, 5),
)
def test_more_log_odds_are_never_less_probable(candidates, decoys, scale):
    curve = curve_of(
        np.array(candidates), np.ones(len(candidates)), np.array(decoys, dtype=float), np.full(len(decoys), scale)
    )
    values = curve.at(np.linspace(-12, 12, 200))
    assert (np.diff(values) >= 0).all()
    assert 0 <= values.min() <= values.max() <= 1
    assert Curve.from_dict(curve.to_dict()) == curve


# log odds that meet each other and the decoys'
few = st.integers(-6, 6).map(lambda step: step * 2.0) | st.floats(-LOGIT_CAP, LOGIT_CAP).map(
    lambda value: round(value, 9)
)


@given(
    st.lists(st.tuples(few, st.sampled_from([1, 2])), min_size=1, max_size=60),
    st.lists(few, max_size=20),
    st.floats(0.1, 5),
)
def test_the_curve_is_the_isotonic_regression_over_every_single_candidate(candidates, decoys, scale):
    logits, weights = (np.array(side, dtype=float) for side in zip(*candidates, strict=True))
    scales, highest = np.full(len(decoys), scale), max([*logits, *decoys]) + 1e-9
    answers = np.repeat([0.0, 1.0], [len(logits), len(decoys) + 1])
    masses = np.concatenate([weights, scales, [0.1 * (scale if decoys else 1.0)]])
    everyone = np.concatenate([logits, decoys, [highest]])
    share = IsotonicRegression(increasing=False).fit(everyone, answers, sample_weight=masses).predict(logits)
    expected = np.minimum(1 - np.minimum(1, share / np.maximum(1 - share, 1e-9)), sigmoid(logits + 1))
    found = curve_of(logits, weights, np.array(decoys, dtype=float), scales).at(logits)
    assert found == pytest.approx(expected, abs=2e-3)  # a step leans by a thousandth of the next


def test_what_no_decoy_finds_is_not_likelier_than_the_judge_says():
    """Such as one shirt in many prints: hundreds of strangers that no decoy is like."""
    logits = np.concatenate([np.full(300, -6.0), np.full(20, 5.0)])
    values = curve_of(logits, np.ones(len(logits)), np.full(50, -9.0), np.full(50, 2.0)).at(logits)
    assert values[:300].max() < 0.01
    assert values[300:].min() > 0.95


@pytest.mark.parametrize("rows", [1, 33, 5000])
def test_candidates_counted_some_at_a_time_make_the_same_curve(rows):
    logits, _, decoys = dump(300, 3000, 1500)
    logits[np.random.default_rng(2).random(len(logits)) < 0.6] = -LOGIT_CAP  # ruled out in the first pass
    weights = np.random.default_rng(3).integers(1, 3, len(logits))
    tally = Tally(decoys, np.full(len(decoys), 2.3))
    for start in range(0, len(logits), rows):
        tally.add(logits[start : start + rows], weights[start : start + rows])
    assert tally.curve() == curve_of(logits, weights, decoys, np.full(len(decoys), 2.3))


def test_a_threshold_of_counted_values_is_that_of_all_of_them():
    values = np.random.default_rng(4).beta(8, 0.4, 5000).round(3)
    distinct, counts = np.unique(values, return_counts=True)
    assert threshold_for(distinct, 0.97, counts=counts) == pytest.approx(threshold_for(values, 0.97))
    assert threshold_for(values, 0.97)[0] < 1


@pytest.mark.parametrize(("scale", "sure"), [(0.05, True), (1.0, False)])
def test_a_decoy_that_nobody_saw_stands_for_as_much_as_those_that_were_seen(scale, sure):
    tally = Tally(np.array([-3.0, -1.0]), np.full(2, scale))
    tally.add(np.full(5, 6.0), np.full(5, 2))
    assert (float(tally.curve().at(np.array([6.0]))[0]) > 0.995) == sure
