"""The store: files are there whole or not at all."""

import os
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dedup_pipeline import copies
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


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary" / f"{copies.FOLDER}-{os.geteuid()}"


def test_a_local_path_has_the_content(store, temporary):
    store.write_bytes("a/index.ann", b"vectors")
    assert store.local_path("a/index.ann").read_bytes() == b"vectors"
    store.write_bytes("a/index.ann", b"others")
    assert store.local_path("a/index.ann").read_bytes() == b"others"
    with pytest.raises(NotReadyError, match=r"a/no\.ann is not there: run the stage"):
        store.local_path("a/no.ann")


def test_a_copy_is_fetched_once_in_pieces_and_removed_when_nobody_asks(temporary, tmp_path, monkeypatch):
    store = Store(f"memory://{tmp_path.name}")
    fetched = []
    fetch = MemoryFileSystem.get_file
    monkeypatch.setattr(MemoryFileSystem, "get_file", lambda *words: (fetched.append(words[1]), fetch(*words)))
    monkeypatch.setattr(Store, "read_bytes", lambda *_: pytest.fail("the file is read into memory"))
    for name in ("old", "new"):
        store.write_bytes(f"index/{name}", name.encode())
    assert store.local_path("index/old") == store.local_path("index/old")
    assert len(fetched) == 1
    long_ago = time.time() - 25 * 3600
    os.utime(store.local_path("index/old"), (long_ago, long_ago))
    assert store.local_path("index/new").read_bytes() == b"new"
    assert [file.name for file in temporary.glob("*/*")] == ["new"]
    assert store.local_path("index/old").read_bytes() == b"old"
    assert len(fetched) == 3


def test_a_copy_that_breaks_off_leaves_nothing(temporary, tmp_path, monkeypatch):
    store = Store(f"memory://{tmp_path.name}")
    store.write_bytes("index/file", b"vectors")

    def half(_, __, target):
        Path(target).write_bytes(b"vec")
        raise OSError("the line is cut")

    with monkeypatch.context() as cut:
        cut.setattr(MemoryFileSystem, "get_file", half)
        with pytest.raises(StoreError, match=r"index/file cannot be copied to this machine: the line is cut"):
            store.local_path("index/file")
    assert not [*temporary.glob("*/*")]
    assert store.local_path("index/file").read_bytes() == b"vectors"


def test_copies_lie_in_no_folder_that_others_can_change(temporary, foreign_folder, tmp_path):
    store = Store(f"memory://{tmp_path.name}")
    store.write_bytes("index/file", b"vectors")
    temporary.parent.mkdir()
    temporary.symlink_to(foreign_folder)
    with pytest.raises(InputError, match="is not a folder of this user"):
        store.local_path("index/file")
    temporary.unlink()
    assert store.local_path("index/file").read_bytes() == b"vectors"
    assert temporary.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("dump_id", ["", "../up", "a/b", "a..b", "-x", "x" * 65, "a b"])
def test_a_dump_id_that_is_no_folder_name_is_refused(dump_id):
    with pytest.raises(InputError, match="dump id"):
        check_dump_id(dump_id)
