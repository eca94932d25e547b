"""Which colours a listing names, and when two listings exclude each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.listings.colours import ANY, NONE, Colour, colours_contradict, colours_of


def contradict(a, b):
    return colours_contradict(colours_of(a, None), colours_of(b, None))


@pytest.mark.parametrize(
    ("a", "b"),
    [("Red", "Blue"), ("BLACK", "white"), ("navy", "black"), ("Light Blue", "Dark Green"), ("grey melange", "olive")],
)
def test_colours_that_exclude_each_other(a, b):
    assert contradict(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Navy", "blue"), ("Navy-Blue", "Indigo"), ("grey", "Gray"), ("off-white", "White"), ("Maroon", "dark red"),
        ("teal", "Green"), ("teal", "blue"), ("Red/Black", "black"), ("Multicolor", "Red"), ("multi-coloured", "Blue"),
        ("Assorted", "Pink"), ("Red", None), ("Red", ""), ("Red", "As shown"), ("\uff22lue", "blue"),
    ],
)  # fmt: skip
def test_colours_that_may_be_one(a, b):
    assert not contradict(a, b)


def test_the_title_counts_where_the_attribute_is_empty():
    assert colours_of(None, "Men's Blue T-Shirt") == Colour.BLUE
    assert colours_of("Black", "Black and white dress") == Colour.BLACK | Colour.WHITE


def test_words_of_a_title_that_are_seldom_colours_do_not_count():
    assert colours_of(None, "Rose Print Kurta with Mint Scent, Coffee Mug") == NONE
    assert colours_of("Rose", None) != NONE


def test_a_brand_in_the_title_is_no_colour():
    assert colours_of(None, "Purple Kite Solid Women's Top", "Purple Kite") == NONE
    assert colours_of(None, "PURPLE KITE Red Top", "Purple Kite") == Colour.RED


def test_a_word_within_a_word_is_no_colour():
    assert colours_of(None, "Tailored Shirt by Blackberrys, Hundred Percent Cotton") == NONE


words = st.sampled_from(
    ["red", "Navy", "teal", "multicolor", "off-white", "Blue", "shirt", "", "grün", "olive", "red/blue"]
)
texts = st.one_of(st.none(), st.text(max_size=12), st.lists(words, max_size=4).map(" ".join))
listings = st.tuples(texts, texts, texts)


@given(listings, listings)
def test_a_contradiction_holds_both_ways(a, b):
    first, second = colours_of(*a), colours_of(*b)
    assert colours_contradict(first, second) == colours_contradict(second, first)


@given(listings)
def test_nothing_contradicts_itself_nor_several_colours_nor_silence(listing):
    found = colours_of(*listing)
    assert not colours_contradict(found, found)
    assert not colours_contradict(found, ANY)
    assert not colours_contradict(found, NONE)
