"""Batches of rows from a Parquet file, bounded in bytes: a few of its bytes may stand for a great deal of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dedup_pipeline.errors import InputError
from dedup_pipeline.stages.ingest.csv.encoding import decode_text
from dedup_pipeline.stages.ingest.parquet_pages import Pages, pages_of
from dedup_pipeline.stages.ingest.readers import MAX_COLUMNS, Batch, too_many_columns
from dedup_pipeline.stages.ingest.source import Source, reading
from dedup_pipeline.wording import tidy

BATCH_BYTES = 64 << 20  # of text, in a batch of more than one row
READ_BYTES = 128 << 20  # of text that is read at once, beside the pages that it lies in
FREE_BYTES = 64 << 20  # that may unpack from however little
_MOST_UNPACKED = 100  # times the stored bytes, of what goes beyond
FREE_ENTRIES = 16_000_000  # of the lists of a column and row group
_FOOTER_BYTES = 64 << 20
_ENTRY_BYTES = 12
_NUMBER_BYTES = 80  # the longest decimal

_Texts = dict[int, pa.Array]
_Lengths = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Leaf:
    """A column of values that is read.

    Attributes:
        place: its number among the columns of values.
        path: its name, with those of the lists that it lies in.
        repeated: whether it lies in a list.
        width: bytes of a value; 0 where values differ.
    """

    place: int
    path: str
    repeated: bool
    width: int


def parquet_columns(source: Source) -> list[str]:
    """The column names of a Parquet file.

    Raises:
        InputError: the file is damaged, or has more columns than a catalog.
    """
    with reading(source.catalog):
        source.file.seek(max(0, source.size - 8))
        footer = int.from_bytes(source.file.read(4), "little")
        source.file.seek(0)
        if footer > _FOOTER_BYTES:
            raise ValueError(f"its footer has {footer} bytes, more than {_FOOTER_BYTES}")
        names: list[str] = pq.read_schema(source.file).names
        source.file.seek(0)
    if len(names) > MAX_COLUMNS:
        raise InputError(too_many_columns(source.catalog, len(names)))
    return names


def read_parquet(source: Source, separators: Mapping[int, str], rows: int) -> Iterator[Batch]:
    """Read columns of a Parquet file, at most ``rows`` and 64 MiB of text at a time.

    Args:
        source: the file.
        separators: position of each column to read, and what to join it by where it holds lists.
        rows: rows of a batch.

    Raises:
        InputError: the file is damaged, unpacks to far more than its size, or has a value that is too large to hold.
    """
    with reading(source.catalog), pq.ParquetFile(source.file, pre_buffer=False, buffer_size=1 << 20) as table:
        reader = _Reader(source, table, separators)
        first = 1
        total = max(1, table.metadata.num_rows)
        for group in range(table.num_row_groups):
            for texts in _collected(reader.texts(group, rows), rows):
                count = len(next(iter(texts.values())))
                source.settled = source.size * (first - 1 + count) // total
                yield Batch(texts, np.arange(first, first + count))
                first += count


def _collected(parts: Iterator[tuple[_Texts, int]], rows: int) -> Iterator[_Texts]:
    """Put together what had to be read in small parts."""
    held: list[_Texts] = []
    count = size = 0
    for texts, of_texts in parts:
        number = len(next(iter(texts.values())))
        if held and (count + number > rows or size + of_texts > BATCH_BYTES):
            yield _joined(held)
            held, count, size = [], 0, 0
        held.append(texts)
        count, size = count + number, size + of_texts
    if held:
        yield _joined(held)


def _joined(parts: list[_Texts]) -> _Texts:
    if len(parts) == 1:
        return parts[0]
    return {index: pa.concat_arrays([texts[index] for texts in parts]) for index in parts[0]}


class _Reader:
    """Reads columns of a Parquet file row group by row group.

    Args:
        source: the file.
        table: the same, opened.
        separators: as of ``read_parquet``.

    Raises:
        ValueError: its schema cannot be told.
    """

    def __init__(self, source: Source, table: pq.ParquetFile, separators: Mapping[int, str]) -> None:
        self._source = source
        self._metadata = table.metadata
        self._separators = separators
        names = table.schema_arrow.names
        self._names = list(dict.fromkeys(names[index] for index in separators))
        # a name stands for all columns that have it, in the order of the names
        self._included = [index for name in self._names for index in range(len(names)) if names[index] == name]
        roots = [root for root, kind in enumerate(table.schema_arrow.types) for _ in range(_leaves_in(kind))]
        if len(roots) != len(table.schema):
            raise ValueError("its schema cannot be told")
        self._leaves = [
            _leaf(table.schema.column(place), place) for place, root in enumerate(roots) if root in self._included
        ]
        named = Counter(leaf.path for leaf in self._leaves)
        texts = [leaf for leaf in self._leaves if not leaf.width and not self._is_delta(leaf)]
        self._codable = {leaf.path for leaf in texts if named[leaf.path] == 1}
        lists = [leaf.path for leaf in self._leaves if leaf.repeated]
        if len(set(lists)) < len(lists):
            raise ValueError(f"two of its columns of lists have one name, {tidy(lists[0])}")
        self._coded = self._opened(self._codable)
        self._plain = self._opened(self._codable.intersection(lists))

    def texts(self, group: int, rows: int) -> Iterator[tuple[_Texts, int]]:
        """The columns of a row group as text, at most ``rows`` and 64 MiB at a time, and how many bytes they are.

        Raises:
            ValueError: a page or list unpacks to far more than is stored, or a value is too large to hold.
        """
        table, at_once = self._way_to_read(group, rows)
        for batch in table.iter_batches(at_once, row_groups=[group], columns=self._names, use_threads=False):
            if batch.num_columns != len(self._included):
                raise ValueError("its schema cannot be told")
            columns = {index: batch.column(self._included.index(index)) for index in self._separators}
            lengths = np.sum([_lengths(column) for column in columns.values()], axis=0)
            if lengths.max(initial=0) > READ_BYTES:
                raise ValueError(f"row group {group} has a row of {lengths.max()} bytes, too large to hold")
            for start, stop in _slices(lengths):
                of_texts = int(lengths[start:stop].sum())
                self._source.unpacked(of_texts)
                parts = {index: column.slice(start, stop - start) for index, column in columns.items()}
                yield {index: _as_text(part, self._separators[index]) for index, part in parts.items()}, of_texts

    def _way_to_read(self, group: int, rows: int) -> tuple[pq.ParquetFile, int]:
        """What to read a row group from, and how many rows at once, ``rows`` at most."""
        chunks = self._metadata.row_group(group)
        pages = {leaf: pages_of(self._source.file, chunks.column(leaf.place)) for leaf in self._leaves}
        for leaf, of_leaf in pages.items():
            _check_unpacked(leaf, of_leaf)
        # a dictionary takes in what is stored without one, of the whole row group
        coded = sum(int(of_leaf.sizes[~of_leaf.coded].sum()) for of_leaf in pages.values()) <= BATCH_BYTES
        widths = {leaf: self._width(group, leaf, of_leaf, coded=coded) for leaf, of_leaf in pages.items()}
        allowed = READ_BYTES + sum(of_leaf.largest for of_leaf in pages.values())

        def needed(count: int) -> int:
            total = 0
            for leaf, of_leaf in pages.items():
                entries = -(-int(of_leaf.values.sum()) * count // max(1, chunks.num_rows)) if leaf.repeated else count
                total += entries * widths[leaf] + (0 if leaf.repeated else of_leaf.window(count))
            return total

        while rows > 1 and needed(rows) > allowed:
            rows //= 2
        if needed(rows) > allowed:
            raise ValueError(f"row group {group} has values of up to {max(widths.values())} bytes, too large to hold")
        return self._coded if coded else self._plain, rows

    def _width(self, group: int, leaf: _Leaf, pages: Pages, *, coded: bool) -> int:
        """The most bytes of a value that is not stored where it stands: in a dictionary, or as the end of another."""
        if leaf.width or pages.prefixed.any():
            return leaf.width or int(pages.sizes[pages.prefixed].max())
        codable = leaf.path in self._codable
        if codable and (coded or leaf.repeated):
            return _ENTRY_BYTES
        if not codable or leaf.path not in self._names or not pages.coded.any() or not pages.coded[0]:
            return pages.dictionary
        batches = self._coded.iter_batches(1, row_groups=[group], columns=[leaf.path], use_threads=False)
        return int(pc.max(pc.binary_length(next(batches).column(0).dictionary)).as_py() or 0)

    def _opened(self, dictionaries: Collection[str]) -> pq.ParquetFile:
        """The file, to read columns of values as dictionaries."""
        return pq.ParquetFile(
            self._source.file,
            metadata=self._metadata,
            read_dictionary=sorted(dictionaries),
            pre_buffer=False,
            buffer_size=1 << 20,
        )

    def _is_delta(self, leaf: _Leaf) -> bool:
        """Whether a column is stored in a way that Arrow does not read as a dictionary."""
        groups = (self._metadata.row_group(group) for group in range(self._metadata.num_row_groups))
        return any("DELTA" in encoding for group in groups for encoding in group.column(leaf.place).encodings)


def _check_unpacked(leaf: _Leaf, pages: Pages) -> None:
    """Refuse pages that stand for far more than is stored.

    Raises:
        ValueError: they do.
    """
    sizes = np.append(pages.sizes, pages.dictionary)
    stored = np.append(pages.stored, pages.dictionary_stored)
    if leaf.repeated:  # a row of a list may be all of them
        sizes, stored = np.append(sizes, sizes.sum()), np.append(stored, stored.sum())
        entries = int(pages.values.sum())
        if entries > max(FREE_ENTRIES, _MOST_UNPACKED * int(stored[-1])):
            raise ValueError(f"{entries} entries of {tidy(leaf.path)} are stored in {stored[-1]} bytes")
    wrong = np.flatnonzero(sizes > np.maximum(FREE_BYTES, _MOST_UNPACKED * stored))
    if len(wrong):
        told = f"{stored[wrong[0]]} bytes of {tidy(leaf.path)} unpack to {sizes[wrong[0]]}"
        raise ValueError(f"{told}, more than {_MOST_UNPACKED} times as many")


def _leaf(column: pq.ColumnSchema, place: int) -> _Leaf:
    fixed = {"BYTE_ARRAY": 0, "FIXED_LEN_BYTE_ARRAY": max(column.length, _NUMBER_BYTES)}
    return _Leaf(place, column.path, column.max_repetition_level > 0, fixed.get(column.physical_type, _NUMBER_BYTES))


def _leaves_in(kind: pa.DataType) -> int:
    """How many columns of values a type has in Parquet."""
    if isinstance(kind, pa.BaseExtensionType):
        return _leaves_in(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _leaves_in(kind.value_type)
    return sum(_leaves_in(kind.field(index).type) for index in range(kind.num_fields)) if kind.num_fields else 1


def _lengths(column: pa.Array) -> _Lengths:
    """(rows,) the bytes of each row's text, about; 0 where it is a number."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        of_values = _lengths(column.dictionary)
        found: _Lengths = np.append(of_values, 0)[column.indices.fill_null(len(of_values)).to_numpy()]
        return found
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        bounds = _offsets(column)
        until = np.concatenate(([0], np.cumsum(_lengths(column.flatten()) + 1)))
        return until[bounds[1:]] - until[bounds[:-1]]
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return _lengths(column.cast(pa.large_binary()))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_bytes(kind):
        lengths: _Lengths = pc.binary_length(column).fill_null(0).to_numpy().astype(np.int64)
        return lengths
    return np.zeros(len(column), np.int64)


