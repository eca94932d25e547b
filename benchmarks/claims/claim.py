"""What a claim is made of, and what came of measuring it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from claims.materials import Materials

OURS = "this project"


@dataclass(frozen=True)
class Contender:
    """A way of doing the work of a claim.

    Attributes:
        name: in the table.
        script: in ``contenders/``; called with the folder of the data, an empty folder for its results, and arguments.
        requirements: pins its environment, relative to ``benchmarks/``; empty for this project's own environment.
        arguments: further words for the script.
    """

    name: str
    script: str
    requirements: str = ""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Size:
    """How much work, and how often.

    Attributes:
        items: rows, images, vectors or hashes.
        rounds: runs of each peer, each right after one of ours.
    """

    items: int
    rounds: int = 3


@dataclass(frozen=True)
class Run:
    """What a contender took once.

    Attributes:
        seconds: on the clock, of the work alone: without imports and the reading of ready-made input.
        cpu_seconds: of the same, on all cores and in child processes.
        megabytes: peak of the resident memory of the process and all below it, imports included.
        figures: what else it says of its result, and what the claim's check found.
        versions: of its packages.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float
    figures: dict[str, float]
    versions: dict[str, str]


@dataclass
class Line:
    """The runs of one contender.

    Attributes:
        name: of the contender.
        runs: in the order in which they were made.
        partners: for a peer, of each of its runs the run of this project right before it.
        error: one sentence where it failed; runs before that one count.
        absent: one sentence where this machine cannot run it, which is no failure.
    """

    name: str
    runs: list[Run] = field(default_factory=list)
    partners: list[Run] = field(default_factory=list)
    error: str = ""
    absent: str = ""

    def median(self, name: str) -> float:
        """The median of an attribute over the runs, of which there is at least one."""
        return statistics.median(getattr(run, name) for run in self.runs)

    def figure(self, name: str) -> float | None:
        """The worst of a figure that is better the higher it is; None where it was not taken."""
        return min((run.figures[name] for run in self.runs if name in run.figures), default=None)

    def ratios(self, name: str = "seconds") -> list[float]:
        """How many times what this project took the peer took, pair by pair."""
        pairs = zip(self.runs, self.partners, strict=True)
        return [getattr(run, name) / max(getattr(partner, name), 1e-9) for run, partner in pairs]


@dataclass(frozen=True)
class Outcome:
    """What came of a claim at one size.

    Attributes:
        claim: its name.
        size: items.
        noun: what they are.
        data: a sentence on them.
        ours: this project's line.
        peers: the others', in the claim's order.
        machine: what the figures depend on besides, see ``report.machine``.
    """

    claim: str
    size: int
    noun: str
    data: str
    ours: Line
    peers: list[Line]
    machine: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """What a claim promises.

    Attributes:
        text: one clause, for the report.
        is_met: told the outcomes of the claim's sizes so far, the last of which is judged; None: cannot be judged.
        value: told the same, what was compared with the promise, for the report; None: cannot be told.
    """

    text: str
    is_met: Callable[[Sequence[Outcome]], bool | None]
    value: Callable[[Sequence[Outcome]], float | None] = lambda outcomes: None


def no_check(data: Path, results: Path) -> dict[str, float]:
    """For claims in which every contender that ends well has done the work."""
    del data, results
    return {}


@dataclass(frozen=True)
class Claim:
    """Work that this project and its peers do on the same data.

    Attributes:
        name: for the command line and the table.
        text: what is claimed, one clause.
        noun: what is counted.
        ours: how this project does it.
        peers: how others do it.
        quick: sizes that take minutes; none where there are no such.
        full: sizes that the claim speaks of.
        make: writes the data of so many items into an empty folder, and says in a sentence what they are.
        targets: what is promised.
        beside: a script in ``contenders/`` that runs while they do, such as a server; called with the data's folder,
            where it makes a file ``ready``.
        check: reads the data's folder and that of a contender's results; returns figures of its quality.
    """

    name: str
    text: str
    noun: str
    ours: Contender
    peers: tuple[Contender, ...]
    quick: tuple[Size, ...]
    full: tuple[Size, ...]
    make: Callable[[Path, int, Materials], str]
    targets: tuple[Target, ...] = ()
    beside: str = ""
    check: Callable[[Path, Path], dict[str, float]] = no_check
