"""imgcheck, pHash of 64 bits: its default joins pictures within 3 bits of each other, and friends of friends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import peer_output
from imgcheck import HammingIndex, cluster_duplicates, compute_hashes, hamming_distance

DEFAULT, WIDE, BITS = 3, 20, 64


def find(folder: Path) -> Iterator[peer_output.Pair]:
    """Pairs of its groups, then those that its index finds up to the wide distance."""
    images = compute_hashes(peer_output.pictures(folder), num_workers=1, show_progress=False)
    hashes = {image.path: image.int_hash for image in images}
    together: set[tuple[str, str]] = set()
    for group in cluster_duplicates(images, threshold=DEFAULT):
        together.update(combinations(sorted({group.kept, *group.duplicates}), 2))
    index = HammingIndex(threshold=WIDE, total_bits=BITS)
    index.build(list(hashes.values()))
    paths = list(hashes)
    near = {(paths[a], paths[b]) for a, b in index.find_all_pairs_within_threshold(list(hashes.values()))}
    for first, second in sorted(together | near):
        distance = hamming_distance(hashes[first], hashes[second])
        yield first, second, 1 - distance / BITS, (first, second) in together


if __name__ == "__main__":
    peer_output.run(find)