def _slices(lengths: _Lengths) -> Iterator[tuple[int, int]]:
    """Cut rows so that no piece of more than one row has more than 64 MiB."""
    until = np.cumsum(lengths)
    start = before = 0
    while start < len(lengths):
        stop = max(start + 1, int(np.searchsorted(until, before + BATCH_BYTES, side="right")))
        yield start, stop
        start, before = stop, int(until[stop - 1])


def _as_text(column: pa.Array, separator: str) -> pa.Array:
    """A column of any type as text; whole floats are written as integers, lists are joined."""
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode(), separator)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        parts = _as_text(column.flatten(), separator).fill_null("")
        offsets = pa.array(_offsets(column), pa.int32())
        lists = pa.ListArray.from_arrays(offsets, parts, mask=column.is_null() if column.null_count else None)
        return pc.binary_join(lists, separator)
    if pa.types.is_floating(kind):
        values = column.to_numpy(zero_copy_only=False)
        whole = np.isfinite(values) & (np.abs(values) < 2**53) & (values == np.floor(values))
        integers = pa.array(np.where(whole, values, 0).astype(np.int64)).cast(pa.string())
        return pc.if_else(pa.array(whole), integers, column.cast(pa.string()))
    if _is_bytes(kind):
        return pa.array([None if value is None else decode_text(value) for value in column.to_pylist()], pa.string())
    try:
        return column.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise ValueError(f"a column of type {tidy(str(kind))} is no text: {tidy(str(error))}") from error


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _offsets(lists: pa.Array) -> _Lengths:
    """(rows + 1,) where each list begins among all entries, and where the last one ends."""
    return np.concatenate(([0], np.cumsum(pc.list_value_length(lists).fill_null(0).to_numpy().astype(np.int64))))
