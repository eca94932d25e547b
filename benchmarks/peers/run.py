"""Run the peers on the pictures of a catalog whose duplicates are known; print one table.

    python benchmarks/peers/run.py CATALOG [--only imagededup_phash ...] [--ours .dedup/store/exports/2018-10-05]

CATALOG is a folder with catalog.csv, images/, truth.csv and photos.csv, such as `dedup sample DIR` writes. A peer is a
script <tool>_<method>.py beside this file; it runs in an environment of its own with the versions that <tool>.txt
pins. All get the same files: one per photo. A peer that fails has a row that says why. What each found and said is
kept under <cache>/results/<catalog>, with the table as table.md and table.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from catalog_folder import Pictures, prepare
from processes import PeerError, environment, measured
from scoring import figures, own_pairs, peer_pairs
from table import Row, markdown, plain

from dedup_pipeline.errors import InputError
from dedup_pipeline.evaluate import SPLITS, Truth, read_truth

HERE = Path(__file__).parent


def peers(folder: Path) -> dict[str, Path]:
    """The scripts of a folder, by name: those whose requirements are there too."""
    scripts = {script.stem: script for script in sorted(folder.glob("*_*.py"))}
    return {name: script for name, script in scripts.items() if requirements_of(script).is_file()}


def requirements_of(script: Path) -> Path:
    """The requirements of a script: <tool>.txt for <tool>_<method>.py."""
    return script.with_name(f"{script.stem.partition('_')[0]}.txt")


def version_of(script: Path) -> str:
    """The version of the tool that its requirements pin; empty where they name none."""
    requirements = requirements_of(script)
    pins = (line.split(";")[0].strip().partition("==") for line in requirements.read_text().splitlines())
    return next((version for name, _, version in pins if name == requirements.stem), "")


def row_of(script: Path, truth: Truth, pictures: Pictures, options: argparse.Namespace, results: Path) -> Row:
    """Install a peer, run it, measure what it found."""
    name, version = script.stem, version_of(script)
    target = results / f"{name}.csv"
    target.unlink(missing_ok=True)
    try:
        python = environment(requirements_of(script), options.cache / "environments")
        command = [str(python), str(script), str(pictures.folder), str(target)]
        usage = measured(command, results / f"{name}.log", options.timeout)
        found = peer_pairs(target, pictures, truth)
    except (PeerError, OSError) as error:
        return Row(name, version, error=str(error))
    return Row(name, version, usage, {split: figures(truth, found, split) for split in options.split})


def own_row(truth: Truth, options: argparse.Namespace) -> Row:
    """The row of this project, from what a run over the catalog exported."""
    found = own_pairs(options.ours)
    return Row("this project", figures={split: figures(truth, found, split) for split in options.split})


def compare(chosen: list[Path], truth: Truth, options: argparse.Namespace, results: Path) -> tuple[int, list[Row]]:
    """The number of pictures, and the rows of all peers, in order."""
    with tempfile.TemporaryDirectory(dir=options.cache, prefix="pictures-") as work:
        pictures = prepare(options.catalog, Path(work) / "pictures")
        rows = []
        for number, script in enumerate(chosen):
            rows.append(row_of(script, truth, pictures, options, results))
            print(f"{script.stem}: {rows[-1].error or 'done'}", file=sys.stderr)
            following = chosen[number + 1] if number + 1 < len(chosen) else None
            last = following is None or requirements_of(following) != requirements_of(script)
            if options.one_at_a_time and last:
                shutil.rmtree(options.cache / "environments" / requirements_of(script).stem, ignore_errors=True)
    return len(pictures.listings), rows


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path, help="a truth folder")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these peers alone, by the names of their scripts")
    parser.add_argument("--ours", type=Path, help="exports/<dump> of a store that holds a run over the same catalog")
    parser.add_argument("--split", nargs="+", choices=SPLITS, default=["all"], help="a table for each of these")
    parser.add_argument("--cache", type=Path, default=Path(".dedup/peers"), help="for environments and results")
    parser.add_argument("--one-at-a-time", action="store_true", help="remove each environment after its last peer")
    parser.add_argument("--timeout", type=float, default=3600, metavar="SECONDS", help="for one peer")
    parser.add_argument("--peers", type=Path, default=HERE, help="another folder of scripts and requirements")
    return parser.parse_args()


def main() -> None:
    """Run the peers and print the table."""
    options = arguments()
    known = peers(options.peers.resolve())
    unknown = sorted(set(options.only or ()) - known.keys())
    if unknown:
        sys.exit(f"no peer {', '.join(unknown)}: there are {', '.join(known)}")
    options.cache = options.cache.resolve()
    results = options.cache / "results" / options.catalog.resolve().name
    results.mkdir(parents=True, exist_ok=True)
    chosen = [script for name, script in known.items() if not options.only or name in options.only]
    try:
        truth = read_truth(options.catalog)
        rows = [own_row(truth, options)] if options.ours else []
        count, others = compare(chosen, truth, options, results)
    except InputError as error:
        sys.exit(str(error))
    rows += others
    name = options.catalog.resolve().name
    page = markdown(name, count, options.split, rows)
    (results / "table.json").write_text(json.dumps(plain(name, count, rows), indent=1) + "\n")
    (results / "table.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
