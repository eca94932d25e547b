"""What every peer's script does besides calling its tool; of the standard library, as each has its own environment.

    <peer>.py FOLDER TARGET

FOLDER holds pictures; TARGET is the CSV to write: file_a, file_b, score (higher = more certain), default (1 where the
tool as it comes reports the pair). Pairs beyond the tool's default are written too, so that its scores can be ranked.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

Pair = tuple[str, str, float, bool]
COLUMNS = ("file_a", "file_b", "score", "default")


def run(find: Callable[[Path], Iterable[Pair]]) -> None:
    """Write what ``find`` yields of the folder: two files, their score, whether the tool's default reports them."""
    folder, target = (Path(argument) for argument in sys.argv[1:])
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for first, second, score, default in find(folder):
            writer.writerow((Path(first).name, Path(second).name, score, int(default)))


def pictures(folder: Path) -> list[str]:
    """Paths of the pictures, sorted."""
    return sorted(str(file) for file in folder.iterdir())
