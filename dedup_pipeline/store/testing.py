"""What every store must do, as tests: a class for each kind of store, to be subclassed. It needs pytest.

    class TestMyStore(ObjectStoreTests):
        @pytest.fixture
        def url(self, tmp_path: Path) -> str:
            return f"gs://my-bucket/{tmp_path.name}"

Address, keys and whatever else the storage needs is to be in the environment, for some tests start processes of their
own. What asserts say is shown in full after ``pytest.register_assert_rewrite("dedup_pipeline.store.testing")``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.store import Store
from dedup_pipeline.store.integrity import Checksum
from dedup_pipeline.store.locks import locked

try:
    import pytest
except ImportError as error:
    raise ImportError("the tests of a store need pytest") from error

_LEASE_SECONDS = 1.0  # in an object store: how long the dead are waited for
_ENDINGS: tuple[type[BaseException], ...] = (RuntimeError, MemoryError, KeyboardInterrupt, SystemExit)

_WRITE = """
import sys
from dedup_pipeline.store import Store

Store(sys.argv[1]).write_bytes(sys.argv[2], sys.argv[3].encode())
"""

_DIE_WRITING = """
import os, signal, sys
from dedup_pipeline.store import Store

with Store(sys.argv[1]).writing(sys.argv[2]) as file:
    file.write(b"half of it")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""

_HOLD = """
import sys, time
from dedup_pipeline.store import Store
from dedup_pipeline.store.locks import locked

with locked(Store(sys.argv[1]), "work", lease_seconds=float(sys.argv[2])):
    print("held", flush=True)
    time.sleep(600)
"""


