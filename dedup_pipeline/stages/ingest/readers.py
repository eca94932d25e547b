"""Batches of rows of a dump: the columns asked for, as text, with where each row stands; and those of CSV files."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from dedup_pipeline.errors import InputError
from dedup_pipeline.schemas import RejectReason
from dedup_pipeline.stages.ingest.csv.blocks import Block, Malformed, Positions
from dedup_pipeline.stages.ingest.csv.encoding import decode_text, is_clean
from dedup_pipeline.stages.ingest.csv.scanner import Scanner

RAW_CHARS = 20_000
_PARSED_BYTES = 1 << 20
MAX_ID_CHARS = 1000
MAX_COLUMNS = 10_000


@dataclass(frozen=True)
class Batch:
    """Some rows of a dump.

    Attributes:
        columns: column position to text, (rows,) each.
        lines: (rows,) where each row stands in the file.
        malformed: rows that could not be read.
        recoded: rows whose text was repaired.
        blank: lines without a row.
        block: the bytes that the rows were read from; empty where the file holds no text.
        starts: (rows,) where each row starts in ``block``.
        ends: (rows,) where it ends.
    """

    columns: dict[int, pa.Array]
    lines: Positions
    malformed: list[Malformed] = field(default_factory=list)
    recoded: int = 0
    blank: int = 0
    block: bytes = b""
    starts: Positions = field(default_factory=lambda: np.empty(0, np.int64))
    ends: Positions = field(default_factory=lambda: np.empty(0, np.int64))

    def raw(self, rows: Positions) -> pa.Array:
        """The text of some rows as they came, (rows,), each at most 20,000 characters."""
        if not self.block:
            names = sorted(self.columns)
            values = [self.columns[name].take(pa.array(rows)).to_pylist() for name in names]
            texts = [json.dumps(row, ensure_ascii=False)[:RAW_CHARS] for row in zip(*values, strict=True)]
            return pa.array(texts, pa.string())
        bounds = zip(self.starts[rows].tolist(), self.ends[rows].tolist(), strict=True)
        pieces = [self.block[start : min(end, start + 4 * RAW_CHARS)] for start, end in bounds]
        return pa.array([piece.decode("utf-8", "replace").rstrip("\r\n")[:RAW_CHARS] for piece in pieces], pa.string())


def read_header(first: bytes, delimiter: bytes, limit: int, catalog: str) -> tuple[list[str], int, int]:
    """The column names of a CSV file.

    Args:
        first: the first whole lines.
        delimiter: what separates fields.
        limit: the most bytes of the header.
        catalog: the file, for messages.

    Returns:
        The names, where the first record starts in ``first``, and on which line.

    Raises:
        InputError: there is no header, or it cannot be read, or has more than 10,000 columns.
    """
    start = len(first) - len(first.lstrip(b"\r\n"))
    scan = Scanner(delimiter, limit).scan(first, start, 0, final=True)
    if scan is None or scan.problem or not any(scan.fields):
        problem = scan.problem if scan and scan.problem else "it is blank"
        raise InputError(
            f"{catalog} has no header line that can be read ({problem}): its first line must name the columns"
        )
    if len(scan.fields) > MAX_COLUMNS:
        raise InputError(too_many_columns(catalog, len(scan.fields)))
    line = 1 + first.count(b"\n", 0, scan.end)
    return [decode_text(name).strip() for name in scan.fields], scan.end, line


def too_many_columns(catalog: str, columns: int) -> str:
    """The sentence on a file that is no table of products."""
    advice = "export fewer, and of a CSV file check ingest.delimiter"
    return f"{catalog} has {columns} columns, more than {MAX_COLUMNS}: {advice}"


def parse(block: Block, width: int, wanted: Sequence[int], delimiter: str, id_column: int) -> Batch:
    """Read the columns of a block of CSV records.

    Args:
        block: the records.
        width: columns of the file.
        wanted: positions of the columns to read.
        delimiter: what separates fields.
        id_column: position of the id; that of a malformed row is only read where it comes first, as any other column
            may be a wrong one.
    """
    block, recoded = _repaired(block)
    malformed = list(block.malformed)
    kept = np.ones(len(block.starts), bool)
    if not len(block.starts):
        malformed = [_identified(row, delimiter) for row in malformed] if id_column == 0 else malformed
        none = {index: pa.array([], pa.string()) for index in wanted}
        return Batch(none, block.lines, malformed, recoded, block.blank)
    ends = np.append(block.starts[1:], len(block.data))

    def skip(row: pa_csv.InvalidRow) -> str:
        place = row.number - 1
        kept[place] = False
        raw = block.data[block.starts[place] : ends[place]].rstrip(b"\r\n")
        detail = f"{row.actual_columns} fields instead of {row.expected_columns}"
        malformed.append(Malformed(int(block.lines[place]), raw, RejectReason.MALFORMED, detail))
        return "skip"

    names = [str(index) for index in wanted]
    # Arrow parses this much at once, what stays in the cache of a core; no record may be longer
    at_once = max(_PARSED_BYTES, int((ends - block.starts).max()) + 2)
    # Arrow drops a byte order mark in front, which is text inside a file; it skips a blank line
    data = b"\n" + block.data if block.data.startswith(codecs.BOM_UTF8) else block.data
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(
            use_threads=False, column_names=[str(index) for index in range(width)], block_size=at_once
        ),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pa_csv.ConvertOptions(
            include_columns=names,
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            check_utf8=False,  # the block is known to be UTF-8
        ),
    )
    if len(table) != int(kept.sum()):
        raise RuntimeError(f"{len(table)} rows were read of {int(kept.sum())} records: the splitter is at fault")
    malformed = [_identified(row, delimiter) for row in malformed] if id_column == 0 else malformed
    columns = {index: _one_chunk(table[str(index)]) for index in wanted}
    return Batch(
        columns, block.lines[kept], malformed, recoded, block.blank, block.data, block.starts[kept], ends[kept]
    )


def _repaired(block: Block) -> tuple[Block, int]:
    """The block as UTF-8 without NULs, and how many records had to be changed for it."""
    recoded = sum(not is_clean(row.raw) for row in block.malformed)
    if is_clean(block.data):
        return block, recoded
    ends = np.append(block.starts[1:], len(block.data))
    records = [block.data[start:end] for start, end in zip(block.starts, ends, strict=True)]
    malformed = list(block.malformed)
    blank = np.zeros(len(records), bool)
    for place, record in enumerate(records):
        if not is_clean(record):
            recoded += 1
            records[place] = decode_text(record).encode()
            if not records[place].strip(b"\r\n"):
                blank[place] = True
                malformed.append(Malformed(int(block.lines[place]), b"", RejectReason.MALFORMED, "nothing but NULs"))
    lengths = np.fromiter(map(len, records), np.int64, len(records))
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    return Block(b"".join(records), starts[~blank], block.lines[~blank], malformed, block.blank), recoded


def _identified(row: Malformed, delimiter: str) -> Malformed:
    """A malformed row with its first field as id, where that looks like one."""
    first = decode_text(row.raw[:MAX_ID_CHARS]).split("\n", 1)[0].partition(delimiter)
    text = first[0].strip().strip('"')
    return replace(row, identity=text if text and first[1] and '"' not in text else None)


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
