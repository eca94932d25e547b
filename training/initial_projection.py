"""Where the training starts: a projection fitted to the dump's own photos, and who looks like whom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.model.network import EmbeddingNetwork
from dedup_pipeline.model.preprocess import prepare
from training.dataset import PhotoDataset

BATCH = 64
NEIGHBOURS = 24


def pooled_features(network: EmbeddingNetwork, photos: PhotoDataset) -> Floats:
    """The backbone's features of every photo.

    Returns:
        (N, F) float32.
    """
    parameter = next(network.parameters())
    network.eval()
    features = []
    with torch.inference_mode():
        for start in range(0, len(photos), BATCH):
            some = [prepare(picture, network.spec.image_px) for picture in photos.pictures[start : start + BATCH]]
            pictures = torch.from_numpy(np.stack(some)).to(parameter.device)
            features.append(network.pooled(pictures).float().cpu().numpy())
    return np.concatenate(features)


def set_projection(network: EmbeddingNetwork, features: Floats) -> None:
    """Start the projection as the directions in which the photos' features differ most: nothing learnt is lost.

    The features are not centred: their cosines stay what they are, and those tell recolours better than centred ones.

    Args:
        network: its projection is set.
        features: (N, F) float32.
    """
    _, _, directions = np.linalg.svd(features.astype(np.float64), full_matrices=False)
    kept = directions[: network.spec.dimension]
    # a usual scale of outputs, so that the learning rate means the same for every backbone
    kept = kept / np.linalg.norm(features @ kept.T, axis=1).mean()
    with torch.no_grad():
        network.projection.weight.zero_()
        network.projection.weight[: len(kept)] = torch.from_numpy(kept).float()
        network.projection.bias.zero_()


def nearest_labels(network: EmbeddingNetwork, photos: PhotoDataset, features: Floats) -> npt.NDArray[np.int64]:
    """The nearest other labels of every label by the network's present embedding of their first photos.

    Returns:
        (L, k) int64: positions in the ascending order of the labels, the nearest first, k at most NEIGHBOURS.
    """
    _, first = np.unique(photos.labels, return_index=True)
    with torch.inference_mode():
        projected = network.projection(torch.from_numpy(features[first]).to(network.projection.weight.device))
        vectors = torch.nn.functional.normalize(projected, dim=1).cpu().numpy()
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -np.inf)
    return np.argsort(-similarities, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(first) - 1)].astype(np.int64)
