"""The frozen stages of a backbone on a CPU: OpenVINO runs them, faster than torch, which only learns the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dedup_pipeline.config import Settings
from dedup_pipeline.model.network import EmbeddingNetwork
from dedup_pipeline.model.openvino import compile_on_cpu, convert, full_batches

_BATCH = 32  # views of one inference; every one is full, so that a view does not depend on its neighbours
_STEM = 1  # stages before the blocks


class _Frozen(nn.Module):
    """Prepared pictures (N, S, S, 3) uint8 to what the first stages make of them, (N, C, H, W) float32."""

    def __init__(self, network: EmbeddingNetwork, blocks: int) -> None:
        super().__init__()
        self.network, self.blocks = network, blocks

    def forward(self, pictures: Tensor) -> Tensor:
        backbone: Any = self.network.backbone
        stem = backbone.bn1(backbone.conv_stem(self.network.normalised(pictures)))
        made: Tensor = backbone.blocks[: self.blocks](stem)
        return made


@contextmanager
def frozen_stages_aside(network: EmbeddingNetwork, settings: Settings) -> Iterator[None]:
    """Let OpenVINO run the stages that do not learn, for the time of a training on the CPU.

    Nothing changes on a GPU, with ``embed.runtime=torch``, where nothing is frozen, and for backbones other than timm's
    EfficientNets, whose stages are a stem and ``blocks``. The features differ from torch's by rounding alone.

    Args:
        network: in evaluation mode, with the weights that it will keep in its frozen stages.
        settings: ``threads``, ``embed.runtime`` and ``train``.
    """
    blocks = _frozen_blocks(network, settings)
    if not blocks or settings.embed.runtime == "torch" or torch.cuda.is_available():
        yield
        return
    usual, frozen, backbone = network.features, _compiled(network, blocks, settings), network.backbone

    def features(pictures: Tensor) -> Tensor:
        late: Any = backbone
        made: Tensor = late.bn2(late.conv_head(late.blocks[blocks:](frozen(pictures))))
        return made

    network.features = features
    try:
        yield
    finally:
        network.features = usual


def _frozen_blocks(network: EmbeddingNetwork, settings: Settings) -> int:
    """How many of the backbone's blocks do not learn; 0 where it is not built of blocks."""
    backbone: Any = network.backbone
    if network.spec.pooling == "own" or not all(
        hasattr(backbone, part) for part in ("conv_stem", "bn1", "blocks", "conv_head", "bn2")
    ):
        return 0
    most = len(backbone.blocks)
    return most if settings.train.backbone_rate == 0 else min(max(0, settings.train.frozen_stages - _STEM), most)


def _compiled(network: EmbeddingNetwork, blocks: int, settings: Settings) -> Callable[[Tensor], Tensor]:
    converted = convert(_Frozen(network, blocks).eval(), network.spec.image_px, _BATCH)
    infer = compile_on_cpu(converted, settings.worker_threads)

    def run(pictures: Tensor) -> Tensor:
        made = [
            infer(full)[: place.stop - place.start].copy() for place, full in full_batches(pictures.numpy(), _BATCH)
        ]
        return torch.from_numpy(np.concatenate(made)).contiguous(memory_format=torch.channels_last)

    return run
