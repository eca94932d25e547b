"""Draw the rooms and what they import, from the imports: the picture in architecture.md.

An arrow that a longer way of arrows implies is left out, else there would be three times as many.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import grimp

PAGE = Path(__file__).with_name("architecture.md")
START, END = "```mermaid\n", "```\n"
FLOORS = {
    "doors": ("dags", "cli", "stack", "query", "evaluate", "plan"),
    "the walk": (
        "chain",
        "ingest",
        "fetch",
        "fingerprint",
        "training",
        "embed",
        "index",
        "match",
        "group",
        "export",
        "record",
    ),
    "rooms": ("verdict", "model", "augmentation", "listings", "tracking", "pictures", "store"),
}
# what nearly everything imports tells nothing, and the sample shop is no part of the walk
UNDRAWN = {"errors", "addresses", "wording", "schemas", "signals", "private", "config", "compute", "sample"}


def room_of(module: str) -> str | None:
    """The room that a module lies in; None for the package itself."""
    package, *inner = module.split(".")
    if package != "dedup_pipeline":
        return package
    if inner[:1] == ["stages"]:
        inner = inner[1:]
        if inner[:1] in (["chain"], ["display"]):
            return "chain"
    return inner[0] if inner else None


def arrows() -> set[tuple[str, str]]:
    """Which room imports from which."""
    graph = grimp.build_graph("dedup_pipeline", "training", "dags", exclude_type_checking_imports=True)
    found = {
        (room_of(module), room_of(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    known = {name for floor in FLOORS.values() for name in floor}
    rooms = {room for pair in found for room in pair if room} - UNDRAWN - {"__main__"}
    if rooms != known:
        raise SystemExit(f"these rooms are on no floor, or are gone: {', '.join(sorted(rooms ^ known))}")
    return {(above, below) for above, below in found if above != below and {above, below} <= known}


def reduced(pairs: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The arrows without those that longer ways imply."""

    def reached(start: Iterable[str]) -> set[str]:
        seen: set[str] = set()
        waiting = list(start)
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting.extend(below for above, below in pairs if above == here)
        return seen

    return sorted(
        (above, below)
        for above, below in pairs
        if below not in reached(other for start, other in pairs if start == above and other != below)
    )


def drawing() -> str:
    """The picture, in Mermaid."""
    lines = ["flowchart TD"]
    for floor, names in FLOORS.items():
        lines += [f'    subgraph {floor.split()[-1]}["{floor}"]', *(f"        {name}" for name in names), "    end"]
    lines += [f"    {above} --> {below}" for above, below in reduced(arrows())]
    return "\n".join(lines) + "\n"


def page_with(picture: str) -> str:
    """The page of the architecture with this picture in it."""
    before, _, rest = PAGE.read_text().partition(START)
    _, _, after = rest.partition(END)
    return before + START + picture + END + after


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[1]))
    PAGE.write_text(page_with(drawing()))
