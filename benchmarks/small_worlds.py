"""What is promised and what is kept in small worlds: shops of look-alikes, each with the traps of its trade.

Every world is drawn from a seed, run as a dump of one store with the store's champion, calibrated anew, and held
against its truth. A store without a champion gets one that is trained on a rendered shop.

    python benchmarks/small_worlds.py --store .dedup/worlds --seeds 1 2
    python benchmarks/small_worlds.py --store .dedup/worlds --seeds 1 --only phone-cases posters
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from kept import Row, coverage, run_and_hold, table

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.evaluate import read_truth
from dedup_pipeline.sample import write_sample_shop
from dedup_pipeline.sample.serving import serving_catalog
from dedup_pipeline.stages.chain import STAGES, run_stage
from dedup_pipeline.tracking.runs import Tracking

sys.path.append(str(Path(__file__).parents[1]))  # where the worlds and the rehearsal find each other

from benchmarks.worlds import UNSEEN, WORLDS, write_world

_TAUGHT_ON = 4001  # seed of the shop that the champion is trained on, which no figure uses


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--store", required=True, type=Path, help="worlds and runs lie here; what is done is not redone"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="a run of every world for each")
    parser.add_argument("--only", nargs="+", choices=sorted(WORLDS), default=sorted(set(WORLDS) - UNSEEN))
    parser.add_argument("--unseen", action="store_true", help="the worlds that nothing was tuned on, too")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    names = sorted({*options.only, *(UNSEEN if options.unseen else ())})
    settings = load_settings([f"store={options.store / 'store'}", "match.recalibrate_from=0", *options.set])
    _champion(settings, options.store)
    chosen = settings.model_copy(update={"train": settings.train.model_copy(update={"model": "champion"})})
    rows = []
    for seed in options.seeds:
        for name in names:
            rows.append({"world": name, "seed": seed, **_run(chosen, options.store, name, seed)})
            print(json.dumps(rows[-1]), flush=True)
    print(table(rows, "world"))
    print(coverage(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def _run(settings: Settings, work: Path, name: str, seed: int) -> Row:
    folder, dump = work / "worlds" / f"{name}-{seed}", f"{name}-{seed}"
    if not (folder / "truth.csv").exists():
        shutil.rmtree(folder, ignore_errors=True)  # what a run that was ended has left
        write_world(folder, name, seed)
    catalog = work / f"{dump}.csv"
    with serving_catalog(settings, folder, catalog) as served:
        return run_and_hold(served, dump, str(catalog), read_truth(folder))


def _champion(settings: Settings, work: Path) -> None:
    """Train one where there is none."""
    if Tracking.connect(settings).champion():
        return
    shop, catalog = work / "taught-on", work / "taught-on.csv"
    shutil.rmtree(shop, ignore_errors=True)
    write_sample_shop(shop, seed=_TAUGHT_ON)
    with serving_catalog(settings, shop, catalog) as served:
        for stage in list(STAGES)[: list(STAGES).index("train") + 1]:
            run_stage(served, stage, "taught-on", catalog=str(catalog))


if __name__ == "__main__":
    main()
