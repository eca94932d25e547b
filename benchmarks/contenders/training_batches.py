"""Ready batches of the training, as both contenders take them; and whether the device that is asked for is here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from contender import Contest

from dedup_pipeline.config import TrainSettings
from dedup_pipeline.model.network import EmbeddingNetwork
from training.backbone import untrained_network

KEYS = ("pictures", "labels", "origins", "families")
SEED = 7


def device_of(contest: Contest) -> torch.device:
    """The device that the claim asks for; ends with a row that says so where this machine has none."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    if contest.arguments[0] == "cuda" and not torch.cuda.is_available():
        contest.cannot_run("no GPU here")
    return torch.device(contest.arguments[0])


def batches_of(data: Path) -> list[dict[str, torch.Tensor]]:
    """The batches, each as the training makes it."""
    with np.load(data / "batches.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in KEYS}  # once: each look into the file reads all of it
    return [{key: arrays[key][place] for key in KEYS} for place in range(len(arrays["labels"]))]


def network_of(train: TrainSettings) -> EmbeddingNetwork:
    """The network as the training begins with it."""
    return untrained_network(train).to(memory_format=torch.channels_last)
