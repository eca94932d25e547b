"""How many pairs that look exchanged are re-uploads."""

from __future__ import annotations

import numpy as np
import pytest

from dedup_pipeline.stages.match.exchanged import share_of_reuploads


@pytest.mark.parametrize("expected", [12, 40, 200])
def test_fewer_than_of_simulated_reuploads_are_reuploads(expected: float) -> None:
    assert share_of_reuploads(expected, expected / 2) > 0.9


@pytest.mark.parametrize(("expected", "seen"), [(0.6, 10), (3, 22), (10, 100)])
def test_many_more_are_other_products(expected: float, seen: float) -> None:
    assert share_of_reuploads(expected, seen) < 0.35


def test_one_in_a_shop_that_hardly_has_duplicates_stays_open() -> None:
    assert 0.1 < share_of_reuploads(0.1, 1) < 0.9


def test_the_more_are_seen_the_fewer_of_them_are_reuploads() -> None:
    shares = [share_of_reuploads(5, seen) for seen in range(5, 60)]
    assert (np.diff(shares) < 0).all()


def test_where_none_is_seen_the_next_one_is_judged_as_if_it_were_the_first() -> None:
    assert share_of_reuploads(0.2, 0) == share_of_reuploads(0.2, 1) < 0.9
