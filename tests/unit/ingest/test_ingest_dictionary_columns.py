"""Dictionaries on the way from the dump to the table: the values are those of plain columns."""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.schemas import LISTINGS
from dedup_pipeline.stages.ingest.dictionary_columns import (
    WRITTEN,
    convert_values,
    listing_writer,
    photo_columns,
    pruned,
)
from dedup_pipeline.stages.ingest.renditions import ranked, ranked_distinct

texts = st.lists(st.sampled_from(["a", " a", "b", "", " ", "c>d", None]), max_size=12)
photos = st.lists(st.sampled_from(["x-400x400-.jpg;x-200x200-.jpg", "y;z;y", "", "null", "y", None]), max_size=9)


def clean(text):
    trimmed = pc.ascii_trim_whitespace(text)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def last(text):
    return pa.array([value and (value.rpartition(">")[2] or None) for value in clean(text).to_pylist()], pa.string())


@given(texts)
def test_each_value_is_converted_as_if_alone(values):
    column = pa.array(values, pa.string())
    for convert in (clean, last):
        found = convert_values(column, convert)
        assert found.to_pylist() == convert(column).to_pylist()
        names = found.dictionary.to_pylist()
        assert None not in names
        assert len(set(names)) == len(names)


@given(st.lists(photos, min_size=1, max_size=4), st.randoms())
def test_photos_of_parts_with_dictionaries_of_their_own(parts, chosen):
    encoded, expected = [], []
    for part in parts:
        column = pa.array(part, pa.string())
        kept = [chosen.random() < 0.7 for _ in part]
        encoded.append(ranked_distinct(column, ";", 400).filter(pa.array(kept, pa.bool_())))
        expected += [row for row, wanted in zip(ranked(column, ";", 400).to_pylist(), kept, strict=True) if wanted]
    first, lists = photo_columns(encoded)
    assert lists.to_pylist() == expected
    assert first.to_pylist() == [row[0] if row else None for row in expected]
    urls = first.dictionary.to_pylist()
    assert len(set(urls)) == len(urls)


def test_readers_see_plain_columns():
    told = {"listing_id": "a", "row": 2, "family_id": "a", "photo_url": "u", "photo_urls": ["u", "v"], "price": 1.5}
    row = dict.fromkeys(LISTINGS.names) | told
    file = io.BytesIO()
    with listing_writer(file) as writer:
        writer.write_table(
            pa.Table.from_pylist([row, row | {"photo_urls": [], "photo_url": None}], schema=LISTINGS).cast(WRITTEN)
        )
    table = pq.read_table(io.BytesIO(file.getvalue()))
    assert table.schema.equals(LISTINGS)
    assert table.to_pylist() == [row, row | {"photo_urls": [], "photo_url": None}]


@given(st.lists(st.sampled_from(["a", "b", None, "c"]), max_size=9), st.integers(0, 9))
def test_values_that_do_not_occur_leave_the_dictionary(values, skipped):
    column = pa.array([*values, "d"], pa.string()).dictionary_encode()[:-1].slice(skipped)
    found = pruned(column)
    assert found.to_pylist() == values[skipped:]
    assert found.dictionary.to_pylist() == list(
        dict.fromkeys(value for value in values if value in values[skipped:] and value)
    )
