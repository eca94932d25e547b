"""Text from bytes: UTF-8, with single bytes of Windows-1252 and NULs repaired."""

from __future__ import annotations

import codecs

import pyarrow as pa


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are no UTF-8 as Windows-1252, which holds Latin-1."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", errors="replace"), error.end


codecs.register_error("dedup-windows-1252", _as_windows)


def is_clean(data: bytes) -> bool:
    """Whether bytes are UTF-8 without NUL."""
    if b"\0" in data:
        return False
    offsets = pa.py_buffer(pa.array([0, len(data)], pa.int64()).buffers()[1])
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def decode_text(data: bytes) -> str:
    """The text of bytes: UTF-8, what is not UTF-8 as Windows-1252, NULs left out."""
    return data.replace(b"\0", b"").decode("utf-8", errors="dedup-windows-1252")
