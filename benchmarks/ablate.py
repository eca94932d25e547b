"""What makes the embedding tell re-uploads from recolours and twins?

Takes a catalog in the truth format. Trains one configuration after the other on two thirds of its styles, each one
change away from the default, and measures the cosine alone on the styles that none has seen: re-uploads, simulated and
the catalog's own, among photos, recolours and strangers. Every run is logged in MLflow, in a SQLite file of the store;
what is logged already is not trained again. The table is written anew after every run.

    python benchmarks/ablate.py path/to/luma --split tune --store .dedup/ablate/luma --table luma.md

Pictures a second are measured apart, on a few batches, without validation.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ablate_photos import Measured, divided, measured_on, prepare_store
from sklearn.metrics import precision_recall_curve

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.model.network import EmbeddingNetwork
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.manifests import no_progress
from dedup_pipeline.tracking.runs import Tracking
from training.backbone import untrained_network
from training.batches import EpochBatches
from training.checkpoint import StoreCheckpoint
from training.datamodule import TensorBatches
from training.dataset import PhotoDataset, subset
from training.fit import fit, vectors_of
from training.frozen import frozen_stages_aside
from training.initial_projection import pooled_features, set_projection
from training.metrics import score
from training.module import freeze, loss_of
from training.validation import validation_set

NOT_TRAINED = "not trained"
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    NOT_TRAINED: {},
    "default": {},
    "default, seed 8": {"seed": 8},
    "default, seed 9": {"seed": 9},
    "loss contrastive": {"train.loss": "contrastive", "train.margin": 0.5},
    "loss infonce": {"train.loss": "infonce"},
    "loss infonce, no spread": {"train.loss": "infonce", "train.koleo_weight": 0.0},
    "loss infonce, all strangers": {"train.loss": "infonce", "train.miner": "all"},
    "loss infonce, seed 8": {"train.loss": "infonce", "seed": 8},
    "loss infonce, seed 9": {"train.loss": "infonce", "seed": 9},
    "loss infonce, epochs 4": {"train.loss": "infonce", "train.epochs": 4},
    "miner hard": {"train.miner": "hard"},
    "miner all": {"train.miner": "all"},
    "no recolours": {"train.recolours": 0.0},
    "reuploads light": {"train.reuploads": "light"},
    "reuploads strong": {"train.reuploads": "strong"},
    "image_px 128": {"train.image_px": 128},
    "image_px 224": {"train.image_px": 224},
    "image_px 128, epochs 8": {"train.image_px": 128, "train.epochs": 8},
    "pooling avg": {"train.pooling": "avg"},
    "dimension 64": {"train.dimension": 64},
    "dimension 256": {"train.dimension": 256},
    "epochs 4": {"train.epochs": 4},
    "backbone frozen": {"train.backbone_rate": 0.0},
    "nothing frozen": {"train.frozen_stages": 0},
    "backbone lite1": {"train.backbone": "tf_efficientnet_lite1"},
    "backbone lite2": {"train.backbone": "tf_efficientnet_lite2"},
}
COLUMNS = {
    "recall_at_precision_99": "recall at precision 0.99",
    "average_precision": "average precision",
    "recall_at_1": "recall@1",
    "recall_level_1": "level 1",
    "recall_level_2": "level 2",
    "recall_level_3": "level 3",
    "recall_own": "the catalog's own",
    "within_30": "among the 30 nearest",
    "pictures_per_second": "pictures/s",
}
ASKED = 0.99
NEIGHBOURS = 30
CHECKED_PHOTOS = 12
TIMED_STEPS = 3
VERSION = 1


def main() -> None:
    """Train, measure, log, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--store", default=".dedup/ablate/store", help="holds the dump and MLflow's SQLite file")
    parser.add_argument("--split", choices=["all", "tune", "test"], default="all", help="of the styles")
    parser.add_argument("--only", nargs="+", choices=list(CONFIGURATIONS), default=list(CONFIGURATIONS), metavar="NAME")
    parser.add_argument("--set", action="append", default=[], help="a setting of all configurations", metavar="N=V")
    parser.add_argument("--table", type=Path, help="write the table here too")
    options = parser.parse_args()
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    base = [f"store={options.store}", "tracking.experiment=ablation", *options.set]
    settings = load_settings(base)
    torch.set_num_threads(settings.worker_threads)
    ablation = _Ablation(settings, options.catalog, options.split)
    rows: dict[str, Mapping[str, float]] = {}
    for name in options.only:
        rows[name] = ablation.run(name, load_settings(base, values=CONFIGURATIONS[name]))
        table = _table(rows)
        if options.table:
            options.table.write_text(table)
        print(name, {column: round(rows[name].get(column, np.nan), 4) for column in COLUMNS}, flush=True)
    print(table)


