"""Training steps cost little more than a bare loop in torch; on a CPU, and on a GPU where there is one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.targets import as_fast_as
from dedup_pipeline.augmentation.reuploads import generator_of
from dedup_pipeline.config import Settings
from dedup_pipeline.pictures.decode import decode
from training.batches import EpochBatches
from training.dataset import PhotoDataset

_BARE = "bare torch loop"
_SEED = 3


def make(folder: Path, items: int, materials: Materials, *, device: str) -> str:
    """So many views in batches as the first epoch has them, every photo being a product and a family of its own."""
    settings = Settings().model_copy(update={"threads": 1})
    train = settings.train
    batch = train.products_per_batch * train.views_per_product
    count = max(1, items // batch)
    files = sorted(materials.pictures(count * train.products_per_batch).iterdir())
    numbers = np.arange(len(files), dtype=np.int64)
    photos = PhotoDataset(
        image_ids=tuple(file.name for file in files),
        pictures=tuple(decode(file.read_bytes()) for file in files),
        labels=numbers,
        families=numbers,
        held_out=np.zeros(len(files), dtype=bool),
    )
    near = generator_of(_SEED).permutation(len(files))[: min(8, len(files))]
    made = list(EpochBatches(photos, np.tile(near, (len(files), 1)), settings, epoch=0))[:count]
    keys = ("pictures", "labels", "origins", "families")
    np.savez(folder / "batches.npz", **{key: np.stack([getattr(one, key) for one in made]) for key in keys})
    return (
        f"{len(made)} ready batches of {batch} views of {materials.describe(len(files))}; {train.backbone} at "
        f"{train.image_px} pixels, {train.loss} loss, on {device}; nothing is rendered, validated or saved"
    )


def _claim(name: str, text: str, device: str, quick: tuple[Size, ...], full: tuple[Size, ...]) -> Claim:
    return Claim(
        name=name,
        text=text,
        noun="views",
        ours=Contender(OURS, "training_ours.py", arguments=(device,)),
        peers=(Contender(_BARE, "training_torch.py", arguments=(device,)),),
        quick=quick,
        full=full,
        make=partial(make, device=device),
        targets=(
            as_fast_as("90 % of the bare loop", 0.9, _BARE),
            as_fast_as("90 % of the bare loop by CPU seconds", 0.9, _BARE, by="cpu_seconds"),
        ),
    )


CLAIM = _claim(
    "training",
    "a training on a CPU makes 90 % of the steps of a bare torch loop",
    "cpu",
    quick=(Size(256),),
    full=(Size(4_096),),
)
ON_GPU = _claim(
    "training_gpu",
    "a training on a GPU makes 90 % of the steps of a bare torch loop",
    "cuda",
    quick=(Size(256, rounds=1),),
    full=(Size(16_384),),
)
