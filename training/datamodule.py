"""The Lightning data module: fresh batches of every epoch, and one fixed validation set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from dedup_pipeline.config import Settings
from training.batches import Batch, EpochBatches, Numbers
from training.dataset import PhotoDataset
from training.validation import ValidationSet

VALIDATION_BATCH = 64


class TensorBatches:
    """The batches of an epoch as tensors, for Lightning."""

    def __init__(self, batches: EpochBatches) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return (_tensors(batch) for batch in self._batches)


class ValidationBatches:
    """The validation pictures in pieces of (VALIDATION_BATCH, S, S, 3) uint8, the last one smaller."""

    def __init__(self, pictures: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        starts = range(0, len(pictures), VALIDATION_BATCH)
        self._parts = [torch.from_numpy(pictures[start : start + VALIDATION_BATCH]) for start in starts]

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._parts)


class ReuploadDataModule(pl.LightningDataModule):
    """Hands Lightning the batches; nothing is read, fetched or forked here.

    Args:
        photos: the photos to learn from.
        neighbours: (L, k) int64, see EpochBatches.
        validation: what every epoch is measured on.
        settings: ``seed``, ``threads`` and ``train``.
    """

    def __init__(
        self, photos: PhotoDataset, neighbours: Numbers, validation: ValidationSet, settings: Settings
    ) -> None:
        super().__init__()
        self._photos = photos
        self._neighbours = neighbours
        self._validation = validation
        self._settings = settings

    def train_dataloader(self) -> TensorBatches:
        """The batches of the trainer's present epoch; the trainer must ask for them in each."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        return TensorBatches(EpochBatches(self._photos, self._neighbours, self._settings, epoch))

    def val_dataloader(self) -> ValidationBatches:
        """The validation pictures, the same in every epoch."""
        return ValidationBatches(self._validation.pictures)


def _tensors(batch: Batch) -> dict[str, Tensor]:
    return {
        "pictures": torch.from_numpy(batch.pictures),
        "labels": torch.from_numpy(batch.labels),
        "origins": torch.from_numpy(batch.origins),
        "families": torch.from_numpy(batch.families),
    }
