"""Measure a claim: this project and a peer in turns, each run in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from peers.processes import PeerError, environment, measured

from claims.beside import BesideError, beside
from claims.claim import OURS, Claim, Contender, Line, Outcome, Run, Size
from claims.materials import Materials
from dedup_pipeline.errors import DedupError

BENCHMARKS = Path(__file__).parents[1]


class NotHereError(Exception):
    """This machine lacks what a contender needs; its text says what."""


@dataclass(frozen=True)
class Workplace:
    """Where claims are measured.

    Attributes:
        scratch: for data and results; has room, and is removed by its owner.
        environments: where those of the peers are kept.
        logs: what the contenders say.
        materials: what data are made of.
        timeout: seconds after which a run is ended.
        profiles: where to write what this project's CPU seconds go into; None to measure no such thing.
    """

    scratch: Path
    environments: Path
    logs: Path
    materials: Materials
    timeout: float
    profiles: Path | None = None


@dataclass(frozen=True)
class Entrant:
    """A contender and the line of its runs."""

    contender: Contender
    line: Line


def contest(claim: Claim, size: Size, workplace: Workplace) -> Outcome:
    """Measure a claim at one size: ours, peer, ours, peer; the next peer the same way; then the next round.

    A contender that fails is not run again; its line says why. Without peers, or when all fail, ours runs alone. Where
    the data cannot be made, all lines say so.
    """
    data = workplace.scratch / f"{claim.name}-{size.items}"
    data.mkdir()
    ours = Entrant(claim.ours, Line(OURS))
    peers = [Entrant(peer, Line(peer.name)) for peer in claim.peers]
    said = "none"
    try:
        said = claim.make(data, size.items, workplace.materials)
        for entrant in peers:
            _install(entrant, workplace)
        with beside(claim.beside, data):
            _measure_all(claim, size, ours, peers, data=data, workplace=workplace)
            if workplace.profiles is not None:
                _profile(claim, ours, data, workplace, workplace.profiles)
    except (DedupError, OSError, subprocess.CalledProcessError, BesideError) as error:
        for entrant in (ours, *peers):
            entrant.line.error = entrant.line.error or f"the claim cannot be measured: {error}"
    finally:
        shutil.rmtree(data)
    return Outcome(claim.name, size.items, claim.noun, said, ours.line, [peer.line for peer in peers])


def _measure_all(
    claim: Claim, size: Size, ours: Entrant, peers: list[Entrant], *, data: Path, workplace: Workplace
) -> None:
    for peer in _turns(peers, size.rounds):
        partner = _run(claim, ours, data, workplace)
        run = _run(claim, peer, data, workplace)
        if run and partner:
            peer.line.partners.append(partner)
    for _ in range(size.rounds - len(ours.line.runs)):
        _run(claim, ours, data, workplace)


def _profile(claim: Claim, ours: Entrant, data: Path, workplace: Workplace, folder: Path) -> None:
    """Run this project's side once more, which counts for nothing else, and write its profile."""
    apart = Entrant(ours.contender, Line(f"{OURS}, profiled"))
    _run(claim, apart, data, workplace, {"BENCH_PROFILE": str(folder / f"{data.name}.txt")})


def _turns(peers: list[Entrant], rounds: int) -> Iterator[Entrant]:
    for _ in range(rounds):
        yield from (peer for peer in peers if not peer.line.error and not peer.line.absent)


def _install(entrant: Entrant, workplace: Workplace) -> None:
    """Make the environment of a contender, outside of the measured time."""
    if entrant.contender.requirements:
        try:
            environment(BENCHMARKS / entrant.contender.requirements, workplace.environments)
        except (PeerError, OSError) as error:
            entrant.line.error = str(error)


def _run(
    claim: Claim,
    entrant: Entrant,
    data: Path,
    workplace: Workplace,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Run | None:
    """Run a contender once and check its result; None where it fails or has failed."""
    contender, line = entrant.contender, entrant.line
    if line.error or line.absent:
        return None
    slug = re.sub(r"\W+", "-", f"{data.name} {line.name}").strip("-")
    results = workplace.scratch / slug
    results.mkdir()
    try:
        line.runs.append(_measured(claim, contender, (data, results), workplace, variables))
    except NotHereError as error:
        line.absent = str(error)
        return None
    except PeerError as error:
        line.error = str(error)
        return None
    except (OSError, ValueError, KeyError) as error:
        line.error = f"its result cannot be read: {error!r}"
        return None
    finally:
        shutil.rmtree(results)
    print(f"{slug}: {line.runs[-1].seconds:.1f} s, {line.runs[-1].megabytes:.0f} MB", file=sys.stderr)
    return line.runs[-1]


def _measured(
    claim: Claim, contender: Contender, folders: tuple[Path, Path], workplace: Workplace, variables: Mapping[str, str]
) -> Run:
    data, results = folders
    python = sys.executable
    if contender.requirements:
        python = str(environment(BENCHMARKS / contender.requirements, workplace.environments))
    command = [python, str(BENCHMARKS / "contenders" / contender.script), *map(str, folders), *contender.arguments]
    usage = measured(command, workplace.logs / f"{results.name}.log", workplace.timeout, variables)
    told = json.loads((results / "result.json").read_text())
    if "absent" in told:
        raise NotHereError(told["absent"])
    figures = told["figures"] | claim.check(data, results)
    peak = max(told["megabytes"], usage.megabytes)
    return Run(told["seconds"], told["cpu_seconds"], peak, figures, told["versions"])
