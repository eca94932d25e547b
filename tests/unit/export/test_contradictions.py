"""Contradictions between listings of one photo."""

from __future__ import annotations

import numpy as np
from test_pairs import listed

from dedup_pipeline.listings.images import ListingImages
from dedup_pipeline.schemas import LISTINGS, conform
from dedup_pipeline.stages.export.contradictions import Claims, contradictions
from dedup_pipeline.store import Store


def test_a_family_that_shows_one_photo_in_many_colours_has_them_all(tmp_path):
    said = [("A1", "X", "Red"), ("A2", "X", "Blue"), ("C1", "Y", "Green"), ("B1", "X", "Blue"), ("D1", "Z", "Red")]
    rows = [{"listing_id": name, "brand": brand, "colour": colour, "row": 2} for name, brand, colour in said]
    store = Store(str(tmp_path))
    store.write_table("listings.parquet", conform(rows, LISTINGS))
    shows = [("A1", "A", "n1", "n1"), ("A2", "A", "n1", "n1"), ("B1", "B", "n2", "n2"), ("C1", "C", "n3", "n3")]
    known = listed(shows, [], dict.fromkeys(("A1", "A2", "B1", "C1"), "G"), {"G": "n1"}, ["n1", "n2", "n3"])
    known.rows[:] = [0, 1, 3, 2]  # where they stand in the table
    nothing = np.zeros(len(said), dtype=np.int32)
    claims = Claims.read(store, ListingImages("listings.parquet", nothing, nothing), known)
    brand, colour = contradictions(claims, np.array([0, 1, 0]), np.array([2, 2, 3]))
    assert brand.tolist() == [False, False, True]
    assert colour.tolist() == [False, False, True]
