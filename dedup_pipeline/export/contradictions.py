"""Whether two listings that show one photo contradict each other, in brand or in colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dedup_pipeline.brands import brand_key, brands_contradict
from dedup_pipeline.colours import colours_contradict, colours_of


def claims_of(listings: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """What listings say of themselves.

    Args:
        listings: listing_id, brand, colour, title of each.

    Returns:
        brand (a key) and colours (the bits of ``Colour``), by listing id.
    """

    def rows() -> Iterator[tuple[str, str, int]]:
        for listing in listings:
            colours = colours_of(listing["colour"], listing["title"], listing["brand"])
            yield listing["listing_id"], brand_key(listing["brand"]), int(colours)

    return pd.DataFrame(rows(), columns=["listing_id", "brand", "colours"]).set_index("listing_id")


def contradictions(pairs: pd.DataFrame, claims: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Which accepted pairs contradict each other.

    A family whose listings show one photo in several colours has all of them: its sizes are compared as one.

    Args:
        pairs: id_a, id_b, accepted.
        claims: brand and colours by listing id, of all listings of accepted pairs.
        seen: listing_id, family_id, node.

    Returns:
        brand and colour, both bool, with the index of ``pairs``.
    """
    accepted = pairs.loc[pairs["accepted"], ["id_a", "id_b"]]
    known = seen[["listing_id", "family_id", "node"]].merge(claims, left_on="listing_id", right_index=True)
    known = known.assign(colours=_of_family(known)).set_index("listing_id")
    found = pd.DataFrame({"brand": False, "colour": False}, index=pairs.index)
    for reason, column, contradict in (
        ("brand", "brand", brands_contradict),
        ("colour", "colours", colours_contradict),
    ):
        sides = pd.DataFrame({side: accepted[f"id_{side}"].map(known[column]) for side in ("a", "b")})
        distinct = sides.drop_duplicates()
        answers = {(a, b): contradict(a, b) for a, b in zip(distinct["a"], distinct["b"], strict=True)}
        found.loc[accepted.index, reason] = [answers[a, b] for a, b in zip(sides["a"], sides["b"], strict=True)]
    return found


def _of_family(known: pd.DataFrame) -> npt.NDArray[np.int64]:
    """(listings,) the colours of all listings of one family that show one picture."""
    places = known.groupby(["family_id", "node"]).ngroup().to_numpy()
    united = np.zeros(len(known), dtype=np.int64)
    np.bitwise_or.at(united, places, known["colours"].to_numpy(dtype=np.int64))
    return united[places]
