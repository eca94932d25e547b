"""imagededup, PHash: 64 bits, Hamming distance; its default reports 10 bits or fewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import peer_output
from imagededup.methods import PHash

DEFAULT, WIDE, BITS = 10, 20, 64


def find(folder: Path) -> Iterator[peer_output.Pair]:
    """Pairs up to the wide distance."""
    hasher = PHash(verbose=False)
    found = hasher.find_duplicates(
        image_dir=folder, max_distance_threshold=WIDE, scores=True, num_enc_workers=0, num_dist_workers=0
    )
    for first, others in found.items():
        for second, distance in others:
            if first < second:
                yield first, second, 1 - distance / BITS, distance <= DEFAULT


if __name__ == "__main__":
    peer_output.run(find)
