"""Products of the sample shop's studio, for tests of what is told from pictures."""

from __future__ import annotations

from dedup_pipeline.sample.rendering.garments import Kind
from dedup_pipeline.sample.rendering.patterns import Pattern
from dedup_pipeline.sample.rendering.photo import Look

# plain and patterned, dark and light, with hardly a keypoint and with hundreds
STYLES: tuple[tuple[Kind, int, Pattern, str], ...] = (
    ("t-shirt", 0, "solid", "Blue"),
    ("shirt", 2, "stripes", "Purple"),
    ("dress", 4, "gingham", "Maroon"),
    ("skirt", 7, "floral", "Red"),
    ("jacket", 9, "chevron", "Black"),
    ("hand-bag", 10, "leaves", "Light Blue"),
    ("t-shirt", 11, "diamonds", "Yellow"),
)


def look_of(kind: Kind, seed: int, pattern: Pattern, colour: str) -> Look:
    """A look of which one seed decides all that is not named."""
    return Look(kind, seed, pattern, seed, colour, seed, seed, seed)
