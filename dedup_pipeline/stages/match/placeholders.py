"""Pictures that tell no product apart because many products show them: "no image", the sign of a shop.

Six families that agree neither in category nor in brand are enough to tell. A brand's own "no image" is shown by one
brand alone, and known by the size of its crowd: where dozens of families show one picture, they are one product on sale
by many, who call it much the same and ask much the same for it, or the picture is of none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from sklearn.preprocessing import normalize

from dedup_pipeline.listings.colours import ANY, NONE, colours_of
from dedup_pipeline.stages.match.listings_of_nodes import Listing
from dedup_pipeline.stages.match.title_words import hashed

_SHARED_CATEGORY = 0.6  # a product under several ids keeps its category on most of them
_SHARED_BRAND = 0.34  # and on many of them its brand
_HEARD = 200  # families of a crowd
_MOST = 0.6  # of those of a crowd that is one product have one category, one colour, and a price near the median
_NEAR = 1.5  # the factor between two prices that are near
_ALIKE, _APART = 0.5, 0.2  # cosine of the words of two titles, brands and colours aside: from one product; of no two


def is_placeholder(listings: Sequence[Listing], crowd: int) -> bool:
    """Whether a picture is one.

    Args:
        listings: one of each family that shows it: family_id, category, brand, title, colour, price.
        crowd: so many families are a crowd.
    """
    return _agree_in_nothing(listings) or (len(listings) >= crowd and _are_many_products(listings))


def _agree_in_nothing(listings: Sequence[Listing]) -> bool:
    """Whether listings agree neither in category nor in brand."""
    shared = {
        field: max(Counter(listing[field] for listing in listings).values()) / len(listings)
        for field in ("category", "brand")
    }
    return shared["category"] < _SHARED_CATEGORY and shared["brand"] < _SHARED_BRAND


def _are_many_products(listings: Sequence[Listing]) -> bool:
    """Whether the listings of a crowd differ in their titles and in something else, whatever their brands.

    Where titles have nothing in common, as in several languages, all else must agree for them to be one product; where
    titles are missing, two other fields must differ for them to be many.
    """
    ordered = sorted(listings, key=lambda listing: str(listing["family_id"]))
    heard = [ordered[place] for place in np.linspace(0, len(ordered) - 1, min(_HEARD, len(ordered))).astype(int)]
    likeness = _likeness(heard)
    colours = [colours_of(listing["colour"], listing["title"], listing["brand"]) for listing in heard]
    shares = [
        _commonest([listing["category"] for listing in heard]),
        _commonest([None if colour in {NONE, ANY} else colour for colour in colours]),
        _near_median([listing["price"] for listing in heard]),
    ]
    known = [share for share in shares if share is not None]
    differing = sum(share < _MOST for share in known)
    if likeness is None:
        return differing >= 2
    if likeness >= _ALIKE:
        return False
    return bool(differing) or (likeness < _APART and len(known) < 2)


def _likeness(listings: Sequence[Listing]) -> float | None:
    """The median cosine of the words of two titles; None where fewer than half say something."""
    words = hashed([(listing["title"], listing["brand"]) for listing in listings])
    words = words[np.diff(words.indptr) > 0]
    if words.shape[0] < max(2, len(listings) / 2):
        return None
    words = normalize(words)
    likeness = (words @ words.T).toarray()
    return float(np.median(likeness[np.triu_indices(len(likeness), 1)]))


def _commonest(values: Sequence[Hashable | None]) -> float | None:
    """The share of the commonest of some values among those that are known; None where fewer than half are."""
    known = Counter(value for value in values if value is not None)
    return max(known.values()) / known.total() if known and known.total() >= len(values) / 2 else None


def _near_median(prices: Sequence[float | None]) -> float | None:
    """The share of the prices that are near their median; None where fewer than half are known."""
    known = np.array([price for price in prices if price is not None and price > 0])
    if len(known) < max(1, len(prices) / 2):
        return None
    gaps = np.abs(np.log(known) - np.log(np.median(known)))
    return float((gaps <= np.log(_NEAR)).mean())
