"""Tomorrow's dump costs what changed."""

from __future__ import annotations

from pathlib import Path

from claims import chain
from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.served import SERVER, write_catalog
from claims.targets import at_most

NEW = 50  # one in so many pictures of the second dump is new


def make(folder: Path, items: int, materials: Materials) -> str:
    """The pictures, a store whose registry holds a champion, a dump of all but the new pictures, and one of all."""
    urls = chain.prepare(folder, items, materials)
    write_catalog(folder / "catalog.csv", urls[: items - max(1, items // NEW)])
    write_catalog(folder / "next.csv", urls)
    said, new = chain.describe(items, materials), max(1, items // NEW)
    return f"{said}. The seconds are of a second dump with {items} pictures, {new} of them new"


CLAIM = Claim(
    name="second",
    text="a second dump with 2 % new photos costs at most 5 % of the first, the model being there for both",
    noun="pictures",
    ours=Contender(OURS, "second_ours.py"),
    peers=(),  # none of them knows a second dump: it would cost the same as the first
    quick=(Size(150, rounds=1),),
    full=(Size(5_000, rounds=1),),
    make=make,
    beside=SERVER,
    targets=(at_most("CPU seconds at most 5 % of those of the first dump", "share of the first run", 0.05),),
)
