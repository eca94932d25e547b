"""Parquet files, in which few bytes may stand for a great deal of text: bounded in bytes, and told like CSV."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup_pipeline.config import load_settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.stages.ingest import ingest, parquet, source
from dedup_pipeline.stages.ingest.parquet import read_parquet
from dedup_pipeline.stages.ingest.parquet_pages import pages_of
from dedup_pipeline.stages.ingest.source import open_source

COLUMNS = "ingest.columns=id=id,image=image,family=family,title=title"
TEXTS = ["id", "title"]


def config(folder, *options):
    return load_settings([f"store={folder / 'store'}", "ingest.preset=columns", COLUMNS, *options])


def write(folder, columns, name="dump.parquet", **options):
    catalog = folder / name
    pq.write_table(pa.table(columns) if isinstance(columns, dict) else columns, catalog, **options)
    return str(catalog)


def tables(folder, result):
    return [pq.read_table(folder / "store" / result.outputs[name]).to_pylist() for name in ("listings", "rejects")]


def lower_limits(monkeypatch, size):
    monkeypatch.setattr(parquet, "BATCH_BYTES", size)
    monkeypatch.setattr(parquet, "READ_BYTES", 2 * size)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": ["title"]},
        {"use_dictionary": False},
        {"use_dictionary": False, "column_encoding": {"id": "PLAIN", "image": "PLAIN", "title": "DELTA_BYTE_ARRAY"}},
    ],
    ids=["dictionary", "some", "plain", "prefixes"],
)
def test_batches_are_bounded_in_bytes(tmp_path, monkeypatch, options):
    lower_limits(monkeypatch, 1 << 20)
    rows = 600
    shared = "shared text " * 2000
    columns = {"id": [f"{n}" for n in range(rows)], "image": ["http://x/a.jpg"] * rows, "title": [shared] * rows}
    catalog = write(tmp_path, columns, compression="zstd", data_page_size=1 << 15, write_batch_size=1, **options)
    before, found = pa.total_allocated_bytes(), 0
    with open_source(catalog) as opened:
        for batch in read_parquet(opened, {0: ";", 2: ";"}, 50_000):
            assert sum(column.nbytes for column in batch.columns.values()) <= 2 << 20
            assert pa.total_allocated_bytes() - before < 8 << 20  # all texts are 14 MB
            assert batch.lines.tolist() == list(range(found + 1, found + 1 + len(batch.lines)))
            found += len(batch.lines)
    assert found == rows
    listings, rejects = tables(tmp_path, ingest(config(tmp_path), "d", catalog))
    assert [row["listing_id"] for row in listings] == columns["id"]
    assert {row["title"] for row in listings} == {shared.strip()}
    assert not rejects


def test_a_field_that_is_too_long_is_a_reject_as_in_csv(tmp_path, monkeypatch):
    lower_limits(monkeypatch, 1 << 14)
    long = "x" * 1001
    columns = {
        "id": [f"{n}" for n in range(400)],
        "image": [["a", long] if n % 100 == 1 else ["a", "b"] for n in range(400)],
        "title": [long if n % 100 == 0 else "é" * 1000 for n in range(400)],
    }
    result = ingest(config(tmp_path, "ingest.max_field_chars=1000"), "d", write(tmp_path, columns))
    listings, rejects = tables(tmp_path, result)
    assert [(row["row"], row["reason"], row["detail"]) for row in rejects] == [
        (100 * n + 1 + of_image, "too-long", f"a field of {1001 + 2 * of_image} characters, more than 1000")
        for n in range(4)
        for of_image in (0, 1)
    ]
    assert len(listings) == 392
    assert listings[0]["photo_urls"] == ["a", "b"]


@pytest.mark.parametrize(
    ("version", "compression"), [("1.0", "none"), ("1.0", "snappy"), ("2.0", "zstd"), ("2.0", "lz4")]
)
@pytest.mark.parametrize("size", [1 << 14, 64 << 20])
def test_every_way_to_store_a_column_says_the_same(tmp_path, monkeypatch, version, compression, size):
    lower_limits(monkeypatch, size)
    rows = 2000
    numbers = np.random.default_rng(7).integers(0, 10_000, rows)
    columns = {
        "id": [None if n % 500 == 3 else f"{n}" for n in range(rows)],
        "family": [None if n % 3 else [f"{n - 1}", f"{n + 1}"] for n in range(rows)],
        "image": pa.array([None if n % 7 == 0 else [f"http://x/{value}"] * 2 for n, value in enumerate(numbers)]),
        "title": pa.array([f"title {value}".encode() for value in numbers]),
    }
    lists = ("family.list.element", "image.list.element")
    ways = (
        {"dictionary_pagesize_limit": 2000},
        {"use_dictionary": False},
        {"use_dictionary": False, "column_encoding": dict.fromkeys(("id", "title", *lists), "DELTA_BYTE_ARRAY")},
    )
    told = []
    for place, way in enumerate(ways):
        options = {"compression": compression, "data_page_version": version, "data_page_size": 1024} | way
        catalog = write(tmp_path, columns, row_group_size=700, write_batch_size=64, **options)
        opened = pq.ParquetFile(catalog).metadata
        with Path(catalog).open("rb") as file:
            for leaf in range(opened.num_columns):
                chunk = opened.row_group(0).column(leaf)
                pages = pages_of(file, chunk)
                assert pages.values.sum() == chunk.num_values
                headers = chunk.total_uncompressed_size - pages.sizes.sum() - pages.dictionary
                assert 0 <= headers < 100 * len(pages.sizes) + 99
        told.append(tables(tmp_path, ingest(config(tmp_path), f"d{place}", catalog)))
    assert told[0] == told[1] == told[2]
    listings, rejects = told[0]
    assert len(listings) == rows - 4
    assert [row["title"] for row in listings[:2]] == [f"title {value}" for value in numbers[:2]]
    assert listings[1]["photo_urls"] == [f"http://x/{numbers[1]}"]
    assert [row["family_id"] for row in listings[4:7]] == ["5"] * 3
    assert {row["reason"] for row in rejects} == {"no-id"}


def test_what_unpacks_to_far_more_than_is_stored_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "FREE_BYTES", 1 << 16)
    columns = {"id": ["a"], "image": ["http://x/a.jpg"], "title": ["x" * 200_000]}
    catalog = write(tmp_path, columns, compression="zstd")
    before = pa.total_allocated_bytes()
    with pytest.raises(InputError, match=r"cannot be read: \d+ bytes of title unpack to 20000\d, more than 100 times"):
        ingest(config(tmp_path), "d", catalog)
    assert pa.total_allocated_bytes() == before
    columns["title"] = ["".join(map(chr, np.random.default_rng(7).integers(97, 123, 200_000)))]
    assert ingest(config(tmp_path), "d", write(tmp_path, columns, compression="zstd")).counts["listings"] == 1


def test_a_value_that_is_too_large_to_hold_is_refused(tmp_path, monkeypatch):
    lower_limits(monkeypatch, 1 << 14)
    columns = {"id": ["a", "b"], "image": [["u"], ["u" * 20_000] * 2], "title": ["t", "t"]}
    with pytest.raises(InputError, match=r"has a row of 4000\d bytes, too large to hold"):
        ingest(config(tmp_path), "d", write(tmp_path, columns))


def test_lists_of_hardly_any_bytes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "FREE_ENTRIES", 1000)
    columns = {"id": ["a"], "image": [["u"] * 50_000], "title": ["t"]}
    with pytest.raises(InputError, match=r"50000 entries of image\.list\.element are stored in \d+ bytes"):
        ingest(config(tmp_path), "d", write(tmp_path, columns))


def test_a_packed_text_that_never_ends_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "FREE_BYTES", 1 << 16)
    catalog = tmp_path / "dump.csv.gz"
    catalog.write_bytes(gzip.compress(b"id,image,title\n" + b"a,http://x/a.jpg,t\n" * 300_000))
    monkeypatch.setattr(source, "MOST_UNPACKED", 100)
    with pytest.raises(InputError, match=r"dump\.csv\.gz cannot be read: \d+ bytes unpack to 5700015 and more"):
        ingest(config(tmp_path), "d", str(catalog))


def test_of_two_columns_of_one_name_the_first_counts(tmp_path):
    names = ["id", "title", "image", "title", "id", "title.x"]
    columns = [["a", "b"], ["first", "x" * 2000], ["i", "j"], ["second"] * 2, ["c", "d"], ["e", "e"]]
    catalog = write(tmp_path, pa.table([pa.array(values) for values in columns], names=names))
    text = tmp_path / "dump.csv"
    text.write_text(",".join(names) + "\n" + "".join(",".join(row) + "\n" for row in zip(*columns, strict=True)))
    stored, packed = (tables(tmp_path, ingest(config(tmp_path), name[-3:], name))[0] for name in (str(text), catalog))
    assert [row["listing_id"] for row in stored] == ["a", "b"]
    assert [row | {"row": 0} for row in stored] == [row | {"row": 0} for row in packed]
    assert [row["title"] for row in stored] == ["first", "x" * 2000]


def test_two_columns_of_lists_of_one_name_are_one_sentence(tmp_path):
    table = pa.table([pa.array(["a"]), pa.array([["i"]]), pa.array([["j"]])], names=["id", "image", "image"])
    with pytest.raises(InputError, match=r"two of its columns of lists have one name, image\.list\.element"):
        ingest(config(tmp_path), "d", write(tmp_path, table))


def test_columns_that_are_no_text_are_one_sentence(tmp_path):
    for kind, value in ((pa.struct([("\x1b[31m", pa.int8())]), {}), (pa.map_(pa.string(), pa.int8()), [])):
        table = pa.table({"id": ["a"], "image": ["i"], "title": pa.array([value], kind)})
        with pytest.raises(InputError, match="is no text") as caught:
            ingest(config(tmp_path), "d", write(tmp_path, table))
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_one_sentence(tmp_path, kept):
    catalog = tmp_path / "dump.parquet"
    write(tmp_path, {"id": ["a"] * 99, "image": ["i"] * 99})
    whole = catalog.read_bytes()
    footer = whole[-8 - int.from_bytes(whole[-8:-4], "little") :]
    for data in (whole[: int(kept * len(whole))], whole[: int(kept * 100)] + footer):
        catalog.write_bytes(data)
        with pytest.raises(InputError, match="cannot be read"):
            ingest(config(tmp_path), "d", str(catalog))
