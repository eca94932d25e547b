"""Many texts in little memory: names as arrays of bytes, and places found by digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Rows

Digests = npt.NDArray[np.uint64]

_DIGEST = 16  # bytes: among 40 million texts two digests meet by chance once in 10^23 dumps


class ByteStrings(Sequence[str]):
    """Texts of ASCII, held in the bytes of the longest each.

    Args:
        data: (N,) bytes.
    """

    def __init__(self, data: npt.NDArray[np.bytes_]) -> None:
        self.data = data

    @classmethod
    def of(cls, names: Iterable[str]) -> ByteStrings:
        """Names of some texts."""
        return cls(np.array([name.encode() for name in names], dtype=np.bytes_))

    @classmethod
    def of_column(cls, names: pa.Array | pa.ChunkedArray) -> ByteStrings:
        """Names of a column of texts without nulls."""
        return cls(names.to_numpy(zero_copy_only=False).astype(np.bytes_) if len(names) else np.empty(0, np.bytes_))

    @classmethod
    def of_batches(cls, columns: Iterable[pa.Array], most: int) -> ByteStrings:
        """Names of pieces of a column that has ``most`` texts at most, so that no piece is held beside the array."""
        data, held = np.empty(most, dtype=np.bytes_), 0
        for column in columns:
            some = cls.of_column(column).data
            if some.itemsize > data.itemsize:
                data = data.astype(some.dtype) if held else np.empty(most, dtype=some.dtype)
            data[held : held + len(some)] = some
            held += len(some)
        return cls(data[:held])

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> ByteStrings: ...
    def __getitem__(self, row: int | slice) -> str | ByteStrings:
        return ByteStrings(self.data[row]) if isinstance(row, slice) else str(self.data[row].decode())

    def __iter__(self) -> Iterator[str]:
        return (name.decode() for name in self.data)

    def take(self, rows: Rows | npt.NDArray[np.int32]) -> list[str]:
        """The texts of some rows (R,)."""
        return [name.decode() for name in self.data[rows].tolist()]

    def find(self, names: ByteStrings) -> Rows:
        """Where these names, which are sorted, have each of others (R,) int64; -1 where they have it not."""
        if not len(self):
            return np.full(len(names), -1, dtype=np.int64)
        # of equal width, or all of it would be copied into wider texts
        at = np.minimum(np.searchsorted(self.data, names.data.astype(self.data.dtype)), len(self) - 1)
        return np.where(self.data[at] == names.data, at, -1)


class StringIndex:
    """Where each of many texts is, by digests of 16 bytes: the texts themselves are not held.

    Args:
        texts: distinct texts, some at a time; nulls have no place.
    """

    def __init__(self, texts: Iterable[pa.Array]) -> None:
        words = np.concatenate([np.empty((0, 2), np.uint64), *map(digests, texts)])
        self._order = np.argsort(words[:, 0], kind="stable").astype(np.int32)
        self._high, self._low = words[self._order, 0], words[self._order, 1]

    def __len__(self) -> int:
        return len(self._order)

    def find(self, texts: pa.Array) -> Rows:
        """The places (T,) int64 of texts; -1 of those that are not there, and of nulls."""
        found = np.full(len(texts), -1, dtype=np.int64)
        if not len(self):
            return found
        known = np.flatnonzero(np.asarray(texts.is_valid()))
        words = digests(texts)[known]
        at = np.searchsorted(self._high, words[:, 0])
        while len(known):  # once, but for texts whose digests agree in the first half
            here = np.minimum(at, len(self) - 1)
            half = (at < len(self)) & (self._high[here] == words[:, 0])
            whole = half & (self._low[here] == words[:, 1])
            found[known[whole]] = self._order[here[whole]]
            more = half & ~whole
            known, words, at = known[more], words[more], at[more] + 1
        return found


def numbered(words: Digests) -> Rows:
    """A number (T,) int64 for each digest (T, 2), the same for equal ones, from 0 on and without gaps."""
    order = np.lexsort((words[:, 1], words[:, 0]))
    words = words[order]
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(np.append(False, (words[1:] != words[:-1]).any(axis=1)))[: len(order)]
    return numbers


def digests(texts: pa.Array) -> Digests:
    """(T, 2) the two halves of the digest of each text; of a null those of no text."""
    whole = b"".join(blake2b((text or "").encode(), digest_size=_DIGEST).digest() for text in texts.to_pylist())
    return np.frombuffer(whole, dtype=np.uint64).reshape(-1, 2)
