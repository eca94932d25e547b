"""Outcomes as one table and as plain values, with the machine they were had on."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter

from claims.claim import Claim, Line, Outcome, Target

_NONE = "-"
_COLUMNS = (
    "claim", "contender", "seconds", "per second", "ours is so many times as fast", "by CPU seconds", "peak MB",
    "figures",
)  # fmt: skip
_NOTE = """\
Every run in a process of its own, one thread per library. Seconds, memory and figures: medians of the runs. *Ours is so
many times as fast*: what the peer took over what this project took in the run right before it; median of the pairs,
with the least and the greatest. Seconds are of the work alone, without imports. Memory is the resident peak of the
process and all below it, imports and mapped files included. *share done*: the contender did so much of the work; its
seconds are divided by that."""
_VERDICTS = {True: "met", False: "**missed**", None: "not judged"}


def judged(claim: Claim, outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """The targets of a claim at each size: size, text, met (true, false, or null where it cannot be judged)."""
    return [
        {"claim": claim.name, "size": outcome.size, "text": target.text} | _judgement(target, outcomes[:place])
        for place, outcome in enumerate(outcomes, start=1)
        for target in claim.targets
    ]


def _judgement(target: Target, outcomes: list[Outcome]) -> dict[str, Any]:
    """Met or not, and the value that was judged; neither where this machine cannot run the claim."""
    if outcomes[-1].ours.absent:
        return {"met": None, "value": None}
    return {"met": target.is_met(outcomes), "value": target.value(outcomes)}


def plain(mode: str, outcomes: list[Outcome], targets: list[dict[str, Any]]) -> dict[str, Any]:
    """All as plain JSON values, of which ``earlier_outcomes`` makes outcomes again."""
    return {"mode": mode, "outcomes": [_plain(one) for one in outcomes], "targets": targets}


def _plain(outcome: Outcome) -> dict[str, Any]:
    values = asdict(outcome)
    for line, told in zip([outcome.ours, *outcome.peers], [values["ours"], *values["peers"]], strict=True):
        told["ratios"], told["cpu_ratios"] = line.ratios() if line.partners else [], _cpu_ratios(line)
    return values


def earlier_outcomes(file: Path) -> list[Outcome]:
    """The outcomes of a file that ``plain`` was written to; none where there is no such file."""
    if not file.is_file():
        return []
    return TypeAdapter(list[Outcome]).validate_python(json.loads(file.read_text())["outcomes"])


def markdown(mode: str, outcomes: list[Outcome], targets: list[dict[str, Any]]) -> str:
    """The table, what it says, which targets are met, what the data are, when it was measured, and who failed."""
    rows = [_row(outcome, line) for outcome in outcomes for line in (outcome.ours, *outcome.peers)]
    table = [f"| {' | '.join(row)} |" for row in (_COLUMNS, *rows)]
    table.insert(1, "|" + "---|" * len(_COLUMNS))
    parts = [f"# Benchmarks, {mode}", "\n".join(table), _NOTE]
    if targets:
        lines = [f"- {_VERDICTS[one['met']]}: {one['claim']}, {one['size']:,}: {_promise(one)}" for one in targets]
        parts.append("Targets:\n\n" + "\n".join(lines))
    parts.append("Data:\n\n" + "\n".join(f"- {one.claim}, {one.size:,}: {one.data}" for one in outcomes))
    parts.append(
        "Measured:\n\n" + "\n".join(f"- {one.claim}, {one.size:,}: {_machine(one.machine)}" for one in outcomes)
    )
    for heading, why in (("Failed", "error"), ("Not run", "absent")):
        told = [
            f"- {outcome.claim}, {outcome.size:,}, {line.name}: {getattr(line, why)}"
            for outcome in outcomes
            for line in (outcome.ours, *outcome.peers)
            if getattr(line, why)
        ]
        if told:
            parts.append(f"{heading}:\n\n" + "\n".join(told))
    return "\n\n".join(parts) + "\n"


def _promise(target: dict[str, Any]) -> str:
    return target["text"] if target["value"] is None else f"{target['text']}: {target['value']:.3g}"


def _row(outcome: Outcome, line: Line) -> list[str]:
    head = [f"{outcome.claim}, {outcome.size:,} {outcome.noun}"]
    if not line.runs:
        return [*head, line.name, f"not run: {line.absent}" if line.absent else "failed", *[_NONE] * 5]
    versions = [f"{name} {version}" for name, version in line.runs[-1].versions.items()]
    seconds = line.median("seconds")
    return [
        *head,
        line.name + (f" ({', '.join(versions)})" if versions else ""),
        f"{seconds:.3g} of {len(line.runs)}" if seconds < 100 else f"{seconds:.0f} of {len(line.runs)}",
        f"{outcome.size / seconds:,.0f}",
        _spread(line.ratios() if line.partners else []),
        _spread(_cpu_ratios(line)),
        f"{line.median('megabytes'):,.0f}",
        ", ".join(_figures(line)),
    ]


def _cpu_ratios(line: Line) -> list[float]:
    return line.ratios("cpu_seconds") if line.partners else []


def _spread(ratios: list[float]) -> str:
    if not ratios:
        return _NONE
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _figures(line: Line) -> Iterator[str]:
    for name in line.runs[-1].figures:
        value = statistics.median(run.figures[name] for run in line.runs)
        yield f"{name} {value:,.0f}" if value >= 1000 else f"{name} {value:.4g}"


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "commit": _commit(),
    }


def _machine(facts: dict[str, Any]) -> str:
    return (
        "commit {commit}; {taken}; load {load_before} before, {load_after} after; {processor}, {cores} cores, "
        "{memory_gb} GB, {system}, Python {python}"
    ).format_map(facts)


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _commit() -> str:
    """The commit of the working tree, with a plus where it is changed; empty outside of one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
