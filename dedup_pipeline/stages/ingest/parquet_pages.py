"""The pages of a Parquet file by their own headers: what a column takes when it is read, before any of it is.

The sums in the footer are what a file says of itself; readers allocate by the headers of the pages, in the compact
protocol of Thrift (https://github.com/apache/parquet-format, parquet.thrift).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3  # PageType
_CODED, _PREFIXED = (2, 8), 7  # Encoding: PLAIN_DICTIONARY, RLE_DICTIONARY; DELTA_BYTE_ARRAY
_FIRST_READ, _LONGEST_HEADER = 256, 16 << 20  # bytes
_DEEPEST = 8


@dataclass(frozen=True)
class Pages:
    """The pages of one column of a row group.

    Attributes:
        values: (pages,) how many values the data pages have, nulls among them.
        sizes: (pages,) bytes of each, unpacked.
        stored: (pages,) bytes of each in the file.
        coded: (pages,) whether it refers to the dictionary.
        prefixed: (pages,) whether its values go on from those before them.
        dictionary: bytes of the dictionary, unpacked; 0 where there is none.
        dictionary_stored: its bytes in the file.
    """

    values: Numbers
    sizes: Numbers
    stored: Numbers
    coded: npt.NDArray[np.bool_]
    prefixed: npt.NDArray[np.bool_]
    dictionary: int = 0
    dictionary_stored: int = 0

    @property
    def largest(self) -> int:
        """Bytes of the largest page."""
        return max(self.dictionary, int(self.sizes.max(initial=0)))

    def window(self, rows: int) -> int:
        """The most bytes of pages without a dictionary that so many values in a row lie in."""
        own = np.where(self.coded, 0, self.sizes)
        ends = np.cumsum(self.values)
        last = np.searchsorted(ends - self.values, ends - 1 + rows)  # pages that begin before the window ends
        until = np.concatenate(([0], np.cumsum(own)))
        return int((until[last] - until[:-1]).max(initial=0))


def pages_of(file: BinaryIO, chunk: Any) -> Pages:
    """Look at the headers of a column's pages in one row group.

    Args:
        file: the Parquet file.
        chunk: a ``pyarrow.parquet.ColumnChunkMetaData``.

    Raises:
        ValueError: a header cannot be read.
    """
    position = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < position:
        position = chunk.dictionary_page_offset
    found: list[tuple[int, int, int, int]] = []
    dictionary = dictionary_stored = seen = 0
    while seen < chunk.num_values:
        header, length = _header(file, position)
        kind, size, stored = (_number(header, place) for place in (1, 2, 3))
        if kind == _DICTIONARY:
            dictionary, dictionary_stored = max(dictionary, size), max(dictionary_stored, stored)
        elif kind in {_DATA, _DATA_2}:
            data = header.get(5 if kind == _DATA else 8)
            if not isinstance(data, dict):
                raise ValueError("the header of a page is damaged")
            values = _number(data, 1)
            found.append((values, size, stored, _number(data, 2 if kind == _DATA else 4)))
            seen += values
        position += length + stored
    columns = np.array(found, np.int64).reshape(-1, 4).T
    coded, prefixed = np.isin(columns[3], _CODED), columns[3] == _PREFIXED
    return Pages(columns[0], columns[1], columns[2], coded, prefixed, dictionary, dictionary_stored)


def _header(file: BinaryIO, position: int) -> tuple[dict[int, Any], int]:
    """The header that begins at a position, and its length."""
    size = _FIRST_READ
    while True:
        file.seek(position)
        data = file.read(size)
        reader = _Compact(data)
        try:
            return reader.struct(), reader.position
        except IndexError:
            if len(data) < size or size >= _LONGEST_HEADER:
                raise ValueError("the header of a page is damaged or cut off") from None
            size *= 8


def _number(fields: dict[int, Any], place: int) -> int:
    value = fields.get(place)
    if not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError("the header of a page is damaged")
    return value


class _Compact:
    """Reads structs of Thrift's compact protocol: numbers, flags, bytes and structs, all that page headers have."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by their ids.

        Raises:
            IndexError: the data ends before it.
            ValueError: it is none.
        """
        fields: dict[int, Any] = {}
        last = 0
        while head := self._byte():
            last = last + (head >> 4) if head >> 4 else self._signed()
            fields[last] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in {1, 2}:
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in {4, 5, 6}:
            return self._signed()
        if kind in {7, 8}:
            length = 8 if kind == 7 else self._unsigned()
            self.position += length
            if self.position > len(self.data):
                raise IndexError
            return self.data[self.position - length : self.position]
        if kind == 12 and depth < _DEEPEST:
            return self.struct(depth + 1)
        raise ValueError("the header of a page is damaged")

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise ValueError("the header of a page is damaged")

    def _byte(self) -> int:
        byte = self.data[self.position]
        self.position += 1
        return byte