class StoreTests:
    """The contract of ``Store``, for any address that it takes; a subclass says the address.

    Attributes:
        big: bytes of the largest file that is written: more than the storage takes in one piece.
    """

    big = 20_000_000

    @pytest.fixture
    def url(self) -> str:
        """The address of a store with nothing in it, another for every test; to be overridden."""
        raise NotImplementedError("a subclass says where its store lies")

    @pytest.fixture(autouse=True)
    def _own_copies(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Copies of objects go with the test that asked for them."""
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    @pytest.fixture
    def store(self, url: str) -> Store:
        """The store."""
        return Store(url)

    # what is written is there, at once and for everyone

    def test_what_is_written_can_be_read(self, store: Store) -> None:
        """Bytes, JSON and tables come back equal."""
        table = pa.table({"a": [1, 2], "b": ["x", None]})
        store.write_bytes("dumps/d/b", b"\0\xff")
        store.write_json("dumps/d/j.json", {"b": 1, "a": "ü"})
        store.write_table("dumps/d/t.parquet", table)
        assert store.read_bytes("dumps/d/b") == b"\0\xff"
        assert store.read_json("dumps/d/j.json") == {"a": "ü", "b": 1}
        assert store.read_table("dumps/d/t.parquet").equals(table)
        assert store.read_table("dumps/d/t.parquet", ["b"]).column_names == ["b"]
        assert store.size("dumps/d/b") == 2

    def test_what_is_written_again_takes_the_place_of_the_old(self, store: Store) -> None:
        """Right after an overwrite only the new content is seen, with its size."""
        for content in (b"", b"longer", b"new"):
            store.write_bytes("d/f", content)
            assert store.read_bytes("d/f") == content
            assert store.size("d/f") == len(content)

    def test_what_another_process_writes_is_seenat_once(self, store: Store, url: str) -> None:
        """Nothing that was listed, measured or read before hides it."""
        store.write_bytes("d/mine", b"old")
        assert (store.names("d"), store.size("d/mine"), store.exists("d/new")) == (["mine"], 3, False)
        for name in ("new", "mine"):
            subprocess.run([sys.executable, "-c", _WRITE, url, f"d/{name}", "of another"], check=True, timeout=120)
        assert store.names("d") == ["mine", "new"]
        assert (store.size("d/mine"), store.exists("d/new")) == (10, True)
        assert store.read_bytes("d/mine") == store.read_bytes("d/new") == b"of another"

    def test_equal_values_give_equal_bytes(self, store: Store) -> None:
        """Tables and JSON have one form."""
        for name in ("one", "two"):
            store.write_table(f"{name}.parquet", pa.table({"a": [3, 1]}))
        store.write_json("one.json", {"a": 1, "b": 2})
        store.write_json("two.json", {"b": 2, "a": 1})
        assert store.read_bytes("one.parquet") == store.read_bytes("two.parquet")
        assert store.read_bytes("one.json") == store.read_bytes("two.json")

    def test_a_big_file_comes_back_whole(self, store: Store) -> None:
        """Also where the storage takes it in pieces."""
        content = np.random.default_rng(1).bytes(self.big)
        with store.writing("index/vectors") as file:
            for start in range(0, len(content), 1 << 20):
                file.write(content[start : start + (1 << 20)])
        assert store.size("index/vectors") == len(content)
        assert store.read_bytes("index/vectors") == content
        assert store.local_path("index/vectors").read_bytes() == content

    def test_parts_of_a_file_can_be_read(self, store: Store) -> None:
        """By place, and of a table by row group."""
        store.write_bytes("d/f", bytes(range(200)))
        with store.reading("d/f") as file:
            file.seek(100)
            assert file.read(3) == bytes((100, 101, 102))
        table = pa.table({"a": list(range(1000))})
        store.write_table("d/t.parquet", table, group_rows=100)
        with store.reading_table("d/t.parquet") as parts:
            assert parts.num_row_groups == 10
            assert parts.read_row_group(7).column("a").to_pylist() == list(range(700, 800))

    def test_a_local_path_has_the_content(self, store: Store) -> None:
        """The file itself or a copy, and never that of an overwritten one."""
        for content in (b"vectors", b"others"):
            store.write_bytes("a/index.ann", content)
            assert store.local_path("a/index.ann").read_bytes() == content
        with store.writing("a/array.npy") as file:
            np.save(file, np.arange(5))
        assert store.map_array("a/array.npy").tolist() == [0, 1, 2, 3, 4]

    def test_two_stores_side_by_side_do_not_meet(self, url: str) -> None:
        """Though the address of one begins with that of the other."""
        one, other = Store(f"{url}/store"), Store(f"{url}/store-2")
        other.write_bytes("d/f", b"other")
        assert (one.exists("d/f"), one.names("d"), one.names("")) == (False, [], [])
        one.write_bytes("d/f", b"one")
        one.remove("d")
        assert other.read_bytes("d/f") == b"other"

    # a file is there whole or not at all

    @pytest.mark.parametrize("ending", _ENDINGS)
    @pytest.mark.parametrize("rows", [3, 1_200_000], ids=["in-memory", "on-disk"])
    def test_a_table_whose_writing_is_broken_off_is_not_published(
        self, store: Store, ending: type[BaseException], rows: int
    ) -> None:
        """Whatever breaks it off, the old file stays, and nothing else is left."""
        table = pa.table({"a": np.random.default_rng(1).normal(size=rows)})

        def write(*, stop: bool) -> None:
            with store.writing_table("dumps/d/t.parquet", table.schema) as writer:
                writer.write_table(table)
                if stop:
                    raise ending
                writer.write_table(table)

        with pytest.raises(ending):
            write(stop=True)
        assert not store.exists("dumps/d/t.parquet")
        write(stop=False)
        before = Checksum.of_bytes(store.read_bytes("dumps/d/t.parquet"))
        with pytest.raises(ending):
            write(stop=True)
        assert Checksum.of_bytes(store.read_bytes("dumps/d/t.parquet")) == before
        assert store.read_table("dumps/d/t.parquet").num_rows == 2 * rows
        assert store.names("dumps/d") == ["t.parquet"]

    def test_a_file_appears_when_it_is_complete(self, store: Store, url: str) -> None:
        """Until then everyone sees the old one, or none."""
        for before in (None, b"first"):
            with store.writing("d/f") as file:
                file.write(b"first" if before is None else b"second")
                file.flush()
                seen = Store(url)
                assert seen.exists("d/f") == (before is not None)
                assert seen.names("d") == ([] if before is None else ["f"])
                assert before is None or seen.read_bytes("d/f") == before
        assert store.read_bytes("d/f") == b"second"

    def test_who_reads_while_another_overwrites_gets_one_of_both(self, store: Store) -> None:
        """The old file or the new one, never an error, nor a part of each."""
        contents = [b"0" * 70_000, b"1" * 90_000]
        store.write_bytes("d/f", contents[0])
        over = threading.Event()
        read = []

        def overwrite() -> None:
            try:
                for number in range(60):
                    store.write_bytes("d/f", contents[number % 2])
            finally:
                over.set()

        def look() -> None:
            while not over.is_set():
                read.append(store.read_bytes("d/f"))

        at_once(overwrite, look, look)
        assert read
        assert {bytes(set(content)) for content in read} <= {b"0", b"1"}
        assert {len(content) for content in read} <= {70_000, 90_000}

    def test_a_killed_writer_leaves_the_old_file_alone(self, store: Store, url: str) -> None:
        """What it leaves unfinished is listed for nobody, and swept."""
        store.write_bytes("d/f", b"old")
        ended = subprocess.run([sys.executable, "-c", _DIE_WRITING, url, "d/f"], check=False, timeout=120)
        assert ended.returncode == -signal.SIGKILL
        assert store.read_bytes("d/f") == b"old"
        assert store.names("d") == ["f"]
        store.sweep("d")
        files, base = fsspec.core.url_to_fs(url, use_listings_cache=False)
        assert [str(path).rpartition("/")[2] for path in files.ls(f"{base}/d", detail=False)] == ["f"]

    # names

    def test_names_are_those_in_the_folder(self, store: Store) -> None:
        """Sorted, files and folders, each once; none of a neighbour whose name begins alike."""
        for path in ("d/b", "d/a/1", "d/a/2", "d/B", "d/a.json", "d-2/c", "dd"):
            store.write_bytes(path, b"x")
        assert store.names("d") == ["B", "a", "a.json", "b"]
        assert store.names("d/a") == ["1", "2"]
        assert store.names("nowhere") == []
        assert (store.exists("d/a"), store.exists("d/a/1"), store.exists("d/a/3")) == (True, True, False)

    def test_a_name_is_taken_as_it_is(self, store: Store) -> None:
        """Every letter that ids of dumps, packs and models may have, at their greatest length."""
        names = sorted(["2018-10-05", "A.b_c-9", "a.b_c-9", "0" * 64, "x.json.parquet"])
        for name in names:
            store.write_bytes(store.dump(name, "f"), name.encode())
        assert store.names("dumps") == names
        assert [store.read_bytes(f"dumps/{name}/f") for name in names] == [name.encode() for name in names]

    def test_many_files_are_all_listed(self, store: Store) -> None:
        """More than object storage lists at once, which is a thousand."""
        names = [f"{number:04d}" for number in range(1100)]
        files, base = fsspec.core.url_to_fs(store.url("packs"))
        files.makedirs(base, exist_ok=True)
        files.pipe({f"{base}/{name}": b"" for name in names})
        assert store.names("packs") == names
        store.remove("packs")
        assert store.names("packs") == []

    # what is removed, missing or damaged

    def test_what_is_removed_is_gone(self, store: Store) -> None:
        """A file or a folder, with nothing beside it; a second time is no error."""
        for path in ("d/f", "d/g", "e/f", "e/deep/er/f", "e-2/f"):
            store.write_bytes(path, b"x")
        for path in ("d/f", "e"):
            store.remove(path)
            store.remove(path)
            assert not store.exists(path)
        assert (store.names("d"), store.names("e"), store.names("e-2")) == (["g"], [], ["f"])
        with pytest.raises(NotReadyError):
            store.read_bytes("d/f")
        store.write_bytes("d/f", b"again")
        assert store.read_bytes("d/f") == b"again"

    def test_what_is_missing_is_said(self, store: Store) -> None:
        """Whoever asks for it learns which stage to run."""
        asks: list[Callable[[str], object]] = [store.read_bytes, store.read_json, store.read_table]
        asks += [store.size, store.local_path, store.map_array]
        for ask in asks:
            with pytest.raises(NotReadyError, match=r"no/such\.parquet is not there: run the stage"):
                ask("no/such.parquet")
        with pytest.raises(NotReadyError, match=r"no/such is not there"), store.reading("no/such"):
            pass

    def test_what_is_no_json_or_table_is_damaged(self, store: Store) -> None:
        """It is named."""
        store.write_bytes("bad.json", b"{")
        with pytest.raises(DamagedError, match=r"bad\.json is damaged \(it is not JSON"):
            store.read_json("bad.json")
        store.write_bytes("bad.parquet", b"no parquet")
        with pytest.raises(DamagedError, match=r"bad\.parquet is damaged"):
            store.read_table("bad.parquet")

    @pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7])
    def test_a_flipped_bit_of_a_table_is_noticed_by_whoever_reads_it(self, store: Store, at: float) -> None:
        """Its pages have checksums."""
        path = "dumps/d/ingest/t.parquet"
        names = [f"name {number * 7919 % 1000}" for number in range(5000)]
        store.write_table(path, pa.table({"a": list(range(5000)), "b": names}), group_rows=500)
        _flip(store, path, at)
        told = r"t\.parquet is damaged .*: run `dedup ingest` for dump d again"
        with pytest.raises(DamagedError, match=told), store.reading_table(path) as table:
            list(table.iter_batches())
        with pytest.raises(DamagedError, match=told), store.reading_table(path) as table:
            list(map(table.read_row_group, range(table.num_row_groups)))
        with pytest.raises(DamagedError, match=told):
            store.read_table(path)

    def test_a_checksum_tells_a_file_from_what_was_written(self, store: Store) -> None:
        """By size at once, by content when it is read; a right one passes."""
        store.write_bytes("dumps/d/match/f", b"0123456789")
        (expected,) = store.checksums(["dumps/d/match/f"]).values()
        assert expected == Checksum.of_bytes(b"0123456789")
        store.check("dumps/d/match/f", expected)
        _flip(store, "dumps/d/match/f", 0.5)
        with pytest.raises(DamagedError, match=r"its sha256 .*: run `dedup match`"):
            store.check("dumps/d/match/f", expected)
        store.expect({"dumps/d/match/f": expected})
        with pytest.raises(DamagedError, match="its sha256"):
            store.read_bytes("dumps/d/match/f")
        _put(store, "dumps/d/match/f", b"012")
        with pytest.raises(DamagedError, match="3 bytes of 10"):
            store.check("dumps/d/match/f", expected, content=False)

    def test_a_table_of_an_earlier_version_has_no_checksums_and_is_read(self, store: Store) -> None:
        """It was plain Parquet."""
        table = pa.table({"a": [1, 2]})
        with store.writing("old.parquet") as file:
            pq.write_table(table, file, compression="zstd")
        assert store.read_table("old.parquet").equals(table)

    # locks

    def test_one_at_a_time_holds_a_lock(self, store: Store) -> None:
        """Whoever else wants it waits, and gets it."""
        inside: list[str] = []
        most: list[int] = []
        turns: list[str] = []

        def work(name: str) -> None:
            for _ in range(3):
                with locked(store, "work", lease_seconds=_LEASE_SECONDS):
                    inside.append(name)
                    most.append(len(inside))
                    time.sleep(0.01)  # long enough for another to come in, were it let in
                    inside.remove(name)
                    turns.append(name)

        at_once(*(lambda name=name: work(name) for name in "abc"))
        assert most == [1] * 9
        assert sorted(turns) == sorted("abc" * 3)

    def test_other_names_do_not_wait(self, store: Store) -> None:
        """A lock is of one name."""
        with locked(store, "dumps/a/fetch"), locked(store, "dumps/b/fetch"), locked(store, "planning"):
            pass

    def test_a_thread_that_would_wait_for_itself_is_told(self, store: Store) -> None:
        """Locks are not re-entrant."""
        held = pytest.raises(RuntimeError, match=r"'work' .* by this thread")
        with locked(store, "work"), held, locked(store, "work"):
            pass
        with locked(store, "work"):
            pass

    def test_an_error_frees_the_lock(self, store: Store) -> None:
        """The next has it at once."""
        with pytest.raises(ValueError, match="broken"), locked(store, "work"):
            raise ValueError("broken")
        with locked(store, "work"):
            pass

    def test_the_lock_of_a_killed_process_is_free_again(self, store: Store, url: str) -> None:
        """Not while it lives, and in an object store when its lease is over."""
        command = [sys.executable, "-c", _HOLD, url, str(_LEASE_SECONDS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            try:
                assert holder.stdout is not None
                assert holder.stdout.readline() == "held\n"
                taken = threading.Event()

                def take() -> None:
                    with locked(store, "work", lease_seconds=_LEASE_SECONDS):
                        taken.set()

                waiting = threading.Thread(target=take, daemon=True)
                waiting.start()
                assert not taken.wait(2 * _LEASE_SECONDS), "a living process has lost its lock"
            finally:
                os.kill(holder.pid, signal.SIGKILL)
            assert taken.wait(60 * _LEASE_SECONDS), "nobody gets the lock of a dead process"
            waiting.join()


class ObjectStoreTests(StoreTests):
    """What an object store must do beside that: locks are leases, and rest on creating what is not there."""

    big = 60_000_000

    def test_only_the_first_creates(self, store: Store) -> None:
        """The second is refused; the first, whose request was sent twice, is not."""
        assert store.create_json("one", {"by": "first"})
        assert not store.create_json("one", {"by": "second"})
        assert store.create_json("one", {"by": "first"})
        assert store.read_json("one") == {"by": "first"}

    def test_of_many_that_create_at_once_one_succeeds(self, store: Store) -> None:
        """And it is its value that is there."""
        made: dict[int, bool] = {}
        start = threading.Barrier(8)

        def create(number: int) -> None:
            start.wait()
            made[number] = store.create_json("locks/l/1", {"by": number})

        for _ in range(5):
            made.clear()
            at_once(*(lambda number=number: create(number) for number in range(8)))
            (winner,) = [number for number, won in made.items() if won]
            assert store.read_json("locks/l/1") == {"by": winner}
            store.remove("locks/l/1")

    def test_what_is_created_is_listedat_once(self, store: Store) -> None:
        """A lock is taken over by the highest number that is seen."""
        for number in range(1, 6):
            assert store.create_json(f"locks/l/{number}", {})
            assert store.names("locks/l")[-1] == str(number)


def _put(store: Store, path: str, content: bytes) -> None:
    """Write behind the store's back."""
    with fsspec.open(store.url(path), "wb") as file:
        file.write(content)


def _flip(store: Store, path: str, at: float) -> None:
    """Change one bit of a file behind the store's back; ``at`` says where, 0 to 1."""
    with fsspec.open(store.url(path), "rb") as file:
        data = bytearray(file.read())
    data[int(at * len(data))] ^= 1
    _put(store, path, bytes(data))


def at_once(*tasks: Callable[[], object]) -> None:
    """Run tasks in a thread each, and wait for all; the error of the first that has one is raised."""
    with ThreadPoolExecutor(len(tasks)) as threads:
        started = [threads.submit(task) for task in tasks]
    for task in started:
        task.result()
