"""The size that the URL of a photo names, of many URLs at once.

Eight bytes of text next to each ``x`` are handled as one number, the digits among them found and added up by the
means of D. Lemire, "Quickly parsing eight digits" (2018) and S. E. Anderson, "Bit Twiddling Hacks".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.stages.ingest.text_buffers import bytes_of, offsets_of

_QUERY = r"[?&](?:w|h|width|height|size|sz|wid|hei)=(?P<side>[0-9]{2,5})(?:[&#]|$)"
_BEFORE, _AFTER = (np.isin(np.arange(256), list(marks)) for marks in (b"-_/=,", b"-_/.,?&#@"))
_IS_DIGIT = np.isin(np.arange(256), list(b"0123456789"))
_DIGITS = 5  # of a side at most
_WORD = 8  # bytes
_ORIGINAL = int.from_bytes(b"original", "little")
_ZEROS, _LOW_BITS, _HIGH_BITS, _TO_HIGH_BIT = (
    np.uint64(byte * 0x0101010101010101) for byte in (0x30, 0x7F, 0x80, 0x76)
)


Words = npt.NDArray[np.uint64]  # eight bytes of text each, the first one lowest
Numbers = npt.NDArray[np.int64]


def url_sizes(urls: pa.Array) -> Numbers:
    """(urls,) the longer side that each URL names in pixels; 0 where it names none.

    The last of the forms ``-400x300-``, ``_400x.``, ``/400x400/`` and ``-original-`` counts, or ``?w=400``.
    """
    starts = offsets_of(urls) - offsets_of(urls)[0]
    padded = np.zeros(int(starts[-1]) + 2 * _WORD, np.uint8)
    text = padded[_WORD:-_WORD]
    text[:] = bytes_of(urls)
    words: Words = np.ndarray(len(padded) - _WORD + 1, "<u8", padded, strides=(1,))  # words[i + 8] begins at text[i]
    crosses = np.flatnonzero((text | 32) == ord("x"))
    crosses = crosses[_IS_DIGIT[padded[crosses + _WORD - 1]]]
    places = np.searchsorted(starts, crosses, side="right") - 1
    left, right = crosses - starts[places], starts[places + 1] - crosses - 1
    before, after = words[crosses], words[crosses + _WORD + 1]
    width_digits, mark_before = _leading_digits(before.byteswap(), left)
    height_digits, mark_after = _leading_digits(after, right)
    named = (width_digits >= 2) & (width_digits <= _DIGITS) & (height_digits <= _DIGITS)
    named &= _BEFORE[mark_before] & (width_digits < left) & ((height_digits == right) | _AFTER[mark_after])
    rest = _bits(_WORD - width_digits)
    width = _number((before ^ _ZEROS) >> rest << rest)
    height = _number((after ^ _ZEROS) << _bits(_WORD - height_digits))
    sizes = np.zeros(len(urls), np.int64)
    sizes[places[named]] = np.maximum(width, height)[named]  # of several in a URL, the last stays
    last = np.full(len(urls), -1)
    last[places[named]] = left[named]
    sizes[_first_original(text, words, starts) > last] = 0
    if ((text == ord("?")) | (text == ord("&"))).any():
        query = pc.struct_field(pc.extract_regex(urls, pattern=_QUERY), "side").cast(pa.int64()).fill_null(0).to_numpy()
        sizes = np.where(query > 0, query, sizes)
    return sizes


def _leading_digits(words: Words, room: Numbers) -> tuple[Numbers, Numbers]:
    """How many digits each word begins with, at most ``room`` of its bytes, and the byte after them (0 for none)."""
    beyond = ~np.uint64(0) << _bits(np.minimum(room, _WORD))
    figures = words ^ _ZEROS
    other = (((figures & _LOW_BITS) + _TO_HIGH_BIT) | figures) & _HIGH_BITS | (beyond & _HIGH_BITS)
    digits = np.bitwise_count((other - np.uint64(1)) & ~other).astype(np.int64) >> 3
    return digits, ((words & ~beyond) >> _bits(digits) & np.uint64(0xFF)).astype(np.int64)


def _number(figures: Words) -> Numbers:
    """(words,) the number that eight figures of a byte each make, the first the highest."""
    pairs = (figures * np.uint64(10) + (figures >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return ((fours * np.uint64(10_000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _bits(count: Numbers) -> Words:
    return (count * _WORD).astype(np.uint64)


def _first_original(text: npt.NDArray[np.uint8], words: Words, starts: Numbers) -> Numbers:
    """(urls,) where ``original`` first stands in each URL; -1 where it does not."""
    marks = np.flatnonzero(text == ord("g")) - 3  # the letter of the word that URLs hold least
    found = marks[words[marks + _WORD] == _ORIGINAL]
    places = np.searchsorted(starts, found, side="right") - 1
    inside = found + _WORD <= starts[places + 1]
    first = np.full(len(starts) - 1, -1)
    first[places[inside][::-1]] = (found - starts[places])[inside][::-1]
    return first
