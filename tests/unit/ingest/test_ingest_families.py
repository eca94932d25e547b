"""Ids as numbers, families as closures, and the names of families."""

import random
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.stages.ingest.families import UnionFind
from dedup_pipeline.stages.ingest.family_ids import smallest_ids
from dedup_pipeline.stages.ingest.id_table import IdTable, id_keys

ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=24)


@given(st.lists(ids, max_size=40), st.integers(0, 5))
def test_keys_are_equal_for_equal_ids_only(names, skipped):
    array = pa.array(names, pa.string()).slice(skipped)
    names = names[skipped:]
    keys = [tuple(key) for key in id_keys(array).tolist()]
    assert len(set(zip(names, keys, strict=True))) == len(set(names)) == len(set(keys))
    fronts = [tuple(key) for key in id_keys(array, whole=False).tolist()]
    assert fronts == [
        tuple(int.from_bytes(name.encode()[:16].ljust(16, b"\0")[at : at + 8], "big") for at in (0, 8))
        for name in names
    ]


@pytest.mark.parametrize("prefix", ["", "long" * 8])
def test_an_id_keeps_its_number_while_the_table_grows(prefix):
    chosen = random.Random(3)
    table, known = IdTable(), {}
    for _ in range(40):
        names = [f"{prefix}{chosen.randrange(200_000)}" for _ in range(8000)]
        for name, number in zip(names, table.numbers(id_keys(pa.array(names))).tolist(), strict=True):
            assert known.setdefault(name, number) == number
    assert sorted(known.values()) == list(range(table.count))
    assert table.count > 1 << 17


def components(links, count):
    """The plain way."""
    label = list(range(count))
    for _ in range(count):
        for one, other in links:
            label[one] = label[other] = min(label[one], label[other])
    groups = defaultdict(set)
    for place, name in enumerate(label):
        groups[name].add(place)
    return {frozenset(group) for group in groups.values()}


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40), st.integers(1, 9), st.randoms())
def test_families_are_closed_and_know_no_order(links, at_once, chosen):
    expected = components(links, 20)
    for _ in range(2):
        families = UnionFind()
        for first in range(0, len(links), at_once):
            one, other = np.array(links[first : first + at_once], np.int32).T
            families.link(one, other)
        groups = defaultdict(set)
        for place, label in enumerate(families.labels(20).tolist()):
            groups[label].add(place)
        assert {frozenset(group) for group in groups.values()} == expected
        links = [pair if chosen.random() < 0.5 else pair[::-1] for pair in links]
        chosen.shuffle(links)


def test_a_long_chain_is_one_family():
    families = UnionFind()
    order = np.random.default_rng(1).permutation(99_999).astype(np.int32)
    for part in np.array_split(order, 7):
        families.link(part, part + 1)
    assert set(families.labels(100_001).tolist()) == {0, 100_000}


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["", "x" * 16, "é" * 8, "x" * 30]), ids), min_size=1))
def test_a_family_has_its_smallest_id_for_a_name(members):
    numbers = {number: place for place, number in enumerate(sorted({number for number, _, _ in members}))}
    rows = [(numbers[number], (prefix + name)) for number, prefix, name in members]
    batches = [rows[:3], rows[3:]]
    named = smallest_ids(
        lambda: ((np.array([n for n, _ in b], np.int32), pa.array([i for _, i in b], pa.string())) for b in batches),
        len(numbers),
    )
    assert named.to_pylist() == [min(i for n, i in rows if n == number) for number in range(len(numbers))]
