"""Parquet with checksums of its pages, and errors that name the file.

PyArrow compares the checksums only when asked to; dictionaries have them too, footers have none. Tables of earlier
versions carry none and are read as before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from dedup_pipeline.store.integrity import damaged

CHECKSUMS: Mapping[str, Any] = {"write_page_checksum": True}
"""For whoever writes a table with a writer of its own."""

_UNREADABLE = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, KeyError, UnicodeDecodeError)


def options_of(path: str) -> Mapping[str, Any]:
    """How a table of the store is written; what is exported is as plain as ever, for whoever compares bytes."""
    return {"compression": "zstd"} if path.startswith("exports/") else {"compression": "zstd", **CHECKSUMS}


class CheckedTable(pq.ParquetFile):  # type: ignore[misc] # PyArrow has no types
    """A Parquet file whose pages are compared with their checksums as they are read.

    Args:
        file: the open file.
        url: its address, for errors.
        path: its path in the store.

    Raises:
        DamagedError: it is not Parquet, and from each method: a part of it is not what was written.
    """

    def __init__(self, file: BinaryIO, url: str, path: str) -> None:
        self._said = url, path
        with named(*self._said):
            super().__init__(file, page_checksum_verification=True)

    def read_row_group(self, *words: Any, **options: Any) -> pa.Table:
        """See ``pq.ParquetFile``."""
        with named(*self._said):
            return super().read_row_group(*words, **options)

    def read(self, *words: Any, **options: Any) -> pa.Table:
        """See ``pq.ParquetFile``."""
        with named(*self._said):
            return super().read(*words, **options)

    def iter_batches(self, *words: Any, **options: Any) -> Iterator[pa.RecordBatch]:
        """See ``pq.ParquetFile``."""
        with named(*self._said):
            batches = super().iter_batches(*words, **options)
        while True:
            with named(*self._said):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


@contextlib.contextmanager
def named(url: str, path: str) -> Iterator[None]:
    """Turn what PyArrow says of a damaged file into an error that names it."""
    try:
        yield
    except _UNREADABLE as error:
        raise damaged(url, path, error) from error
    except OSError as error:
        if type(error) is not OSError or error.errno is not None:
            raise  # of the disk or the network, not of what the file holds
        raise damaged(url, path, error) from error
