"""Time reading a dump against pandas.read_csv of the same file; print a Markdown table.

    python benchmarks/ingest.py --rows 1000000 --runs 3 --folder /tmp

They take turns, each run in a process of its own, so that peak memory is that of the one; figures are medians. pandas
reads all columns, or the nine that ingest uses, and is told to skip malformed lines; it does neither check, normalise
nor write anything. As it stops at a quote that never closes, it is given a copy of the file without such lines.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
OPEN_QUOTE = b"a quote that never closes\n"
READERS = ("ingest", "pandas.read_csv", "pandas.read_csv of 9 columns")
FIELDS = (
    "productId", "imageUrlStr", "productFamily", "title", "productBrand", "categories", "sellerName", "color",
    "sellingPrice",
)  # fmt: skip


def read(reader: str, dump: Path, clean: Path) -> dict[str, float]:
    """Read the dump once in this process."""
    start, rows = time.monotonic(), 0
    if reader == "ingest":
        from dedup_pipeline.config import load_settings  # noqa: PLC0415 - imports count as they do for a person
        from dedup_pipeline.ingest import ingest  # noqa: PLC0415

        with tempfile.TemporaryDirectory(dir=dump.parent) as store:
            start = time.monotonic()
            result = ingest(load_settings([f"store={store}"]), "benchmark", str(dump))
            seconds = time.monotonic() - start
            rows = int(str(result.counts["rows"]))
    else:
        import pandas as pd  # noqa: PLC0415

        start = time.monotonic()
        columns = list(FIELDS) if "9" in reader else None
        rows = len(pd.read_csv(clean, on_bad_lines="skip", low_memory=False, usecols=columns))
        seconds = time.monotonic() - start
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "megabytes": kilobytes / 1024, "rows": rows}


def in_child(reader: str, dump: Path, clean: Path) -> dict[str, float]:
    """Read the dump in a process of its own."""
    command = [sys.executable, __file__, "--child", reader, "--folder", str(dump), "--clean", str(clean)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def without_open_quotes(dump: Path, clean: Path) -> None:
    """Copy a dump but for the lines that pandas stops at."""
    with dump.open("rb") as source, clean.open("wb") as target:
        target.writelines(line for line in source if not line.endswith(OPEN_QUOTE))


def main() -> None:
    """Make a dump, read it in turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where there is room")
    parser.add_argument("--readers", nargs="*", default=READERS, choices=READERS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--clean", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(read(options.child, options.folder, options.clean)))
        return
    folder = Path(tempfile.mkdtemp(prefix="ingest-benchmark-", dir=options.folder))
    try:
        dump, clean = folder / "dump.csv", folder / "clean.csv"
        generate = [sys.executable, str(HERE / "generate_dump.py"), "--rows", str(options.rows), "--out", str(dump)]
        subprocess.run(generate, check=True, stdout=sys.stderr)
        if set(options.readers) - {"ingest"}:
            without_open_quotes(dump, clean)
        runs = {reader: [] for reader in options.readers}
        for _ in range(options.runs):
            for reader in options.readers:
                runs[reader].append(in_child(reader, dump, clean))
        megabytes = dump.stat().st_size / 1e6
        print(f"{options.rows} rows, {megabytes:.0f} MB, {options.runs} runs, medians\n")
        print("| reader | seconds | least | MB/s | peak memory, MiB | rows accounted for |\n|---|---|---|---|---|---|")
        for reader, figures in runs.items():
            seconds = [figure["seconds"] for figure in figures]
            middle = statistics.median(seconds)
            memory = statistics.median(figure["megabytes"] for figure in figures)
            print(
                f"| {reader} | {middle:.1f} | {min(seconds):.1f} | {megabytes / middle:.0f} | {memory:.0f} "
                f"| {figures[0]['rows']} |"
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
