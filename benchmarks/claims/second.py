"""Tomorrow's dump costs what changed."""

from __future__ import annotations

from pathlib import Path

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.served import LATENCY, SERVER, serve_pictures, write_catalog
from claims.targets import at_most

NEW = 50  # one in so many pictures of the second dump is new
SHARE = "share of the first run without its training"  # the contender knows it too


def make(folder: Path, items: int, materials: Materials) -> str:
    """The pictures behind a server, a dump of all but the new ones, and one of all."""
    urls, new = serve_pictures(folder, items, materials), max(1, items // NEW)
    write_catalog(folder / "catalog.csv", urls[: items - new])
    write_catalog(folder / "next.csv", urls)
    return (
        f"{materials.describe(items)}, each of a listing of its own, from a server that answers after "
        f"{LATENCY * 1000:.0f} ms; every stage from ingest to record. The first run trains briefly, for one epoch on "
        f"100 photos. The seconds are of a second dump with {items} pictures, {new} of them new"
    )


CLAIM = Claim(
    name="second",
    text="a second dump with 2 % new photos costs at most 5 % of the first, that one's training not counted",
    noun="pictures",
    ours=Contender(OURS, "second_ours.py"),
    peers=(),  # none of them knows a second dump: it would cost the same as the first
    quick=(Size(150, rounds=1),),
    full=(Size(800, rounds=1), Size(5_000, rounds=1)),
    make=make,
    beside=SERVER,
    targets=(at_most("CPU seconds at most 5 % of those of the first dump", SHARE, 0.05),),
)
