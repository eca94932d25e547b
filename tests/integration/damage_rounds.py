"""Torn and flipped files: one file of a finished store at a time is damaged, then the dump is run again.

Every second time what the later stages made is taken away as well, so that they read what is damaged.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

from invariants import differences
from nursery import Ended
from outcomes import Outcome
from places import STORES, Place
from workshop import DUMP, Chain, Reference, Workshop, last_of

from dedup_pipeline.stages.chain import STAGES

NAMED, MADE_ANEW, NOT_READ = "named", "made anew", "not read"
_MAKERS = {"packs": "fetch", "models": "train", "exports": "export"}
_ROOMS = ("dumps/", *(f"{room}/" for room in _MAKERS))


def flipped(content: bytes, chance: random.Random) -> bytes:
    """The same with one bit of one byte turned."""
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, chance: random.Random) -> bytes:
    """The same without its end."""
    return content[: chance.randrange(len(content))]


WAYS: dict[str, Callable[[bytes, random.Random], bytes]] = {"flipped": flipped, "cut": cut}


def damage_rounds(
    shop: Workshop, reference: Reference, *, files: int, seed: int, stores: Sequence[str] = STORES
) -> list[Outcome]:
    """A round in every kind of store, in which so many files are damaged, one after the other."""
    return [_play(shop, reference, files=files, seed=seed, store=store) for store in stores]


def _play(shop: Workshop, reference: Reference, *, files: int, seed: int, store: str) -> Outcome:
    outcome, began, chance = Outcome(f"damage-{store}"), time.monotonic(), random.Random(seed)
    ends: Counter[str] = Counter()
    chain = shop.copy(f"damage-{store}", reference, store)
    whole = {name: chain.place.read(name) for name in chain.place.names() if name.startswith(_ROOMS)}
    hidden = list(whole)
    chance.shuffle(hidden)
    for number, name in enumerate(some for some in hidden[:files] if whole[some]):
        way = list(WAYS)[number % len(WAYS)]
        damaged = WAYS[way](whole[name], chance)
        chain.place.write(name, damaged)
        told = f"{name} {way}"
        if number // len(WAYS) % 2:
            told += ", later stages again"
            for stage in _after(name):
                _forget(chain.place, stage)
        ended = chain.run("run")
        end = _judged(ended, chain.place, name, damaged, _different(reference, chain))
        shop.say(f"{outcome.name}: {told}: {end}")
        outcome.struck[way] += 1
        if end in (NAMED, MADE_ANEW, NOT_READ):
            ends[end] += 1
        else:
            outcome.broken.append(f"{told}: {end}")
        _restore(chain.place, whole)
    outcome.others = [f"{times} {end}" for end, times in sorted(ends.items())]
    outcome.seconds = time.monotonic() - began
    outcome.equal = not outcome.broken
    return outcome


def _different(reference: Reference, chain: Chain) -> list[str]:
    """The exports that are not those of the reference; the summary counts what was done anew, so it may differ."""
    return [name for name in differences(reference.exports, chain.exports()) if name != "summary.json"]


def _judged(ended: Ended, place: Place, name: str, damaged: bytes, different: list[str]) -> str:
    """What came of a damaged file: one of the good ends, or what is wrong, in words."""
    if "Traceback" in ended.said:
        return f"a traceback: {last_of(ended)}"
    if not ended.status and different:
        return f"other exports, without a word: {', '.join(different)}"
    if not ended.status:
        return NOT_READ if name in place.names(name) and place.read(name) == damaged else MADE_ANEW
    sentences = [line for line in ended.said.splitlines() if line.startswith("dedup: ")]
    return NAMED if any(f"{place.url}/{name}" in line for line in sentences) else f"not named: {last_of(ended)}"


def _after(name: str) -> list[str]:
    """The stages that come after the one that made a file."""
    room, _, rest = name.partition("/")
    made_by = rest.split("/")[1] if room == "dumps" else _MAKERS[room]
    return list(STAGES)[list(STAGES).index(made_by) + 1 :]


def _forget(place: Place, stage: str) -> None:
    """Take away what a stage made of the dump."""
    for name in place.names(f"dumps/{DUMP}/{stage}"):
        place.remove(name)


def _restore(place: Place, whole: dict[str, bytes]) -> None:
    """Make the store what it was before anything was damaged."""
    for name in place.names():
        if name.startswith(_ROOMS) and name not in whole:
            place.remove(name)
    for name, content in whole.items():
        try:
            if place.read(name) == content:
                continue
        except FileNotFoundError:
            pass
        place.write(name, content)
