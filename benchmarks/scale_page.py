"""Write the measured parts of docs/scale.md: everything between `<!-- begin NAME -->` and `<!-- end NAME -->`."""

from __future__ import annotations

from pathlib import Path

from dedup_pipeline.config import Settings
from dedup_pipeline.plan.costs import UnitCosts
from dedup_pipeline.plan.model import make_plan
from dedup_pipeline.plan.page import hours, size
from dedup_pipeline.plan.steps import DRIVERS, STEPS
from dedup_pipeline.plan.workload import Cluster, Workload

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
EXAMPLES = (
    ("--rows 4000000 --images 4000000 --workers 20", Workload(4_000_000, 4_000_000, 4_000_000), Cluster(workers=20)),
    ("--rows 4000000 --images 40000000 --workers 20", Workload(4_000_000, 40_000_000, 40_000_000), Cluster(workers=20)),
    (
        "--rows 4000000 --images 40000000 --workers 20 --memory-per-worker 64 --latency 0.2 --hosts 4",
        Workload(4_000_000, 40_000_000, 40_000_000),
        Cluster(workers=20, memory=64.0, latency=0.2, hosts=4),
    ),
)


def write_page(costs: UnitCosts, errors: str) -> None:
    """Write the measured parts of the page.

    Args:
        costs: the unit costs.
        errors: the table of how well plans say what was measured.
    """
    parts = {"origin": origin(costs), "units": units(costs), "storage": storage(costs), "errors": errors}
    parts["examples"] = "\n\n".join(example(*one, costs) for one in EXAMPLES)
    text = PAGE.read_text()
    for name, part in parts.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{PAGE} has no place from {begin} to {end}: put these two lines where the part belongs")
        text = f"{before}{begin}\n\n{part}\n\n{end}{after}"
    PAGE.write_text(text)


def origin(costs: UnitCosts) -> str:
    """Where the figures are from."""
    one = costs.origin
    runs = ", ".join(f"{images:,}" for images in one.images)
    return f"`{one.command}`, {one.taken}, commit `{one.commit}`, {one.machine}; runs of {runs} photos."


def units(costs: UnitCosts) -> str:
    """The steps with their unit costs."""
    lines = ["| step | done for each | core seconds | peak memory | form |", "|---|---|---|---|---|"]
    for step in STEPS:
        seconds = _sum(costs.seconds[step.name], lambda value: f"{value:.2g}")
        memory = _sum(costs.memory[step.name], size)
        lines.append(f"| `{step.name}` | {step.each} | {seconds} | {memory} | {step.source} |")
    named = "; ".join(f"*{name}*: {text}" for name, text in DRIVERS.items() if name != "task")
    return "\n".join(lines) + f"\n\n{named}."


def _sum(unit: dict[str, float], shown) -> str:  # noqa: ANN001 - number to text
    terms = [shown(value) + ("" if name == "task" else f" x {name}") for name, value in unit.items() if value > 0]
    return " + ".join(terms) or "0"


def storage(costs: UnitCosts) -> str:
    """The artifacts with their bytes."""
    lines = ["| artifact | bytes |", "|---|---|"]
    lines += [f"| {name} | {one.bytes:,.0f} x {one.driver} |" for name, one in sorted(costs.stored.items())]
    catalog = ", ".join(f"{value:g} {name}" for name, value in costs.catalog.model_dump().items())
    return "\n".join(lines) + f"\n\nPer image of these runs: {catalog}."


def example(flags: str, work: Workload, cluster: Cluster, costs: UnitCosts) -> str:
    """A plan as a table."""
    plan = make_plan(work, cluster, costs, Settings())
    lines = [f"`dedup plan {flags}`:", "", "| step | tasks | core hours | hours | memory | temporary | bound by |"]
    lines.append("|---|---|---|---|---|---|---|")
    for one in plan.steps:
        room = (size(one.gigabytes * 1e9), size(one.temporary_gigabytes * 1e9) if one.temporary_gigabytes else "")
        cells = (f"{one.tasks:,}", hours(one.core_hours), hours(one.hours), *room, one.bound)
        lines.append(f"| `{one.step}` | {' | '.join(cells)} |")
    lines.append(f"| workflow | | | {hours(plan.workflow_hours)} | | | starting tasks |")
    lines.append(f"| **in all** | | {hours(plan.core_hours)} | **{hours(plan.hours)}** | | | |")
    stored = size(sum(plan.stored.values()))
    lines += ["", f"Shards: {plan.shards}, of at most {plan.shard_images:,} images; {stored} in the store."]
    return "\n".join(lines)
