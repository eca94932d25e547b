"""The photos of a dump: what its listings show, each with its renditions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of

_Numbers = npt.NDArray[np.int64]
_PIECE = (
    4_000_000  # listings whose photos are looked at together: about 1.5 kB each, and all packs are read once for it
)
_SAMPLED = 500  # of so many listings one is looked at to find where pieces end
_SLACK = 200_000  # rows that may be repeated before the distinct ones are sorted out
_URLS = pa.large_list(pa.large_string())  # offsets of 64 bit: the URLs of millions of photos pass 2 GB


@dataclass(frozen=True)
class Photos:
    """Distinct photos, sorted by URL.

    Attributes:
        names: (P,) the URL that a photo is known by, sorted.
        urls: (U,) every distinct URL among the renditions.
        codes: (R,) int64, the renditions of all photos one after the other, as places in ``urls``.
        offsets: (P + 1,) int64, where the renditions of each photo begin in ``codes``; each has at least one.
        listings_without: the number of listings that show none.
    """

    names: pa.Array
    urls: pa.Array
    codes: _Numbers
    offsets: _Numbers
    listings_without: int

    def __len__(self) -> int:
        """The number of photos."""
        return len(self.names)

    def renditions(self, photo: int) -> _Numbers:
        """The renditions of a photo as places in ``urls``, the preferred first."""
        return self.codes[self.offsets[photo] : self.offsets[photo + 1]]


@dataclass(frozen=True)
class Piece:
    """A range of URLs of photos.

    Attributes:
        first: the least URL; empty for the first piece.
        end: the first URL beyond it; None for the last piece.
    """

    first: str = ""
    end: str | None = None

    def has(self, urls: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which URLs lie in it; null of nulls."""
        inside = pc.greater_equal(urls, self.first)
        return inside if self.end is None else pc.and_(inside, pc.less(urls, self.end))


def pieces_of(store: Store, dump_id: str) -> list[Piece]:
    """Cut the photos of an ingested dump into ranges of URLs that a few million listings show, in their order.

    Raises:
        NotReadyError: the dump is not ingested.
    """
    with store.reading_table(result_of(store, dump_id, "ingest").outputs["listings"]) as listings:
        count = -(-listings.metadata.num_rows // _PIECE)
        if count <= 1:
            return [Piece()]
        every = min(_SAMPLED, _PIECE)
        sample: list[str] = []
        for batch in listings.iter_batches(columns=["photo_url"]):
            sample += batch["photo_url"].drop_null()[::every].to_pylist()
    sample.sort()
    ends = sorted({sample[len(sample) * number // count] for number in range(1, count)} if sample else set())
    return [Piece(first, end) for first, end in zip(["", *ends], [*ends, None], strict=True)]


def read_photos(store: Store, dump_id: str, piece: Piece = Piece()) -> Photos:
    """The photos of an ingested dump; a photo's renditions are those of the first listing that shows it.

    The listings are read a row group at a time; what is kept grows with the distinct photos of the piece. Listings
    that show none belong to the first piece.

    Raises:
        NotReadyError: the dump is not ingested.
    """
    kept = [pa.table({"photo_url": pa.array([], pa.large_string()), "photo_urls": pa.array([], _URLS)})]
    distinct = without = 0
    with store.reading_table(result_of(store, dump_id, "ingest").outputs["listings"]) as listings:
        for group in range(listings.num_row_groups):
            table = listings.read_row_group(group, columns=["photo_url", "photo_urls"])
            without += table["photo_url"].null_count if not piece.first else 0
            shown = table.filter(piece.has(table["photo_url"]))
            shown = shown.set_column(0, "photo_url", shown["photo_url"].cast(pa.large_string()))
            kept.append(_first_of_each(shown.set_column(1, "photo_urls", shown["photo_urls"].cast(_URLS))))
            if sum(map(len, kept)) > 2 * distinct + _SLACK:
                kept = [_first_of_each(pa.concat_tables(kept))]
                distinct = len(kept[0])
    table = _first_of_each(pa.concat_tables(kept))
    del kept  # here and below: at millions of photos every copy that lives on is a gigabyte
    table = table.sort_by("photo_url")
    names, lists = _one(table["photo_url"]), _one(table["photo_urls"])
    del table
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    # the photo's own URL goes first, whatever its list says
    flat = pa.concat_arrays([names, lists.flatten()])
    del lists
    encoded = flat.dictionary_encode()
    del flat
    codes, offsets = _in_order(encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), counts)
    return Photos(names, encoded.dictionary, codes, offsets, without)


def _first_of_each(table: pa.Table) -> pa.Table:
    """The first row of each photo."""
    places = table["photo_url"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    return table.take(pa.array(np.sort(np.unique(places, return_index=True)[1])))


def _in_order(codes: _Numbers, counts: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Bring the codes of all photos' names, followed by those of their lists, in order and drop what repeats.

    Args:
        codes: (P + R,) P names, then R list entries.
        counts: (P,) entries of each list.

    Returns:
        The codes photo by photo, each once for a photo, and the (P + 1,) offsets at which each photo begins.
    """
    photo = np.concatenate([np.arange(len(counts)), np.repeat(np.arange(len(counts)), counts)])
    order = np.argsort(photo, kind="stable")
    photo, codes = photo[order], codes[order]
    first = np.unique(photo * (codes.max(initial=0) + 1) + codes, return_index=True)[1]
    first.sort()
    return codes[first], np.searchsorted(photo[first], np.arange(len(counts) + 1)).astype(np.int64)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
