"""What a plan of the sample shop consists of: photos, and the offers that show them."""

from dataclasses import dataclass
from typing import Literal

from dedup_pipeline.sample import words
from dedup_pipeline.sample.copies.recipe import Recipe, Step
from dedup_pipeline.sample.rendering.bundle import Bundle
from dedup_pipeline.sample.rendering.patterns import Pattern
from dedup_pipeline.sample.rendering.photo import Look

PhotoKind = Literal["photo", "placeholder", "dead-url", "html", "zero-byte", "truncated", "no-image", "malformed"]

FAULTY: dict[PhotoKind, int] = {
    "placeholder": 8, "dead-url": 2, "html": 1, "zero-byte": 1, "truncated": 1, "no-image": 2, "malformed": 5,
}  # fmt: skip
"""Listings beside the ordinary ones, by what is wrong with them."""


@dataclass(frozen=True)
class Photo:
    """One upload.

    Attributes:
        photo_id: as it stands at the end of the file names.
        group: photo group, the same for a photo and all its copies; empty where there is no picture.
        level: `base`, `0` to `3`, or empty where there is no picture.
        edits: description of the edits.
        folder: of its files, relative to the images, with the URL's slashes.
        kind: what is wrong with it, if anything.
        look: what to draw; None for copies and for what has no picture of its own.
        recipe: how a copy was made; None for originals.
        source: photo_id of what was copied.
        decoration: what the first seller put on an original.
        stored: renditions that exist as files.
        parts: photo groups of the garments in the picture of a bundle; empty where the photo shows one product.
    """

    photo_id: str
    group: str
    level: str
    edits: str
    folder: str
    slug: str
    kind: PhotoKind = "photo"
    look: Look | Bundle | None = None
    recipe: Recipe | None = None
    source: str | None = None
    decoration: Step | None = None
    stored: tuple[str, ...] = ("original", "400x400", "200x200")
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """What one seller says about one photo; its listings differ in size only."""

    family: str
    style: str
    photo: Photo
    shelf: words.Shelf
    brand: str
    seller: str
    title: str
    description: str
    colour: str
    pattern: Pattern
    fabric: str
    occasion: str
    price: int
    listings: tuple[tuple[str, str], ...]
    """`(productId, size)` of each."""
    contents: words.Contents = words.SINGLE
