"""PDQ through pdqhash: 256 bits; its makers recommend 31 bits or fewer, and no hash of a quality below 50."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pdqhash
import peer_output

DEFAULT, WIDE, BITS, QUALITY = 31, 90, 256, 50


def find(folder: Path) -> Iterator[peer_output.Pair]:
    """Pairs up to the wide distance; the package has no search, so each hash is compared with all."""
    hashes: dict[str, np.ndarray] = {}
    for file in peer_output.pictures(folder):
        picture = cv2.imread(file)
        if picture is not None:
            bits, quality = pdqhash.compute(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            if quality >= QUALITY:
                hashes[file] = bits.astype(bool)
    files, table = list(hashes), np.array(list(hashes.values()))
    for place, file in enumerate(files):
        distances = (table[place + 1 :] != table[place]).sum(axis=1)
        for other in np.flatnonzero(distances <= WIDE):
            distance = int(distances[other])
            yield file, files[place + 1 + other], 1 - distance / BITS, distance <= DEFAULT


if __name__ == "__main__":
    cv2.setNumThreads(1)
    peer_output.run(find)
