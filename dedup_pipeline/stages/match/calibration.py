"""Fitting the classifier on pairs whose answers are known (see ``calibration_pairs``).

A model of its own tells re-uploads from the same product with another motif.

The recolours, packs and reprints serve once more, as decoys: what they find in the dump is wrong, and tells how much of
what the dump's own photos find is wrong (see ``decoys``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from dedup_pipeline.compute.dtypes import Doubles
from dedup_pipeline.config import Settings
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.stages.index import NeighbourIndex
from dedup_pipeline.stages.match.calibration_pairs import EVERYTHING, CalibrationPairs, calibration_pairs, fitted
from dedup_pipeline.stages.match.labelled_pairs import LabelledPairs
from dedup_pipeline.stages.match.nodes import Nodes
from dedup_pipeline.stages.match.simulated_pairs import PACK, RECOLOUR, REPRINT, STRENGTHS, SimulationScope
from dedup_pipeline.verdict.alignment import DEEP
from dedup_pipeline.verdict.cascade import CascadeClassifier, is_exchanged, vetoed
from dedup_pipeline.verdict.classifier import LOGIT_CAP, VerdictModel, fit, sigmoid
from dedup_pipeline.verdict.decoys import threshold_for
from dedup_pipeline.verdict.evidence import EVIDENCE
from dedup_pipeline.verdict.reliability import TENTHS, ReliabilityBin, expected_calibration_error, reliability

_FEWEST_MOTIFS = 10  # photos with other motifs, to tell these from re-uploads
_OF_MODEL = [name for name in EVIDENCE if name not in DEEP]  # the rest is the motif model's, and blurs others

_NAMES = {RECOLOUR: "recolours", PACK: "packs", REPRINT: "reprints"}  # among the figures


@dataclass(frozen=True)
class Calibration:
    """A classifier and what is known of it.

    Attributes:
        classifier: the classifier.
        decoys: log odds of every candidate pair that a decoy has in the dump.
        decoy_shares: for each of these, one over the number of decoys of its kind.
        reliability: the bins of the held-out probability that have pairs.
        figures: photos, pairs of each kind, suspects, held-out average precision, expected calibration error, the share
            of the re-uploads of each strength found at the target precision, and the share that looks exchanged.
    """

    classifier: CascadeClassifier
    decoys: tuple[float, ...]
    decoy_shares: tuple[float, ...]
    reliability: list[ReliabilityBin]
    figures: dict[str, float]

    def grown(self, factor: float) -> Calibration:
        """The same for a dump that is ``factor`` times as large: among more strangers a decoy finds more.

        In a smaller one it would find less, but that is not counted on.
        """
        return replace(self, decoy_shares=tuple(share * max(1.0, factor) for share in self.decoy_shares))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "judge": self.classifier.to_dict(),
            "decoys": list(self.decoys),
            "decoy_shares": list(self.decoy_shares),
            "reliability": self.reliability,
            "figures": self.figures,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Calibration:
        """The calibration that ``to_dict`` wrote."""
        classifier = CascadeClassifier.from_dict(value["judge"])
        bins = [ReliabilityBin(*some) for some in value["reliability"]]
        return cls(classifier, tuple(value["decoys"]), tuple(value["decoy_shares"]), bins, value["figures"])


def calibrate(
    settings: Settings,
    dump_id: str,
    nodes: Nodes,
    found: NeighbourIndex,
    encoder: Encoder,
    *,
    sources: SimulationScope = EVERYTHING,
) -> Calibration:
    """Fit and check the classifier on photos of a dump.

    Args:
        settings: the settings.
        dump_id: the dump.
        nodes: its nodes.
        found: its index.
        encoder: its model.
        sources: which photos and edits may be simulated.

    Raises:
        InputError: the dump has too few photos.
    """
    labelled = calibration_pairs(settings, dump_id, nodes, found, encoder, sources=sources)
    known, found_by_decoys = labelled.known.of(_OF_MODEL), labelled.decoys.of(_OF_MODEL)
    model, suspects, logits, judged = fitted(known, found_by_decoys, settings)
    own = labelled.known.only(~suspects)
    passing = own.only(own.labels & (logits > 0))
    motif, of_known, of_decoys = _motif_model(labelled, settings)
    if motif:
        logits, judged = vetoed(logits, of_known[~suspects]), vetoed(judged, of_decoys)
    held_out = sigmoid(logits)[own.pairs.groups >= 0]
    own = own.only(own.pairs.groups >= 0)  # of the reference nobody asks how it does
    bins = [some for some in reliability(held_out, own.labels, TENTHS) if some.pairs]
    figures = _figures(held_out, own, bins, settings.match.target_precision)
    figures |= {"photos": labelled.photos, "reference_photos": labelled.reference_photos}
    figures |= {"pairs": len(own.labels), "suspects": int(suspects.sum())}
    # as if one more were half exchanged (Jeffreys): none of a few says little
    exchanged = is_exchanged(passing.pairs.evidence)
    figures["exchanged"] = round(float((exchanged.sum() + 0.5) / (len(exchanged) + 1)), 6)
    figures |= {_NAMES[kind]: count for kind, count in labelled.made.items()}
    every = LabelledPairs.together([labelled.decoys.of(()), labelled.decoys_ruled_out.of(())])
    decoys = np.concatenate([judged, np.full(len(labelled.decoys_ruled_out.labels), -LOGIT_CAP)])
    shares = np.array([1 / labelled.pictures[kind] for kind in every.strengths.tolist()])
    # a picture has as many neighbours in any shop; those that look like duplicates are fewer among fewer
    shares[(every.pairs.groups < 0) & (decoys > 0)] *= labelled.fewer
    classifier = CascadeClassifier(labelled.first_pass, labelled.least, model, motif)
    return Calibration(classifier, tuple(decoys.round(6).tolist()), tuple(shares.tolist()), bins, figures)


def _motif_model(labelled: CalibrationPairs, settings: Settings) -> tuple[VerdictModel | None, Doubles, Doubles]:
    """What tells a re-upload from the same product with another motif, and its held-out log odds of pairs and decoys.

    Re-uploads with something stuck on them teach nothing here: where it lies on the product it looks like a motif.
    """
    known, decoys = labelled.known, labelled.decoys
    copies = known.only(known.labels & ~known.covered)
    if min(len(np.unique(side.pairs.groups)) for side in (copies, labelled.reprints)) < _FEWEST_MOTIFS:
        return None, np.empty(0), np.empty(0)
    taught, asked = LabelledPairs.together([copies, labelled.reprints]), LabelledPairs.together([known, decoys])
    model, _, judged = fit(taught.pairs, taught.labels, decoys=asked.pairs, seed=settings.seed)
    return model, judged[: len(known.labels)], judged[len(known.labels) :]


def _figures(values: Doubles, known: LabelledPairs, bins: list[ReliabilityBin], target: float) -> dict[str, float]:
    """How the held-out probabilities (N,) of N pairs do."""
    labels, strengths = known.labels, known.strengths
    threshold, _ = threshold_for(values, target)
    accepted = values >= threshold
    figures = {
        "average_precision": float(average_precision_score(labels, values)),
        "expected_calibration_error": expected_calibration_error(bins),
        "precision": float(labels[accepted].mean()) if accepted.any() else 1.0,
        "recall": float(accepted[labels].mean()),
    }
    for strength in STRENGTHS:
        figures[f"recall_strength_{strength}"] = float(accepted[labels & (strengths == strength)].mean())
    return {name: round(value, 6) for name, value in figures.items()}
