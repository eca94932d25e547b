"""The whole chain on catalogs that grow as shops do, by products: what it takes, and what it finds.

Photos that are multiplied by edits (claim ``chain``) have the more copies of each the larger the catalog is. Here a
shop of twice as many products has twice as many photos, and as many duplicates and recolours of each.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from peers.catalog_folder import Pictures, prepare

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.served import LATENCY, SERVER, choose_port, reaching_settings
from claims.targets import as_fast_as, exponent_below, memory_grows_below, more_than
from dedup_pipeline.evaluate import read_truth
from dedup_pipeline.sample import serving_catalog
from dedup_pipeline.stages.chain import run_stage

sys.path.append(str(Path(__file__).parents[1] / "peers"))  # whose scripts find each other by that
from scoring import figures, own_pairs, peer_pairs

PHOTOS_A_PRODUCT = 374 / 260  # of the sample shop
SEED, TRAINED_ON = 11, 7  # the seeds of the shop, and of the one that the model is trained on
FIRST, DUMP = "first", "second"  # the contender knows the second
RECALL = "recall at precision 0.99"


def make(folder: Path, items: int, materials: Materials) -> str:
    """A shop whose pictures lie as files, a dump of it, and a store with a champion trained on another shop."""
    del materials
    pictures = sell(folder, items)
    other = _rendered(folder / "other", TRAINED_ON, 260)
    with serving_catalog(reaching_settings(folder), other, folder / "other.csv") as settings:
        for stage in ("ingest", "fetch", "fingerprint", "train"):
            run_stage(settings, stage, FIRST, catalog=str(folder / "other.csv"))
    return (
        f"a made-up shop of {len(pictures.listings)} rendered photos, its packs, recolours and re-uploads among them, "
        f"from a server that answers after {LATENCY * 1000:.0f} ms; every stage from ingest to record, the calibration "
        "of the verdicts included, with a model that was trained on another such shop. imagededup finds the files in a "
        "folder; recall and precision are of distinct pairs of photos"
    )


def sell(folder: Path, items: int) -> Pictures:
    """A shop of about so many photos, a file for each of these, and a dump with their addresses."""
    shop = _rendered(folder / "shop", SEED, max(40, round(items / PHOTOS_A_PRODUCT)))
    pictures = prepare(shop, folder / "pictures")
    (folder / "pictures.json").write_text(json.dumps(pictures.listings))
    port = choose_port(folder)
    urls = {name.partition("-")[2]: f"http://127.0.0.1:{port}/{name}" for name in pictures.listings}
    _write_catalog(folder / "catalog.csv", shop, urls)
    return pictures


def _rendered(shop: Path, seed: int, products: int) -> Path:
    words = ["--seed", str(seed), "--products", str(products)]
    subprocess.run([sys.executable, "-m", "dedup_pipeline", "sample", str(shop), *words], check=True, stdout=sys.stderr)
    return shop


def _write_catalog(file: Path, shop: Path, urls: dict[str, str]) -> None:
    """The shop's catalog with the addresses of the server; what lies nowhere has none."""
    with (shop / "catalog.csv").open(newline="", encoding="utf-8", errors="replace") as source:
        header, *rows = csv.reader(source)
    place = header.index("imageUrlStr")
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(header)
        for row in rows:
            if len(row) == len(header):
                names = [url.rpartition("/")[2] for url in row[place].split(";")]
                row[place] = ";".join(urls[name] for name in names if name in urls)
            writer.writerow(row)


def check(data: Path, results: Path) -> dict[str, float]:
    """What was found, against the shop's truth: the pairs of a peer, or the exports of this project."""
    truth = read_truth(data / "shop")
    pictures = Pictures(data / "pictures", json.loads((data / "pictures.json").read_text()))
    told = results / "pairs.csv"
    found = peer_pairs(told, pictures, truth) if told.exists() else own_pairs(results / "store" / "exports" / DUMP)
    of_all = figures(truth, found, "all")
    return {RECALL: of_all.recall_at_p99, "precision": of_all.precision, "recall": of_all.recall}


CLAIM = Claim(
    name="shop",
    text="the whole chain without training finds more than imagededup CNN at precision 0.99, in less time, and grows "
    "linearly with the products of a shop",
    noun="photos",
    ours=Contender(OURS, "chain_ours.py"),
    peers=(Contender("imagededup CNN", "chain_imagededup.py", "peers/imagededup.txt", ("pairs",)),),
    quick=(),
    full=(Size(2_500, rounds=1), Size(20_000, rounds=1)),
    make=make,
    beside=SERVER,
    targets=(
        more_than(f"a higher {RECALL}", RECALL),
        as_fast_as("at most the time of imagededup CNN", 1.0),
        exponent_below("exponent of CPU seconds over the smallest size at most 1.1", 1.1, "cpu_seconds"),
        exponent_below("the same without the calibration, which hides growth", 1.1, "CPU seconds without calibration"),
        memory_grows_below("peak memory at most twice that of the smallest size", 2.0),
        exponent_below("exponent of peak memory at most 0.5", 0.5, "megabytes"),
    ),
    check=check,
)
