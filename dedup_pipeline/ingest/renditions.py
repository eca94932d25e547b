"""The sizes that a photo comes in, and which of them to fetch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_QUERY = r"[?&](?:w|h|width|height|size|sz|wid|hei)=(?P<side>[0-9]{2,5})(?:[&#]|$)"
_BEFORE, _AFTER = (np.isin(np.arange(256), list(marks)) for marks in (b"-_/=,", b"-_/.,?&#@"))
_IS_DIGIT = np.isin(np.arange(256), list(b"0123456789"))
_DIGITS = 5  # of a side at most
_SIZED, _ORIGINAL, _SMALL = 0, 1, 2


def ranked(photos: pa.Array, separator: str, wanted: int) -> pa.Array:
    """The renditions of each photo, the preferred first.

    Sized ones of at least half the wanted side come first, the nearest to it before the others and the larger of two
    equally near ones before the smaller; then the original and those that do not tell their size, in their order;
    then smaller ones, the largest first. Repeated and empty entries are left out.

    Args:
        photos: (rows,) text: URLs joined by ``separator``.
        separator: what separates them; empty where there is at most one.
        wanted: the wanted longer side in pixels.

    Returns:
        (rows,) lists of URLs; empty where there is none.
    """
    lists = pc.split_pattern(photos.fill_null(""), separator) if separator else None
    urls = pc.ascii_trim_whitespace(lists.flatten() if lists is not None else photos.fill_null(""))
    rows = pc.list_parent_indices(lists).to_numpy() if lists is not None else np.arange(len(photos))
    used = pc.invert(pc.is_in(pc.ascii_lower(urls), value_set=NO_PHOTO)).to_numpy(zero_copy_only=False)
    urls, rows = urls.filter(pa.array(used)), rows[used]
    tier, distance, size = _rank(_sides(urls), wanted)
    order = np.lexsort((-size, distance, tier, rows))
    urls, rows = urls.take(pa.array(order)), rows[order]
    first = _first_of_its_kind(urls, rows)
    urls, rows = urls.filter(pa.array(first)), rows[first]
    offsets = np.searchsorted(rows, np.arange(len(photos) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), urls)


def first_of(lists: pa.ListArray) -> pa.Array:
    """(rows,) the first entry of each list; null where it is empty."""
    offsets = lists.offsets.to_numpy()
    return lists.values.take(pa.array(offsets[:-1], mask=offsets[1:] == offsets[:-1]))


NO_PHOTO = pa.array(["", "null", "none", "nan", "n/a", "na", "-"])


def _sides(urls: pa.Array) -> npt.NDArray[np.int64]:
    """(urls,) the longer side that each URL names in pixels; 0 where it names none.

    The last of the forms ``-400x300-``, ``_400x.``, ``/400x400/`` and ``-original-`` counts, or ``?w=400``.
    """
    starts = np.frombuffer(urls.buffers()[1], np.int32)[urls.offset : urls.offset + len(urls) + 1].astype(np.int64)
    bounds = int(starts[0]), int(starts[-1])
    data = np.frombuffer(urls.buffers()[2] or b"", np.uint8)[bounds[0] : bounds[1]]
    padded = np.concatenate((np.zeros(_DIGITS + 2, np.uint8), data, np.zeros(_DIGITS + 2, np.uint8)))
    starts = starts - bounds[0] + _DIGITS + 2
    crosses = np.flatnonzero((padded | 32) == ord("x"))
    crosses = crosses[_IS_DIGIT[padded[crosses - 1]]]
    places = np.searchsorted(starts, crosses, side="right") - 1
    width, width_digits = _number(padded, crosses, -1)
    height, height_digits = _number(padded, crosses, 1)
    after = crosses + height_digits + 1
    named = (width_digits >= 2) & (width_digits <= _DIGITS) & (height_digits <= _DIGITS)
    named &= _BEFORE[padded[crosses - width_digits - 1]] & (crosses - width_digits > starts[places])
    named &= (after >= starts[places + 1]) | _AFTER[padded[after]]
    sides = np.zeros(len(urls), np.int64)
    sides[places[named]] = np.maximum(width, height)[named]  # of several in a URL, the last stays
    last = np.full(len(urls), -1)
    last[places[named]] = crosses[named] - starts[places[named]]
    original = pc.find_substring(urls, "original").to_numpy()
    sides[original > last] = 0
    if ord("?") in data:
        query = pc.struct_field(pc.extract_regex(urls, pattern=_QUERY), "side").cast(pa.int64()).fill_null(0).to_numpy()
        sides = np.where(query > 0, query, sides)
    return sides


def _number(
    data: npt.NDArray[np.uint8], places: npt.NDArray[np.int64], step: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The decimal number next to some places, to their left or right, and how many digits it has (6 for more)."""
    value = np.zeros(len(places), np.int64)
    digits = np.zeros(len(places), np.int64)
    for distance in range(1, _DIGITS + 2):
        digit = data[places + step * distance]
        runs = _IS_DIGIT[digit] & (digits == distance - 1)
        figure = digit.astype(np.int64) - ord("0")
        value = np.where(runs, value + figure * 10**digits if step < 0 else value * 10 + figure, value)
        digits += runs
    return value, digits


def _rank(
    sides: npt.NDArray[np.int64], wanted: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    tier = np.where(sides == 0, _ORIGINAL, np.where(2 * sides < wanted, _SMALL, _SIZED))
    distance = np.where(sides == 0, 0, np.abs(sides - wanted))
    return tier, distance, sides


def _first_of_its_kind(urls: pa.Array, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which URLs are not already named before in their row."""
    if not len(urls):
        return np.ones(0, bool)
    codes = pc.dictionary_encode(urls).indices.to_numpy().astype(np.int64)
    keys = rows * (int(codes.max()) + 1) + codes
    first = np.zeros(len(urls), bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return first
