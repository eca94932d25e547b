"""Disturbs real runs of the chain, and shows that their results are those of undisturbed ones.

    python tests/integration/chaos.py
    python tests/integration/chaos.py airflow --rounds 5 --seed 1

The kinds of rounds, all of them by default:

    stages      every stage as a plain process, struck by signals and exceptions while it writes
    damage      files of a finished store torn and flipped, one at a time
    slow-hosts  photos on hosts that never get done
    crowds      one picture on many listings
    airflow     `catalog_dedup` in Airflow: tasks killed and interrupted, services away, the disk full

In Airflow's rounds a folder is a small file system of its own, in a namespace that vanishes with this program, so that
it can be filled to the last byte. The status is 0 when all invariants held, 1 when one broke, 2 when it cannot run
here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # after this folder: both have a conftest

from apart import enter

from heeded import heed_requests_to_end

PLAIN, AIRFLOW = ("stages", "damage", "slow-hosts", "crowds"), "airflow"
STORES = ("folder", "object")
SPECIALS = ("scheduler", "mlflow", "disk", "storage", "exhaust")
_BEGAN = time.monotonic()


def main() -> int:
    """Run it."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("kinds", nargs="*", metavar="KIND", help="the kinds of rounds")
    words.add_argument("--rounds", type=int, default=5, help="rounds of `stages` and of `airflow`")
    words.add_argument("--seed", type=int, default=1, help="of every random choice")
    words.add_argument("--store", default=",".join(STORES), help="where stores lie, in turn (default: %(default)s)")
    words.add_argument("--files", type=int, default=20, help="damaged files, in each kind of store")
    words.add_argument("--kills", type=int, default=5, help="kills and interrupts in a round of Airflow's")
    words.add_argument("--only", default="", help="kill and interrupt these tasks alone, comma between")
    words.add_argument(
        "--special",
        default=",".join(SPECIALS),
        help="what else happens in Airflow's rounds, once each (default: %(default)s)",
    )
    words.add_argument("--away-seconds", type=float, default=60.0, help="how long a service is away")
    words.add_argument("--products", type=int, default=60, help="products of the sample shop")
    words.add_argument("--megabytes", type=int, default=256, help="size of the file system in Airflow's rounds")
    words.add_argument("--folder", type=Path, help="for logs and all else; by default a temporary one")
    given = words.parse_args()
    heed_requests_to_end()
    stores, special = _listed(given.store), _listed(given.special)
    for found, known in ((given.kinds, [*PLAIN, AIRFLOW]), (stores, STORES), (special, SPECIALS)):
        if unknown := [word for word in found if word not in known]:
            words.error(f"nothing is called '{unknown[0]}': there are {', '.join(known)}")
    kinds = given.kinds or [*PLAIN, AIRFLOW]
    if AIRFLOW in kinds:
        enter()
    for name in [name for name in os.environ if name.startswith(("DEDUP_", "AWS_"))]:
        del os.environ[name]  # the settings of a person are not those of the test
    # in there, as torch and MLflow take seconds to import
    from outcomes import Outcome, broken, table

    from dedup_pipeline.errors import DedupError

    folder = (given.folder or Path(tempfile.mkdtemp(prefix="chaos-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    said = []
    try:
        if set(kinds) & set(PLAIN):
            _plain(kinds, given, stores, folder / "plain", outcomes)
        if AIRFLOW in kinds:
            _airflow(given, stores, special, folder / AIRFLOW, outcomes)
    except (RuntimeError, DedupError) as error:  # what nobody has disturbed fails
        said.append(str(error))
    said += broken(outcomes)
    sys.stdout.write(f"\n{table(outcomes)}\n\n")
    if said:
        sys.stdout.write(f"chaos: {'; '.join(said)}; stores and logs are kept in {folder}\n")
        return 1
    sys.stdout.write("all invariants held\n")
    if given.folder is None:
        shutil.rmtree(folder, ignore_errors=True)  # a store is still mounted in it
    return 0


def _plain(kinds: list[str], given: argparse.Namespace, stores: list[str], folder: Path, outcomes: list) -> None:
    """The rounds without Airflow."""
    from crowd_rounds import crowds, slow_hosts
    from damage_rounds import damage_rounds
    from stage_rounds import stage_rounds
    from workshop import Workshop

    with Workshop(folder, given.products, say) as shop:
        reference = shop.reference()
        if "stages" in kinds:
            outcomes += stage_rounds(shop, reference, rounds=given.rounds, seed=given.seed, stores=stores)
        if "damage" in kinds:
            outcomes += damage_rounds(shop, reference, files=given.files, seed=given.seed, stores=stores)
        if "slow-hosts" in kinds:
            outcomes.append(slow_hosts(shop, reference))
        if "crowds" in kinds:
            outcomes.append(crowds(shop, reference))


def _airflow(given: argparse.Namespace, stores: list[str], special: list[str], folder: Path, outcomes: list) -> None:
    """The rounds in Airflow."""
    from deck import Plan
    from rounds import Harness

    plan = Plan(given.rounds, given.seed, given.kills, _listed(given.only), special, given.away_seconds, stores)
    Harness(folder, plan, outcomes, say, products=given.products, megabytes=given.megabytes).run()


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def say(text: str) -> None:
    """Tell a person."""
    sys.stdout.write(f"{time.monotonic() - _BEGAN:7.1f} s  {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
