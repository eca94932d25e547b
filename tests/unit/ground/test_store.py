"""What is particular to a folder or to object storage; what every store must do is in unit/store."""

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

from dedup_pipeline.errors import DamagedError, InputError, StoreError
from dedup_pipeline.store import Store, check_dump_id, local_copies, whole


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary" / f"{local_copies.FOLDER}-{os.geteuid()}"


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


@pytest.mark.parametrize("keep", [0, 3, 200])
def test_what_is_left_of_an_array_is_no_array(tmp_path, keep):
    store = Store(str(tmp_path))
    with store.writing("dumps/d/index/v.npy") as file:
        np.save(file, np.arange(1000))
    os.truncate(tmp_path / "dumps/d/index/v.npy", keep)
    with pytest.raises(DamagedError, match=r"v\.npy is damaged"):
        store.map_array("dumps/d/index/v.npy")


def test_exports_are_written_as_ever(tmp_path):
    store = Store(str(tmp_path))
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
