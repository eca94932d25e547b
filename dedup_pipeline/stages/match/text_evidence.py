"""What the listings behind two pictures have in common: the evidence of text.

Every field is cut before anything looks at it, and of the families that show one picture only the first few are heard,
so that neither a huge title nor a picture on thousands of listings costs more than others do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_matrix, diags_array
from sklearn.preprocessing import normalize

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.listings.brands import brand_key, brands_contradict
from dedup_pipeline.listings.colours import ANY, NONE, Colour, colours_contradict, colours_of
from dedup_pipeline.listings.images import listings_showing
from dedup_pipeline.stages.match.nodes import Nodes
from dedup_pipeline.stages.match.title_words import BUCKETS, FREE_TEXT, cut, hashed
from dedup_pipeline.store import Store

# name -> whether more of it is more agreement
TEXTS: dict[str, bool] = {
    "title_likeness": True,  # cosine of the words that are neither brand nor colour, the rare ones counting more
    "same_brand": True,  # 1 or 0, as all that follow but the last
    "same_colour": True,  # 0 where both name colours and share none
    "same_category": True,
    "same_seller": True,
    "price_gap": False,  # absolute difference of the logarithms
}

_FAMILIES = 4  # that show one picture; further ones are not heard
_BLOCK = 20_000  # titles compared at a time
_MOST_GAP = 3.0  # of prices: a factor of 20
_COLUMNS = ["family_id", "price", *FREE_TEXT]


@dataclass(frozen=True)
class Texts:
    """What the families that show some nodes say of themselves: T texts, one per node and family.

    Attributes:
        starts: (N + 1,) where the texts of each of the dump's nodes begin.
        families: (T,) codes.
        titles: (T, buckets) the weighted words, rows of length 1, or 0 where a title says nothing.
        brands: (T,) codes of the keys in ``brand_keys``, -1 where unknown.
        brand_keys: distinct keys of brands.
        colours: (T,) bits of ``Colour``, 0 where unknown.
        shades: (T,) codes of the colour attribute as written, -1 where there is none.
        categories: (T,) codes, -1 where unknown.
        sellers: (T,) codes, -1 where unknown.
        prices: (T,) logarithms, NaN where unknown.
    """

    starts: Rows
    families: Rows
    titles: csr_matrix
    brands: Rows
    brand_keys: list[str]
    colours: Rows
    shades: Rows
    categories: Rows
    sellers: Rows
    prices: npt.NDArray[np.float64]

    @classmethod
    def of_nodes(cls, store: Store, dump_id: str, nodes: Nodes, rows: Rows, weights: pa.Table) -> Texts:
        """Read the texts of some nodes.

        Args:
            store: the store.
            dump_id: the dump.
            nodes: its nodes.
            rows: (R,) of those that shall be compared.
            weights: WORDS of the dump.
        """
        heard: dict[int, dict[str, dict[str, Any]]] = {}
        for row, listing in _listings(store, dump_id, nodes, set(rows.tolist())):
            families = heard.setdefault(row, {})
            if listing["family_id"] in families:
                _add(families[listing["family_id"]], listing)
            elif len(families) < _FAMILIES:
                families[listing["family_id"]] = _text(listing)
        texts = [text for row in sorted(heard) for _, text in sorted(heard[row].items())]
        counts = np.zeros(len(nodes) + 1, dtype=np.int64)
        for row, families in heard.items():
            counts[row + 1] = len(families)
        rarity = np.zeros(BUCKETS)
        rarity[weights["bucket"].to_numpy()] = weights["weight"].to_numpy()
        words = hashed([(text["title"], text["brand"]) for text in texts])
        keys = [brand_key(text["brand"]) or None for text in texts]
        brands, brand_keys = _codes(keys)
        codes = {name: _codes(_plain(text[name]) for text in texts)[0] for name in ("colour", "category", "seller")}
        prices = [math.log(text["price"]) if (text["price"] or 0) > 0 else math.nan for text in texts]
        return cls(
            starts=np.cumsum(counts),
            families=_codes(text["family_id"] for text in texts)[0],
            titles=normalize(csr_matrix(words @ diags_array(rarity))) if texts else words,
            brands=brands,
            brand_keys=brand_keys,
            colours=np.array([int(text["colours"]) for text in texts], dtype=np.int64),
            shades=codes["colour"],
            categories=codes["category"],
            sellers=codes["seller"],
            prices=np.array(prices, dtype=np.float64),
        )

    def compare(self, first: Rows, second: Rows) -> dict[str, Floats]:
        """How much the texts of pairs of nodes agree; of nodes that several families show, the best of each.

        A family is not compared with itself.

        Args:
            first: (P,) rows of nodes that were asked for.
            second: (P,) rows of nodes that were asked for.

        Returns:
            Every name of TEXTS as (P,) float32, NaN where one of the two says nothing.
        """
        pair, a, b = self._crossed(first, second)
        found = {
            "title_likeness": self._title_likeness(a, b),
            "same_brand": self._same_brand(a, b),
            "same_colour": self._same_colour(a, b),
            "same_category": _same(self.categories[a], self.categories[b]),
            "same_seller": _same(self.sellers[a], self.sellers[b]),
            "price_gap": np.minimum(np.abs(self.prices[a] - self.prices[b]), _MOST_GAP),
        }
        best = {}
        for name, rising in TEXTS.items():
            values = np.full(len(first), math.nan)
            (np.fmax if rising else np.fmin).at(values, pair, found[name])
            best[name] = values.astype(np.float32)
        return best

    def _crossed(self, first: Rows, second: Rows) -> tuple[Rows, Rows, Rows]:
        """Every text of the first with every one of the second: places (X,) of the pairs, and (X,), (X,) of texts."""
        counts = np.diff(self.starts)
        across = counts[first] * counts[second]
        pair = np.repeat(np.arange(len(first)), across)
        place = np.arange(len(pair)) - np.repeat(np.cumsum(across) - across, across)
        width = counts[second][pair]
        a, b = self.starts[first][pair] + place // width, self.starts[second][pair] + place % width
        apart = self.families[a] != self.families[b]
        return pair[apart], a[apart], b[apart]

    def _title_likeness(self, a: Rows, b: Rows) -> Floats:
        likeness = np.zeros(len(a))
        for start in range(0, len(a), _BLOCK):
            block = slice(start, start + _BLOCK)
            likeness[block] = np.asarray(self.titles[a[block]].multiply(self.titles[b[block]]).sum(axis=1)).reshape(-1)
        wordy = np.asarray(self.titles.sum(axis=1)).reshape(-1) > 0
        return np.where(wordy[a] & wordy[b], likeness, math.nan).astype(np.float32)

    def _same_brand(self, a: Rows, b: Rows) -> Floats:
        def same(one: int, other: int) -> float:
            return float(not brands_contradict(self.brand_keys[one], self.brand_keys[other]))

        return _by_codes(self.brands[a], self.brands[b], same, known=(self.brands[a] >= 0) & (self.brands[b] >= 0))

    def _same_colour(self, a: Rows, b: Rows) -> Floats:
        """By the colours named; by the words as they are where none of them is known."""

        def same(one: int, other: int) -> float:
            return float(not colours_contradict(Colour(one), Colour(other)))

        telling = (self.colours != int(NONE)) & (self.colours != int(ANY))
        named = _by_codes(self.colours[a], self.colours[b], same, known=telling[a] & telling[b])
        spelled = _same(self.shades[a], self.shades[b])
        return np.where(np.isnan(named) & (spelled == 1), spelled, named).astype(np.float32)


def _listings(store: Store, dump_id: str, nodes: Nodes, wanted: set[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The listings that show some nodes, by id, each with the row of its node."""
    row_of = nodes.images_of(np.array(sorted(wanted), dtype=np.int64))
    for batch in listings_showing(store, dump_id, row_of, _COLUMNS):
        for listing in cut(batch).to_pylist():
            yield row_of[listing.pop("image_id")], listing


