"""The sizes that a photo comes in, and which of them to fetch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.stages.ingest.text_buffers import holds_blanks, lengths_of
from dedup_pipeline.stages.ingest.url_sizes import url_sizes

_SIZED, _ORIGINAL, _SMALL = 0, 1, 2
_SIDE_BITS, _RANK_BITS = 17, 36  # a side has five digits at most; a rank is a tier and two of that size
_LONGEST_NO_PHOTO = 4  # characters


def ranked(photos: pa.Array, separator: str, wanted: int) -> pa.ListArray:
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
    found = ranked_distinct(photos, separator, wanted)
    return found.dictionary.take(found.indices)


def ranked_distinct(photos: pa.Array, separator: str, wanted: int) -> pa.DictionaryArray:
    """As ``ranked``; the variants of a product share their photo, which is a value of a dictionary."""
    encoded = photos.fill_null("").dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, _ranked(encoded.dictionary, separator, wanted))


def _ranked(photos: pa.Array, separator: str, wanted: int) -> pa.ListArray:
    lists = pc.split_pattern(photos, separator) if separator else None
    urls = lists.flatten() if lists is not None else photos
    rows = pc.list_parent_indices(lists).to_numpy() if lists is not None else np.arange(len(photos))
    if holds_blanks(urls):
        urls = pc.ascii_trim_whitespace(urls)
    if (lengths_of(urls) <= _LONGEST_NO_PHOTO).any():
        used = pc.invert(pc.is_in(pc.ascii_lower(urls), value_set=NO_PHOTO)).to_numpy(zero_copy_only=False)
        urls, rows = urls.filter(pa.array(used)), rows[used]
    keys = rows.astype(np.int64) << _RANK_BITS | _rank(url_sizes(urls), wanted)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    again = np.flatnonzero(np.diff(keys) == 0)
    if len(again):  # equal URLs are of equal size
        alike = np.union1d(again, again + 1)
        repeated = alike[~_first_of_its_kind(urls.take(pa.array(order[alike])), rows[order[alike]])]
        order, keys = np.delete(order, repeated), np.delete(keys, repeated)
    offsets = np.searchsorted(keys >> _RANK_BITS, np.arange(len(photos) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), urls.take(pa.array(order)))


NO_PHOTO = pa.array(["", "null", "none", "nan", "n/a", "na", "-"])


def _rank(sizes: npt.NDArray[np.int64], wanted: int) -> npt.NDArray[np.int64]:
    """(urls,) the less, the better, by side alone: tier, then distance, then the larger first."""
    tier = np.where(sizes == 0, _ORIGINAL, np.where(2 * sizes < wanted, _SMALL, _SIZED))
    distance = np.where(sizes == 0, 0, np.abs(sizes - wanted))
    rank: npt.NDArray[np.int64] = (tier << _SIDE_BITS | distance) << _SIDE_BITS | ((1 << _SIDE_BITS) - 1 - sizes)
    return rank


def _first_of_its_kind(urls: pa.Array, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which URLs are not already named before in their row."""
    codes = pc.dictionary_encode(urls).indices.to_numpy().astype(np.int64)
    keys = rows * (int(codes.max()) + 1) + codes
    first = np.zeros(len(urls), bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return first
