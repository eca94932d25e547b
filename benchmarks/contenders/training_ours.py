"""The module and the trainer of the stage ``train`` on ready batches: no rendering, no validation, no checkpoint."""

import logging
import warnings
from collections.abc import Iterator

import pytorch_lightning as pl
import torch
from contender import Contest
from training_batches import batches_of, device_of, network_of

from dedup_pipeline.config import Settings
from training.module import EmbeddingModule


class Ready:
    """The batches; Lightning would take a list for several loaders."""

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return iter(batches)

    def __len__(self) -> int:
        return len(batches)


warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
contest = Contest()
device = device_of(contest)
train, batches = Settings().train, batches_of(contest.data)
module = EmbeddingModule(network_of(train), train, None, len(batches))
trainer = pl.Trainer(
    accelerator="gpu" if device.type == "cuda" else "cpu",
    devices=1,
    precision="16-mixed" if device.type == "cuda" else "32-true",
    max_epochs=1,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    limit_val_batches=0,
)
with contest.timed():
    trainer.fit(module, train_dataloaders=Ready())
contest.report("torch", "pytorch-lightning", steps=trainer.global_step)
