"""Looking at the bytes of text columns, so that work is only done where there is any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_LAST_BLANK = 32  # the space; blanks and control characters are not above it


def offsets_of(text: pa.Array) -> npt.NDArray[np.int64]:
    """(rows + 1,) where each text starts in the column's buffer, and where the last one ends."""
    if not len(text):
        return np.zeros(1, np.int64)
    return np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1].astype(np.int64)


def lengths_of(text: pa.Array) -> npt.NDArray[np.int64]:
    """(rows,) the bytes of each text; 0 for null."""
    return np.diff(offsets_of(text))


def bytes_of(text: pa.Array) -> npt.NDArray[np.uint8]:
    """(bytes,) all texts one after the other, not copied."""
    offsets = offsets_of(text)
    return np.frombuffer(text.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]


def holds_blanks(text: pa.Array) -> bool:
    """Whether there is a blank, a line end or another control character in any text."""
    return bool((bytes_of(text) <= _LAST_BLANK).any())
