"""Which listings are near to a picture?"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.listings.images import listings_showing
from dedup_pipeline.query.reference import Reference, open_reference, read_picture


@dataclass(frozen=True)
class Near:
    """A listing near to a picture.

    Attributes:
        listing_id: its id.
        distance: 1 - cosine of the embeddings, 0 to 2.
        title: its title, if any.
        photo_url: its photo.
        dump_id: the dump.
    """

    listing_id: str
    distance: float
    title: str | None
    photo_url: str
    dump_id: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def lookup(settings: Settings, source: str | os.PathLike[str], count: int = 10) -> list[Near]:
    """The listings of the store's latest dump that are nearest to an image file or URL, nearest first.

    Raises:
        InputError: it is not there, or is no picture; or the count is less than 1.
        NotReadyError: the store has no finished run.
    """
    if count < 1:
        raise InputError(f"{count} listings cannot be found: ask for 1 or more")
    _, picture = read_picture(source, settings)
    reference = open_reference(settings)
    rows, cosines = reference.index.neighbours(reference.encoder.encode([picture])[0], count)
    distance_of = {int(row): round(max(0.0, 1 - float(c)), 6) for row, c in zip(rows, cosines, strict=True)}
    listings = _listings(reference, set(distance_of))
    near = [
        Near(listing["listing_id"], distance, listing["title"], listing["photo_url"], reference.dump_id)
        for row, distance in distance_of.items()
        for listing in listings[row]
    ]
    return sorted(near, key=lambda found: (found.distance, found.listing_id))[:count]


def _listings(reference: Reference, rows: set[int]) -> dict[int, list[dict[str, Any]]]:
    """The listings behind some rows of the index."""
    pairs = zip(reference.rows["image_id"].to_pylist(), reference.rows["row"].to_pylist(), strict=True)
    row_of = {image: row for image, row in pairs if row in rows}
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    columns = ["listing_id", "title", "photo_url"]
    for batch in listings_showing(reference.store, reference.dump_id, row_of, columns):
        for listing in batch.to_pylist():
            found[row_of[listing["image_id"]]].append(listing)
    return found
