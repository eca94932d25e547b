"""InfoNCE over the negatives that can be believed, and the regulariser that spreads the embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.mining import Miner, positive_pairs, recoloured_pairs

_SMALLEST = 1e-6


class TrustedInfoNCELoss(nn.Module):
    """InfoNCE with a spread regulariser, as of SSCD (Pizzi et al. 2022, arXiv 2202.10261), of what can be believed.

    Plain InfoNCE pushes hardest at the nearest other picture of the batch, where a dump's hidden duplicates are. So
    each pair of an anchor and its positive has negatives of its own: recolours of the anchor, however near, and
    strangers as the miner says; ``semihard`` believes those that are farther than this positive. Photos of one family
    are neither. The spread regulariser (KoLeo: the Kozachenko-Leonenko estimate of the entropy) drives every embedding
    away from its nearest negative; it sees those that some pair of the anchor believes.

    Args:
        temperature: divides the cosines.
        koleo_weight: weight of the regulariser.
        miner: which strangers count: ``semihard``, those nearer than the positive (``hard``), or ``all``.
    """

    def __init__(self, temperature: float, koleo_weight: float, miner: Miner = "semihard") -> None:
        super().__init__()
        self.temperature = temperature
        self.koleo_weight = koleo_weight
        self.miner = miner

    def forward(self, vectors: Tensor, labels: Tensor, origins: Tensor, families: Tensor) -> tuple[Tensor, int]:
        """The loss of a batch and the number of positive pairs that have a negative.

        Args:
            vectors: (B, D) float32, L2-normalised.
            labels: (B,) int64.
            origins: (B,) int64.
            families: (B,) int64.
        """
        with torch.autocast(vectors.device.type, enabled=False):  # half precision cannot tell near neighbours apart
            similarities = vectors.float() @ vectors.float().T
            anchors, positives, believed = self._pairs(similarities.detach(), labels, origins, families)
            rows = similarities[anchors] / self.temperature
            own = similarities[anchors, positives] / self.temperature
            against = torch.cat([own[:, None], rows.masked_fill(~believed, -torch.inf)], dim=1)
            loss = (torch.logsumexp(against, dim=1) - own).sum() / max(1, len(own))
            if self.koleo_weight > 0:
                loss = loss + self.koleo_weight * _nearness(similarities, _of_anchors(anchors, believed))
        return loss, int(believed.any(dim=1).sum())

    def _pairs(
        self, similarities: Tensor, labels: Tensor, origins: Tensor, families: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Anchors (T,), their positives (T,), and of each pair the negatives that are believed, (T, B) bool."""
        anchors, positives = torch.nonzero(positive_pairs(labels), as_tuple=True)
        certain = recoloured_pairs(labels, origins)
        other_family = families[:, None] != families[None, :]
        farther = similarities[anchors] < similarities[anchors, positives][:, None]
        wanted = {"semihard": farther, "hard": ~farther, "all": torch.ones_like(farther)}[self.miner]
        return anchors, positives, certain[anchors] | (other_family[anchors] & wanted)


def _of_anchors(anchors: Tensor, believed: Tensor) -> Tensor:
    """What some pair of each anchor believes: (B, B) bool."""
    counts = torch.zeros(believed.shape[1], believed.shape[1], device=believed.device)
    return counts.index_add(0, anchors, believed.float()) > 0


def _nearness(similarities: Tensor, negatives: Tensor) -> Tensor:
    """Mean of minus the logarithm of the Euclidean distance to the nearest negative, over rows that have one."""
    nearest = similarities.masked_fill(~negatives, -torch.inf).amax(dim=1)[negatives.any(dim=1)]
    distances = (2.0 - 2.0 * nearest).clamp(min=_SMALLEST)  # squared
    return -0.5 * distances.log().sum() / max(1, len(nearest))
