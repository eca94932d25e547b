"""Which disturbances happen in which round: drawn from a seed, so that over the rounds every task is hit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from disturbances import (
    ALONE,
    INTERRUPTED,
    TERMINATED,
    TIMED_OUT,
    WITH_WORKER,
    WORKER,
    Disturbance,
    Kill,
)
from outages import FillDisk, RestartScheduler, TakeMlflowAway, TakeStorageAway
from places import FOLDER, OBJECT
from scene import MOMENTS, Aim

# what of that which happens once needs a kind of store
_NEEDS = {"disk": FOLDER, "storage": OBJECT}

_IN_AN_EPOCH = "train in an epoch"
_WAYS = (ALONE, ALONE, WITH_WORKER, WORKER, TERMINATED, INTERRUPTED, TIMED_OUT, TIMED_OUT)
# shares of a task's usual time: a kill comes within the first, and within the second when it has come too late before
_LATEST, _SOON = 0.8, 0.3
# the stages that take long enough to be met in their middle
_WRITERS = ("ingest", "fetch", "fingerprint", "train", "embed", "index", "match", "export")


@dataclass(frozen=True)
class Plan:
    """What shall happen.

    Attributes:
        rounds: disturbed runs.
        seed: of every random choice.
        kills: in a round.
        only: kill these cards alone; all when it is empty.
        special: what happens once each, scheduler, mlflow, disk, storage, exhaust.
        away_seconds: how long MLflow and the object storage are away.
        stores: kinds of store, which the rounds take in turn.
    """

    rounds: int
    seed: int
    kills: int
    only: Sequence[str]
    special: Sequence[str]
    away_seconds: float
    stores: Sequence[str]

    def store_of(self, number: int) -> str:
        """The kind of store of a round, counted from 1."""
        return self.stores[(number - 1) % len(self.stores)]

    def special_of(self, number: int) -> set[str]:
        """What else happens in a round: each thing in a round whose store fits, spread evenly."""
        found = set()
        for place, kind in enumerate(self.special):
            fitting = [
                some
                for some in range(1, self.rounds + 1)
                if _NEEDS.get(kind, self.store_of(some)) == self.store_of(some)
            ]
            if fitting and fitting[place % len(fitting)] == number:
                found.add(kind)
        return found


@dataclass
class Deck:
    """Deals the disturbances.

    Args:
        plan: what shall happen.
        tasks: of the workflow.
        retries: further tries of a task.
    """

    plan: Plan
    tasks: Sequence[str]
    retries: int
    _cards: list[str] = field(default_factory=list)
    _missed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.plan.seed)

    def deal(self, number: int) -> list[Disturbance]:
        """The disturbances of a round, counted from 1."""
        chance = self._chance
        dealt: list[Disturbance] = [self._kill() for _ in range(self.plan.kills)]
        special = self.plan.special_of(number)
        if "scheduler" in special:
            aim = Aim(chance.choice(_WRITERS), chance.random(), or_later=True)
            dealt.append(RestartScheduler(aim, with_workers=chance.random() < 0.5))
        if "mlflow" in special:
            dealt.append(TakeMlflowAway(self._aim(_IN_AN_EPOCH), self.plan.away_seconds))
        if "disk" in special:
            dealt.append(FillDisk(Aim(chance.choice(_WRITERS), chance.random() / 2, or_later=True)))
        if "storage" in special:
            aim = Aim(chance.choice(_WRITERS), chance.random() / 2, or_later=True)
            dealt.append(TakeStorageAway(aim, self.plan.away_seconds))
        if "exhaust" in special:
            aim = self._aim(_IN_AN_EPOCH)
            dealt.append(Kill(aim, ALONE, times=self.retries + 1, card=_IN_AN_EPOCH))
        return dealt

    def take_back(self, dealt: Sequence[Disturbance]) -> list[str]:
        """Deal kills that came too late once more; the names of all that did not happen."""
        late = [disturbance for disturbance in dealt if not disturbance.hit]
        self._missed += [disturbance.card for disturbance in late if isinstance(disturbance, Kill)]
        return [disturbance.name for disturbance in late]

    def _kill(self) -> Kill:
        late = bool(self._missed)
        card = self._missed.pop(0) if late else self._card()
        return Kill(self._aim(card, _SOON if late else _LATEST), self._chance.choice(_WAYS), card=card)

    def _card(self) -> str:
        if not self._cards:
            self._cards = list(self.plan.only) or [*self.tasks, *MOMENTS]
            self._chance.shuffle(self._cards)
        return self._cards.pop()

    def _aim(self, card: str, most: float = _LATEST) -> Aim:
        return Aim(card.partition(" ")[0], self._chance.uniform(0, most), MOMENTS.get(card))
