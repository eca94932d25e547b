"""The network that turns pictures into embeddings, written to the store and read from it.

The network takes prepared pictures as they are, uint8; normalising them is its first layer, so that training,
extraction and whoever loads the registered model cannot disagree about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from dedup_pipeline.errors import ModelError
from dedup_pipeline.model.files import DESCRIPTION_FILE, WEIGHTS_FILE
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.integrity import FILES, Checksum, damaged, sealed

_GEM_POWER = 3.0
_SMALLEST = 1e-6

Pooling = Literal["gem", "avg", "own"]


@dataclass(frozen=True)
class NetworkSpec:
    """What a network is built from.

    Attributes:
        backbone: name of a timm model.
        image_px: side of the square pictures it takes, in pixels.
        dimension: length of an embedding.
        pooling: of the feature map: ``gem`` (generalised mean, Radenovic et al. 2018, arXiv 1711.02512, power 3),
            ``avg``, or the backbone's ``own``, for those that make no feature map.
        mean: subtracted from the channels, scaled to 0..1.
        std: then divides them.
    """

    backbone: str
    image_px: int
    dimension: int
    pooling: Pooling = "gem"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> NetworkSpec:
        """Take the parts of a model.json that build the network."""
        return cls(
            backbone=description["backbone"],
            image_px=description["image_px"],
            dimension=description["dimension"],
            pooling=description["pooling"],
            mean=tuple(description["mean"]),
            std=tuple(description["std"]),
        )


def check_backbone(name: str) -> None:
    """Make sure that a name is that of an architecture of timm, which loads others from the network or the disk.

    Raises:
        ModelError: it is not.
    """
    known = timm.list_models(pretrained="." in name)  # a tag is that of weights
    if name not in known and ("." in name or not timm.is_model(name)):  # which knows former names too
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        hint = f"did you mean {', '.join(near)}?" if near else "choose one of timm.list_models()"
        raise ModelError(f"backbone '{name}' is no architecture of timm {timm.__version__}: {hint}")


class EmbeddingNetwork(nn.Module):
    """A timm backbone, pooling, a linear projection and L2 normalisation.

    Args:
        spec: what to build; the weights are random until they are loaded.

    Attributes:
        features: prepared pictures (N, S, S, 3) uint8 to the backbone's feature map; a training puts a faster way here.

    Raises:
        ModelError: timm has no such backbone.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        check_backbone(spec.backbone)
        try:
            options: dict[str, Any] = {} if spec.pooling == "own" else {"global_pool": ""}
            self.backbone: nn.Module = timm.create_model(spec.backbone, pretrained=False, num_classes=0, **options)
        except RuntimeError as error:
            raise ModelError(
                f"backbone '{spec.backbone}' cannot be built by timm {timm.__version__}: {error}; "
                "choose train.backbone from timm.list_models()"
            ) from error
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)
        self.features: Callable[[Tensor], Tensor] = self._features
        self.projection = nn.Linear(self._feature_count(), spec.dimension)

    def _feature_count(self) -> int:
        """Length of the pooled features, found by a try: timm's own figure differs from it for some backbones."""
        was_training = self.training
        self.eval()
        with torch.no_grad():
            count = self.pooled(torch.zeros(1, self.spec.image_px, self.spec.image_px, 3, dtype=torch.uint8)).shape[1]
        self.train(was_training)
        return int(count)

    def normalised(self, pictures: Tensor) -> Tensor:
        """What the backbone takes, (N, 3, S, S) float32, of prepared pictures (N, S, S, 3) uint8."""
        return (pictures.permute(0, 3, 1, 2).float() / 255.0 - self.mean) / self.std

    def _features(self, pictures: Tensor) -> Tensor:
        made: Tensor = self.backbone(self.normalised(pictures))
        return made

    def pooled(self, pictures: Tensor) -> Tensor:
        """The backbone's features before the projection.

        Args:
            pictures: (N, S, S, 3) uint8 RGB.

        Returns:
            (N, F) float32.
        """
        features = self.features(pictures)
        if self.spec.pooling == "own":
            return features
        if features.ndim != 4:
            raise ModelError(
                f"backbone '{self.spec.backbone}' makes no feature map, so pooling '{self.spec.pooling}' does not fit: "
                "use pooling 'own'"
            )
        if self.spec.pooling == "avg":
            return features.mean(dim=(2, 3))
        powers = features.float().clamp(min=_SMALLEST).pow(_GEM_POWER)
        return powers.mean(dim=(2, 3)).pow(1.0 / _GEM_POWER)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed prepared pictures.

        Args:
            pictures: (N, S, S, 3) uint8 RGB.

        Returns:
            (N, D) float32, L2-normalised.
        """
        return nn.functional.normalize(self.projection(self.pooled(pictures)).float(), dim=1)


def write_model(store: Store, network: EmbeddingNetwork, facts: dict[str, Any]) -> str:
    """Put a network into the store; equal weights and facts give equal files.

    Args:
        store: where.
        network: what.
        facts: of its making (loss, dump, metrics, package versions), as plain values without time or chance.

    Returns:
        The model id: a digest of the weights and of what the network is built from.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(network.state_dict().items())}
    weights = safetensors.torch.save(tensors)
    spec = asdict(network.spec)
    checksum = Checksum.of_bytes(weights)
    model_id = _model_id(checksum, network.spec)
    store.write_bytes(store.model(model_id, WEIGHTS_FILE), weights)
    description = facts | spec | {"model_id": model_id, FILES: {WEIGHTS_FILE: checksum.to_dict()}}
    store.write_json(store.model(model_id, DESCRIPTION_FILE), sealed(description))
    return model_id


def _model_id(weights: Checksum, spec: NetworkSpec) -> str:
    return digest("model", weights.sha256, asdict(spec))


def read_network(store: Store, description: dict[str, Any]) -> EmbeddingNetwork:
    """Build a network of the store, ready for inference.

    Args:
        store: where its weights lie.
        description: the content of its model.json.

    Raises:
        ModelError: its weights do not fit its description.
        DamagedError: they are not those that were written.
    """
    spec = NetworkSpec.from_description(description)
    network = EmbeddingNetwork(spec)
    path = store.model(description["model_id"], WEIGHTS_FILE)
    weights = store.read_bytes(path)
    if _model_id(Checksum.of_bytes(weights), spec) != description["model_id"]:
        raise damaged(store.url(path), path, f"its content is not that of model {description['model_id']}")
    try:
        network.load_state_dict(safetensors.torch.load(weights))
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise ModelError(f"{store.url(path)} does not fit its {DESCRIPTION_FILE}: {error}; train again") from error
    return network.eval()
