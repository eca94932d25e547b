"""Reading whole dumps, with all the faults that real ones have."""

import csv
import gzip
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import InputError, SettingsError
from dedup_pipeline.schemas import LISTINGS, REJECTS
from dedup_pipeline.stages.ingest import ingest

PLAIN = ("preset=columns", "columns=id=id,image=image,family=family,title=title,category=category,price=price")
HEADER = "id,image,family,title,category,price\n"


def files_in(store: Path) -> list[Path]:
    """The files of a store, without its locks: those stay."""
    return [path for path in store.rglob("*") if path.is_file() and path.relative_to(store).parts[0] != "locks"]


def read(folder: Path, data: bytes | str, *options: str, name: str = "dump.csv", dump: str = "d"):
    """Ingest a file; the counts, the listings by id and the rejects."""
    catalog = folder / name
    catalog.write_bytes(data.encode() if isinstance(data, str) else data)
    result = ingest(config(folder, *(options or PLAIN)), dump, str(catalog))
    tables = [pq.read_table(folder / "store" / result.outputs[name]) for name in ("listings", "rejects")]
    assert tables[0].schema.equals(LISTINGS)
    assert tables[1].schema.equals(REJECTS)
    listings, rejects = (table.to_pylist() for table in tables)
    assert result.counts["rows"] == result.counts["listings"] + result.counts["rejects"]
    assert (len(listings), len(rejects)) == (result.counts["listings"], result.counts["rejects"])
    for rows in (listings, rejects):
        assert [row["row"] for row in rows] == sorted(row["row"] for row in rows)
    return result, {row["listing_id"]: row for row in listings}, rejects


def config(folder: Path, *options: str) -> Settings:
    return load_settings([f"store={folder / 'store'}", *(f"ingest.{option}" for option in options)])


def reasons(rejects) -> list[tuple[int, str]]:
    return [(row["row"], row["reason"]) for row in rejects]


def test_a_row_becomes_a_listing(tmp_path):
    result, listings, rejects = read(
        tmp_path, HEADER + " a ,http://x/p.jpg,,T, A > B > Cats ,1299\nb,null,a,nan,[[]],x\n"
    )
    assert listings["a"] == {
        "listing_id": "a",
        "row": 2,
        "family_id": "a",
        "photo_url": "http://x/p.jpg",
        "photo_urls": ["http://x/p.jpg"],
        "title": "T",
        "brand": None,
        "category": "Cats",
        "category_path": "A > B > Cats",
        "seller": None,
        "colour": None,
        "price": 1299.0,
    }
    assert listings["b"] | {"category_path": ""} == {
        **dict.fromkeys(listings["b"]),
        "listing_id": "b",
        "row": 3,
        "family_id": "a",
        "photo_urls": [],
        "category_path": "",
    }
    assert not rejects
    assert result.outputs == {
        "listings": "dumps/d/ingest/listings.parquet",
        "rejects": "dumps/d/ingest/rejects.parquet",
    }
    assert result.counts == {
        "rows": 2,
        "listings": 2,
        "rejects": 0,
        "rejects_by_reason": {},
        "families": 1,
        "without_picture": 1,
        "recoded_rows": 0,
        "missing_fields": "brand, seller, colour",
    }


def test_rejects_keep_line_reason_and_text(tmp_path):
    data = HEADER + (
        'a,i,,"two\nlines",c,1\n'  # 2, 3
        "b,i,,t,c\n"  # 4: too few
        "c,i,,t,c,1,2,3\n"  # 5: too many
        ",i,,t,c,1\n"  # 6
        "NULL,i,,t,c,1\n"  # 7
        'd,i,,"open,c,1\n'  # 8
        "\n"  # 9: no row
        "a,i,,again,c,1\n"  # 10
        f"e,i,,{'x' * 1001},c,1\n"  # 11
        f"{'y' * 1001},i,,t,c,1\n"  # 12
        "f,i,,t,c,1"  # 13
    )
    result, listings, rejects = read(tmp_path, data, *PLAIN, "max_field_chars=1000")
    assert reasons(rejects) == [
        (4, "malformed"), (5, "malformed"), (6, "no-id"), (7, "no-id"), (8, "malformed"), (10, "repeated-id"),
        (11, "too-long"), (12, "too-long"),
    ]  # fmt: skip
    assert [row["listing_id"] for row in rejects[:6]] == ["b", "c", None, None, "d", "a"]
    assert rejects[1]["raw"] == "c,i,,t,c,1,2,3"
    assert rejects[1]["detail"] == "8 fields instead of 6"
    assert rejects[4]["detail"] == "a quote opens and does not close"
    assert listings["a"]["title"] == "two\nlines"
    assert [row["row"] for row in listings.values()] == [2, 13]
    assert result.counts["rejects_by_reason"] == {"malformed": 3, "no-id": 2, "repeated-id": 1, "too-long": 2}


