"""The store: files are there whole or not at all."""

import pyarrow as pa
import pytest

from dedup_pipeline.errors import InputError, NotReadyError, StoreError
from dedup_pipeline.store import Store, check_dump_id


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    """A local store and one behind fsspec, as an object store would be."""
    if request.param == "folder":
        return Store(str(tmp_path / "store"))
    return Store(f"memory://{tmp_path.name}")


def test_what_is_written_can_be_read(store):
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    store.write_table("dumps/d/t.parquet", table)
    store.write_json("dumps/d/j.json", {"b": 1, "a": "ü"})
    assert store.read_table("dumps/d/t.parquet").equals(table)
    assert store.read_json("dumps/d/j.json") == {"a": "ü", "b": 1}
    assert store.names("dumps/d") == ["j.json", "t.parquet"]


def test_equal_values_give_equal_bytes(store):
    for name in ("one", "two"):
        store.write_table(f"{name}.parquet", pa.table({"a": [3, 1]}))
    store.write_json("one.json", {"a": 1, "b": 2})
    store.write_json("two.json", {"b": 2, "a": 1})
    assert store.read_bytes("one.parquet") == store.read_bytes("two.parquet")
    assert store.read_bytes("one.json") == store.read_bytes("two.json")


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    store = Store(str(tmp_path))
    store.write_bytes("f", b"old")

    def half():
        yield b"half"
        raise RuntimeError

    with pytest.raises(RuntimeError), store.writing("f") as file:
        file.writelines(half())
    assert store.read_bytes("f") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_what_is_missing_or_broken_is_said(store):
    with pytest.raises(NotReadyError, match=r"no/such\.parquet is not there: run the stage"):
        store.read_table("no/such.parquet")
    store.write_bytes("bad.json", b"{")
    with pytest.raises(StoreError, match="is not JSON"):
        store.read_json("bad.json")
    store.write_bytes("bad.parquet", b"no parquet")
    with pytest.raises(StoreError, match="is not the expected table"):
        store.read_table("bad.parquet")


def test_removing_what_is_not_there_is_no_error(store):
    store.write_bytes("d/f", b"x")
    store.remove("d/f")
    store.remove("d/f")
    assert not store.exists("d/f")


def test_a_local_path_has_the_content(store, tmp_path):
    store.write_bytes("a/index.ann", b"vectors")
    assert store.local_path("a/index.ann", tmp_path / "cache").read_bytes() == b"vectors"


@pytest.mark.parametrize("dump_id", ["", "../up", "a/b", "a..b", "-x", "x" * 65, "a b"])
def test_a_dump_id_that_is_no_folder_name_is_refused(dump_id):
    with pytest.raises(InputError, match="dump id"):
        check_dump_id(dump_id)
