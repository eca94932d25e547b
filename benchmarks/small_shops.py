"""What a small shop gets: many shops of some photos, drawn from a catalog with its truth, each run on its own.

A draw takes whole groups of photos (a photo with its re-uploads), so that a small shop has as large a share of
duplicates as the catalog. Every shop is a dump of one store, with the store's champion, and is calibrated anew.

    python benchmarks/small_shops.py luma --store .dedup/small --sizes 20 40 80 --draws 5
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from kept import Row, coverage, run_and_hold, table

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.evaluate import Truth
from dedup_pipeline.evaluate.truth import unordered
from dedup_pipeline.sample.serving import serving_catalog


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path, help="a truth folder")
    parser.add_argument("--store", required=True, help="a store with a champion")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 40, 80, 160, 300], help="photos of a shop")
    parser.add_argument("--draws", type=int, default=10, help="shops of each size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    rows = []
    settings = load_settings([f"store={options.store}", "train.model=champion", "match.recalibrate_from=0"])
    Path(options.store).mkdir(parents=True, exist_ok=True)
    whole = Path(options.store) / "small-shops.csv"
    with serving_catalog(settings, options.catalog, whole) as served:
        catalog = read_catalog(options.catalog, whole)
        for size in options.sizes:
            for draw in range(options.draws):
                shop = draw_shop(catalog, size, np.random.default_rng([options.seed, size, draw]))
                dump = f"shop-{size:04d}-{options.seed:03d}-{draw:03d}"
                rows.append({"size": size, "draw": draw, **run_shop(served, dump, shop)})
                print(json.dumps(rows[-1]), flush=True)
    print(table(rows, "size"))
    print(coverage(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def read_catalog(folder: Path, served: Path) -> dict[str, pd.DataFrame]:
    """The rows of a served catalog, and the photos (those that count), truth and ignore of its truth folder."""
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("photos", "truth", "ignore")
    }
    photos = tables["photos"]
    tables["photos"] = photos[photos["kind"].eq("photo") & photos["scored"].eq("1")].drop_duplicates("productId")
    rows = pd.read_csv(served, dtype=str, keep_default_na=False, on_bad_lines="skip", engine="python")
    return {**tables, "catalog": rows}


def draw_shop(whole: dict[str, pd.DataFrame], size: int, generator: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Whole groups of photos until there are ``size`` photos; the tables of ``read_catalog`` with these alone."""
    photos = whole["photos"]
    groups = photos["photo_group"].where(photos["photo_group"].ne(""), photos["photo_id"])
    held: list[str] = []
    count = 0
    by_group = photos.groupby(groups)["photo_id"].nunique()
    for group in generator.permutation(by_group.index.to_numpy()):
        if count >= size:
            break
        held.append(group)
        count += int(by_group[group])
    photos = photos[groups.isin(held)]
    ids = set(photos["productId"])
    rows = whole["catalog"]
    shop = {"photos": photos, "catalog": rows[rows["productId"].isin(ids)]}
    for name in ("truth", "ignore"):
        pairs = whole[name]
        shop[name] = pairs[pairs["id_a"].isin(ids) & pairs["id_b"].isin(ids)]
    return shop


def run_shop(settings: Settings, dump: str, shop: dict[str, pd.DataFrame]) -> Row:
    """Run the chain on a shop and hold it against its truth, see ``run_and_hold``."""
    file = Path(settings.store) / f"{dump}.csv"
    shop["catalog"].to_csv(file, index=False)
    truth = Truth(unordered(shop["truth"]), shop["photos"].set_index("productId"), unordered(shop["ignore"]))
    return run_and_hold(settings, dump, str(file), truth)


if __name__ == "__main__":
    main()
