"""Pairs of pictures whose answers are known, and their evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dedup_pipeline.evidence import Floats, Looks, Rows, compare
from dedup_pipeline.match.judge import Flags
from dedup_pipeline.match.nodes import Nodes
from dedup_pipeline.match.simulate import Made
from dedup_pipeline.probability import Pairs


@dataclass(frozen=True)
class Known:
    """Pairs with their answers.

    Attributes:
        pairs: the evidence at a glance, and the groups.
        first: (N,) number of a picture: the row of a node, or below 0 that of a made one.
        second: (N,) the same.
        labels: (N,) bool.
        strengths: (N,) 1 to 3 of a re-upload, else which kind of negative.
    """

    pairs: Pairs
    first: Rows
    second: Rows
    labels: Flags
    strengths: Rows

    def only(self, kept: Flags) -> Known:
        """Some of the pairs."""
        evidence = {name: values[kept] for name, values in self.pairs.evidence.items()}
        pairs = Pairs(evidence, self.pairs.groups[kept])
        return Known(pairs, self.first[kept], self.second[kept], self.labels[kept], self.strengths[kept])

    def with_evidence(self, more: dict[str, Floats]) -> Known:
        """The same pairs with further evidence."""
        pairs = Pairs(dict(self.pairs.evidence) | more, self.pairs.groups)
        return Known(pairs, self.first, self.second, self.labels, self.strengths)


@dataclass
class Collector:
    """Looks and numbers of pictures, and the pairs that are made of them."""

    nodes: Nodes
    made: Made
    pieces: list[Known]

    def add(self, first: Rows, second: Rows, groups: Rows, *, label: bool, strengths: Rows | int) -> None:
        """Compare P pairs of pictures by their numbers (P,) at a glance, and keep them."""
        evidence = compare(self._looks(first), self._looks(second))
        labels = np.full(len(first), label)
        self.pieces.append(
            Known(Pairs(evidence, groups), first, second, labels, np.broadcast_to(strengths, len(first)).copy())
        )

    def _looks(self, numbers: Rows) -> Looks:
        return self.made.looks.take(-1 - numbers) if (numbers < 0).all() else self.nodes.looks.take(numbers)

    def known(self) -> Known:
        """All that was added."""
        names = self.pieces[0].pairs.evidence
        evidence = {name: np.concatenate([piece.pairs.evidence[name] for piece in self.pieces]) for name in names}
        groups = np.concatenate([piece.pairs.groups for piece in self.pieces])
        columns = [
            np.concatenate([getattr(piece, name) for piece in self.pieces])
            for name in ("first", "second", "labels", "strengths")
        ]
        return Known(Pairs(evidence, groups), *columns)