def test_raw_text_is_capped(tmp_path):
    data = HEADER + f"a,i,,{'é' * 30_000},c\nb,i,,{'é' * 30_000},x,1\nb,i,,{'é' * 30_000},x,1\n"
    _, _, rejects = read(tmp_path, data)
    assert [len(row["raw"]) for row in rejects] == [20_000, 20_000]


def test_bad_encodings_are_repaired_and_counted(tmp_path):
    rows = [
        b"a,i,,caf\xe9,c,1",
        b"b,i,,caf\xc3\xa9 \x93x\x94,c,1",
        b"c\0,i,,t\0t,c,1",
        "d,i,,café,c,1".encode(),
        b"e,\xff",
    ]
    result, listings, rejects = read(tmp_path, b"\xef\xbb\xbf" + HEADER.encode() + b"\n".join(rows))
    assert [row["title"] for row in listings.values()] == ["café", "café “x”", "tt", "café"]
    assert list(listings) == ["a", "b", "c", "d"]
    assert rejects[0]["raw"] == "e,ÿ"
    assert result.counts["recoded_rows"] == 4


def test_line_ends_of_every_kind(tmp_path):
    text = HEADER + "a,i,,t,c,1\nb,i,,t,c,2\n"
    for end in ("\r\n", "\r"):
        _, listings, rejects = read(tmp_path, text.replace("\n", end))
        assert [(row["row"], row["price"]) for row in listings.values()] == [(2, 1.0), (3, 2.0)]
        assert not rejects


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "no header line"),
        (HEADER.encode(), "a header and no rows"),
        (b"PK\x03\x04....", "Excel workbook"),
        (b"\xff\xfei\0d\0", "UTF-16"),
        (gzip.compress(HEADER.encode() + os.urandom(9000).hex().encode())[:-20], "was cut off"),
        (b"\x1f\x8b\x08\x00damaged", "was cut off"),
        (b"PAR1damaged", "cannot be read"),
        (b"sku,image,family\n1,2,3\n", "has no column 'id'"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_leaves_nothing(tmp_path, data, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, data)
    assert "dump.csv" in str(caught.value)
    assert files_in(tmp_path / "store") == []


def test_missing_files_and_columns_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        ingest(config(tmp_path), "d", str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="is a folder"):
        ingest(config(tmp_path), "d", str(tmp_path))
    with pytest.raises(
        InputError, match=r"'imageUrlStr'.*columns are: productId, photo.*ingest.columns=image=<column>"
    ):
        read(tmp_path, "productId,photo\n1,2\n", "preset=flipkart")
    with pytest.raises(SettingsError, match="did you mean 'colour'"):
        read(tmp_path, "id,image\n", "columns=color=x")
    with pytest.raises(SettingsError, match=r"needs ingest\.columns to name id and image"):
        read(tmp_path, "id,image\n", "preset=columns")
    with pytest.raises(SettingsError, match="cannot separate fields"):
        read(tmp_path, "id,image\n", *PLAIN, 'delimiter="')


def test_other_delimiters(tmp_path):
    for delimiter in ";|":
        text = (HEADER + 'a,i,,"t,t",c,1\n').replace(",", delimiter)
        _, listings, _ = read(tmp_path, text, *PLAIN, f"delimiter={delimiter}", dump=f"d{ord(delimiter)}")
        assert listings["a"]["title"] == f"t{delimiter}t"


def test_the_same_file_is_read_once_and_a_changed_one_again(tmp_path):
    data = HEADER + "a,i,,t,c,1\n"
    first, _, _ = read(tmp_path, data)
    again, _, _ = read(tmp_path, data)
    moved, _, _ = read(tmp_path, data, name="other.csv")
    changed, listings, _ = read(tmp_path, data + "b,i,,t,c,1\n")
    assert (first.reused, again.reused, moved.reused, changed.reused) == (False, True, True, False)
    assert len(listings) == 2
    assert not read(tmp_path, data + "b,i,,t,c,1\n", *PLAIN, "rendition_px=100")[0].reused


def test_text_gzip_and_parquet_say_the_same(tmp_path):
    rows = [
        {"id": i, "image": f"http://x/{i}-400x400-.jpg", "family": str(i + 1), "title": "t", "category": "A>B",
         "price": 1.5 * i} for i in range(250)
    ]  # fmt: skip
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    table = io.BytesIO()
    lists = [row | {"image": [row["image"]], "family": [row["family"]]} for row in rows]
    pq.write_table(pa.Table.from_pylist(lists), table, row_group_size=100)
    _, plain, _ = read(tmp_path, text.getvalue(), dump="a")
    _, packed, _ = read(tmp_path, gzip.compress(text.getvalue().encode()), name="dump.csv.gz", dump="b")
    _, stored, _ = read(tmp_path, table.getvalue(), *PLAIN, "chunk_rows=100", name="dump.parquet", dump="c")
    assert plain == packed
    assert plain == {key: row | {"row": row["row"] + 1} for key, row in stored.items()}
    assert {row["family_id"] for row in plain.values()} == {"0"}


def test_parquet_rejects_and_types(tmp_path):
    table = io.BytesIO()
    columns = {"id": [1.0, None, 1.0, 2.5], "image": [b"http://x/a.jpg", b"\xff", None, b"b"], "price": [1, 2, 3, None]}
    pq.write_table(pa.table(columns), table)
    _, listings, rejects = read(tmp_path, table.getvalue(), "preset=columns", "columns=id=id,image=image,price=price")
    assert {key: row["price"] for key, row in listings.items()} == {"1": 1.0, "2.5": None}
    assert reasons(rejects) == [(2, "no-id"), (3, "repeated-id")]
    assert json.loads(rejects[1]["raw"])[0] == "1"


def test_categories_are_equal_and_last_and_filtered_rows_still_link(tmp_path):
    data = (
        HEADER + "a,i,m,t,X>Tops,1\nb,i,m,t,X>tops,1\nc,i,,t,Tops>Y,1\nd,i,,t,Crop Tops,1\ne,i,,t,,1\nm,i,,t,X>Hats,1\n"
    )
    _, listings, rejects = read(tmp_path, data, *PLAIN, "categories=TOPS")
    assert {key: row["family_id"] for key, row in listings.items()} == {"a": "a", "b": "a"}
    assert [(row["listing_id"], row["reason"]) for row in rejects] == [(key, "category") for key in "cdem"]
    assert rejects[2]["detail"] == "no category"
    assert rejects[3]["raw"] == "m,i,,t,X>Hats,1"


def test_google_merchant(tmp_path):
    header = "ID\timage link\titem_group_id\ttitle\tgoogle_product_category\tproduct_type\tprice\tsale price\n"
    rows = "a\thttp://x/a;b.jpg\tb\tT\t2271\t\t12.99 USD\t\nb\thttp://x/c.jpg\tg\tT\tA > B\tC > D\t9\t7.50 EUR\n"
    rows += "c\thttp://x/c.jpg\tb\tT\t\t\t1,299.00 INR\t\n"
    result, listings, _ = read(tmp_path, header + rows, "preset=google_merchant")
    assert {key: row["family_id"] for key, row in listings.items()} == {"a": "a", "b": "b", "c": "a"}
    assert [row["price"] for row in listings.values()] == [12.99, 7.5, 1299.0]
    assert [row["category"] for row in listings.values()] == ["2271", "D", None]
    assert listings["a"]["photo_urls"] == ["http://x/a;b.jpg"]
    assert result.counts["missing_fields"] == "brand, seller, colour"
    _, again, _ = read(
        tmp_path, (header + rows.replace(",", "")).replace("\t", ","), "preset=google_merchant", dump="e"
    )
    assert again == listings


def test_shopify(tmp_path):
    data = (
        "Handle,Title,Vendor,Product Category,Type,Option1 Value,Variant SKU,Variant Price,Image Src\n"
        "shirt,Shirt,V,A > Shirts,S,Red,s-1,10.00,http://x/1.jpg\nshirt,,,,,Blue,s-2,11.00,http://x/2.jpg\n"
        "shirt,,,,,,,,http://x/3.jpg\nhat,Hat,V,,Hats,,,5.00,\n"
    )
    _, listings, rejects = read(tmp_path, data, "preset=shopify")
    assert [(row["category"], row["price"], row["photo_url"]) for row in listings.values()] == [
        ("Shirts", 10.0, "http://x/1.jpg"),
        ("Hats", 5.0, None),
    ]
    assert reasons(rejects) == [(3, "repeated-id"), (4, "repeated-id")]
    _, variants, rejects = read(tmp_path, data, "preset=shopify", "columns=id=Variant SKU,family=Handle", dump="v")
    assert {key: row["family_id"] for key, row in variants.items()} == {"s-1": "s-1", "s-2": "s-1"}
    assert reasons(rejects) == [(4, "no-id"), (5, "no-id")]


@pytest.mark.parametrize(
    ("field", "text"), [(b'\0"a', '"a'), (b'\0"a"', '"a"'), (b'"a"\0', "a"), (b'a\0"b', 'a"b'), (b'\0\0"', '"')]
)
def test_a_quote_behind_a_nul_opens_no_field(tmp_path, field, text):
    data = b"id,image\n" + field + b",b\nc,d\n"
    _, listings, _ = read(tmp_path, data, "preset=columns", "columns=id=id,image=image")
    assert {name: row["row"] for name, row in listings.items()} == {text: 2, "c": 3}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.sampled_from([b",", b'"', b"\n", b"a,b\n", b"1,2,3\n", b"\xff", b"\0", b"\r"]), st.binary(max_size=4)
        )
    )
)
def test_every_row_of_arbitrary_bytes_is_accounted_for(tmp_path, parts):
    data = b"id,image\n" + b"".join(parts)
    chosen = "preset=columns", "columns=id=id,image=image"
    if all(line in (b"", b"\r") for line in data.split(b"\n")[1:]):
        with pytest.raises(InputError, match="no rows"):
            read(tmp_path, data, *chosen)
        return
    most = data.count(b"\n") + data.count(b"\r")
    try:
        assert 0 < read(tmp_path, data, *chosen)[0].counts["rows"] <= most
    except InputError as error:
        told = re.search(r"leaves no listing: all of its (\d+) rows are rejects .* kept in (.*): change", str(error))
        assert 0 < int(told[1]) == len(pq.read_table(told[2])) <= most


