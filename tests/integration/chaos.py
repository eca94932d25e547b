"""Kills a real run of `catalog_dedup` at random moments, and shows that its result is that of an undisturbed one.

    python tests/integration/chaos.py --rounds 5 --seed 1

The store lies on a small file system of its own, in a namespace that vanishes with this program, so that it can be
filled to the last byte. The status is 0 when all invariants held, 1 when one broke, 2 when it cannot run here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # after this folder: both have a conftest

from apart import enter

SPECIALS = ("scheduler", "mlflow", "disk", "exhaust")


def main() -> int:
    """Run it."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=5, help="disturbed runs")
    words.add_argument("--seed", type=int, default=1, help="of every random choice")
    words.add_argument("--kills", type=int, default=5, help="kills in a round")
    words.add_argument("--only", default="", help="kill these tasks alone, comma between; all by default")
    words.add_argument(
        "--special", default=",".join(SPECIALS), help="what else happens, once each (default: %(default)s)"
    )
    words.add_argument("--away-seconds", type=float, default=60.0, help="how long MLflow is away")
    words.add_argument("--products", type=int, default=60, help="products of the sample shop")
    words.add_argument("--megabytes", type=int, default=256, help="size of the store's file system")
    words.add_argument("--folder", type=Path, help="for logs and all else; by default a temporary one")
    given = words.parse_args()
    unknown = set(_words(given.special)) - set(SPECIALS)
    if unknown:
        words.error(f"nothing special is called '{unknown.pop()}': there are {', '.join(SPECIALS)}")
    enter()
    for name in [name for name in os.environ if name.startswith("DEDUP_")]:
        del os.environ[name]  # the settings of a person are not those of the test
    # in there, as torch and MLflow take seconds to import
    from rounds import Harness, Plan

    from dedup_pipeline.errors import DedupError

    folder = given.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(given.rounds, given.seed, given.kills, _words(given.only), _words(given.special), given.away_seconds)
    harness = Harness(folder.absolute(), plan, products=given.products, megabytes=given.megabytes)
    try:
        broken = harness.run()
    except DedupError as error:
        broken = [str(error)]
    sys.stdout.write(f"\n{harness.table()}\n\n")
    if broken:
        sys.stdout.write(f"chaos: {'; '.join(broken)}; store and logs are kept in {folder}\n")
        return 1
    sys.stdout.write("all invariants held\n")
    if given.folder is None:
        shutil.rmtree(folder, ignore_errors=True)  # the store is still mounted in it
    return 0


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


if __name__ == "__main__":
    sys.exit(main())
