"""The store: one root, a folder or any fsspec URL, and every path in it.

    dumps/<dump_id>/<stage>/…          what a stage made of one dump, its manifest last
    packs/<pack_id>/…                  immutable images; fingerprints and embeddings lie beside them
    models/<model_id>/…                a trained network and its description
    trainings/<run_key>/…              a training: its checkpoint, and the manifest of one that belongs to no dump
    exports/<dump_id>/…                what others read
    damage/<pack_id>.json              that a pack seems to be damaged, or was and holds other images since
    locks/…                            who works on what, see locks

A file is there whole or not at all, see ``whole``: it is written under another name and renamed (to an object store it
is sent when it is complete).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dedup_pipeline.addresses import showable
from dedup_pipeline.errors import DedupError, InputError, NotReadyError, StoreError
from dedup_pipeline.store.integrity import Checksum, KnownChecksums, damaged, map_array
from dedup_pipeline.store.local_copies import copy_of
from dedup_pipeline.store.parquet import CheckedTable, named, options_of
from dedup_pipeline.store.whole import UNFINISHED, local_file, remote_file, sweep

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OTHER = "its sha256 is not that of its manifest"
_DUMP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_dump_id(dump_id: str) -> str:
    """Return the id when it can name a folder.

    Raises:
        InputError: it cannot.
    """
    if not _DUMP_ID.fullmatch(dump_id) or ".." in dump_id:
        raise InputError(
            f"dump id {dump_id[:80]!r} is not usable: take letters, digits, '.', '_' and '-', such as 2018-10-05"
        )
    return dump_id


class Store:
    """Reads and writes whole files under one root.

    Args:
        root: a folder, or an fsspec URL such as ``s3://bucket/prefix``.
    """

    def __init__(self, root: str) -> None:
        self.local = "://" not in root or root.startswith("file://")
        if self.local:
            root = str(Path(root.removeprefix("file://")).expanduser().absolute())
        self.root = root.rstrip("/")
        self._known = KnownChecksums.of(self.root)
        # other processes write here too: a remembered listing would hide what they wrote
        self._files, self._base = fsspec.core.url_to_fs(self.root, use_listings_cache=False)
        # s3fs would send several requests, which fail when the file is overwritten between them, as a lock's note is
        self._in_one = {"max_concurrency": 1} if "s3" in self._files.protocol else {}
        self.root = showable(self.root)  # from here on it is only said

    # paths

    def dump(self, dump_id: str, *parts: str) -> str:
        """The path of something of one dump."""
        return "/".join(("dumps", check_dump_id(dump_id), *parts))

    def pack(self, pack_id: str, name: str) -> str:
        """The path of a file of one pack."""
        return f"packs/{pack_id}/{name}"

    def model(self, model_id: str, name: str) -> str:
        """The path of a file of one model."""
        return f"models/{model_id}/{name}"

    def training(self, run_key: str, name: str) -> str:
        """The path of a file of one training."""
        return f"trainings/{run_key}/{name}"

    def export(self, dump_id: str, name: str) -> str:
        """The path of a file that others read."""
        return f"exports/{check_dump_id(dump_id)}/{name}"

    def url(self, path: str) -> str:
        """The full address of a path, for a person or another program."""
        return f"{self.root}/{path}"

    # files

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        return bool(self._files.exists(f"{self._base}/{path}"))

    def size(self, path: str) -> int:
        """The bytes of a file.

        Raises:
            NotReadyError: it is not there.
        """
        self._files.invalidate_cache()
        try:
            return int(self._files.size(f"{self._base}/{path}"))
        except FileNotFoundError:
            raise NotReadyError(f"{self.url(path)} is not there: run the stage that makes it first") from None

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder; none when it is not there. Unfinished files are left out."""
        self._files.invalidate_cache()
        try:
            found = self._files.ls(f"{self._base}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        names = {str(name).rstrip("/").rsplit("/", 1)[-1] for name in found}
        return sorted(name for name in names if not name.startswith(UNFINISHED))

    def read_bytes(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            NotReadyError: it is not there.
            DamagedError: it is not what a manifest says that this process has read.
            StoreError: it cannot be read.
        """
        try:
            data = bytes(self._files.cat_file(f"{self._base}/{path}", **self._in_one))
        except FileNotFoundError:
            raise NotReadyError(f"{self.url(path)} is not there: run the stage that makes it first") from None
        except OSError as error:
            raise StoreError(f"{self.url(path)} cannot be read: {error}") from error
        expected = self._known.expected.get(path)
        if expected is not None and Checksum.of_bytes(data) != expected:
            raise damaged(self.url(path), path, _OTHER)
        return data

    @contextlib.contextmanager
    def writing(self, path: str, *, checksum: bool = True) -> Iterator[BinaryIO]:
        """Open a file for writing; it appears under its name only when the block ends well.

        Args:
            path: where.
            checksum: whether to keep in mind what was written, for a manifest; see ``checksums``.

        Raises:
            StoreError: it cannot be written.
        """
        target = f"{self._base}/{path}"
        try:
            with local_file(Path(target)) if self.local else remote_file(self._files, target) as file:
                yield file
                file.flush()
                found = Checksum.of(file) if checksum else None
        except OSError as error:
            raise StoreError(f"{self.url(path)} cannot be written: {error}") from error
        self._known.note(path, found)

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write a whole file.

        Raises:
            StoreError: it cannot be written.
        """
        with self.writing(path) as file:
            file.write(data)

    def sweep(self, folder: str) -> None:
        """Remove the unfinished files that a killed process left in a folder; who writes into it does so anyway."""
        if self.local:
            sweep(Path(f"{self._base}/{folder}"))

    def remove(self, path: str) -> None:
        """Remove a file or folder, if it is there."""
        self._known.note(path, None)
        with contextlib.suppress(FileNotFoundError):
            self._files.rm(f"{self._base}/{path}", recursive=True)

    def local_path(self, path: str) -> Path:
        """A path on this machine with the file's content: the file itself, or a copy, see ``local_copies``.

        Raises:
            NotReadyError: it is not there.
            StoreError: it cannot be copied.
        """
        source = f"{self._base}/{path}"
        try:
            file = Path(source) if self.local else copy_of(self._files, source)
            size = file.stat().st_size
        except FileNotFoundError:
            raise NotReadyError(f"{self.url(path)} is not there: run the stage that makes it first") from None
        except OSError as error:
            raise StoreError(f"{self.url(path)} cannot be copied to this machine: {error}") from error
        expected = self._known.expected.get(path)
        if expected is not None and size != expected.size:
            raise damaged(self.url(path), path, f"{size} bytes of {expected.size}")
        return file

    def map_array(self, path: str) -> npt.NDArray[Any]:
        """A file of NumPy, mapped into memory.

        Raises:
            NotReadyError: it is not there.
            DamagedError: it is no such file.
        """
        return map_array(self.local_path(path))

    # checksums

    def checksums(self, paths: Iterable[str]) -> dict[str, Checksum]:
        """What is known of some files: those that this process has written, or has read the manifest of."""
        found = {path: self._known.expected.get(path) or self._known.written.get(path) for path in paths}
        return {path: checksum for path, checksum in found.items() if checksum is not None}

    def expect(self, checksums: Mapping[str, Checksum]) -> None:
        """Say what files must hold; whoever reads one whole finds out whether it does."""
        self._known.expected.update(checksums)

    def check(self, path: str, expected: Checksum, *, content: bool = True) -> None:
        """Compare a file with what was written.

        Args:
            path: of the file.
            expected: what was written.
            content: whether to read it, unless this process has done so before; else only its size is compared.

        Raises:
            NotReadyError: it is not there.
            DamagedError: it is another.
        """
        size = self.size(path)
        if size != expected.size:
            raise damaged(self.url(path), path, f"{size} bytes of {expected.size}")
        stamp = self._files.ukey(f"{self._base}/{path}") if content else None
        if content and self._known.compared.get(path) != (stamp, expected):
            with self.reading(path) as file:
                if Checksum.of(file) != expected:
                    raise damaged(self.url(path), path, _OTHER)
            self._known.compared[path] = stamp, expected

    # JSON and tables

    def read_json(self, path: str) -> Any:
        """The value of a JSON file.

        Raises:
            NotReadyError: it is not there.
            DamagedError: it is not JSON.
        """
        try:
            return json.loads(self.read_bytes(path))
        except ValueError as error:
            raise damaged(self.url(path), path, f"it is not JSON: {error}") from error

    def write_json(self, path: str, value: object) -> None:
        """Write a value as JSON with sorted keys: equal values give equal bytes."""
        self.write_bytes(path, to_json(value))

    def create_json(self, path: str, value: object) -> bool:
        """Write a value where nothing is yet, in an object store; of several that try at once, one succeeds.

        Args:
            path: where.
            value: what; unlike what anyone else would write there.

        Returns:
            Whether it is this value that is there now.

        Raises:
            StoreError: it cannot be written.
        """
        data = to_json(value)
        try:
            self._files.pipe_file(f"{self._base}/{path}", data, mode="create")
        except OSError as error:
            # stores name the refusal differently, and a request that was sent twice is refused because of itself
            if not self.exists(path):
                raise StoreError(f"{self.url(path)} cannot be created: {error}") from error
            return self.read_bytes(path) == data
        return True

    def read_table(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """A Parquet table, or some of its columns.

        Raises:
            NotReadyError: it is not there.
            DamagedError: it is not Parquet, or not what was written.
        """
        with named(self.url(path), path):
            return pq.read_table(io.BytesIO(self.read_bytes(path)), columns=columns, page_checksum_verification=True)

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[BinaryIO]:
        """Open a file to read parts of it.

        Raises:
            NotReadyError: it is not there.
        """
        try:
            with self._files.open(f"{self._base}/{path}", "rb") as file:
                yield file
        except FileNotFoundError:
            raise NotReadyError(f"{self.url(path)} is not there: run the stage that makes it first") from None

    @contextlib.contextmanager
    def reading_table(self, path: str) -> Iterator[CheckedTable]:
        """Open a Parquet table to read it by row groups, so that memory does not grow with the table.

        Raises:
            NotReadyError: it is not there.
            DamagedError: it is not Parquet, or not what was written.
        """
        with self.reading(path) as file, CheckedTable(file, self.url(path), path) as table:
            yield table

    def write_table(self, path: str, table: pa.Table, *, group_rows: int | None = None) -> None:
        """Write a table as Parquet; equal tables give equal bytes.

        Args:
            path: where.
            table: what.
            group_rows: rows of a row group, the smallest unit that can be read alone.
        """
        with self.writing(path) as file:
            pq.write_table(table, file, row_group_size=group_rows, **options_of(path))

    @contextlib.contextmanager
    def writing_table(self, path: str, schema: pa.Schema, *, checksum: bool = True) -> Iterator[pq.ParquetWriter]:
        """Write a Parquet table in pieces; it appears only when the block ends well."""
        options = options_of(path)
        with self.writing(path, checksum=checksum) as file, pq.ParquetWriter(file, schema, **options) as writer:
            yield writer


@contextlib.contextmanager
def room_in(store: Store) -> Iterator[None]:
    """Turn a full disk into an error of the store, whichever library has met it.

    Raises:
        StoreError: no room is left.
    """
    try:
        yield
    except Exception as error:
        if _says_full(error) and not (isinstance(error, DedupError) and error.retryable):
            raise StoreError(
                f"there is no room left for {store.root}: {error}; make room there and in the temporary folder"
            ) from error
        raise


def _says_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that of a full disk, a used-up quota or a file-size limit."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def to_json(value: object) -> bytes:
    """JSON with sorted keys, two spaces and a final newline."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def digest(*parts: object) -> str:
    """A short name (16 hex digits of sha256) of the JSON of some values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
