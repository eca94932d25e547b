"""Fitting the judge on pictures whose answers are known, because we made them of the dump's own photos.

Positives are photos against simulated re-uploads of themselves. Negatives are photos against synthetic recolours of
themselves, against packs that show them beside another product (and one such pack against another), where it is wished
against themselves with another motif on the product (and one such motif against another), and against their nearest
neighbours in other families. True duplicates hide among those neighbours: fits that leave out what looked like a
re-upload to the fit before find them.

The recolours, packs and reprints serve once more, as decoys: what they find in the dump is wrong, and tells how much of
what the dump's own photos find is wrong (see ``probability``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dedup_pipeline.config import Settings
from dedup_pipeline.encoder import Encoder
from dedup_pipeline.evidence import Doubles, Rows
from dedup_pipeline.index import NeighbourIndex
from dedup_pipeline.match.candidates import stranger_pairs
from dedup_pipeline.match.judge import Flags, Judge
from dedup_pipeline.match.known import Collector, Known
from dedup_pipeline.match.nodes import Nodes
from dedup_pipeline.match.simulate import STRENGTHS, Made, Sources, simulate
from dedup_pipeline.match.views import Gallery
from dedup_pipeline.probability import (
    LOGIT_CAP,
    VerdictModel,
    fit,
    quick_probabilities,
    reliability,
    sigmoid,
    threshold_for,
)

_NEIGHBOURS = 8  # of each photo that serve as negatives
_NEAREST = 5  # of these, so many sit out the first fit: most true duplicates are among them
_SUSPECT = 0.5  # a neighbour that a fit calls likelier a duplicate than not
_ROUNDS = 3  # fits that look for suspects; on luma they leave 29 of 826 hidden duplicates and lose 7 strangers
_RULED_OUT = 0.005  # share of the re-uploads that the glance may rule out; of the true pairs of luma it rules out none
_FEWEST_LAID = 0.6  # of match.laid_pairs, for each decoy
_RECOLOUR, _NEAR, _PACK, _FURTHER, _REPRINT = 0, -1, -2, -3, -4  # beside the strengths 1 to 3 of re-uploads

EVERYTHING = Sources()


@dataclass(frozen=True)
class Calibration:
    """A judge and what is known of it.

    Attributes:
        judge: the judge.
        decoys: log odds of every candidate pair that a decoy has in the dump.
        decoy_shares: for each of these, one over the number of decoys of its kind.
        reliability: for bins of the held-out probability their mean, the share that is right, and the pairs.
        figures: photos, pairs of each kind, suspects, held-out average precision, expected calibration error, and the
            share of the re-uploads of each strength found at the target precision.
    """

    judge: Judge
    decoys: tuple[float, ...]
    decoy_shares: tuple[float, ...]
    reliability: list[tuple[float, float, int]]
    figures: dict[str, float]

    def grown(self, factor: float) -> Calibration:
        """The same for a dump that is ``factor`` times as large: among more strangers a decoy finds more.

        In a smaller one it would find less, but that is not counted on.
        """
        return replace(self, decoy_shares=tuple(share * max(1.0, factor) for share in self.decoy_shares))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "judge": self.judge.to_dict(),
            "decoys": list(self.decoys),
            "decoy_shares": list(self.decoy_shares),
            "reliability": self.reliability,
            "figures": self.figures,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Calibration:
        """The calibration that ``to_dict`` wrote."""
        judge = Judge.from_dict(value["judge"])
        bins = [(said, right, count) for said, right, count in value["reliability"]]
        return cls(judge, tuple(value["decoys"]), tuple(value["decoy_shares"]), bins, value["figures"])


def calibrate(
    settings: Settings,
    dump_id: str,
    nodes: Nodes,
    found: NeighbourIndex,
    encoder: Encoder,
    *,
    sources: Sources = EVERYTHING,
) -> Calibration:
    """Fit and check the judge on photos of a dump.

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
    made = simulate(settings, dump_id, nodes, found, encoder, sources=sources)
    known, decoys = _known(nodes, made, found), _decoys(nodes, made, found, settings)
    gallery = Gallery(settings, dump_id, nodes, made.views())

    def aligned(pairs: Known) -> Known:
        return pairs.with_evidence(gallery.align(pairs.first, pairs.second))

    glance, suspects, logits, glanced = _fitted(known, decoys, settings)
    wide = float(np.quantile(logits[known.labels[~suspects]], _RULED_OUT))
    counts = {kind: len(numbers) for kind, numbers, _ in _kinds(made)}
    most = settings.match.laid_pairs * sum(counts.values())
    least = _bounded(wide, glanced, most)
    kept = np.ones(len(known.labels), dtype=bool)
    # what is not looked at in the dump still teaches: on luma it is worth 0.02 of recall
    kept[~suspects] = (logits >= min(wide, least)) | known.labels[~suspects]
    closer, closer_decoys = aligned(known.only(kept)), aligned(decoys.only(glanced >= least))
    model, suspects, logits, judged = _fitted(closer, closer_decoys, settings)
    closer = closer.only(~suspects)
    bins = reliability(sigmoid(logits), closer.labels)
    figures = _figures(sigmoid(logits), closer, bins, settings.match.target_precision)
    figures |= {"photos": len(made.rows), "pairs": len(closer.labels), "suspects": int(suspects.sum())}
    figures |= {"recolours": len(made.recolours), "reprints": len(made.reprints), "packs": len(made.packs)}
    shares = tuple(1 / counts[kind] for kind in decoys.strengths.tolist())
    decoy_logits = np.full(len(glanced), -LOGIT_CAP)
    decoy_logits[glanced >= least] = judged
    return Calibration(Judge(glance, least, model), tuple(decoy_logits.round(6).tolist()), shares, bins, figures)


