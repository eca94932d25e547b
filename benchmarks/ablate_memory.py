"""Remembers what the frozen stages of a backbone make of a picture, for the next training that sees the same one."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from dedup_pipeline.config import TrainSettings
from dedup_pipeline.network import EmbeddingNetwork

Memory = dict[bytes, Tensor]
_STEM = 1


def remembering(network: EmbeddingNetwork, settings: TrainSettings, memory: Memory) -> EmbeddingNetwork:
    """Let a network take the output of its frozen stages from a memory; returns the network, changed.

    Args:
        network: with pretrained weights and a backbone of timm's EfficientNets, whose stages are stem and blocks.
        settings: ``backbone``, ``backbone_rate`` and ``frozen_stages``; where nothing is frozen, nothing is remembered.
        memory: filled and used; shared by the networks of a process.
    """
    backbone: Any = network.backbone
    frozen = len(backbone.blocks) if settings.backbone_rate == 0 else settings.frozen_stages - _STEM
    # a network with everything frozen shares the stages that are frozen by default
    frozen = min(frozen, TrainSettings().frozen_stages - _STEM)
    if frozen <= 0:
        return network

    def early(values: Tensor) -> Tensor:
        with torch.no_grad():
            return backbone.blocks[:frozen](backbone.bn1(backbone.conv_stem(values)))  # type: ignore[no-any-return]

    def forward(values: Tensor) -> Tensor:
        keys = [hashlib.sha256(f"{settings.backbone} {frozen}".encode() + row).digest() for row in _bytes_of(values)]
        news = list({key: place for place, key in enumerate(keys) if key not in memory}.values())
        if news:
            made = early(values[news].contiguous(memory_format=torch.channels_last))
            memory.update({keys[place]: part for place, part in zip(news, made, strict=True)})
        features = torch.stack([memory[key] for key in keys]).contiguous(memory_format=torch.channels_last)
        late: Tensor = backbone.bn2(backbone.conv_head(backbone.blocks[frozen:](features)))
        return late

    backbone.forward = forward
    return network


def _bytes_of(values: Tensor) -> list[bytes]:
    """The bytes of each of (N, 3, S, S) pictures."""
    return [row.numpy().tobytes() for row in values.detach().contiguous()]