class _Ablation:
    """A catalog prepared for trainings, and what was computed of it so far."""

    def __init__(self, settings: Settings, catalog: Path, split: str) -> None:
        self._catalog, self._split = catalog.resolve().name, split
        self._known = prepare_store(settings, catalog, split)
        self._tracking = Tracking.connect(settings)
        self._sides: dict[int, tuple[PhotoDataset, Measured]] = {}
        self._speeds: dict[tuple[Any, ...], float] = {}

    def run(self, name: str, settings: Settings) -> Mapping[str, float]:
        """The figures of a configuration: measured, unless MLflow has them."""
        deciding = settings.train.stored(exclude={"model", "promote"})
        key = digest("ablation", VERSION, name, self._catalog, self._split, settings.seed, deciding)
        tags = {"catalog": self._catalog, "split": self._split, "configuration": name}
        run_id = self._tracking.open_run(key, f"{self._catalog} {self._split}: {name}", tags)
        with self._tracking.running(run_id):
            known: dict[str, float] = self._tracking.client.get_run(run_id).data.metrics
            if set(COLUMNS) <= set(known):
                return known
            learnt, measured = self._photos(settings)
            for parameter, value in {**deciding, "seed": settings.seed, "photos": len(learnt)}.items():
                self._tracking.client.log_param(run_id, parameter, value)
            network = untrained_network(settings.train)
            if name == NOT_TRAINED:
                set_projection(network, pooled_features(network, learnt))
            else:
                checkpoint = StoreCheckpoint(Store(settings.store), f"training/{key}.ckpt")
                checked = validation_set(subset(learnt, np.arange(len(learnt)) < CHECKED_PHOTOS), settings)

                def log(epoch: int, values: Mapping[str, float]) -> None:
                    self._tracking.log_once(run_id, values, step=epoch)

                fit(learnt, checked, settings, checkpoint=checkpoint, log=log, progress=no_progress, network=network)
            figures = figures_of(vectors_of(network, measured.validation), measured)
            figures["pictures_per_second"] = self._speed(learnt, settings)
            self._tracking.log_once(run_id, figures)
        return figures

    def _photos(self, settings: Settings) -> tuple[PhotoDataset, Measured]:
        """What is learned from, and what is measured on, at a size."""
        size = settings.train.image_px
        if size not in self._sides:
            learnt, held_out = divided(settings, self._known)
            measured = measured_on(learnt, held_out, self._known, size)
            self._sides[size] = learnt, measured
            queries, own = measured.validation.queries, int(measured.own.sum())
            print(
                f"{size} px: {len(learnt)} photos to learn from, {len(held_out)} held out; {queries} queries, {own} of "
                f"them the catalog's own, among {len(measured.validation.labels) - queries} pictures",
                flush=True,
            )
        return self._sides[size]

    def _speed(self, learnt: PhotoDataset, settings: Settings) -> float:
        """Views that are rendered and learned from in a second of CPU time."""
        train = settings.train
        kind = (train.backbone, train.image_px, train.frozen_stages, train.backbone_rate > 0, train.reuploads)
        if kind not in self._speeds:
            network = untrained_network(train).to(memory_format=torch.channels_last)
            freeze(network, train)
            with frozen_stages_aside(network, settings):
                self._speeds[kind] = _pictures_per_second(network, learnt, settings)
        return self._speeds[kind]


def _pictures_per_second(network: EmbeddingNetwork, photos: PhotoDataset, settings: Settings) -> float:
    loss, taken, start = loss_of(settings.train), 0, 0.0
    neighbours = np.zeros((len(np.unique(photos.labels)), 1), dtype=np.int64)
    for step, batch in enumerate(TensorBatches(EpochBatches(photos, neighbours, settings, 0))):
        if step == 1:  # the first one warms up
            start = time.process_time()
        value, _ = loss(network(batch["pictures"]), batch["labels"], batch["origins"], batch["families"])
        value.backward()
        taken += len(batch["labels"]) if step else 0
        if step == TIMED_STEPS:
            break
    return taken / (time.process_time() - start)


def figures_of(vectors: Floats, measured: Measured) -> dict[str, float]:
    """The figures of embeddings: (Q + G, D) float32, L2-normalised, in the order of the validation set."""
    validation = measured.validation
    scores = score(vectors, validation)
    precision, recall, thresholds = precision_recall_curve(scores.positives, scores.similarities)
    enough = np.flatnonzero(precision[:-1] >= ASKED)
    threshold = float(thresholds[enough[np.argmax(recall[enough])]]) if len(enough) else np.inf
    figures = scores.figures()
    queries, levels = scores.pairs[:, 0], validation.strengths[scores.pairs[:, 0]]
    found = scores.similarities >= threshold
    for level in (1, 2, 3):
        of_level = scores.positives & (levels == level) & ~measured.own[queries]
        figures[f"recall_level_{level}"] = _share(found[of_level])
    of_own = scores.positives & measured.own[queries]
    figures["recall_own"] = _share(found[of_own])
    figures["within_30"] = _within(vectors, measured)
    return figures


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")


def _within(vectors: Floats, measured: Measured) -> float:
    """The share of the queries whose photo is among their nearest of the gallery."""
    count, labels = measured.validation.queries, measured.validation.labels
    nearest = np.argsort(-(vectors[:count] @ vectors[count:].T), axis=1, kind="stable")[:, :NEIGHBOURS]
    return float((labels[count:][nearest] == labels[:count, None]).any(axis=1).mean())


def _table(rows: Mapping[str, Mapping[str, float]]) -> str:
    lines = ["| " + " | ".join(["configuration", *COLUMNS.values()]) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name in (name for name in CONFIGURATIONS if name in rows):
        figures = rows[name]
        values = [f"{figures[column]:.0f}" if "second" in column else f"{figures[column]:.3f}" for column in COLUMNS]
        lines.append("| " + " | ".join([name, *values]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