def _bounded(wide: float, decoys: Doubles, most: int) -> float:
    """The log odds at a glance from which pairs of the dump are laid over each other.

    Low enough for nearly all simulated re-uploads, within bounds: some pairs of every photo, for sellers do what nobody
    simulates, and not so many that to look at them all would take longer than all else.

    Args:
        wide: log odds that nearly all simulated re-uploads reach.
        decoys: (M,) log odds of the candidates of the decoys.
        most: of these, how many may be laid over each other.
    """
    if not len(decoys):
        return wide
    ordered = np.sort(decoys)[::-1]
    low, high = (ordered[min(count, len(ordered)) - 1] for count in (most, max(1, round(_FEWEST_LAID * most))))
    return float(np.clip(wide, low, high))


def _kinds(made: Made) -> list[tuple[int, Rows, Rows]]:
    """Of each kind of decoy: which it is, the numbers (K,) of its pictures, and the photo (K,) each was made of."""
    return [
        (_RECOLOUR, made.recolours, made.recoloured),
        (_PACK, made.packs, made.packed),
        (_REPRINT, made.reprints, made.reprinted),
    ]


def _known(nodes: Nodes, made: Made, found: NeighbourIndex) -> Known:
    collector = Collector(nodes, made, [])
    rows = made.rows
    for copies, strengths in zip(made.copies, made.strengths, strict=True):
        collector.add(rows, copies, rows, label=True, strengths=strengths)
    collector.add(made.copies[0], made.copies[1], rows, label=True, strengths=made.strengths[:2].max(axis=0))
    for sides in (rows, made.copies[0]):
        collector.add(sides[made.recoloured], made.recolours, rows[made.recoloured], label=False, strengths=_RECOLOUR)
        collector.add(sides[made.reprinted], made.reprints, rows[made.reprinted], label=False, strengths=_REPRINT)
    collector.add(rows[made.packed], made.packs, rows[made.packed], label=False, strengths=_PACK)
    for kind, numbers, places in _kinds(made)[1:]:  # of each photo there are two, which are strangers to each other
        half = len(numbers) // 2
        collector.add(numbers[:half], numbers[half:], rows[places[:half]], label=False, strengths=kind)
    places, near, ranks = _neighbours(nodes, rows, found)
    kinds = np.where(ranks < _NEAREST, _NEAR, _FURTHER)
    for sides in (rows, made.copies[0]):
        collector.add(sides[places], near, rows[places], label=False, strengths=kinds)
    return collector.known()


def _neighbours(nodes: Nodes, rows: Rows, found: NeighbourIndex) -> tuple[Rows, Rows, Rows]:
    """The nearest strangers of each photo: places (P,) among the rows, their nodes (P,), and their ranks (P,)."""
    node_of = {int(nodes.index_rows[node]): int(node) for node in np.flatnonzero(nodes.matched)[::-1]}
    near_ones: list[tuple[int, int, int]] = []
    for place, row in enumerate(rows.tolist()):
        near = found.neighbours_of_row(int(nodes.index_rows[row]), 2 * _NEIGHBOURS)[0]
        others = [node_of[other] for other in near.tolist() if other in node_of]
        kin = nodes.families.of(row)
        strangers = [other for other in others if nodes.families.of(other).isdisjoint(kin)]
        near_ones += [(place, other, rank) for rank, other in enumerate(strangers[:_NEIGHBOURS])]
    columns = np.array(near_ones, dtype=np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _decoys(nodes: Nodes, made: Made, found: NeighbourIndex, settings: Settings) -> Known:
    """What the recolours, reprints and packs find in the dump, as the dump's own photos find their candidates."""
    collector = Collector(nodes, made, [])
    for kind, numbers, places in _kinds(made):
        sources = made.rows[places]
        first, second = stranger_pairs(nodes, made.looks.take(-1 - numbers), sources, found, settings)
        collector.add(numbers[first], second, sources[first], label=False, strengths=kind)
    return collector.known()


def _fitted(known: Known, decoys: Known, settings: Settings) -> tuple[VerdictModel, Flags, Doubles, Doubles]:
    """Fit without the suspects.

    Returns:
        The model, which pairs (N,) are suspects, the held-out log odds of the others, and of the decoys.
    """
    neighbours = (known.strengths == _NEAR) | (known.strengths == _FURTHER)
    suspects = known.strengths == _NEAR
    for _ in range(_ROUNDS):
        kept = known.only(~suspects)
        suspects = neighbours & (
            quick_probabilities(kept.pairs, kept.labels, known.pairs, seed=settings.seed) > _SUSPECT
        )
    kept = known.only(~suspects)
    model, logits, judged = fit(kept.pairs, kept.labels, decoys=decoys.pairs, seed=settings.seed)
    return model, suspects, logits, judged


def _figures(values: Doubles, known: Known, bins: list[tuple[float, float, int]], target: float) -> dict[str, float]:
    """How the held-out probabilities (N,) of N pairs do."""
    labels, strengths = known.labels, known.strengths
    order = np.argsort(-values, kind="stable")
    precision = np.cumsum(labels[order]) / np.arange(1, len(order) + 1)
    error = sum(count * abs(said - right) for said, right, count in bins) / len(values)
    threshold, _ = threshold_for(values, target)
    accepted = values >= threshold
    figures = {
        "average_precision": float(precision[labels[order]].mean()),
        "expected_calibration_error": float(error),
        "precision": float(labels[accepted].mean()) if accepted.any() else 1.0,
        "recall": float(accepted[labels].mean()),
    }
    for strength in STRENGTHS:
        figures[f"recall_strength_{strength}"] = float(accepted[labels & (strengths == strength)].mean())
    return {name: round(value, 6) for name, value in figures.items()}