def test_memory_and_order_of_many_blocks(tmp_path):
    seen = []
    rows = 60_000
    catalog = tmp_path / "dump.csv"
    with catalog.open("w") as file:
        file.write(HEADER)
        file.writelines(f"{i},http://x/{i}.jpg,{i ^ 1},{'t' * 300},c,{i}\n" for i in range(rows))
    result = ingest(config(tmp_path, *PLAIN), "d", str(catalog), lambda done, of: seen.append((done, of)))
    table = pq.read_table(tmp_path / "store" / result.outputs["listings"])
    assert table["row"].to_pylist() == list(range(2, rows + 2))
    assert result.counts["families"] == rows // 2
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == (catalog.stat().st_size,) * 2


def test_a_kill_at_any_point_leaves_nothing_half_written(tmp_path):
    catalog = tmp_path / "dump.csv"
    catalog.write_text(
        HEADER + "".join(f"{i % 55_000},http://x/{i}.jpg,{i ^ 1},{'t' * 300},c,{i}\n" for i in range(60_000))
    )
    program = (
        "import os, signal, sys\n"
        "from dedup_pipeline.config import load_settings\n"
        "from dedup_pipeline.stages.ingest import ingest\n"
        "calls = []\n"
        "def progress(done, of):\n"
        "    calls.append(done)\n"
        "    if done >= of * float(sys.argv[3]):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "ingest(load_settings(['store=' + sys.argv[1], *sys.argv[4:]]), 'd', sys.argv[2], progress)\n"
    )
    options = [f"ingest.{option}" for option in PLAIN]
    killed = tmp_path / "store" / "dumps" / "d" / "ingest"
    for share in ("0.1", "1"):
        arguments = [sys.executable, "-c", program, str(tmp_path / "store"), str(catalog), share, *options]
        done = subprocess.run(arguments, check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert [path.name[:5] for path in killed.iterdir()] == [".tmp-"]
    ingest(config(tmp_path, *PLAIN), "d", str(catalog))
    (tmp_path / "calm").mkdir()
    ingest(config(tmp_path / "calm", *PLAIN), "d", str(catalog))
    calm = tmp_path / "calm" / "store" / "dumps" / "d" / "ingest"
    assert sorted(path.name for path in killed.iterdir()) == ["listings.parquet", "manifest.json", "rejects.parquet"]
    for name in ("listings.parquet", "rejects.parquet"):
        assert (killed / name).read_bytes() == (calm / name).read_bytes()


def test_progress_of_parquet_grows_to_the_size(tmp_path):
    catalog, seen = tmp_path / "dump.parquet", []
    pq.write_table(pa.table({"id": range(900), "image": ["x"] * 900}), catalog, row_group_size=100)
    chosen = config(tmp_path, "preset=columns", "columns=id=id,image=image", "chunk_rows=100")
    ingest(chosen, "d", str(catalog), lambda done, of: seen.append(done))
    assert len(seen) == 9
    assert seen == sorted(seen)
    assert seen[-1] == catalog.stat().st_size


def test_dump_and_store_behind_urls():
    files = fsspec.filesystem("memory")
    files.pipe("/dumps/dump.csv.gz", gzip.compress((HEADER + "a,i,b,t,c,1\nb,i,,t,c,1\n").encode()))
    chosen = load_settings(["store=memory://store", *(f"ingest.{option}" for option in PLAIN)])
    result = ingest(chosen, "d", "memory://dumps/dump.csv.gz")
    assert result.counts["families"] == 1
    assert ingest(chosen, "d", "memory://dumps/dump.csv.gz").reused
    assert len(pq.read_table(io.BytesIO(files.cat(f"/store/{result.outputs['listings']}")))) == 2


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    catalog = tmp_path / "dump.csv"
    catalog.write_text(HEADER + "a,i,,t,c,1\n")

    def progress(done, of):
        catalog.write_text(HEADER + "a,i,,t,c,1\nb,i,,t,c,1\n")

    with pytest.raises(InputError, match="changed while it was read"):
        ingest(config(tmp_path, *PLAIN), "d", str(catalog), progress)
    assert files_in(tmp_path / "store") == []


def test_the_number_of_threads_changes_nothing(tmp_path):
    catalog = tmp_path / "dump.csv"
    catalog.write_text(HEADER + "".join(f"{i},http://x/{i}.jpg,{i ^ 1},{'t' * 900},c,{i}\n" for i in range(30_000)))
    written = []
    for threads in (1, 4):
        chosen = load_settings(
            [f"store={tmp_path / str(threads)}", f"threads={threads}", *(f"ingest.{o}" for o in PLAIN)]
        )
        result = ingest(chosen, "d", str(catalog))
        written.append((tmp_path / str(threads) / result.outputs["listings"]).read_bytes())
    assert written[0] == written[1]


def test_a_whole_shop(tmp_path, drawn_shop):
    known = json.loads((drawn_shop / "counts.json").read_text())
    settings = config(tmp_path, "preset=flipkart")
    result = ingest(settings, "shop", str(drawn_shop / "catalog.csv"))
    assert result.counts["rows"] == known["rows"] > 250
    assert result.counts["rejects_by_reason"] == {
        "malformed": known["malformed_lines"],
        "repeated-id": known["repeated_rows"],
    }
    # the figures of the shop count malformed lines as listings, and families of one
    assert result.counts["listings"] == known["listings"] - known["malformed_lines"]
    assert result.counts["families"] == known["families"] - known["malformed_lines"]
    listings = pq.read_table(tmp_path / "store" / result.outputs["listings"]).to_pylist()
    with (drawn_shop / "photos.csv").open(newline="") as file:
        told = {row["productId"]: row["family"] for row in csv.DictReader(file)}
    pairs = {(row["family_id"], told[row["listing_id"]]) for row in listings}
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
    with (drawn_shop / "catalog.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert all(rows[row["row"] - 1][0] == row["listing_id"] for row in listings)
    assert all("400x400" in row["photo_url"] for row in listings if row["photo_urls"] and len(row["photo_urls"]) > 2)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_the_manifest_names_the_bytes_that_were_read(tmp_path, kind):
    rows = {"id": ["a", "b"], "image": ["i", "i"]}
    catalog = tmp_path / f"dump.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(rows), catalog)
    else:
        text = b"id,image\n" + b"".join(b"%d,i\n" % number for number in range(9))
        catalog.write_bytes(text if kind == "csv" else gzip.compress(text) + bytes(50))
    chosen = config(tmp_path, "preset=columns", "columns=id=id,image=image")
    assert not ingest(chosen, "d", str(catalog)).reused
    manifest = json.loads((tmp_path / "store" / "dumps" / "d" / "ingest" / "manifest.json").read_text())
    assert manifest["inputs"]["catalog"] == hashlib.sha256(catalog.read_bytes()).hexdigest()
    assert ingest(chosen, "d", str(catalog)).reused
