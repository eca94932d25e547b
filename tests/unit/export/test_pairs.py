"""From verdicts and groups to pairs of listings."""

import pandas as pd
import pytest

from dedup_pipeline.export.pairs import listing_pairs

LISTINGS = pd.DataFrame(
    [
        ("A1", "FA", "i1", "i1"),
        ("A2", "FA", "i1", "i1"),
        ("B1", "FB", "i1", "i1"),  # the same file
        ("C1", "FC", "i2", "i1"),  # the same pixels
        ("D1", "FD", "i3", "i3"),
        ("E1", "FE", "i4", "i4"),
        ("F1", "FF", "i5", "i5"),
    ],
    columns=["listing_id", "family_id", "image_id", "node"],
)
VERDICTS = pd.DataFrame(
    [
        ("i1", "i3", "perceptual", 0.97),
        ("i1", "i4", "learned", 0.95),
        ("i1", "i5", "learned", 0.3),
        ("i4", "i5", "learned", 0.001),
    ],
    columns=["node_a", "node_b", "kind", "probability"],
)
GROUPS = pd.DataFrame(
    [(listing, "G", node == "i1") for listing, _, _, node in LISTINGS.itertuples(index=False) if node != "i5"],
    columns=["listing_id", "group_id", "medoid"],
)


@pytest.fixture
def pairs():
    found = listing_pairs(LISTINGS, VERDICTS, GROUPS, minimum_score=0.01)
    return {(row.id_a, row.id_b): row for row in found.itertuples(index=False)}


def test_equal_bytes_and_equal_pixels_are_certain(pairs):
    assert (pairs["A1", "B1"].kind, pairs["A1", "B1"].score) == ("same-bytes", 1.0)
    assert (pairs["B1", "C1"].kind, pairs["B1", "C1"].score) == ("same-pixels", 1.0)


def test_a_family_is_never_paired_with_itself(pairs):
    assert ("A1", "A2") not in pairs


def test_verdicts_reach_every_listing_of_their_pictures(pairs):
    assert {pair for pair, row in pairs.items() if row.score == 0.97 and row.kind == "perceptual"} == {
        ("A1", "D1"), ("A2", "D1"), ("B1", "D1"), ("C1", "D1"),
    }  # fmt: skip


def test_two_members_without_a_verdict_have_the_lesser_score_over_the_medoid(pairs):
    row = pairs["D1", "E1"]
    assert (row.kind, row.score, row.accepted, row.group_id) == ("group", 0.95, True, "G")


def test_unlikely_pairs_are_listed_and_not_accepted(pairs):
    row = pairs["A1", "F1"]
    assert (row.score, row.accepted) == (0.3, False)
    assert pd.isna(row.group_id)
    assert ("E1", "F1") not in pairs


def test_pairs_come_once_and_in_order():
    found = listing_pairs(LISTINGS, VERDICTS, GROUPS, minimum_score=0.01)
    keys = list(zip(found["id_a"], found["id_b"], strict=True))
    assert keys == sorted(set(keys))
    assert all(a < b for a, b in keys)
