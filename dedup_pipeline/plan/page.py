"""A plan as a person reads it in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from dedup_pipeline.plan.costs import Origin
from dedup_pipeline.plan.model import Plan

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000.0


def show_plan(plan: Plan, origin: Origin, console: Console) -> None:
    """Print a plan, and whose measurement it rests on."""
    heads = ("step", "tasks", "at once", "core hours", "hours", "memory", "temporary", "bound by")
    steps = Table(*heads, box=None, pad_edge=False)
    steps.columns[0].min_width = max(len(one.step) for one in plan.steps)
    for column in steps.columns[1:7]:
        column.justify = "right"
    for one in plan.steps:
        cells = (f"{one.tasks:,}", f"{one.at_once}", hours(one.core_hours), hours(one.hours))
        room = (size(one.gigabytes * 1e9), size(one.temporary_gigabytes * 1e9) if one.temporary_gigabytes else "")
        steps.add_row(one.step, *cells, *room, one.bound)
    steps.add_row("workflow", "", "", "", hours(plan.workflow_hours), "", "", "starting tasks")
    steps.add_row("[bold]in all[/]", "", "", hours(plan.core_hours), f"[bold]{hours(plan.hours)}[/]", "", "", "")
    console.print(steps)
    stored = Table("storage", "bytes", box=None, pad_edge=False)
    stored.columns[1].justify = "right"
    for name, count in sorted(plan.stored.items(), key=lambda item: -item[1]):
        stored.add_row(name, size(count))
    stored.add_row("[bold]in all[/]", f"[bold]{size(sum(plan.stored.values()))}[/]")
    console.print()
    console.print(stored)
    console.print()
    for note in plan.notes:
        console.print(f"- {note}", soft_wrap=True)
    runs = ", ".join(f"{images:,}" for images in origin.images)
    commit = f", commit {origin.commit}" if origin.commit else ""
    console.print(
        f"- Unit costs: {origin.command}; {origin.machine}; runs of {runs} images; {origin.taken}{commit}. "
        "Training is left out: the model is there.",
        soft_wrap=True,
    )


def hours(value: float) -> str:
    """Hours as a person says them."""
    if value >= 100:
        return f"{value:,.0f} h"
    if value >= 1:
        return f"{value:.1f} h"
    return f"{value * 60:.1f} min" if value >= 1 / 60 else f"{value * 3600:.0f} s"


def size(value: float) -> str:
    """Bytes as a person says them."""
    unit = 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"
