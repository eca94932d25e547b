"""Pairs whose answers are known, because we made their pictures of the dump's own photos.

Positives are photos against simulated re-uploads of themselves. Negatives are photos against synthetic recolours of
themselves, against packs that show them beside another product (and one such pack against another), and against their
nearest neighbours in other families. True duplicates hide among those neighbours: fits that leave out what looked like
a re-upload to the fit before find them. Photos against themselves with another motif on the product are kept apart.

What a small dump lacks of all this the reference gives (see ``reference``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dedup_pipeline.compute.dtypes import Doubles, Flags, Rows
from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.stages.index import NeighbourIndex
from dedup_pipeline.stages.match.candidates import other_family_pairs
from dedup_pipeline.stages.match.labelled_pairs import LabelledPairs, PairCollector
from dedup_pipeline.stages.match.nodes import Nodes
from dedup_pipeline.stages.match.reference import reference
from dedup_pipeline.stages.match.simulated_pairs import (
    FURTHER,
    NEAR,
    PACK,
    RECOLOUR,
    REPRINT,
    SimulatedPairs,
    SimulationScope,
    simulate,
)
from dedup_pipeline.stages.match.views import Gallery
from dedup_pipeline.verdict.classifier import VerdictModel, fit, quick_probabilities
from dedup_pipeline.verdict.evidence import EVIDENCE, FIRST_PASS

_NEIGHBOURS = 8  # of each photo that serve as negatives
_NEAREST = 5  # of these, so many sit out the first fit: most true duplicates are among them
_SUSPECT = 0.5  # a neighbour that a fit calls likelier a duplicate than not
_ROUNDS = 3  # fits that look for suspects; on luma they leave 29 of 826 hidden duplicates and lose 7 strangers
_RULED_OUT = 0.005  # share of the re-uploads that the first pass may rule out; of luma's true pairs it rules out none
_FEWEST_PHOTOS = 2  # one has nothing that it could be a duplicate of
_FEWEST_ALIGNED = 0.6  # of match.aligned_pairs_per_photo, for each decoy

EVERYTHING = SimulationScope()


@dataclass(frozen=True)
class CalibrationPairs:
    """Pairs whose answers are known, of a dump and, where that is small, of the reference.

    Attributes:
        known: those that the first pass does not rule out, and all re-uploads, with all the evidence; groups of the
            reference are below 0.
        reprints: photos against the same product with another motif, and two such motifs.
        decoys: what decoys found and the first pass does not rule out.
        ruled_out: the other known pairs, with the evidence of the first pass.
        decoys_ruled_out: what else decoys found, with the same.
        made: how many pictures of each kind of decoy were made of the dump's photos.
        pictures: the same with those of the reference.
        first_pass: the model of the evidence of the first pass.
        least: its log odds below which a pair is ruled out.
        photos: how many photos of the dump all this was made of.
        reference_photos: and of the reference.
        fewer: of what a decoy of the reference found and what looks like a duplicate, the share that it would find in
            the dump, 1 at most: there are fewer strangers.
    """

    known: LabelledPairs
    reprints: LabelledPairs
    decoys: LabelledPairs
    ruled_out: LabelledPairs
    decoys_ruled_out: LabelledPairs
    made: dict[int, int]
    pictures: dict[int, float]
    first_pass: VerdictModel
    least: float
    photos: int
    reference_photos: int
    fewer: float


def calibration_pairs(
    settings: Settings,
    dump_id: str,
    nodes: Nodes,
    found: NeighbourIndex,
    encoder: Encoder,
    *,
    sources: SimulationScope = EVERYTHING,
    filled_up: bool = True,
) -> CalibrationPairs:
    """Make pairs with known answers, and look closer at those that the evidence of the first pass does not rule out.

    Args:
        settings: the settings.
        dump_id: the dump.
        nodes: its nodes.
        found: its index.
        encoder: its model.
        sources: which photos and edits may be simulated.
        filled_up: whether the reference stands in for photos that the dump lacks.

    Raises:
        InputError: the dump has too few photos.
    """
    if (matched := int(nodes.matched.sum())) < _FEWEST_PHOTOS:
        raise InputError(
            f"the verdicts need at least {_FEWEST_PHOTOS} photos to be calibrated on; the dump has {matched}"
        )
    made = simulate(settings, dump_id, nodes, found, encoder, sources=sources)
    # what a rehearsal leaves out must not come in by another door
    asked = settings.match.calibration_photos if filled_up and not sources.without else 0
    others = reference(asked - len(made.rows)).with_decoys(_decoy_kinds(settings))
    known, reprints = _known(nodes, made, found)
    decoys = _decoys(nodes, made, found, settings)
    own, own_decoys = len(known.labels), len(decoys.labels)
    every = LabelledPairs.together([known.of(FIRST_PASS), others.known.of(FIRST_PASS)])
    every_decoy = LabelledPairs.together([decoys.of(FIRST_PASS), others.decoys.of(FIRST_PASS)])
    gallery = Gallery(settings, dump_id, nodes, made.views())

    def aligned(pairs: LabelledPairs) -> LabelledPairs:
        return pairs.with_evidence(gallery.align(pairs.first, pairs.second)).of(EVIDENCE)

    first_pass, suspects, logits, first_logits = fitted(every, every_decoy, settings)
    wide = float(np.quantile(logits[every.labels[~suspects]], _RULED_OUT))
    counts = {kind: len(numbers) for kind, numbers, _ in _kinds(made)}
    most = settings.match.aligned_pairs_per_photo * sum(counts[kind] for kind in _decoy_kinds(settings))
    least = _bounded(wide, first_logits[:own_decoys], most)
    kept = np.ones(len(every.labels), dtype=bool)
    # what is not looked at in the dump still teaches: on luma it is worth 0.02 of recall
    kept[~suspects] = (logits >= min(wide, least)) | every.labels[~suspects]
    kept[own:] &= others.aligned
    closer = first_logits >= least
    closer[own_decoys:] &= others.decoys_aligned
    return CalibrationPairs(
        known=LabelledPairs.together([aligned(known.only(kept[:own])), others.known.only(kept[own:])]),
        reprints=LabelledPairs.together([aligned(reprints), others.reprints]),
        decoys=LabelledPairs.together(
            [aligned(decoys.only(closer[:own_decoys])), others.decoys.only(closer[own_decoys:])]
        ),
        ruled_out=every.only(~kept),
        decoys_ruled_out=every_decoy.only(~closer),
        made=counts,
        pictures={kind: count + others.pictures[kind] for kind, count in counts.items()},
        first_pass=first_pass,
        least=least,
        photos=len(made.rows),
        reference_photos=others.photos,
        fewer=min(1.0, matched / others.shop_nodes),
    )


def _bounded(wide: float, decoys: Doubles, most: int) -> float:
    """The log odds of the first pass from which pairs of the dump are aligned.

    Low enough for nearly all simulated re-uploads, within bounds: some pairs of every photo, for sellers do what nobody
    simulates, and not so many that to look at them all would take longer than all else.

    Args:
        wide: log odds that nearly all simulated re-uploads reach.
        decoys: (M,) log odds of the candidates of the decoys.
        most: of these, how many may be aligned.
    """
    if not len(decoys):
        return wide
    ordered = np.sort(decoys)[::-1]
    low, high = (ordered[min(count, len(ordered)) - 1] for count in (most, max(1, round(_FEWEST_ALIGNED * most))))
    return float(np.clip(wide, low, high))


def _decoy_kinds(settings: Settings) -> list[int]:
    """The kinds of pictures that serve as decoys: other motifs only where every product is expected to have them."""
    return [RECOLOUR, PACK, REPRINT] if settings.match.reprints else [RECOLOUR, PACK]


def _kinds(made: SimulatedPairs) -> list[tuple[int, Rows, Rows]]:
    """Of each kind of strangers: which it is, the numbers (K,) of its pictures, and the photo (K,) each was made of."""
    return [
        (RECOLOUR, made.recolours, made.recoloured),
        (PACK, made.packs, made.packed),
        (REPRINT, made.reprints, made.reprinted),
    ]


def _known(nodes: Nodes, made: SimulatedPairs, found: NeighbourIndex) -> tuple[LabelledPairs, LabelledPairs]:
    """All pairs with known answers but those of reprints, and these."""
    collector, prints = PairCollector(nodes, made, []), PairCollector(nodes, made, [])
    rows = made.rows
    for copies, strengths, covered in zip(made.copies, made.strengths, made.covered, strict=True):
        collector.add(rows, copies, rows, label=True, strengths=strengths, covered=covered)
    both, either = made.strengths[:2].max(axis=0), np.asarray(made.covered[:2].any(axis=0))
    collector.add(made.copies[0], made.copies[1], rows, label=True, strengths=both, covered=either)
    for sides in (rows, made.copies[0]):
        collector.add(sides[made.recoloured], made.recolours, rows[made.recoloured], label=False, strengths=RECOLOUR)
        prints.add(sides[made.reprinted], made.reprints, rows[made.reprinted], label=False, strengths=REPRINT)
    collector.add(rows[made.packed], made.packs, rows[made.packed], label=False, strengths=PACK)
    # of each photo there are two, which are strangers to each other
    for into, kind, numbers, places in ((collector, *_kinds(made)[1]), (prints, *_kinds(made)[2])):
        half = len(numbers) // 2
        into.add(numbers[:half], numbers[half:], rows[places[:half]], label=False, strengths=kind)
    places, near, ranks = _neighbours(nodes, rows, found)
    kinds = np.where(ranks < _NEAREST, NEAR, FURTHER)
    for sides in (rows, made.copies[0]):
        collector.add(sides[places], near, rows[places], label=False, strengths=kinds)
    return collector.known(), prints.known()


def _neighbours(nodes: Nodes, rows: Rows, found: NeighbourIndex) -> tuple[Rows, Rows, Rows]:
    """The nearest strangers of each photo: places (P,) among the rows, their nodes (P,), and their ranks (P,)."""
    node_of = {int(nodes.index_rows[node]): int(node) for node in np.flatnonzero(nodes.matched)[::-1]}
    near_ones: list[tuple[int, int, int]] = []
    for place, row in enumerate(rows.tolist()):
        near = found.neighbours_of_row(int(nodes.index_rows[row]), 2 * _NEIGHBOURS)[0]
        others = [node_of[other] for other in near.tolist() if other in node_of]
        same_family = nodes.families.of(row)
        other_family = [other for other in others if nodes.families.of(other).isdisjoint(same_family)]
        near_ones += [(place, other, rank) for rank, other in enumerate(other_family[:_NEIGHBOURS])]
    columns = np.array(near_ones, dtype=np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _decoys(nodes: Nodes, made: SimulatedPairs, found: NeighbourIndex, settings: Settings) -> LabelledPairs:
    """What the decoys find in the dump, as the dump's own photos find their candidates."""
    collector, kinds = PairCollector(nodes, made, []), _decoy_kinds(settings)
    for kind, numbers, places in _kinds(made):
        if kind in kinds:
            sources = made.rows[places]
            first, second = other_family_pairs(nodes, made.features.take(-1 - numbers), sources, found, settings)
            collector.add(numbers[first], second, sources[first], label=False, strengths=kind)
    return collector.known()


def fitted(
    known: LabelledPairs, decoys: LabelledPairs, settings: Settings
) -> tuple[VerdictModel, Flags, Doubles, Doubles]:
    """Fit without the suspects: neighbours that look like duplicates.

    Returns:
        The model, which pairs (N,) are suspects, the held-out log odds of the others, and of the decoys.
    """
    neighbours = (known.strengths == NEAR) | (known.strengths == FURTHER)
    suspects = known.strengths == NEAR
    for _ in range(_ROUNDS):
        kept = known.only(~suspects)
        suspects = neighbours & (
            quick_probabilities(kept.pairs, kept.labels, known.pairs, seed=settings.seed) > _SUSPECT
        )
    kept = known.only(~suspects)
    model, logits, judged = fit(kept.pairs, kept.labels, decoys=decoys.pairs, seed=settings.seed)
    return model, suspects, logits, judged
