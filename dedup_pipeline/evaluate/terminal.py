"""Precision and recall in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from dedup_pipeline.stages.display import label, number


def show_score(score: Mapping[str, Any], *, by_edit: bool) -> None:
    """Print precision and recall (the value of ``evaluate.to_dict``)."""
    console = Console(highlight=False)
    table = Table(title="Against the truth", title_justify="left")
    figures = ("precision", "recall", "f1", "right", "wrong", "missed", "average_precision", "recall_at_p99")
    table.add_column("")
    for view in ("photo", "listing"):
        table.add_column(f"{view} level", justify="right")
    for name in figures:
        if name in score["photo"]:
            table.add_row(label(name), *(number(score[view][name]) for view in ("photo", "listing")))
    for level in score["photo"]["by_level"]:
        cells = [score[view]["by_level"][level] for view in ("photo", "listing")]
        table.add_row(f"recall of level {level}", *(f"{c['recall']:.4g} ({c['found']}/{c['truth']})" for c in cells))
    console.print(table)
    for reason, count in sorted(score["photo"]["wrong_by_kind"].items()):
        console.print(f"wrong: {count} x {reason}")
    console.print(f"family violations: {score['counts']['family_violations']}")
    if by_edit:
        for edit, found in sorted(score["photo"]["by_edit"].items(), key=lambda item: item[1]["recall"]):
            console.print(f"  {edit:<14} {found['recall']:.3f} ({found['found']}/{found['truth']})")
