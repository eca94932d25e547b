"""The bytes of a dump: opened from a path or URL, unpacked, digested, and handed out in whole lines."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import fsspec
import pyarrow as pa

from dedup_pipeline.errors import InputError
from dedup_pipeline.wording import tidy

BLOCK_BYTES = 8 << 20
FREE_BYTES = 4 << 30  # of text, that may come of however small a file
MOST_UNPACKED = 500  # times the stored bytes, of what goes beyond
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Source:
    """A dump opened for reading.

    Attributes:
        catalog: where it lies.
        size: its size in bytes, as stored.
        kind: ``text``, ``gzip`` or ``parquet``.
        file: the stored bytes.
        digest: the sha256 of the stored bytes, in hex; known when all of them have been read from front to end.
        settled: of a file that is not read from front to end, the share that has been read, in bytes.
    """

    def __init__(self, catalog: str, file: BinaryIO, size: int) -> None:
        self.catalog = catalog
        self.file = file
        self.size = size
        head = file.read(4)
        file.seek(0)
        self.kind = _kind(catalog, head)
        self.settled = 0
        self.digest = ""
        self._unpacked = 0

    def position(self) -> int:
        """How many stored bytes have been read."""
        return self.settled if self.kind == "parquet" else min(self.file.tell(), self.size)

    def lines(self, limit: int, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Blocks of whole lines, without byte order mark; the last line may lack its end.

        The part of a line beyond ``limit`` bytes is left out. A file that ends its lines with a bare CR, as old
        Macs do, is read as if they were LF.

        Raises:
            InputError: the file cannot be read, or its compression is damaged.
        """
        blocks = self._blocks(block_bytes)
        first = next(blocks, b"").removeprefix(_BYTE_ORDER_MARK)
        old_ends = b"\r" in first and b"\n" not in first
        kept = b""
        for part in _chain(first, blocks):
            block = part.replace(b"\r", b"\n") if old_ends else part
            end = block.rfind(b"\n") + 1
            if end:
                yield _shortened(b"".join((kept, memoryview(block)[:end])), limit)
                kept = b""
            kept = (kept + block[end : end + limit + 1])[: limit + 1]
        if kept:
            yield kept

    def unpacked(self, more: int) -> None:
        """Count bytes of text that come of the file.

        Raises:
            ValueError: they are far more than a catalog makes of so many stored bytes.
        """
        self._unpacked += more
        if self._unpacked > max(FREE_BYTES, MOST_UNPACKED * self.size):
            raise ValueError(f"{self.size} bytes unpack to {self._unpacked} and more, which no catalog does")

    def _blocks(self, block_bytes: int) -> Iterator[bytes]:
        stored = _Digesting(self.file)
        with reading(self.catalog):
            opened = gzip.GzipFile(fileobj=cast(BinaryIO, stored)) if self.kind == "gzip" else stored
            while block := _fill(opened, block_bytes):
                self.unpacked(len(block))
                yield block
            while stored.read(block_bytes):
                pass  # what compression leaves at the end
        self.digest = stored.total.hexdigest()


class _Digesting:
    """A file read from front to end, and the sha256 of what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.total = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.total.update(data)
        return data


@contextlib.contextmanager
def open_source(catalog: str) -> Iterator[Source]:
    """Open a dump.

    Args:
        catalog: a path or an fsspec URL.

    Raises:
        InputError: it is not there, is empty, or is of no kind that can be read.
    """
    with contextlib.ExitStack() as stack:
        with reading(catalog):
            files, path = fsspec.core.url_to_fs(catalog)
            if files.isdir(path):
                raise InputError(f"{catalog} is a folder: name the catalog file")
            size = int(files.size(path) or 0)
            file = stack.enter_context(files.open(path, "rb"))
        if not size:
            raise InputError(f"{catalog} is empty: export the catalog again")
        with reading(catalog):
            source = Source(catalog, file, size)
        yield source


def stamp(catalog: str) -> str:
    """What changes when a file is replaced, as far as its file system tells: size, time or tag.

    Raises:
        InputError: it cannot be looked at.
    """
    with reading(catalog):
        files, path = fsspec.core.url_to_fs(catalog)
        return str(files.ukey(path))


def content_digest(catalog: str) -> str:
    """The sha256 of a dump as stored, in hex.

    Raises:
        InputError: it cannot be read.
    """
    with open_source(catalog) as source, reading(catalog):
        total = hashlib.sha256()
        while block := source.file.read(BLOCK_BYTES):
            total.update(block)
        return total.hexdigest()


@contextlib.contextmanager
def reading(catalog: str) -> Iterator[None]:
    """Turn what can go wrong in reading a dump into one sentence.

    Raises:
        InputError: reading failed.
    """
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{catalog} does not exist: check the path of the catalog") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{catalog} is damaged or was cut off ({tidy(str(error))}): fetch or export the file again"
        ) from error
    except (OSError, ValueError, ImportError, MemoryError, RecursionError, pa.ArrowException) as error:
        raise InputError(f"{catalog} cannot be read: {tidy(str(error) or type(error).__name__)}") from error


def _kind(catalog: str, head: bytes) -> str:
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head == b"PAR1":
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        raise InputError(f"{catalog} is a ZIP archive or an Excel workbook: save the table as CSV, CSV.gz or Parquet")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{catalog} is UTF-16 text: save it as UTF-8")
    return "text"


def _fill(stream: Any, size: int) -> bytes:
    """Read exactly ``size`` bytes unless the file ends: blocks must not depend on how a server sends them."""
    parts: list[bytes] = []
    missing = size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _shortened(data: bytes, limit: int) -> bytes:
    """Cut lines that are longer than the limit; only where there is one are all lines looked at."""
    position = 0
    while len(data) - position > limit:
        end = data.rfind(b"\n", position, position + limit + 1)
        if end < 0:
            return b"\n".join(line[: limit + 1] for line in data.split(b"\n"))
        position = end + 1
    return data
