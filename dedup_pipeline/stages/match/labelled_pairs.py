"""Pairs of pictures whose answers are known, and their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dedup_pipeline.compute.dtypes import Flags, Floats, Rows
from dedup_pipeline.stages.match.nodes import Nodes
from dedup_pipeline.stages.match.simulated_pairs import SimulatedPairs
from dedup_pipeline.verdict.classifier import Pairs
from dedup_pipeline.verdict.evidence import ImageFeatures, compare

_COLUMNS = ("first", "second", "labels", "strengths", "covered")


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs with their answers.

    Attributes:
        pairs: the evidence of the first pass, and the groups.
        first: (N,) number of a picture: the row of a node, or below 0 that of a made one.
        second: (N,) the same.
        labels: (N,) bool.
        strengths: (N,) 1 to 3 of a re-upload, else which kind of negative.
        covered: (N,) bool, whether something may lie on the product of one that was not on that of the other.
    """

    pairs: Pairs
    first: Rows
    second: Rows
    labels: Flags
    strengths: Rows
    covered: Flags

    def only(self, kept: Flags) -> LabelledPairs:
        """Some of the pairs."""
        evidence = {name: values[kept] for name, values in self.pairs.evidence.items()}
        pairs = Pairs(evidence, self.pairs.groups[kept])
        columns = {name: getattr(self, name)[kept] for name in _COLUMNS}
        return LabelledPairs(pairs, **columns)

    def with_evidence(self, more: dict[str, Floats]) -> LabelledPairs:
        """The same pairs with further evidence."""
        return replace(self, pairs=Pairs(dict(self.pairs.evidence) | more, self.pairs.groups))

    def of(self, names: Iterable[str]) -> LabelledPairs:
        """The same pairs with some of the evidence."""
        return replace(self, pairs=Pairs({name: self.pairs.evidence[name] for name in names}, self.pairs.groups))

    @classmethod
    def together(cls, pieces: Sequence[LabelledPairs]) -> LabelledPairs:
        """The pairs of all pieces, one after the other; each has at least the evidence that the first has."""
        names = pieces[0].pairs.evidence
        evidence = {name: np.concatenate([piece.pairs.evidence[name] for piece in pieces]) for name in names}
        groups = np.concatenate([piece.pairs.groups for piece in pieces])
        columns = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in _COLUMNS}
        return cls(Pairs(evidence, groups), **columns)


@dataclass
class PairCollector:
    """Features and numbers of pictures, and the pairs that are made of them."""

    nodes: Nodes
    made: SimulatedPairs
    pieces: list[LabelledPairs]

    def add(
        self,
        first: Rows,
        second: Rows,
        groups: Rows,
        *,
        label: bool,
        strengths: Rows | int,
        covered: Flags | bool = False,
    ) -> None:
        """Compare P pairs of pictures by their numbers (P,) in the first pass, and keep them."""
        evidence = compare(self._features(first), self._features(second))
        labels = np.full(len(first), label)
        columns = (np.broadcast_to(column, len(first)).copy() for column in (strengths, covered))
        self.pieces.append(LabelledPairs(Pairs(evidence, groups), first, second, labels, *columns))

    def _features(self, numbers: Rows) -> ImageFeatures:
        return self.made.features.take(-1 - numbers) if (numbers < 0).all() else self.nodes.features.take(numbers)

    def known(self) -> LabelledPairs:
        """All that was added."""
        return LabelledPairs.together(self.pieces)
