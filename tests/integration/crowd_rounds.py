"""Slow hosts and crowds: dumps that a shop may well hand in, and that must not hold up or blow up a run."""

from __future__ import annotations

import contextlib
import csv
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from outcomes import Outcome
from workshop import Chain, Reference, Workshop, last_of

from dedup_pipeline.stages.chain import STAGES
from faulty_server import FaultyServer, drip_body, drip_headers, running, silence, status

_SLOW = {"drips a body": drip_body, "drips a header": drip_headers, "says nothing": silence}
_EVERY = 7  # one photo of so many lies on one of the slow hosts
# a crowd of twice the listings may have exports of somewhat more than twice the bytes: its numbers are longer
_MOST_GROWTH = 2.3


def slow_hosts(shop: Workshop, reference: Reference) -> Outcome:
    """A dump with photos on hosts that never get done: its exports are those of a dump whose hosts refuse at once."""
    outcome = Outcome("slow-hosts")
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(running()) for _ in _SLOW]
        catalog = shop.folder / "slow.csv"
        moved = _moved(shop.catalog, catalog, f"http://{shop.host}", hosts)
        settings = {"fetch__allow_hosts": ",".join([shop.host, *(f"127.0.0.1:{host.port}" for host in hosts)])}
        settings |= {"fetch__read_timeout": "1", "fetch__total_timeout": "2", "fetch__retries": "2"}
        settings |= {"fetch__max_failure_ratio": "0.6"}
        for host in hosts:
            host.routes = _Everywhere(status(404))
        refused = shop.trained("slow-refused", reference, catalog, **settings)
        refused.undisturbed()
        for host, route in zip(hosts, _SLOW.values(), strict=True):
            host.requests.clear()
            host.routes = _Everywhere(route)
        slow, began = shop.trained("slow-dripped", reference, catalog, **settings), time.monotonic()
        outcome.broken += _failed(slow)
        outcome.seconds = time.monotonic() - began
        outcome.struck.update({name: count for name, count in zip(_SLOW, moved, strict=True)})
        for name, host, photos in zip(_SLOW, hosts, moved, strict=True):
            asked = sum(host.requests.values())
            outcome.others.append(f"asked {asked} times")
            if asked > photos:
                outcome.broken.append(f"a host that {name} was asked {asked} times for {photos} photos")
    if not outcome.broken:
        different = [name for name in refused.exports() if _told(refused, name) != _told(slow, name)]
        outcome.equal = not different
        if different:
            outcome.broken.append(f"the exports differ in {', '.join(different)}")
    shop.say(f"{outcome.name}: over after {outcome.seconds:.0f} s; {', '.join(outcome.others)}")
    return outcome


def crowds(shop: Workshop, reference: Reference, sizes: Sequence[int] = (300, 600)) -> Outcome:
    """Dumps in which many listings show one picture: the exports of twice the listings have twice the bytes."""
    outcome, began = Outcome("crowds"), time.monotonic()
    chain = shop.trained("crowds", reference, shop.catalog)
    grown = []
    for place, size in enumerate(sizes):
        catalog = shop.folder / f"crowd-{size}.csv"
        _crowded(shop.catalog, catalog, size)
        some = replace(chain, catalog=catalog, dump=f"crowd-{size}")
        outcome.broken += _failed(some)
        if outcome.broken:
            return outcome
        exported = sum(len(content) for content in some.exports().values())
        grown.append(exported)
        outcome.struck[f"{size} listings of one picture"] += 1
        outcome.others.append(f"{exported / 1e6:.1f} MB")
        paired = _paired(some)
        if paired < size:
            outcome.broken.append(f"of {size} listings that show one picture only {paired} have a duplicate")
        if place and grown[-1] > _MOST_GROWTH * grown[-2] * size / sizes[place - 1] / 2:
            outcome.broken.append(f"{size} listings make {grown[-1]:,} bytes, {sizes[place - 1]} {grown[-2]:,}")
    outcome.seconds, outcome.equal = time.monotonic() - began, not outcome.broken
    shop.say(f"{outcome.name}: over after {outcome.seconds:.0f} s; {', '.join(outcome.others)}")
    return outcome


class _Everywhere(dict[str, object]):
    """The same route for every path."""

    def __init__(self, route: object) -> None:
        super().__init__()
        self._route = route

    def get(self, path: str, default: object = None) -> object:
        return self._route


def _failed(chain: Chain) -> list[str]:
    """Run every stage; the sentence of the first that fails."""
    for stage in STAGES:
        ended = chain.run(stage)
        if ended.status:
            return [f"{stage} ended with status {ended.status}: {last_of(ended)}"]
    return []


def _moved(source: Path, target: Path, base: str, hosts: Sequence[FaultyServer]) -> list[int]:
    """Write a catalog of which some rows' photos lie on other hosts; how many rows each has."""
    counts = [0] * len(hosts)
    with source.open(newline="", encoding="utf-8") as before, target.open("w", newline="", encoding="utf-8") as after:
        for number, line in enumerate(before):
            which = number % _EVERY
            moves = number > 0 and which < len(hosts) and base in line
            after.write(line.replace(base, hosts[which].base) if moves else line)
            if moves:
                counts[which] += 1
    return counts


def _crowded(source: Path, target: Path, size: int) -> None:
    """Write a catalog with so many more listings of its first product: same picture, brand and category."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        names, first = rows.fieldnames, next(rows)
    assert names is not None
    with target.open("w", newline="", encoding="utf-8") as file:
        file.write(source.read_text(encoding="utf-8").rstrip("\n") + "\n")
        writer = csv.DictWriter(file, names, lineterminator="\n")
        for number in range(size):
            writer.writerow(first | {"productId": f"CROWD{number:011d}", "productFamily": ""})


def _paired(chain: Chain) -> int:
    """How many listings of the crowd have a duplicate."""
    duplicates = json.loads(chain.exports()["duplicates.json"])
    named = set(duplicates) | {str(other) for others in duplicates.values() for other in others}
    return sum(name.startswith("CROWD") for name in named)


def _told(chain: Chain, name: str) -> object:
    """An exported file; of the summary all but how the fetch failed, which is what differs."""
    content = chain.exports()[name]
    if name != "summary.json":
        return content
    told = json.loads(content)
    told.pop("fetch", None)
    return told
