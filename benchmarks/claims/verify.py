"""Looking at pictures and aligning pairs of them takes milliseconds."""

from __future__ import annotations

from pathlib import Path

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.targets import at_most

LEAST = 10  # photos


def make(folder: Path, items: int, materials: Materials) -> str:
    """The photos, and pairs for the contender to make of them."""
    if items < LEAST:
        raise ValueError(f"the claim needs {LEAST} pictures, not {items}")
    (folder / "pictures").symlink_to(materials.pictures(items))
    return (
        f"{materials.describe(items)}; each beside a re-upload, a recolour and the picture of another product that its "
        "colours are nearest to"
    )


CLAIM = Claim(
    name="verify",
    text="two pictures are aligned in 10 ms of one core, and a photo costs 40 ms with all its pairs",
    noun="pictures",
    ours=Contender(OURS, "verify_ours.py"),
    peers=(),
    quick=(Size(60),),
    full=(Size(400),),
    make=make,
    targets=(
        at_most("10 ms of CPU a pair that is aligned", "ms a pair", 10.0),
        at_most("40 ms of CPU a photo, its decoding, its view and five pairs", "ms a photo", 40.0),
    ),
)
