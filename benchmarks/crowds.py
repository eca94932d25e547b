"""What a crowd on one picture costs: bytes of the exports, CPU seconds and memory of what sees all listings.

    python benchmarks/crowds.py [--crowds 0 1000 10000 30000] [--pictures 2000] [--scratch DIR]

Makes up a dump (see `prove_parts.py`) in which one picture is on so many listings of one brand that one product's words
describe, each a family of its own, and every other picture on one. Fetch and index are made ready; then the plan of
`match` without calibrating, its candidates, its end with made-up verdicts, `group` and `export` are done, each in a
process of its own. CPU seconds count imports, 3 to 4 s a task; memory is the highest RssAnon of a task.
"""

from __future__ import annotations

import argparse
import csv
import resource
import tempfile
from pathlib import Path

from claims.made_up_dump import make
from claims.stores import DUMP
from prove_parts import run, tasks

from dedup_pipeline.config import Settings
from dedup_pipeline.stages.ingest import ingest
from dedup_pipeline.store import Store

_FILES = ("pairs.csv", "pairs.parquet", "duplicates.json", "review.csv")
_MEASURED = {
    "match: plan, without calibrating": "match",
    "match: candidates": "match",
    "match: finish": "match",
    "group": "group",
    "export": "export",
}


def with_crowd(settings: Settings, folder: Path, pictures: int, crowd: int) -> None:
    """Ingest the dump anew, with so many further listings of its first picture."""
    with (folder / "crowd.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["productId", "title", "productBrand", "imageUrlStr", "productFamily"])
        for row in range(pictures):
            rows.writerow([f"ID{row:07}", f"Product {row}", "", f"http://shop.test/{row:064x}", ""])
        for row in range(crowd):
            rows.writerow([f"CROWD{row:07}", "Kite Printed Cotton Kurta", "Kite", f"http://shop.test/{0:064x}", ""])
    ingest(settings, DUMP, str(folder / "crowd.csv"))


def measure(folder: Path, pictures: int, crowd: int) -> list[str]:
    """The cells of a row: listings of the crowd, bytes of the files, then CPU seconds and megabytes of each stage."""
    settings = make(folder, pictures, DUMP)
    with_crowd(settings, folder, pictures, crowd)
    chosen = [f"store={settings.store}", "threads=1", "index.library=faiss"]
    seconds, megabytes = dict.fromkeys(_MEASURED.values(), 0.0), dict.fromkeys(_MEASURED.values(), 0.0)
    for name, words in tasks(1):
        before = _child_seconds()
        _, own = run(["--task", ",".join(chosen), *words])
        if stage := _MEASURED.get(name):
            seconds[stage] += _child_seconds() - before
            megabytes[stage] = max(megabytes[stage], own)
    store = Store(settings.store)
    sizes = [len(store.read_bytes(store.export(DUMP, name))) for name in _FILES]
    costs = (f"{seconds[stage]:.1f} / {megabytes[stage]:.0f}" for stage in seconds)
    return [f"{crowd:,}", *(f"{size:,}" for size in sizes), *costs]


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure each crowd and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crowds", type=int, nargs="+", default=[0, 1000, 10_000, 30_000])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--scratch", type=Path, help="where there is room for the dumps")
    options = parser.parse_args()
    if options.scratch is not None:
        options.scratch.mkdir(parents=True, exist_ok=True)
    stages = (f"{stage}, s / MB" for stage in dict.fromkeys(_MEASURED.values()))
    heads = ["listings on one photo", *_FILES, *stages]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    for crowd in options.crowds:
        with tempfile.TemporaryDirectory(dir=options.scratch, prefix="crowds-") as folder:
            print(f"| {' | '.join(measure(Path(folder), options.pictures, crowd))} |", flush=True)


if __name__ == "__main__":
    main()
