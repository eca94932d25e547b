"""Contradictions between listings of one photo."""

import pandas as pd

from dedup_pipeline.export.contradictions import claims_of, contradictions


def listing(name, brand=None, colour=None):
    return {"listing_id": name, "brand": brand, "colour": colour, "title": None}


def test_a_family_that_shows_one_photo_in_many_colours_has_them_all():
    claims = claims_of(
        [listing("A1", "X", "Red"), listing("A2", "X", "Blue"), listing("B1", "X", "Blue"), listing("C1", "Y", "Green")]
    )
    seen = pd.DataFrame(
        [("A1", "A", "n1"), ("A2", "A", "n1"), ("B1", "B", "n2"), ("C1", "C", "n3")],
        columns=["listing_id", "family_id", "node"],
    )
    pairs = pd.DataFrame(
        [("A1", "B1", True), ("A2", "B1", True), ("A1", "C1", True), ("B1", "C1", False)],
        columns=["id_a", "id_b", "accepted"],
    )
    found = contradictions(pairs, claims, seen)
    assert found["colour"].tolist() == [False, False, True, False]
    assert found["brand"].tolist() == [False, False, True, False]
