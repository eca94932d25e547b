"""Reliability of probabilities, and the intervals of shares."""

import pandas as pd
import pytest

from dedup_pipeline.evaluate.calibration import calibration
from dedup_pipeline.evaluate.intervals import wilson


def judged(rows: list[tuple[float | None, str, str | None]]) -> pd.DataFrame:
    """Candidates as (probability, label, found), each of its own two nodes."""
    table = pd.DataFrame(rows, columns=["probability", "label", "found"])
    return table.assign(node_a=[f"a{row}" for row in table.index], node_b=[f"b{row}" for row in table.index])


def test_hand_computed_error() -> None:
    some = [(0.95, "right", "learned")] * 9 + [(0.95, "wrong", "learned")] + [(0.05, "wrong", "perceptual")] * 10
    figures = calibration(judged(some))
    assert (figures.pairs, figures.right) == (20, 9)
    assert figures.expected_calibration_error == pytest.approx(0.05)
    assert figures.expected_calibration_error_likely == pytest.approx(0.05)
    top = figures.bins[-1]
    assert (top.pairs, top.right, top.share_right) == (10, 9, 0.9)
    assert top.mean_probability == pytest.approx(0.95)
    assert top.interval[0] < 0.9 < top.interval[1]
    assert [each.pairs for each in figures.sure_bins] == [0, 10, 0, 0]


def test_what_needed_no_verdict_or_has_no_answer_does_not_count() -> None:
    some = [(1.0, "right", "exact"), (0.7, "ignored", "learned"), (0.7, "family", "learned"), (None, "right", None)]
    figures = calibration(judged([*some, (1.0, "right", "learned")]))
    assert (figures.pairs, figures.right) == (1, 1)
    assert figures.bins[-1].pairs == 1  # a probability of 1 belongs to the last bin
    assert figures.expected_calibration_error == 0.0


def test_a_verdict_on_pictures_that_several_photos_share_counts_once() -> None:
    table = judged([(0.6, "wrong", "learned"), (0.6, "right", "learned")]).assign(node_a="a", node_b="b")
    figures = calibration(table)
    assert (figures.pairs, figures.right) == (1, 1)


def test_nothing_judged_is_no_error() -> None:
    figures = calibration(judged([]))
    assert (figures.pairs, figures.expected_calibration_error) == (0, None)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 0, 0.0, 1.0), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (50, 100, 0.4038, 0.5962)],
)
def test_wilson_as_in_the_tables(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)
