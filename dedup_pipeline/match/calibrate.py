"""Fitting the verdict model on pictures whose answers are known, because we made them of the dump's own photos.

Positives are photos against simulated re-uploads of themselves. Negatives are photos against synthetic recolours of
themselves, and against their nearest neighbours in other families. True duplicates hide among those neighbours: fits
that leave out what looked like a re-upload to the fit before find them.

The recolours serve once more, as decoys: what they find in the dump is wrong, and tells how much of what the dump's own
photos find is wrong (see ``probability``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup_pipeline import imaging
from dedup_pipeline.config import Settings
from dedup_pipeline.encoder import Encoder
from dedup_pipeline.evidence import Floats, Looks, Rows, compare
from dedup_pipeline.imaging import Picture
from dedup_pipeline.index import NeighbourIndex, crowd_of
from dedup_pipeline.match.candidates import stranger_pairs
from dedup_pipeline.match.nodes import Nodes
from dedup_pipeline.packs import images_of, read_images
from dedup_pipeline.parallel import map_ahead
from dedup_pipeline.probability import Doubles, Pairs, VerdictModel, fit, sigmoid, threshold_for
from dedup_pipeline.reuploads import generator_of, recolour, reupload
from dedup_pipeline.store import Store

COPIES = 2  # simulated re-uploads of each photo
_STRENGTHS = (1, 2, 3)
_NEIGHBOURS = 10  # of each photo that serve as negatives
_SUSPECT = 0.5  # a neighbour that a fit calls likelier a duplicate than not
_ROUNDS = 3  # fits that look for suspects; with more, hard strangers leave too, and the promise broke (0.98 for 0.99)
_BINS = 10


@dataclass(frozen=True)
class Calibration:
    """A verdict model and what is known of it.

    Attributes:
        model: the model.
        decoys: log odds of every candidate pair that a decoy has in the dump.
        decoy_count: how many decoys there were.
        figures: photos, pairs of each kind, suspects, held-out average precision, expected calibration error, and the
            share of the re-uploads of each strength found at the target precision.
    """

    model: VerdictModel
    decoys: tuple[float, ...]
    decoy_count: int
    figures: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "model": self.model.to_dict(), "decoys": list(self.decoys)}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Calibration:
        """The calibration that ``to_dict`` wrote."""
        changes = {"model": VerdictModel.from_dict(value["model"]), "decoys": tuple(value["decoys"])}
        return cls(**{**value, **changes})


@dataclass
class _Known:
    """Evidence with its answers, collected piece by piece."""

    evidence: list[dict[str, Floats]]
    labels: list[bool]
    groups: list[int]
    strengths: list[int]  # 1 to 3 of a re-upload, 0 of a recolour, -1 of a neighbour

    def add(self, evidence: dict[str, Floats], label: bool, groups: Rows, strengths: npt.NDArray[np.int64]) -> None:
        self.evidence.append(evidence)
        self.labels += [label] * len(groups)
        self.groups += groups.tolist()
        self.strengths += strengths.tolist()

    def pairs(self) -> Pairs:
        evidence = {name: np.concatenate([piece[name] for piece in self.evidence]) for name in self.evidence[0]}
        return Pairs(evidence, np.array(self.groups, dtype=np.int64))


def calibrate(settings: Settings, dump_id: str, nodes: Nodes, found: NeighbourIndex, encoder: Encoder) -> Calibration:
    """Fit and check the verdict model on photos of a dump.

    Raises:
        InputError: the dump has too few photos.
    """
    store = Store(settings.store)
    photos, rows = _sample(store, settings, dump_id, nodes)
    strengths = _strengths(len(photos))
    copies, recolours, recoloured = _simulate(photos, strengths, settings)
    copy_looks = [_looks(pictures, encoder, found, settings) for pictures in copies]
    originals = nodes.looks.take(rows)
    known = _Known([], [], [], [])
    for looks, strength in zip(copy_looks, strengths, strict=True):
        known.add(compare(originals, looks), True, rows, strength)
    known.add(compare(copy_looks[0], copy_looks[1]), True, rows, strengths[:2].max(axis=0))
    recolour_looks = _looks(recolours, encoder, found, settings)
    for looks in (originals, copy_looks[0]):
        none = np.zeros(len(recoloured), dtype=np.int64)
        known.add(compare(looks.take(recoloured), recolour_looks), False, rows[recoloured], none)
    _add_neighbours(known, nodes, copy_looks[0], rows, found)
    # what decoys find is found as the dump's own candidates are
    first, second = stranger_pairs(nodes, recolour_looks, rows[recoloured], found, settings)
    decoys = Pairs(compare(recolour_looks.take(first), nodes.looks.take(second)), rows[recoloured][first])
    model, logits, figures = _fit(known, decoys, settings)
    figures |= {"photos": len(photos), "decoys": len(recoloured)}
    return Calibration(model, tuple(logits.round(6).tolist()), len(recoloured), figures)


def _sample(store: Store, settings: Settings, dump_id: str, nodes: Nodes) -> tuple[list[Picture], Rows]:
    """Some pictures of the dump and the rows of their nodes."""
    usable = np.flatnonzero(nodes.matched)
    count = min(settings.match.calibration_photos, len(usable))
    rows = np.sort(np.random.default_rng(settings.seed).choice(usable, count, replace=False))
    held = images_of(store, dump_id)
    wanted = {nodes.names[row]: held[nodes.names[row]] for row in rows}
    pictures = {
        image: imaging.decode(data, max_pixels=settings.fetch.max_pixels) for image, data in read_images(store, wanted)
    }
    return [pictures[nodes.names[row]] for row in rows], rows.astype(np.int64)


def _strengths(photos: int) -> Rows:
    """The strengths (COPIES, photos) of the re-uploads: every photo gets different ones."""
    return np.array(
        [[_STRENGTHS[(number + copy) % len(_STRENGTHS)] for number in range(photos)] for copy in range(COPIES)]
    )


def _simulate(
    photos: list[Picture], strengths: Rows, settings: Settings
) -> tuple[list[list[Picture]], list[Picture], Rows]:
    """COPIES re-uploads of every photo; the recolours of those that can be recoloured, and their places."""

    def simulate(number: int) -> tuple[list[Picture], Picture | None]:
        generator = generator_of(settings.seed, number)
        copies = [reupload(photos[number], strength, generator) for strength in strengths[:, number].tolist()]
        return copies, recolour(photos[number], generator)

    made = list(map_ahead(simulate, range(len(photos)), settings.worker_threads))
    recoloured = [number for number, (_, other) in enumerate(made) if other is not None]
    recolours = [other for _, other in made if other is not None]
    copies = [[of_photo[copy] for of_photo, _ in made] for copy in range(COPIES)]
    return copies, recolours, np.array(recoloured, dtype=np.int64)


def _looks(pictures: list[Picture], encoder: Encoder, found: NeighbourIndex, settings: Settings) -> Looks:
    """What is known of some pictures, seen from the dump."""
    vectors = encoder.encode(pictures)
    crowd = [crowd_of(found.neighbours(vector, settings.index.neighbours)[1]) for vector in vectors]
    return Looks.from_pictures(pictures, vectors, np.array(crowd, dtype=np.float32))


def _add_neighbours(known: _Known, nodes: Nodes, copies: Looks, rows: Rows, found: NeighbourIndex) -> None:
    """The nearest strangers of each photo, against the photo and against its re-upload."""
    node_of = {int(nodes.index_rows[node]): int(node) for node in np.flatnonzero(nodes.matched)[::-1]}
    mine: list[int] = []
    theirs: list[int] = []
    for place, row in enumerate(rows.tolist()):
        near = found.neighbours_of_row(int(nodes.index_rows[row]), 2 * _NEIGHBOURS)[0]
        others = [node_of[other] for other in near.tolist() if other in node_of]
        strangers = [other for other in others if nodes.families[other].isdisjoint(nodes.families[row])]
        mine += [place] * len(strangers[:_NEIGHBOURS])
        theirs += strangers[:_NEIGHBOURS]
    places, near_nodes = np.array(mine, dtype=np.int64), np.array(theirs, dtype=np.int64)
    for first in (nodes.looks.take(rows[places]), copies.take(places)):
        neighbours = np.full(len(places), -1, dtype=np.int64)
        known.add(compare(first, nodes.looks.take(near_nodes)), False, rows[places], neighbours)


def _fit(known: _Known, decoys: Pairs, settings: Settings) -> tuple[VerdictModel, Doubles, dict[str, float]]:
    """Fit without the suspects; the model, the held-out log odds of the decoys, the figures."""
    pairs, labels, strengths = known.pairs(), np.array(known.labels, dtype=bool), np.array(known.strengths)
    suspects = np.zeros(len(labels), dtype=bool)
    for _ in range(_ROUNDS):
        judged = fit(_some(pairs, ~suspects), labels[~suspects], decoys=pairs, seed=settings.seed)[2]
        suspects = (strengths < 0) & (sigmoid(judged) > _SUSPECT)
    labels, strengths = labels[~suspects], strengths[~suspects]
    model, logits, judged = fit(_some(pairs, ~suspects), labels, decoys=decoys, seed=settings.seed)
    figures = _figures(sigmoid(logits), labels, strengths, settings.match.target_precision)
    return model, judged, figures | {"pairs": len(labels), "suspects": int(suspects.sum())}


def _some(pairs: Pairs, kept: npt.NDArray[np.bool_]) -> Pairs:
    return Pairs({name: values[kept] for name, values in pairs.evidence.items()}, pairs.groups[kept])


def _figures(values: Doubles, labels: npt.NDArray[np.bool_], strengths: Rows, target: float) -> dict[str, float]:
    """How the held-out probabilities (N,) do."""
    order = np.argsort(-values, kind="stable")
    precision = np.cumsum(labels[order]) / np.arange(1, len(order) + 1)
    bins = np.minimum((values * _BINS).astype(int), _BINS - 1)
    error = sum(abs(values[bins == b].sum() - labels[bins == b].sum()) for b in range(_BINS)) / len(values)
    threshold, _ = threshold_for(values, target)
    accepted = values >= threshold
    figures = {
        "average_precision": float(precision[labels[order]].mean()),
        "expected_calibration_error": float(error),
        "precision": float(labels[accepted].mean()) if accepted.any() else 1.0,
        "recall": float(accepted[labels].mean()),
    }
    for strength in _STRENGTHS:
        figures[f"recall_strength_{strength}"] = float(accepted[labels & (strengths == strength)].mean())
    return {name: round(value, 6) for name, value in figures.items()}
