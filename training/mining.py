"""Which triplets and pairs of a batch teach something, and which must not be believed."""

from __future__ import annotations

from typing import Literal

import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import ContrastiveLoss, TripletMarginLoss
from pytorch_metric_learning.miners import TripletMarginMiner
from torch import Tensor, nn

Triplets = tuple[Tensor, Tensor, Tensor]
Miner = Literal["semihard", "hard", "all"]


class TrustedTripletLoss(nn.Module):
    """Triplet loss over the triplets that can be believed.

    A dump hides true duplicates under other labels. So, by default, a negative of another photo counts only while it is
    semi-hard (farther than the positive, Schroff et al. 2015, arXiv 1503.03832): a hidden duplicate is usually nearer.
    A recolour is a negative for certain and counts however near it is. Photos of one family are neither.

    Args:
        margin: in cosine distance.
        miner: which strangers count: ``semihard``, those nearer than the positive (``hard``), or ``all``.
    """

    def __init__(self, margin: float, miner: Miner = "semihard") -> None:
        super().__init__()
        self.margin = margin
        self.miner = TripletMarginMiner(margin=margin, type_of_triplets=miner, distance=CosineSimilarity())
        self.loss = TripletMarginLoss(margin=margin, distance=CosineSimilarity())

    def forward(self, vectors: Tensor, labels: Tensor, origins: Tensor, families: Tensor) -> tuple[Tensor, int]:
        """The loss of a batch and the number of its active triplets.

        Args:
            vectors: (B, D) float32, L2-normalised.
            labels: (B,) int64.
            origins: (B,) int64.
            families: (B,) int64.
        """
        anchors, positives, negatives = self.miner(vectors, labels)
        other_family = families[anchors] != families[negatives]
        mined = (anchors[other_family], positives[other_family], negatives[other_family])
        known = certain_triplets(vectors, labels, origins, self.margin)
        chosen = tuple(torch.cat(parts) for parts in zip(mined, known, strict=True))
        return self.loss(vectors, labels, chosen), len(chosen[0])


class TrustedContrastiveLoss(nn.Module):
    """Contrastive loss over the pairs that can be believed: photos of one family are left out.

    Args:
        margin: negatives are pushed to this cosine distance.
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.loss = ContrastiveLoss(pos_margin=1.0, neg_margin=1.0 - margin, distance=CosineSimilarity())

    def forward(self, vectors: Tensor, labels: Tensor, origins: Tensor, families: Tensor) -> tuple[Tensor, int]:
        """The loss of a batch and the number of its pairs; arguments as of TrustedTripletLoss."""
        certain, other_family = recoloured_pairs(labels, origins), families[:, None] != families[None, :]
        positive = positive_pairs(labels)
        pairs = (*torch.nonzero(positive, as_tuple=True), *torch.nonzero(certain | other_family, as_tuple=True))
        return self.loss(vectors, labels, pairs), len(pairs[0]) + len(pairs[2])


def positive_pairs(labels: Tensor) -> Tensor:
    """Which two of a batch are different views of one product, (B, B) bool, of its labels (B,)."""
    same = labels[:, None] == labels[None, :]
    return same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)


def recoloured_pairs(labels: Tensor, origins: Tensor) -> Tensor:
    """Which two are a product and its recolour, (B, B) bool, of labels and origins (B,)."""
    return (labels[:, None] != labels[None, :]) & (origins[:, None] == origins[None, :])


def certain_triplets(vectors: Tensor, labels: Tensor, origins: Tensor, margin: float) -> Triplets:
    """All triplets of a product and its recolour that violate the margin.

    Args:
        vectors: (B, D) float32, L2-normalised.
        labels: (B,) int64.
        origins: (B,) int64.
        margin: in cosine distance.

    Returns:
        Anchors, positives and negatives, (T,) int64 each.
    """
    similarities = vectors.detach() @ vectors.detach().T
    positive, recoloured = positive_pairs(labels), recoloured_pairs(labels, origins)
    violated = similarities[:, :, None] - similarities[:, None, :] < margin
    anchors, positives, negatives = torch.nonzero(
        positive[:, :, None] & recoloured[:, None, :] & violated, as_tuple=True
    )
    return anchors, positives, negatives
