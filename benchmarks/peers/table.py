"""The rows of the peers as one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from processes import Usage
from scoring import Figures

_NONE = "-"
_NOTE = """\
Photo level: every distinct pair of photos counts once. One thread; seconds and memory are of the whole process, imports
included. Precision, recall, F1 and levels: what the tool reports as it comes. Average precision (AP) and recall at
precision 0.99 (R at P99): of its scores. Forgiving: placeholders and other colours of a style are no mistakes."""


@dataclass(frozen=True)
class Row:
    """What came of one tool: figures, or why there are none.

    Attributes:
        name: of its script.
        version: of the tool; empty where it has none.
        usage: what it took, where it ran here.
        figures: what it found, by split of the catalog.
        error: one sentence where it failed.
    """

    name: str
    version: str = ""
    usage: Usage | None = None
    figures: dict[str, Figures] = field(default_factory=dict)
    error: str = ""


def markdown(catalog: str, pictures: int, splits: list[str], rows: list[Row]) -> str:
    """One table per split, the meaning of the columns, and who failed."""
    parts = [_table(f"{catalog}, {pictures} pictures, split: {split}", split, rows) for split in splits]
    failed = [f"- {row.name}: {row.error}" for row in rows if row.error]
    parts.append(_NOTE)
    if failed:
        parts.append("No figures for:\n\n" + "\n".join(failed))
    return "\n\n".join(parts) + "\n"


def _table(title: str, split: str, rows: list[Row]) -> str:
    levels = sorted({level for row in rows if row.figures for level in row.figures[split].by_level})
    names = [
        "tool", "seconds", "CPU seconds", "peak MB", "precision", "recall", "F1",
        f"recall by level {' / '.join(levels)}".strip(), "AP", "R at P99", "forgiving AP", "forgiving R at P99",
    ]  # fmt: skip
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    lines += [f"| {' | '.join(_cells(row, split, levels))} |" for row in rows]
    return f"### {title}\n\n" + "\n".join(lines)


def _cells(row: Row, split: str, levels: list[str]) -> Iterator[str]:
    yield f"{row.name} {row.version}".strip()
    usage = row.usage
    yield from [f"{usage.seconds:.1f}", f"{usage.cpu_seconds:.1f}", f"{usage.megabytes:.0f}"] if usage else [_NONE] * 3
    found = row.figures.get(split)
    if found is None:
        yield from ["failed" if row.error else _NONE, *[_NONE] * 7]
        return
    yield from (f"{value:.3f}" for value in (found.precision, found.recall, found.f1))
    yield " / ".join(f"{found.by_level[level]:.2f}" if level in found.by_level else _NONE for level in levels)
    yield from (
        f"{value:.3f}"
        for value in (
            found.average_precision,
            found.recall_at_p99,
            found.forgiving_average_precision,
            found.forgiving_recall_at_p99,
        )
    )


def plain(catalog: str, pictures: int, rows: list[Row]) -> dict[str, Any]:
    """The table as plain JSON values."""
    return {"catalog": catalog, "pictures": pictures, "rows": [asdict(row) for row in rows]}
