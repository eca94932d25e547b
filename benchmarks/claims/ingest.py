"""Ingest is as fast as reading the same file with pandas, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.targets import as_fast_as, memory_below, memory_grows_below

GENERATOR = Path(__file__).parents[1] / "generate_dump.py"
OPEN_QUOTE = b"a quote that never closes\n"


def make(folder: Path, items: int, materials: Materials) -> str:
    """A dump, and a copy without the lines that pandas stops at."""
    del materials
    dump, clean = folder / "dump.csv", folder / "clean.csv"
    command = [sys.executable, str(GENERATOR), "--rows", str(items), "--out", str(dump)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    with dump.open("rb") as source, clean.open("wb") as target:
        target.writelines(line for line in source if not line.endswith(OPEN_QUOTE))
    return (
        f"a made-up dump of {dump.stat().st_size / 1e6:.0f} MB in 32 columns; pandas, which stops at a quote that "
        "never closes, reads a copy without such lines, skips malformed ones, and neither checks, normalises nor "
        "writes; this project uses all cores"
    )


CLAIM = Claim(
    name="ingest",
    text="a dump is read and checked in at most the time of pandas.read_csv, in memory that does not grow",
    noun="rows",
    ours=Contender(OURS, "ingest_ours.py"),
    peers=(
        Contender("pandas.read_csv", "ingest_pandas.py"),
        Contender("pandas.read_csv of 9 columns", "ingest_pandas.py", arguments=("nine",)),
    ),
    quick=(Size(100_000),),
    full=(Size(1_000_000), Size(4_000_000)),
    make=make,
    targets=(
        as_fast_as("at most the time of pandas.read_csv", 1.0, "pandas.read_csv"),
        memory_below("peak memory under 1 GB", 1000),
        memory_grows_below("peak memory at most a quarter above that of the smallest size", 1.25),
    ),
)
