"""cleanvision: sets of pictures with equal pixels, and sets with equal pHash; it knows no distance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import peer_output
from cleanvision import Imagelab

SCORES = {"exact_duplicates": 1.0, "near_duplicates": 0.5}


def find(folder: Path) -> Iterator[peer_output.Pair]:
    """Pairs of its sets."""
    lab = Imagelab(data_path=str(folder))
    lab.find_issues({issue: {} for issue in SCORES}, n_jobs=1, verbose=False)
    for issue, score in SCORES.items():
        for files in lab.info[issue]["sets"]:
            for first, second in combinations(files, 2):
                yield first, second, score, True


if __name__ == "__main__":
    peer_output.run(find)