def _text(listing: dict[str, Any]) -> dict[str, Any]:
    """What a listing says, and the colours that it names."""
    return listing | {"colours": colours_of(listing["colour"], listing["title"], listing["brand"])}


def _add(text: dict[str, Any], listing: dict[str, Any]) -> None:
    """Another listing of the family: all its colours count, and of other fields the first that is filled."""
    more = _text(listing)
    text["colours"] |= more["colours"]
    for name, value in more.items():
        if text[name] is None:
            text[name] = value


def _plain(text: str | None) -> str | None:
    return " ".join(text.casefold().split()) if text else None


def _codes(values: Iterable[str | None]) -> tuple[Rows, list[str]]:
    """Numbers (T,) for texts, -1 for None; and the distinct texts by number."""
    number: dict[str, int] = {}
    codes = [-1 if value is None else number.setdefault(value, len(number)) for value in values]
    return np.array(codes, dtype=np.int64), list(number)


def _same(a: Rows, b: Rows) -> Floats:
    """1 where two codes (X,) are equal, 0 where they are not, NaN where one is missing."""
    return np.where((a < 0) | (b < 0), math.nan, a == b).astype(np.float32)


def _by_codes(a: Rows, b: Rows, ask: Callable[[int, int], float], *, known: npt.NDArray[np.bool_]) -> Floats:
    """The answer for each pair of numbers (X,), asked once for equal pairs; NaN where it is not known."""
    asked = cache(ask)
    answers = [
        asked(one, other) if sure else math.nan
        for one, other, sure in zip(a.tolist(), b.tolist(), known.tolist(), strict=True)
    ]
    return np.array(answers, dtype=np.float32)
