"""Dumps that keep nothing, say nothing, or name more than a catalog does: one sentence, and nothing lost."""

import gzip
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dedup_pipeline.config import load_settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.stages.ingest import ingest, sense

COLUMNS = "ingest.columns=id=id,image=image,family=family,category=category"
HEADER = "id,image,family,category\n"


def config(folder, *options):
    return load_settings([f"store={folder / 'store'}", "ingest.preset=columns", COLUMNS, *options])


def write(folder, rows, kind="csv"):
    """A dump of rows of id, image, family and category."""
    catalog = folder / f"dump.{kind}"
    if kind == "parquet":
        columns = [list(values) for values in zip(*rows, strict=True)]
        pq.write_table(pa.table(columns, names=HEADER.strip().split(",")), catalog, row_group_size=1000)
    else:
        text = (HEADER + "".join(",".join(f'"{value}"' for value in row) + "\n" for row in rows)).encode()
        catalog.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    return str(catalog)


def tables(folder, result):
    return [pq.read_table(folder / "store" / result.outputs[name]).to_pylist() for name in ("listings", "rejects")]


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_batches_that_keep_no_row_are_nothing_special(tmp_path, kind):
    batch = 20_000 if kind != "parquet" else 1000  # rows: more than a block holds, and a batch of Parquet
    filler = "f" * 500
    hats = [(f"h{n}", f"http://x/{n % 7}-{filler}.jpg", "", "Hats") for n in range(batch)]
    tops = [(f"t{n}", f"http://x/{n % 7}.jpg", "h0", "Tops") for n in range(5)]
    catalog = write(tmp_path, [*hats, *tops, *hats, *hats], kind)
    chosen = config(tmp_path, "ingest.categories=tops", "ingest.chunk_rows=500")
    result = ingest(chosen, "d", catalog)
    assert result.counts["rejects_by_reason"] == {"category": batch, "repeated-id": 2 * batch}
    listings, rejects = tables(tmp_path, result)
    assert [row["listing_id"] for row in listings] == [f"t{n}" for n in range(5)]
    assert {row["family_id"] for row in listings} == {"h0"}
    assert len(rejects) == 3 * batch


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_dump_without_listings_is_one_sentence_and_its_rejects_stay(tmp_path, kind):
    rows = [(f"a{n}", "i", "", "A>Tops" if n else "A>\x1b[31mHats") for n in range(10)]
    catalog = write(tmp_path, rows, kind)
    with pytest.raises(InputError) as caught:
        ingest(config(tmp_path, "ingest.categories=Top"), "d", catalog)
    sentence = str(caught.value)
    assert "leaves no listing: all of its 10 rows are rejects (10 category), kept in" in sentence
    assert "no row has the category 'Top', there are 'Tops' (9), '[31mHats' (1)" in sentence
    assert sentence.isprintable()
    kept = re.search(r"kept in (\S+rejects\.parquet)", sentence)[1]
    assert [row["listing_id"] for row in pq.read_table(kept).to_pylist()] == [f"a{n}" for n in range(10)]
    assert not (tmp_path / "store" / "dumps" / "d" / "ingest" / "manifest.json").exists()
    assert ingest(config(tmp_path, "ingest.categories=Tops"), "d", catalog).counts["listings"] == 9


def test_a_row_that_lists_more_than_a_product_has_is_a_reject(tmp_path):
    ids, urls = [",".join(f"f{n}" for n in range(count)) for count in (10_000, 10_001)], ["u;" * 999, "u;" * 1000]
    rows = [("a", "i", ids[0], ""), ("b", "i", ids[1], ""), ("c", urls[0], "", ""), ("d", urls[1], "", "")]
    listings, rejects = tables(tmp_path, ingest(config(tmp_path), "d", write(tmp_path, rows)))
    assert [row["listing_id"] for row in listings] == ["a", "c"]
    assert [(row["row"], row["reason"], row["detail"]) for row in rejects] == [
        (3, "too-long", "the family lists 10001 ids, more than 10000"),
        (5, "too-long", "the image lists 1001 URLs, more than 1000"),
    ]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("\n" * 2000, "first 2001 lines 2000 are blank, 0 malformed and 0 without id"),
        ("x\n" * 2000, r"0 are blank, 2000 malformed and 0 without id \(line 3: 1 fields instead of 4\)"),
        (",i,,c\n" * 2000, r"0 are blank, 0 malformed and 2000 without id \(line 3: the id is empty\)"),
    ],
)
def test_a_file_of_hardly_any_rows_is_no_catalog(tmp_path, monkeypatch, lines, told):
    monkeypatch.setattr(sense, "MOST_WASTE", 1000)
    catalog = tmp_path / "dump.csv"
    catalog.write_text(HEADER + "a,i,,c\n" + lines)
    with pytest.raises(InputError, match=f"is no catalog as it is read: .*{told}"):
        ingest(config(tmp_path), "d", str(catalog))
    catalog.write_text(HEADER + "".join(f"{n},i,,c\n" for n in range(300)) + lines)
    assert ingest(config(tmp_path), "d", str(catalog)).counts["listings"] == 300


def test_families_of_far_more_ids_than_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sense, "SPARE_IDS", 100)
    rows = [(f"a{n}", "i", ",".join(f"{n}-{k}" for k in range(50)), "") for n in range(10)]
    assert ingest(config(tmp_path), "d", write(tmp_path, rows[:3])).counts["listings"] == 3
    with pytest.raises(InputError, match=r"names 510 ids in the families of its first 10 rows"):
        ingest(config(tmp_path), "d", write(tmp_path, rows))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_header_without_end_is_refused(tmp_path, kind):
    names = [*HEADER.strip().split(","), *(f"c{n}" for n in range(10_000))]
    catalog = tmp_path / f"dump.{kind}"
    if kind == "csv":
        catalog.write_text(",".join(names) + "\n" + "," * (len(names) - 1) + "\n")
    else:
        pq.write_table(pa.table([[""]] * len(names), names=names), catalog)
    with pytest.raises(InputError, match="has 10004 columns, more than 10000"):
        ingest(config(tmp_path), "d", str(catalog))


def test_names_of_columns_are_printable_in_messages(tmp_path):
    catalog = tmp_path / "dump.csv"
    catalog.write_text(f"id,\x1b[31m\x07photo\u202e,{'x' * 100}\n1,2,3\n")
    with pytest.raises(InputError, match=r"its columns are: id, \[31m photo, x{59}…\. Choose") as caught:
        ingest(config(tmp_path), "d", str(catalog))
    assert str(caught.value).isprintable()
