"""The rounds without Airflow: every stage is a ``dedup`` process, struck at some of its writes, then run again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence

from invariants import differences, half_written
from nursery import Ended, Strike
from outcomes import Outcome
from places import STORES
from workshop import Chain, Reference, Workshop, last_of

from dedup_pipeline.stages.chain import STAGES

HOWS = ("SIGKILL", "SIGTERM", "SIGINT", "MemoryError")
# what a shell sees of a process that a signal ends, and what its parent sees when it has no handler
_STATUSES = {"SIGKILL": {-9}, "SIGTERM": {143, -15}, "SIGINT": {130, -2}}


def stage_rounds(
    shop: Workshop, reference: Reference, *, rounds: int, seed: int, stores: Sequence[str] = STORES
) -> list[Outcome]:
    """Rounds in which each stage is struck once; their stores lie in the kinds of stores in turn."""
    dealer, outcomes = Dealer(seed, reference.writes), []
    for number in range(1, rounds + 1):
        store = stores[(number - 1) % len(stores)]
        name = f"stages-{number} in {store}"
        chain = shop.chain(f"stages-{number}", store)
        outcomes.append(play(chain, name, dealer.deal(), reference.exports, shop.say))
    return outcomes


def play(
    chain: Chain,
    name: str,
    strikes: Mapping[str, Sequence[Strike]],
    expected: Mapping[str, bytes],
    say: Callable[[str], None],
) -> Outcome:
    """Run every stage, after as many struck tries as it was dealt, and see what holds.

    Args:
        chain: what is run.
        name: of the round.
        strikes: by stage.
        expected: the exports of the undisturbed run.
        say: tells a person.
    """
    outcome, began = Outcome(name), time.monotonic()
    for stage in STAGES:
        for strike in strikes.get(stage, ()):
            ended = chain.run(stage, strike)
            told = f"{stage} {strike.how}"
            if not ended.status and (ended.writes or 0) < strike.at:
                say(f"{name}: {told} came too late")
                continue
            say(f"{name}: {told} at write {strike.at}: status {ended.status}")
            outcome.struck[told] += 1
            outcome.retries += 1
            outcome.broken += _broken_by(chain, told, strike, ended)
        ended = chain.run(stage)
        if ended.status:
            outcome.broken.append(f"{stage} ended with status {ended.status} after it was struck: {last_of(ended)}")
            break
        outcome.broken += [f"{stage} left '{command}' running" for command in ended.left]
    outcome.seconds = time.monotonic() - began
    different = differences(dict(expected), chain.exports())
    outcome.equal = not different
    if different:
        outcome.broken.append(f"the exports differ in {', '.join(different)}")
    if not outcome.broken:
        outcome.broken += [*chain.mlflow.broken(dumps=chain.recorded + 1), *half_written(chain.place)]
    say(f"{name}: over after {outcome.seconds:.0f} s; {chain.place.unfinished()} unfinished files are left")
    return outcome


def _broken_by(chain: Chain, told: str, strike: Strike, ended: Ended) -> list[str]:
    """What a struck process did that it must not do, a sentence each."""
    sentences = [f"half-written after {told}: {sentence}" for sentence in half_written(chain.place)]
    sentences += [f"{told} left '{command}' running" for command in ended.left]
    if ended.status == 0 or ended.status not in _STATUSES.get(strike.how, {ended.status}):
        sentences.append(f"{told} ended with status {ended.status}: {last_of(ended)}")
    return sentences


class Dealer:
    """Draws the strikes: over the rounds each stage meets each way before it meets one again.

    Args:
        seed: of every choice.
        writes: how many writes each stage begins.
    """

    def __init__(self, seed: int, writes: Mapping[str, int]) -> None:
        self._chance = random.Random(seed)
        self._writes = writes
        self._hows: dict[str, list[str]] = {stage: [] for stage in STAGES}

    def deal(self) -> dict[str, list[Strike]]:
        """The strikes of a round, one for each stage that writes."""
        return {stage: [self._strike(stage)] for stage in STAGES if self._writes[stage]}

    def _strike(self, stage: str) -> Strike:
        hows = self._hows[stage]
        if not hows:
            hows += HOWS
            self._chance.shuffle(hows)
        return Strike(self._chance.randint(1, self._writes[stage]), hows.pop())
