"""The radius join finds all that comparing everything with everything finds."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup_pipeline.compute import hamming
from dedup_pipeline.compute.hamming import radius_join, segments

hashes = st.lists(st.integers(0, 2**64 - 1), max_size=30).map(lambda values: np.array(values, np.uint64))


def near_copies(generator, table, count):
    """Hashes of the table with up to 20 flipped bits."""
    copies = table[generator.integers(len(table), size=count)].copy()
    for row in range(count):
        for bit in generator.choice(64, generator.integers(0, 21), replace=False):
            copies[row] ^= np.uint64(1) << np.uint64(bit)
    return copies


def compared(queries, table, radius):
    return np.nonzero(np.bitwise_count(queries[:, None] ^ table[None]) <= radius)


@given(hashes, hashes, st.integers(0, 15))
def test_it_equals_comparing_all(queries, table, radius):
    found, expected = radius_join(queries, table, radius), compared(queries, table, radius)
    assert [list(side) for side in found] == [list(side) for side in expected]


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(0, 15))
def test_it_finds_planted_neighbours(seed, radius):
    generator = np.random.default_rng(seed)
    table = generator.integers(0, 2**64, 300, dtype=np.uint64)
    queries = near_copies(generator, table, 300)
    found, expected = radius_join(queries, table, radius), compared(queries, table, radius)
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


@pytest.mark.parametrize("count", hamming._SEGMENTS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), radius=st.integers(0, 15))
def test_every_number_of_segments_finds_the_same(count, seed, radius):
    generator = np.random.default_rng(seed)
    table = generator.integers(0, 2**64, 120, dtype=np.uint64)
    queries = near_copies(generator, table, 120)
    with mock.patch.object(hamming, "_SEGMENTS", (count,)), mock.patch.object(hamming, "_BLOCK", 50):
        assert segments(120, 120, radius)[-1].bits >= 64 // count
        found = radius_join(queries, table, radius)
    expected = compared(queries, table, radius)
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


@given(st.integers(1, 10**8), st.integers(1, 10**8), st.integers(0, 15))
def test_the_segments_leave_no_pair_out(queries, table, radius):
    cut = segments(queries, table, radius)
    ends = [segment.shift + segment.bits for segment in cut]
    assert all(segment.shift >= end for segment, end in zip(cut[1:], ends, strict=False))
    # each bit more than the flips of every segment, and the radius is passed
    assert sum(segment.flips + 1 for segment in cut) > radius


def test_larger_tables_take_longer_segments():
    few, many = segments(1000, 1000, 8), segments(10**6, 10**6, 8)
    assert max(segment.bits for segment in few) < max(segment.bits for segment in many)


def test_many_equal_hashes_are_joined_in_blocks():
    same = np.full(700, 12345, np.uint64)
    assert len(radius_join(same, same, 0)[0]) == 700 * 700
