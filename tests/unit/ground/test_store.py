"""The store: files are there whole or not at all."""

import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dedup_pipeline.errors import DamagedError, InputError, NotReadyError, StoreError
from dedup_pipeline.store import Store, check_dump_id, local_copies, whole


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
    with pytest.raises(DamagedError, match=r"bad\.json is damaged \(it is not JSON"):
        store.read_json("bad.json")
    store.write_bytes("bad.parquet", b"no parquet")
    with pytest.raises(DamagedError, match=r"bad\.parquet is damaged"):
        store.read_table("bad.parquet")


def test_removing_what_is_not_there_is_no_error(store):
    store.write_bytes("d/f", b"x")
    store.remove("d/f")
    store.remove("d/f")
    assert not store.exists("d/f")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary" / f"{local_copies.FOLDER}-{os.geteuid()}"


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


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("rows", [3, 200_000])
def test_a_table_whose_writing_is_broken_off_is_not_published(store, error, rows, monkeypatch):
    monkeypatch.setattr(whole, "_IN_MEMORY", 100_000)
    table = pa.table({"a": np.random.default_rng(1).normal(size=rows)})

    def write(stop):
        with store.writing_table("dumps/d/t.parquet", table.schema) as writer:
            writer.write_table(table)
            if stop:
                raise error
            writer.write_table(table)

    with pytest.raises(error):
        write(stop=True)
    assert not store.exists("dumps/d/t.parquet")
    write(stop=False)
    before = store.read_bytes("dumps/d/t.parquet")
    with pytest.raises(error):
        write(stop=True)
    assert store.read_bytes("dumps/d/t.parquet") == before
    assert store.read_table("dumps/d/t.parquet").num_rows == 2 * rows
    assert store.names("dumps/d") == ["t.parquet"]


def test_an_object_costs_one_request_however_large_it_is_here(tmp_path, monkeypatch):
    store = Store(f"memory://{tmp_path.name}")
    monkeypatch.setattr(whole, "_IN_MEMORY", 1000)
    sent = []
    for name in ("pipe_file", "put_file"):
        real = getattr(MemoryFileSystem, name)

        def send(self, *words, _real=real, _name=name, **options):
            sent.append(_name)
            return _real(self, *words, **options)

        monkeypatch.setattr(MemoryFileSystem, name, send)
    for size in (10, 5000):
        store.write_bytes("f", bytes(size))
        assert store.read_bytes("f") == bytes(size)
    assert sent == ["pipe_file", "put_file"]


def flip(store, path, at=0.5):
    """Change one bit of a file behind the store's back."""
    target = f"{store._base}/{path}"
    data = bytearray(store._files.cat_file(target))
    data[int(at * len(data))] ^= 1
    if store.local:
        Path(target).write_bytes(data)
    else:
        store._files.pipe_file(target, bytes(data))


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7])
def test_a_flipped_bit_of_a_table_is_noticed_by_whoever_reads_it(store, at):
    path = "dumps/d/ingest/t.parquet"
    names = [f"name {number * 7919 % 1000}" for number in range(5000)]
    store.write_table(path, pa.table({"a": list(range(5000)), "b": names}), group_rows=500)
    flip(store, path, at)
    told = r"t\.parquet is damaged .*: run `dedup ingest` for dump d again"
    with pytest.raises(DamagedError, match=told), store.reading_table(path) as table:
        list(table.iter_batches())
    with pytest.raises(DamagedError, match=told), store.reading_table(path) as table:
        list(map(table.read_row_group, range(table.num_row_groups)))
    with pytest.raises(DamagedError, match=told):
        store.read_table(path)


@pytest.mark.parametrize("keep", [0, 3, 200])
def test_what_is_left_of_an_array_is_no_array(tmp_path, keep):
    store = Store(str(tmp_path))
    with store.writing("dumps/d/index/v.npy") as file:
        np.save(file, np.arange(1000))
    os.truncate(tmp_path / "dumps/d/index/v.npy", keep)
    with pytest.raises(DamagedError, match=r"v\.npy is damaged"):
        store.map_array("dumps/d/index/v.npy")


def test_a_table_of_an_earlier_version_has_no_checksums_and_is_read(store):
    table = pa.table({"a": [1, 2]})
    with store.writing("old.parquet") as file:
        pq.write_table(table, file, compression="zstd")
    assert store.read_table("old.parquet").equals(table)


def test_exports_are_written_as_ever(store):
    table = pa.table({"a": [1, 2]})
    plain = io.BytesIO()
    pq.write_table(table, plain, compression="zstd")
    store.write_table("exports/d/groups.parquet", table)
    assert store.read_bytes("exports/d/groups.parquet") == plain.getvalue()


KILL = """
import os, signal, sys
from pathlib import Path
from dedup_pipeline.store.whole import local_file, unfinished

with local_file(Path(sys.argv[1]) / "file") as file, unfinished(Path(sys.argv[1]) / "f", folder=True) as folder:
    (folder / "part").write_bytes(b"half")
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("folder", ["mlflow", "dumps/d/match/nodes", "packs/p", "models/m", "trainings/t"])
def test_what_a_kill_left_is_removed_by_whoever_writes_there_next(tmp_path, folder):
    place = tmp_path / folder
    subprocess.run([sys.executable, "-c", KILL, str(place)], check=False, timeout=60)
    assert len(list(place.glob(".tmp-*"))) == 2
    with whole.local_file(place / "other") as mine:  # a live one, which stays
        mine.write(b"whole")
        assert len(list(place.glob(".tmp-*"))) == 1
        whole.sweep(place)
    assert [path.name for path in place.iterdir()] == ["other"]


def test_a_name_is_on_the_disk_before_the_writing_is_done(tmp_path, monkeypatch):
    synced = []

    def sync(handle, real=os.fsync):
        synced.append((str(Path(f"/proc/self/fd/{handle}").readlink()), (tmp_path / "a/b/file").exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)
    Store(str(tmp_path)).write_bytes("a/b/file", b"x")
    folders = [(path, named) for path, named in synced if ".tmp-" not in path]
    assert folders == [(str(tmp_path), False), (str(tmp_path / "a"), False), (str(tmp_path / "a/b"), True)]
