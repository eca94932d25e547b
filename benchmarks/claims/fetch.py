"""Fetching from a server a little away takes less time and less of a core than with the usual tool."""

from __future__ import annotations

from pathlib import Path

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.served import LATENCY, SERVER, serve_pictures, write_catalog
from claims.stores import DUMP, settings_of
from claims.targets import as_fast_as
from dedup_pipeline.stages.ingest import ingest

REQUESTS = 16  # under way at once; the contenders know it too


def make(folder: Path, items: int, materials: Materials) -> str:
    """The pictures, a list of their URLs, and a store with a dump that shows them, ingested."""
    urls = serve_pictures(folder, items, materials)
    (folder / "urls.txt").write_text("\n".join(urls) + "\n")
    write_catalog(folder / "catalog.csv", urls)
    ingest(settings_of(folder), DUMP, str(folder / "catalog.csv"))
    return (
        f"{materials.describe(items)}; a server on this machine with keep-alive that answers after "
        f"{LATENCY * 1000:.0f} ms; {REQUESTS} requests at once; img2dataset in one worker process, the start of which "
        "counts, without resizing or encoding anew, into tar files"
    )


def check(data: Path, results: Path) -> dict[str, float]:
    """The share of the pictures that were fetched."""
    return {"fetched": int((results / "fetched.txt").read_text()) / len((data / "urls.txt").read_text().split())}


CLAIM = Claim(
    name="fetch",
    text="pictures are fetched at half as many again a second, and a core, as by img2dataset",
    noun="pictures",
    ours=Contender(OURS, "fetch_ours.py"),
    peers=(Contender("img2dataset", "fetch_img2dataset.py", "contenders/img2dataset.txt"),),
    quick=(Size(3_000),),  # of fewer the start of img2dataset is most
    full=(Size(10_000),),
    make=make,
    beside=SERVER,
    targets=(
        as_fast_as("1.5 times as fast as img2dataset", 1.5),
        as_fast_as("1.5 times as fast as img2dataset by CPU seconds", 1.5, by="cpu_seconds"),
    ),
    check=check,
)
