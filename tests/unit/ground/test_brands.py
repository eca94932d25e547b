"""Brands as sellers write them."""

import pytest

from dedup_pipeline.listings.brands import brand_key, brands_contradict


@pytest.mark.parametrize(
    ("a", "b", "differ"),
    [
        ("Nike", "Adidas", True),
        ("NIKE", "nike ", False),
        ("Levi's", "LEVIS", False),
        ("N-Gal Street", "n gal street", False),
        ("A&K", "A and K", False),
        ("Café Noir", "Cafe  Noir", False),
        ("Levi's", "Levi's Kids", False),
        ("GAP", "Gapardi", False),  # what looks like one brand is left alone
        ("HM", "Hmong Crafts", True),
        ("Nike", "", False),
        ("Nike", None, False),
        ("Nike", "Generic", False),
        ("Nike", "N/A", False),
    ],
)
def test_brands(a, b, differ):
    assert brands_contradict(brand_key(a), brand_key(b)) is differ
    assert brands_contradict(brand_key(b), brand_key(a)) is differ
