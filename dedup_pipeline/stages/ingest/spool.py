"""A temporary file of tables that no name leads to: it is gone when its program is, however that ends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pyarrow as pa


class Spool:
    """Tables written once, then read once or more.

    Args:
        schema: of the tables.
        folder: where there is room; None takes the system's temporary folder.
    """

    def __init__(self, schema: pa.Schema, folder: Path | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._writer = pa.ipc.new_stream(self._file, schema)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, table: pa.Table) -> None:
        """Append a table."""
        self._writer.write_table(table)

    def finish(self) -> None:
        """No more tables will be written."""
        self._writer.close()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """What was written, from the beginning."""
        self._file.seek(0)
        with pa.ipc.open_stream(self._file) as reader:
            yield from reader
