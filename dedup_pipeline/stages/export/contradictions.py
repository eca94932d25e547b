"""Whether two listings that show one photo contradict each other, in brand or in colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Codes, Flags, Rows
from dedup_pipeline.listings.brands import brand_key, brands_contradict
from dedup_pipeline.listings.colours import Colour, colours_contradict, colours_of
from dedup_pipeline.listings.images import ListingImages
from dedup_pipeline.stages.export.exported_listings import Listed
from dedup_pipeline.store import Store

_COLUMNS = ["listing_id", "brand", "colour", "title"]


@dataclass(frozen=True)
class Claims:
    """What listings (S,) say of themselves; of those outside of groups nothing is known.

    Attributes:
        brands: (S,) int32, the key of each brand as a place among ``keys``.
        colours: (S,) int64, the bits of ``Colour``: of all listings of one family that show one picture.
        keys: of brands.
    """

    brands: Codes
    colours: Rows
    keys: list[str]

    @classmethod
    def read(cls, store: Store, shown: ListingImages, listed: Listed) -> Claims:
        """Read what the members of groups say."""
        members = np.flatnonzero(listed.groups >= 0)
        by_row = members[np.argsort(listed.rows[members])]
        wanted = np.zeros(len(shown.images), dtype=bool)
        wanted[listed.rows[members]] = True
        brands, colours = np.zeros(len(listed), dtype=np.int32), np.zeros(len(listed), dtype=np.int64)
        numbers: dict[str, int] = {}
        done = 0
        for _, batch in shown.listings(store, _COLUMNS, wanted):
            at = by_row[done : done + len(batch)]
            brands[at], colours[at] = _said(batch, numbers)
            done += len(batch)
        return cls(brands, _of_family(colours, listed, members), list(numbers))


def _said(listings: pa.RecordBatch, numbers: dict[str, int]) -> tuple[list[int], list[int]]:
    """The brands and the colours of some listings; keys of brands that are new get the next numbers."""
    rows = listings.to_pylist()
    brands = [numbers.setdefault(brand_key(row["brand"]), len(numbers)) for row in rows]
    return brands, [int(colours_of(row["colour"], row["title"], row["brand"])) for row in rows]


def _of_family(colours: Rows, listed: Listed, members: Rows) -> Rows:
    """(S,) the colours of all members of one family that show one picture.

    A family whose listings show one photo in several colours has all of them: its sizes are compared as one.
    """
    places = np.stack([listed.families[members], listed.nodes[members]], axis=1)
    _, of_place = np.unique(places, axis=0, return_inverse=True)
    united = np.zeros(len(members), dtype=np.int64)
    np.bitwise_or.at(united, of_place.ravel(), colours[members])
    found = colours.copy()
    found[members] = united[of_place.ravel()]
    return found


def contradictions(claims: Claims, low: Codes, high: Codes) -> tuple[Flags, Flags]:
    """Which pairs of listings (A,) and (A,) contradict each other, in brand (A,) and in colour (A,)."""
    keys = claims.keys
    return (
        _answers(claims.brands, low, high, lambda a, b: brands_contradict(keys[a], keys[b])),
        _answers(claims.colours, low, high, lambda a, b: colours_contradict(Colour(a), Colour(b))),
    )


def _answers(said: Codes | Rows, low: Codes, high: Codes, contradict: Callable[[int, int], bool]) -> Flags:
    """Asked once of every two things that are said."""
    distinct, codes = np.unique(said, return_inverse=True)
    codes = codes.ravel().astype(np.int64)
    pairs, places = np.unique(codes[low] * len(distinct) + codes[high], return_inverse=True)
    sides = (distinct[side].tolist() for side in np.divmod(pairs, max(1, len(distinct))))
    answers = np.array([contradict(a, b) for a, b in zip(*sides, strict=True)], dtype=bool)
    return np.asarray(answers[places.ravel()])
