"""What a small shop gets: many shops of some photos, drawn from a catalog with its truth, each run on its own.

A draw takes whole groups of photos (a photo with its re-uploads), so that a small shop has as large a share of
duplicates as the catalog. Every shop is a dump of one store, with the store's champion, and is calibrated anew.

    python benchmarks/small_shops.py luma --store .dedup/small --sizes 20 40 80 --draws 5
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import DedupError
from dedup_pipeline.sample.serving import serving_catalog
from dedup_pipeline.stage import Progress, StageResult, no_progress, result_of
from dedup_pipeline.stages import run_all
from dedup_pipeline.store import Store


class _Silent:
    """Watches a run and says nothing."""

    def started(self, stage: str) -> Progress:
        return no_progress

    def finished(self, result: StageResult) -> None:
        pass


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
    print(table(rows))
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


def run_shop(settings: Settings, dump: str, shop: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Run the chain on a shop; what it found, against the truth, by pairs of photos."""
    store = Store(settings.store)
    file = Path(settings.store) / f"{dump}.csv"
    shop["catalog"].to_csv(file, index=False)
    photo_of = dict(zip(shop["photos"]["productId"], shop["photos"]["photo_id"], strict=True))
    truth, ignored = (_photo_pairs(shop[name], photo_of) for name in ("truth", "ignore"))
    levels = {
        pair: level
        for pair, level in zip(_each(shop["truth"], photo_of), shop["truth"]["level"].tolist(), strict=True)
        if pair in truth
    }
    row: dict[str, Any] = {"photos": shop["photos"]["photo_id"].nunique(), "true": len(truth)}
    try:
        run_all(settings, dump, str(file), _Silent())
    except DedupError as error:
        return row | {"refused": str(error)}
    exported = result_of(store, dump, "export").outputs
    pairs = store.read_table(exported["pairs"]).to_pandas()
    accepted = _photo_pairs(pairs[pairs["accepted"]], photo_of) - ignored
    told = _photo_pairs(pairs, photo_of) | _photo_pairs(
        pd.read_csv(store.local_path(exported["review"]), dtype=str), photo_of
    )
    counts = result_of(store, dump, "match").counts
    found = {level: [pair in accepted for pair in truth if levels[pair] == level] for level in "0123"}
    return row | {
        "accepted": len(accepted),
        "wrong": len(accepted - truth),
        "right": len(accepted & truth),
        "in_review": len((told & truth) - accepted),
        "levels": {level: [sum(hits), len(hits)] for level, hits in found.items()},
        "threshold": counts["threshold"],
        "expected": [counts[f"expected_precision{end}"] for end in ("", "_low", "_high")],
    }


def _each(pairs: pd.DataFrame, photo_of: dict[str, str]) -> Iterable[tuple[str, str]]:
    for one, other in zip(pairs["id_a"].astype(str), pairs["id_b"].astype(str), strict=True):
        first, second = sorted((photo_of[one], photo_of[other]))
        yield first, second


def _photo_pairs(pairs: pd.DataFrame, photo_of: dict[str, str]) -> set[tuple[str, str]]:
    return {(one, other) for one, other in _each(pairs, photo_of) if one != other}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of each size together, as Markdown."""
    lines = [
        "| photos | shops | true pairs | accepted | wrong | recall | level 1 | level 2 | level 3 | review | lost |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size in sorted({row["size"] for row in rows}):
        some = [row for row in rows if row["size"] == size]
        ran = [row for row in some if "refused" not in row]
        true = sum(row["true"] for row in some)
        sums = {name: sum(row[name] for row in ran) for name in ("accepted", "wrong", "right", "in_review")}
        levels = ["/".join(str(sum(row["levels"][level][place] for row in ran)) for place in (0, 1)) for level in "123"]
        lines.append(
            f"| {size} | {len(some)} | {true} | {sums['accepted']} | {sums['wrong']} | "
            f"{sums['right'] / max(1, true):.3f} | {' | '.join(levels)} | {sums['in_review']} | "
            f"{true - sums['right'] - sums['in_review']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
