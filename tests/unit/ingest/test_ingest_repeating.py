"""Dictionaries on the way from the dump to the table: the values are those of plain columns."""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.ingest.renditions import ranked, ranked_distinct
from dedup_pipeline.ingest.repeating import WRITTEN, convert_values, listing_writer, photo_columns
from dedup_pipeline.schemas import LISTINGS

texts = st.lists(st.sampled_from(["a", " a", "b", "", " ", "c>d", None]), max_size=12)
photos = st.lists(st.sampled_from(["x-400x400-.jpg;x-200x200-.jpg", "y;z;y", "", "null", "y", None]), max_size=9)


def clean(text):
    trimmed = pc.ascii_trim_whitespace(text)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


@given(texts)
def test_each_value_is_converted_as_if_alone(values):
    last = convert_values(
        pa.array(values, pa.string()), clean, lambda text: text.rpartition(">")[2] or None, pa.string()
    )
    cleaned = [(value or "").strip() for value in values]
    assert last.to_pylist() == [value.rpartition(">")[2] or None for value in cleaned]
    kept = convert_values(pa.array(values, pa.string()), clean, None, pa.string())
    assert kept.to_pylist() == [value or None for value in cleaned]
    for column in (last, kept):
        names = column.dictionary.to_pylist()
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
