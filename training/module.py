"""The Lightning module: what one step does, what is frozen, how fast which part learns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from timm.models import group_parameters
from torch import Tensor, nn

from dedup_pipeline.config import TrainSettings
from dedup_pipeline.model.network import EmbeddingNetwork
from training.infonce import TrustedInfoNCELoss
from training.metrics import score
from training.mining import TrustedContrastiveLoss, TrustedTripletLoss
from training.validation import ValidationSet

_RISE = 0.2


class EmbeddingModule(pl.LightningModule):
    """Trains a network on batches of re-uploads.

    The network stays in evaluation mode: batch statistics of a few look-alikes would spoil what it knows, and no step
    draws a random number, so that a resumed training cannot differ from an undisturbed one.

    Args:
        network: what to train; its early stages are frozen.
        settings: the loss and its numbers, rates, ``frozen_stages``.
        validation: what each epoch is measured on.
        steps: optimiser steps of the whole training.
    """

    def __init__(
        self, network: EmbeddingNetwork, settings: TrainSettings, validation: ValidationSet, steps: int
    ) -> None:
        super().__init__()
        self.network = network
        self._settings = settings
        self._validation = validation
        self._steps = steps
        self._vectors: list[Tensor] = []
        self.loss = loss_of(settings)
        freeze(network, settings)

    def train(self, mode: bool = True) -> EmbeddingModule:
        """Switch all but the network, which stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed (N, S, S, 3) uint8 pictures as (N, D) float32."""
        vectors: Tensor = self.network(pictures)
        return vectors

    def training_step(self, batch: dict[str, Tensor], batch_index: int) -> Tensor:
        """The loss of one batch; see Batch for its parts."""
        vectors = self(batch["pictures"])
        loss, active = self.loss(vectors, batch["labels"], batch["origins"], batch["families"])
        positive, negative = mean_distances(vectors.detach(), batch["labels"])
        options: dict[str, Any] = {"on_step": False, "on_epoch": True, "batch_size": len(vectors)}
        self.log("train/loss", loss.detach(), **options)
        self.log("train/active_triplets", float(active), **options)
        self.log("train/positive_distance", positive, **options)
        self.log("train/negative_distance", negative, **options)
        result: Tensor = loss
        return result

    def validation_step(self, pictures: Tensor, batch_index: int) -> None:
        """Embed a piece of the validation set."""
        self._vectors.append(self(pictures).float().cpu())

    def on_validation_epoch_end(self) -> None:
        """Score the epoch."""
        vectors = torch.cat(self._vectors).numpy().astype(np.float32)
        self._vectors = []
        for name, value in score(vectors, self._validation).figures().items():
            self.log(f"val/{name}", value)

    def configure_optimizers(self) -> Any:
        """AdamW with a slower rate for the backbone; both rise for a fifth of the steps and fall like a cosine."""
        rate = self._settings.learning_rate
        backbone = [weight for weight in self.network.backbone.parameters() if weight.requires_grad]
        groups: list[dict[str, Any]] = [{"params": list(self.network.projection.parameters()), "lr": rate}]
        if backbone:
            groups.append({"params": backbone, "lr": rate * self._settings.backbone_rate})
        optimiser = torch.optim.AdamW(groups, weight_decay=self._settings.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: share_of_rate(step, self._steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def loss_of(settings: TrainSettings) -> nn.Module:
    """The loss that the settings ask for."""
    if settings.loss == "infonce":
        return TrustedInfoNCELoss(settings.temperature, settings.koleo_weight, settings.miner)
    if settings.loss == "contrastive":
        return TrustedContrastiveLoss(settings.margin)
    return TrustedTripletLoss(settings.margin, settings.miner)


def share_of_rate(step: int, steps: int) -> float:
    """The share of the peak rate at a step: up in a line for the first fifth, then down to 0 like a cosine."""
    rise = max(1, round(_RISE * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def freeze(network: EmbeddingNetwork, settings: TrainSettings) -> None:
    """Freeze the backbone's early stages, or all of it where its rate is 0."""
    backbone: Any = network.backbone
    stages = group_parameters(backbone, backbone.group_matcher(coarse=True))
    weights = dict(network.backbone.named_parameters())
    for stage, names in sorted(stages.items()):
        for name in names:
            weights[name].requires_grad = settings.backbone_rate > 0 and stage >= settings.frozen_stages


def mean_distances(vectors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cosine distances of pairs with equal and with other labels.

    Args:
        vectors: (B, D) float32, L2-normalised.
        labels: (B,) int64.
    """
    distances = 1.0 - vectors @ vectors.T
    same = labels[:, None] == labels[None, :]
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return distances[same & others].mean(), distances[~same].mean()
