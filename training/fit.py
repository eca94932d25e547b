"""Fitting: from the photos of a dump to a trained network, resumable at every epoch."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.utilities.exceptions import SIGTERMException

from dedup_pipeline.config import Settings, TrainSettings
from dedup_pipeline.model.network import EmbeddingNetwork
from dedup_pipeline.signals import Interrupted
from dedup_pipeline.store.manifests import Progress
from training.backbone import untrained_network
from training.checkpoint import StoreCheckpoint
from training.datamodule import ReuploadDataModule, ValidationBatches
from training.dataset import PhotoDataset
from training.frozen import frozen_stages_aside
from training.initial_projection import nearest_labels, pooled_features, set_projection
from training.metrics import score
from training.module import EmbeddingModule
from training.validation import ValidationSet

logger = logging.getLogger(__name__)

_NO_FOLDER = Path("checkpoints")  # Lightning wants one and never makes it: StoreCheckpoint writes elsewhere
EpochLog = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes:
        network: on the CPU, ready for inference.
        steps: optimiser steps.
        before: average precision on the validation set before the training.
        after: and after it; the network is the untrained one where that was better.
    """

    network: EmbeddingNetwork
    steps: int
    before: float
    after: float


class _Report(Callback):
    """Tells the progress of every step and the figures of every epoch."""

    def __init__(self, progress: Progress, steps: int, log: EpochLog) -> None:
        self._progress, self._steps, self._log = progress, steps, log

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._progress(trainer.global_step, self._steps)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._log(trainer.current_epoch, {name: float(value) for name, value in trainer.callback_metrics.items()})


def fit(
    photos: PhotoDataset,
    validation: ValidationSet,
    settings: Settings,
    *,
    checkpoint: StoreCheckpoint,
    log: EpochLog,
    progress: Progress,
    network: EmbeddingNetwork | None = None,
) -> Fitted:
    """Train a network, from the last complete epoch that a checkpoint holds.

    Equal photos and settings give equal weights on one machine, whether or not the training was killed in between.

    Args:
        photos: the photos to learn from.
        validation: what every epoch is measured on.
        settings: ``seed``, ``threads`` and ``train``.
        checkpoint: the last complete epoch's; what it holds decides where the training starts.
        log: takes an epoch's number and its figures.
        progress: told (steps done, steps in all).
        network: what is trained, its projection being set anew; None builds the pretrained one that the settings name.

    Raises:
        ModelError: the backbone's weights cannot be had.
        StoreError: the checkpoint cannot be written.
        Interrupted: a termination came; the checkpoint of the last complete epoch is there.
    """
    train = settings.train
    with _reproducible(settings):
        network = (network or untrained_network(train)).to(memory_format=torch.channels_last)
        with frozen_stages_aside(network, settings):
            features = pooled_features(network, photos)
            set_projection(network, features)
            start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            before = score(vectors_of(network, validation), validation).average_precision
            data = ReuploadDataModule(photos, nearest_labels(network, photos, features), validation, settings)
            steps = len(data.train_dataloader()) * train.epochs
            module = EmbeddingModule(network, train, validation, steps)
            trainer = _trainer(train, checkpoint, _Report(progress, steps, log))
            resumed = checkpoint.exists()
            if resumed:
                logger.info("training goes on from %s", checkpoint)
            with warnings.catch_warnings(), _requests_to_end():
                warnings.simplefilter("ignore")  # Lightning advises worker processes, which must not be forked here
                trainer.fit(module, datamodule=data, ckpt_path=str(checkpoint) if resumed else None, weights_only=True)
                if trainer.received_sigterm:  # in the last step, where Lightning does not heed it any more
                    raise Interrupted(signal.SIGTERM)
            network.cpu().eval()
            after = score(vectors_of(network, validation), validation).average_precision
        if after < before:
            logger.warning("training made the network worse (%.4f, was %.4f): the untrained one stays", after, before)
            network.load_state_dict(start)
    return Fitted(network, steps, before, max(before, after))


@contextmanager
def _requests_to_end() -> Iterator[None]:
    """Pass requests to end on, where Lightning would end the process as if all were well (SIGTERM) or with status 1.

    Raises:
        Interrupted: Lightning has taken a SIGTERM, as it does where no handler of ours raises: in an Airflow task, say.
        KeyboardInterrupt: as it came.
    """
    try:
        yield
    except SIGTERMException as end:
        raise Interrupted(signal.SIGTERM) from end
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise end.__context__ from None
        raise


def _trainer(train: TrainSettings, checkpoint: StoreCheckpoint, report: Callback) -> pl.Trainer:
    """A trainer that writes one file: the checkpoint of the last complete epoch."""
    gpu = torch.cuda.is_available()
    saving = ModelCheckpoint(
        dirpath=_NO_FOLDER,
        filename="last",
        monitor=None,
        save_top_k=1,
        every_n_epochs=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    precision: Any = train.precision if train.precision != "auto" else ("16-mixed" if gpu else "32-true")
    return pl.Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=1,
        precision=precision,
        max_epochs=train.epochs,
        callbacks=[report, saving],
        plugins=[checkpoint],
        default_root_dir=_NO_FOLDER,
        deterministic="warn" if gpu else True,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


@contextmanager
def _reproducible(settings: Settings) -> Iterator[None]:
    """Fix what decides the numbers - seed, threads, kernels - and put it back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    state = torch.get_rng_state()
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.worker_threads)
    try:
        yield
    finally:
        torch.set_rng_state(state)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def vectors_of(network: EmbeddingNetwork, validation: ValidationSet) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Embed a validation set with a network that is not in the store yet: (Q + G, D) float32."""
    with torch.inference_mode():
        parts = [network(part) for part in ValidationBatches(validation.pictures)]
    return torch.cat(parts).numpy().astype(np.float32)
