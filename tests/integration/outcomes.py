"""What came of a round, and the table of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_HEAD = "| round | disturbed | what else | retries | cleared | seconds | exports |\n|---|---|---|---|---|---|---|"


@dataclass
class Outcome:
    """What came of a round.

    Attributes:
        name: of the round.
        struck: what was disturbed, and how, with how often.
        others: what else happened.
        retries: tries beyond the first.
        cleared: how often failed tasks had to be cleared.
        seconds: from the start to the success.
        equal: whether the exports are those of the undisturbed run.
        broken: what did not hold, a sentence each.
    """

    name: str
    struck: Counter[str] = field(default_factory=Counter)
    others: list[str] = field(default_factory=list)
    retries: int = 0
    cleared: int = 0
    seconds: float = 0.0
    equal: bool = False
    broken: list[str] = field(default_factory=list)

    def row(self) -> str:
        """Its row of the table."""
        struck = ", ".join(f"{what} ({times})" if times > 1 else what for what, times in sorted(self.struck.items()))
        others, equal = "; ".join(self.others), "equal" if self.equal else "not equal"
        return f"| {self.name} | {struck} | {others} | {self.retries} | {self.cleared} | {self.seconds:.0f} | {equal} |"


def table(outcomes: Sequence[Outcome]) -> str:
    """The rounds, as Markdown."""
    return "\n".join([_HEAD, *(outcome.row() for outcome in outcomes)])


def broken(outcomes: Sequence[Outcome]) -> list[str]:
    """What did not hold in any, a sentence each."""
    return [f"{outcome.name}: {sentence}" for outcome in outcomes for sentence in outcome.broken]
