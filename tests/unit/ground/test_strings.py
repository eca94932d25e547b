"""Texts as bytes and digests say the same as the texts."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.compute.strings import ByteStrings, StringIndex, digests, numbered

ascii_texts = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9), max_size=30)
texts = st.lists(st.none() | st.text(max_size=9), max_size=30)


@given(ascii_texts, ascii_texts)
def test_sorted_names_know_where_others_are(some: list[str], asked: list[str]) -> None:
    names = sorted(set(some))
    expected = [names.index(name) if name in names else -1 for name in [*asked, *some]]
    assert ByteStrings.of(names).find(ByteStrings.of([*asked, *some])).tolist() == expected


@given(ascii_texts, st.integers(1, 5))
def test_names_in_pieces_are_the_names(some: list[str], size: int) -> None:
    pieces = [pa.array(some[start : start + size], pa.string()) for start in range(0, len(some), size)]
    assert list(ByteStrings.of_batches(pieces, len(some) + 3)) == some


@given(st.lists(st.text(max_size=9), unique=True, max_size=30), texts, st.integers(1, 5))
def test_places_are_those_of_equal_texts(some: list[str], asked: list[str | None], size: int) -> None:
    pieces = (pa.array(some[start : start + size], pa.string()) for start in range(0, len(some), size))
    places = StringIndex(pieces)
    expected = [some.index(text) if text in some else -1 for text in [*asked, *some]]
    assert places.find(pa.array([*asked, *some], pa.string())).tolist() == expected
    assert len(places) == len(some)


@given(st.lists(st.sampled_from(["a", "b", "", "é", "ab"]), max_size=30))
def test_equal_texts_have_one_number(some: list[str]) -> None:
    numbers = numbered(digests(pa.array(some, pa.string())))
    assert (numbers[:, None] == numbers).tolist() == [[a == b for b in some] for a in some]
    assert sorted(set(numbers.tolist())) == list(range(len(set(some))))
