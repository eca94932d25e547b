"""The whole chain without training takes less time than a tool that only compares features, and grows linearly."""

from __future__ import annotations

from pathlib import Path

from claims.beside import beside
from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.served import LATENCY, SERVER, reaching_settings, serve_pictures, write_catalog
from claims.targets import as_fast_as, exponent_below, memory_grows_below
from dedup_pipeline.stages.chain import run_stage

FIRST, FIRST_PICTURES = "first", 100  # the dump that the model is trained on
_BRIEF = {"epochs": 1, "max_photos": FIRST_PICTURES}


def prepare(folder: Path, items: int, materials: Materials) -> list[str]:
    """The pictures, whose URLs are returned, and a store whose registry holds a champion, trained briefly on a few."""
    urls = serve_pictures(folder, items, materials)
    write_catalog(folder / "first.csv", [f"{url}?first" for url in urls[:FIRST_PICTURES]])
    settings = reaching_settings(folder)
    settings = settings.model_copy(update={"threads": 1, "train": settings.train.model_copy(update=_BRIEF)})
    with beside(SERVER, folder):
        for stage in ("ingest", "fetch", "fingerprint", "train"):
            run_stage(settings, stage, FIRST, catalog=str(folder / "first.csv"))
    return urls


def describe(items: int, materials: Materials) -> str:
    """A sentence on what ``prepare`` made."""
    return (
        f"{materials.describe(items)}, each of a listing of its own, from a server that answers after "
        f"{LATENCY * 1000:.0f} ms; every stage from ingest to record, the calibration of the verdicts included, with a "
        "model that is there"
    )


def make(folder: Path, items: int, materials: Materials) -> str:
    """The same, and a dump that shows the pictures."""
    write_catalog(folder / "catalog.csv", prepare(folder, items, materials))
    said = describe(items, materials)
    return f"{said}; imagededup finds the files in a folder. What each finds is compared by `make peers`"


CLAIM = Claim(
    name="chain",
    text="the whole chain without training takes less time than imagededup CNN, and grows linearly",
    noun="pictures",
    ours=Contender(OURS, "chain_ours.py"),
    peers=(Contender("imagededup CNN", "chain_imagededup.py", "peers/imagededup.txt"),),
    quick=(Size(150, rounds=1), Size(600, rounds=1)),
    full=(Size(5_000, rounds=1), Size(20_000, rounds=1), Size(80_000, rounds=1)),
    make=make,
    beside=SERVER,
    targets=(
        as_fast_as("at most the time of imagededup CNN", 1.0),
        exponent_below("exponent of CPU seconds over the smallest size at most 1.1", 1.1, "cpu_seconds"),
        exponent_below("the same without the calibration, which hides growth", 1.1, "CPU seconds without calibration"),
        memory_grows_below("peak memory at most twice that of the smallest size", 2.0),
        exponent_below("exponent of peak memory at most 0.5", 0.5, "megabytes"),
    ),
)
