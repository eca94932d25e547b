"""Dividing the packs or parts of a stage among parallel tasks, by references that stay small.

A dump may have tens of thousands of packs, a workflow some hundred tasks: each task gets a share, named by two places
in a sorted list that both sides can read. What lies between them and is done already costs its task a look.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

T = TypeVar("T", str, int)


@dataclass(frozen=True)
class Share:
    """A run of places in a sorted list.

    Attributes:
        first: the first place.
        last: the place after the last.
        label: what it holds, for a person.
    """

    first: int
    last: int
    label: str

    def of(self, everything: Sequence[T]) -> list[T]:
        """The members of the list that belong to the share."""
        return list(everything[self.first : self.last])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def divide(everything: Sequence[T], wanted: Collection[T], most: int, noun: str) -> list[Share]:
    """Divide what is still to be done into shares of almost equal size.

    Args:
        everything: the whole sorted list, the same whenever it is read.
        wanted: its members that are to be done.
        most: how many shares there may be, at least 1.
        noun: what a member is, for the labels: "pack".

    Returns:
        Disjoint shares, in order, that cover every wanted member; none when nothing is wanted.
    """
    chosen = set(wanted)
    places = [place for place, member in enumerate(everything) if member in chosen]
    count = min(most, len(places))
    bounds = [round(number * len(places) / count) for number in range(count + 1)] if count else []
    shares = []
    for start, end in itertools.pairwise(bounds):
        first, last = places[start], places[end - 1] + 1
        which = f"{noun} {first + 1}" if last == first + 1 else f"{noun}s {first + 1} to {last}"
        shares.append(Share(first, last, f"{which} of {len(everything)}"))
    return shares
