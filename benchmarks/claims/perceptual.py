"""All pairs of 64-bit hashes within 8 bits, exactly, faster than others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.targets import as_fast_as, at_least, exponent_below
from dedup_pipeline.compute.dtypes import Rows
from dedup_pipeline.compute.hamming import Hashes

RADIUS, SEED = 8, 13  # the contenders know the radius too
KINDS = 200
COPIES = 0.1
_CHECKED = 200  # queries whose pairs are searched for by comparing everything
_FAISS = "contenders/faiss.txt"


def made_up(count: int, seed: int = SEED) -> tuple[Hashes, Rows]:
    """Hashes of some kinds of pictures, of which some are near copies.

    In each kind every bit is set with a chance of its own, 0.25 to 0.75, as a pose makes some bits likely: two of
    a kind differ in about 29 bits. Copies differ in 0 to 8.

    Returns:
        (N,) uint64 in mixed order, and the rows (P, 2) int64 of original and copy.
    """
    generator = np.random.default_rng(seed)
    copies = int(count * COPIES)
    chances = generator.uniform(0.25, 0.75, (KINDS, 64)).astype(np.float32)
    kinds = generator.integers(KINDS, size=count - copies)
    first = np.concatenate(
        [_packed(generator.random((len(some), 64)) < chances[some]) for some in np.array_split(kinds, 64)]
    )
    copied = generator.choice(len(first), copies, replace=False)
    second = first[copied]
    for turn in range(RADIUS):  # a bit that is turned twice comes back: still at most 8 differ
        turned = generator.random(copies) < (turn + 1) / RADIUS
        second = second ^ (turned.astype(np.uint64) << generator.integers(64, size=copies, dtype=np.uint64))
    order = generator.permutation(count)
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    pairs = np.stack([place[copied], place[len(first) + np.arange(copies)]], axis=1)
    return np.concatenate([first, second])[order], pairs


def _packed(flags: np.ndarray) -> Hashes:
    return np.packbits(flags, axis=1).view(np.uint64).ravel()


def make(folder: Path, items: int, materials: Materials) -> str:
    """The hashes."""
    del materials
    hashes, pairs = made_up(items)
    np.save(folder / "hashes.npy", hashes)
    np.save(folder / "pairs.npy", pairs)
    return (
        f"{items} hashes of {KINDS} kinds, {COPIES:.0%} copies within {RADIUS} bits; every pair within {RADIUS} bits. "
        f"Exact: the pairs of {_CHECKED} queries are those that comparing with every hash finds"
    )


def check(data: Path, results: Path) -> dict[str, float]:
    """Whether the pairs of some queries are those within the radius, all and no others; and how many there are."""
    hashes, queries, near = (np.load(f) for f in (data / "hashes.npy", results / "queries.npy", results / "near.npy"))
    chosen = queries[:_CHECKED]
    order = np.argsort(near[:, 0], kind="stable")
    starts = np.searchsorted(near[order, 0], chosen), np.searchsorted(near[order, 0], chosen, side="right")
    exact = True
    for query, start, end in zip(chosen, *starts, strict=True):
        within = np.flatnonzero(np.bitwise_count(hashes ^ hashes[query]) <= RADIUS)
        exact &= np.array_equal(within, np.sort(near[order[start:end], 1]))
    apart = near[:, 0] != near[:, 1]
    return {"exact": float(exact), "pairs a query": float(apart.sum()) / len(queries)}


CLAIM = Claim(
    name="perceptual",
    text="all pairs of hashes within 8 bits are found exactly, several times faster than by others",
    noun="hashes",
    ours=Contender(OURS, "near_ours.py"),
    peers=(
        Contender("faiss binary, flat", "near_faiss.py", _FAISS, ("flat",)),
        Contender("faiss binary, multi-hash, 4 tables", "near_faiss.py", _FAISS, ("multihash", "4")),
        Contender("faiss binary, multi-hash, 3 tables", "near_faiss.py", _FAISS, ("multihash", "3")),
        Contender("BK-tree (pybktree)", "near_pybktree.py", "contenders/pybktree.txt"),
    ),
    quick=(Size(100_000),),
    full=(Size(1_000_000, rounds=1),),
    make=make,
    targets=(
        at_least("exact", "exact", 1.0),
        as_fast_as("5 times as fast as the fastest", 5.0),
        exponent_below("exponent of seconds over the smallest size at most 1.1", 1.1),
    ),
    check=check,
)
