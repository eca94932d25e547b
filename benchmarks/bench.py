"""Measure the claims on speed and memory against what people use; write one table and one JSON.

    python benchmarks/bench.py [--quick] [--only ingest embed] [--photos path/to/luma]

Each claim is a module in claims/, each way of doing its work a script in contenders/. They take turns, each run in a
process of its own, peers in environments of their own with pinned versions. A contender that fails has a row that says
so. Results: <cache>/<quick or full>/table.md, results.json, and what every contender said.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from claims import CLAIMS
from claims.claim import Claim, Outcome, Size
from claims.contest import Workplace, contest
from claims.materials import Materials
from claims.report import earlier_outcomes, judged, machine, markdown, plain

HERE = Path(__file__).parent


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="sizes that take minutes")
    parser.add_argument("--only", nargs="+", metavar="CLAIM", help="these claims alone")
    parser.add_argument("--alone", action="store_true", help="this project alone, without peers")
    parser.add_argument("--photos", type=Path, help="a folder in the truth format; the sample shop without one")
    parser.add_argument("--rounds", type=int, help="runs of each peer, instead of the claim's own number")
    parser.add_argument(
        "--add", action="store_true", help="keep what earlier runs measured, and measure what is missing"
    )
    parser.add_argument(
        "--profile", action="store_true", help="run this project's side once more, and write where its CPU seconds go"
    )
    parser.add_argument("--sizes", nargs="+", type=int, help="other sizes than the claims'")
    parser.add_argument("--list", action="store_true", help="name the claims, and do nothing")
    parser.add_argument("--cache", type=Path, default=Path(".dedup/bench"), help="for results")
    parser.add_argument("--environments", type=Path, default=Path(".dedup/peers/environments"), help="of the peers")
    parser.add_argument("--scratch", type=Path, help="where there is room for data (full: 20 GB); the cache without it")
    parser.add_argument("--timeout", type=float, default=7200, metavar="SECONDS", help="for one run")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="a Python file with other CLAIMS")
    return parser.parse_args()


def known_claims(file: Path | None) -> dict[str, Claim]:
    """The claims by name: this project's, or those of a file."""
    claims = CLAIMS
    if file is not None:
        spec = importlib.util.spec_from_file_location("other_claims", file)
        if spec is None or spec.loader is None:
            sys.exit(f"{file} is no Python file: name one that defines CLAIMS")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        claims = module.CLAIMS
    return {claim.name: claim for claim in claims}


def sizes_of(claim: Claim, options: argparse.Namespace) -> tuple[Size, ...]:
    """The sizes at which a claim is to be measured."""
    sizes = claim.quick if options.quick else claim.full
    if options.sizes:
        sizes = tuple(Size(items, (claim.full or claim.quick)[0].rounds) for items in options.sizes)
    if options.rounds:
        sizes = tuple(replace(size, rounds=options.rounds) for size in sizes)
    return sizes


def measure(claim: Claim, size: Size, workplace: Workplace) -> Outcome:
    """The outcome of a claim at a size, and what its figures depend on."""
    facts = machine() | {"taken": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    outcome = contest(claim, size, workplace)
    return replace(outcome, machine=facts | {"load_after": round(os.getloadavg()[0], 2)})


def write(results: Path, mode: str, claims: Iterable[Claim], outcomes: list[Outcome]) -> str:
    """Write what is known so far; return the page."""
    found = [
        (claim, sorted((one for one in outcomes if one.claim == claim.name), key=lambda one: one.size))
        for claim in claims
    ]
    known = [outcome for _, some in found for outcome in some]
    targets = [target for claim, some in found for target in judged(claim, some)]
    page = markdown(mode, known, targets)
    (results / "results.json").write_text(json.dumps(plain(mode, known, targets), indent=1) + "\n")
    (results / "table.md").write_text(page)
    return page


def main() -> None:
    """Measure claim by claim; what is done is written before the next begins."""
    options = arguments()
    known = known_claims(options.claims)
    if options.list:
        print("\n".join(f"{claim.name}: {claim.text}" for claim in known.values()))
        return
    unknown = sorted(set(options.only or ()) - known.keys())
    if unknown:
        sys.exit(f"no claim {', '.join(unknown)}: there are {', '.join(known)}")
    if options.photos is not None and not (options.photos / "catalog.csv").is_file():
        sys.exit(f"no file {options.photos / 'catalog.csv'}: give a folder in the truth format, or no --photos")
    mode = "quick" if options.quick else "full"
    results = options.cache.resolve() / mode
    profiles = results / "profiles" if options.profile else None
    for needed in (results / "logs", profiles or results):
        needed.mkdir(parents=True, exist_ok=True)
    scratch = (options.scratch or options.cache).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    outcomes = earlier_outcomes(results / "results.json") if options.add else []
    there = {(one.claim, one.size) for one in outcomes}
    asked = [claim for claim in known.values() if not options.only or claim.name in options.only]
    missing = [
        (claim, size) for claim in asked for size in sizes_of(claim, options) if (claim.name, size.items) not in there
    ]
    with tempfile.TemporaryDirectory(dir=scratch, prefix="data-") as folder:
        materials = Materials(Path(folder), options.photos)
        environments = options.environments.resolve()
        environments.mkdir(parents=True, exist_ok=True)
        workplace = Workplace(Path(folder), environments, results / "logs", materials, options.timeout, profiles)
        for claim, size in missing:
            outcomes.append(measure(replace(claim, peers=()) if options.alone else claim, size, workplace))
            write(results, mode, known.values(), outcomes)
    print(write(results, mode, known.values(), outcomes))


if __name__ == "__main__":
    main()
