"""``review.csv``: the pairs of pictures for a person, with what their listings say."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import pandas as pd

from dedup_pipeline.stages.export.review import with_sides_turned
from dedup_pipeline.stages.export.spreadsheet import MOST_ID_CHARS, defused

LISTING_COLUMNS = ["listing_id", "title", "brand", "colour", "photo_url"]
_PER_SIDE = ("id", "title", "brand", "colour", "listings", "photo_url")
COLUMNS = [
    *("reason", "probability", "accepted", "through", "kind"),
    *(f"{name}_{side}" for name in _PER_SIDE for side in ("a", "b")),
    *("image_a", "image_b"),
]
_MOST_CHARS = {"id": MOST_ID_CHARS, "photo_url": 4000}  # neither is worth anything when it is cut off
_MOST_CHARS_OF_TEXT = 200
_SIDES = ("a", "b")


def with_listings(pairs: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Give each pair of pictures a listing on either side, and say how many there are.

    Args:
        pairs: node_a, node_b, id_a and id_b (null where no listings are named yet).
        seen: listing_id, family_id, node.

    Returns:
        The pairs with id_a < id_b, of two families, and listings_a, listings_b, the listings that show either picture;
        the sides turned where need be.
    """
    shown = seen[seen["node"].isin({*pairs["node_a"], *pairs["node_b"]})].sort_values("listing_id")
    families: dict[str, dict[str, str]] = {}
    for node, family, listing in zip(shown["node"], shown["family_id"], shown["listing_id"], strict=True):
        families.setdefault(node, {}).setdefault(family, listing)
    named = [
        (a, b) if isinstance(a, str) else _of_two_families(families[node_a], families[node_b])
        for a, b, node_a, node_b in zip(pairs["id_a"], pairs["id_b"], pairs["node_a"], pairs["node_b"], strict=True)
    ]
    counts = shown["node"].value_counts()
    found = pairs.assign(
        id_a=[a for a, _ in named],
        id_b=[b for _, b in named],
        **{f"listings_{side}": pairs[f"node_{side}"].map(counts) for side in _SIDES},
    )
    turned = found["id_a"] > found["id_b"]
    return with_sides_turned(found, turned, ("node", "id", "listings"))


def _of_two_families(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[str, str]:
    """The first listing of each picture such that the two are not one family."""
    return next((one, other) for mine, one in a.items() for theirs, other in b.items() if mine != theirs)


def write_review(file: BinaryIO, pairs: pd.DataFrame, listings: Iterable[Mapping[str, Any]], *, digits: int) -> None:
    """Write the pairs for a spreadsheet.

    Args:
        file: where; UTF-8 with a byte order mark, without which some spreadsheets misread accents.
        pairs: of ``with_listings``, in order, with through, a listing or null.
        listings: ``LISTING_COLUMNS``, at least those that the pairs name.
        digits: of a probability.
    """
    of = {listing["listing_id"]: listing for listing in listings}
    columns: dict[str, Iterable[Any]] = {
        "reason": pairs["reason"],
        "probability": pairs["probability"],
        "accepted": pairs["accepted"].map({True: "yes", False: "no"}),
        "through": [_cell("id", name) for name in pairs["through"].where(pairs["through"].notna(), None)],
        "kind": pairs["kind"],
    }
    for side in _SIDES:
        columns[f"id_{side}"] = [_cell("id", name) for name in pairs[f"id_{side}"]]
        columns[f"listings_{side}"] = pairs[f"listings_{side}"]
        columns[f"image_{side}"] = pairs[f"node_{side}"]
        for name in LISTING_COLUMNS[1:]:
            columns[f"{name}_{side}"] = [_cell(name, of[listing][name]) for listing in pairs[f"id_{side}"]]
    table = pd.DataFrame({name: columns[name] for name in COLUMNS})
    table.to_csv(
        file,
        index=False,
        float_format=f"%.{digits}f",
        lineterminator="\n",
        mode="wb",
        encoding="utf-8-sig",
        quoting=csv.QUOTE_MINIMAL,
    )


def _cell(name: str, text: str | None) -> str:
    return defused(text, most_chars=_MOST_CHARS.get(name, _MOST_CHARS_OF_TEXT))
