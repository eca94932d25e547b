"""perception, local descriptors (SIFT): pairs whose key points agree on one homography, with all its defaults.

It tells only the pairs that pass; the number of agreeing key points is taken as their score.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import faiss
import peer_output
from perception.local_descriptor_deduplication import deduplicate


def find(folder: Path) -> Iterator[peer_output.Pair]:
    """Pairs that pass."""
    found = deduplicate(peer_output.pictures(folder), max_workers=1, use_gpu=False, verbose=True)
    for first, second, statistics in found:
        yield first, second, float(statistics["inliers"]), True


if __name__ == "__main__":
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    peer_output.run(find)
