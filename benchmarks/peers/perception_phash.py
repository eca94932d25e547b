"""perception, PHash of 256 bits: share of differing bits; its documentation recommends less than 0.2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import peer_output
from perception.hashers import PHash
from scipy.spatial.distance import pdist

DEFAULT, WIDE = 0.2, 0.36


def find(folder: Path) -> Iterator[peer_output.Pair]:
    """Pairs up to the wide distance, found as its tools.deduplicate does; that does not tell the distances."""
    hasher = PHash(hash_size=16)
    hashes = {file: vector for file in peer_output.pictures(folder) if (vector := readable(hasher, file)) is not None}
    files = list(hashes)
    distances = pdist(np.array(list(hashes.values())), metric=hasher.distance_metric)
    first, second = np.triu_indices(len(files), k=1)
    for place in np.flatnonzero(distances < WIDE):
        distance = float(distances[place])
        yield files[first[place]], files[second[place]], 1 - distance, distance < DEFAULT


def readable(hasher: PHash, file: str) -> np.ndarray | None:
    """The hash of a file; None where it is no picture."""
    try:
        return hasher.compute(file, hash_format="vector")
    except ValueError:
        return None


if __name__ == "__main__":
    cv2.setNumThreads(1)
    peer_output.run(find)
