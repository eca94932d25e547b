"""Cards of text that unrelated listings share: size charts, "free shipping" banners, the logo of a brand.

A placeholder is known by the crowd that shows it. A card of text (see ``text_cards``) tells no product apart however
few show it, so it is set apart as soon as two families do that are not one product by their words: they differ in
category, in brand, or in their titles. A cover of a book or a poster stays, for its sellers agree in all three. Cards
whose hashes are near are one card: encoded or scaled again, or with another line of text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.preprocessing import normalize

from dedup_pipeline.compute.hamming import Hashes, radius_join
from dedup_pipeline.stages.match.title_words import hashed

Listing = Mapping[str, str]

_MOST_OF_THEM = 0.6  # of the families have the commonest category, and the commonest brand
_ALIKE = 0.5  # cosine of the words of two titles, brands and colours aside
_HEARD = 20  # families whose titles are compared


def banners_among(
    phash: Hashes, dhash: Hashes, listings: Sequence[Sequence[Listing]], radius: int
) -> npt.NDArray[np.bool_]:
    """Which cards of text are banners.

    Args:
        phash: (C,) uint64, of each card, upright.
        dhash: (C,) the same.
        listings: of each card the listings that show it: family_id, category, brand, title.
        radius: bits by which a hash of two copies of one card differs at most.

    Returns:
        (C,) bool.
    """
    found = np.zeros(len(listings), dtype=bool)
    if not len(listings):
        return found
    pairs = [radius_join(hashes, hashes, radius) for hashes in (phash, dhash)]
    first, second = (np.concatenate(sides) for sides in zip(*pairs, strict=True))
    joined = csr_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(len(listings), len(listings)))
    _, copies = connected_components(joined, directed=False)
    for card in np.unique(copies):
        members = np.flatnonzero(copies == card)
        found[members] = _are_unrelated([listing for row in members.tolist() for listing in listings[row]])
    return found


def _are_unrelated(listings: Sequence[Listing]) -> bool:
    """Whether listings are of several products, as far as words tell."""
    families = list({listing["family_id"]: listing for listing in listings}.values())
    if len(families) < 2:
        return False
    for field in ("category", "brand"):
        if max(Counter(family[field] for family in families).values()) < _MOST_OF_THEM * len(families):
            return True
    titles = normalize(hashed([(family["title"], family["brand"]) for family in families[:_HEARD]]))
    likeness = (titles @ titles.T).toarray()
    return float(np.median(likeness[np.triu_indices(len(likeness), 1)])) < _ALIKE
