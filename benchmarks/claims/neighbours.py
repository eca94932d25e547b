"""Index and neighbours of all vectors: as fast as other libraries, with the true pairs found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.stores import settings_of, write_vectors
from claims.targets import as_fast_as, at_least, exponent_below
from dedup_pipeline.compute.dtypes import Floats, Rows

DIMENSION, SEED = 128, 11
CROWD = 50  # vectors around one centre: photos of one kind
DUPLICATES = 0.05  # true pairs per vector
RECALL = 0.999
_FAISS, _HNSWLIB = "contenders/faiss.txt", "contenders/hnswlib.txt"


def made_up(count: int, seed: int = SEED) -> tuple[Floats, Rows]:
    """Vectors in crowds, of which some are near copies of others.

    Vectors of a crowd have cosines of about 0.6 with each other, true pairs of 0.85 to 0.99, all in mixed order.

    Returns:
        (N, 128) float32, L2-normalised, and the rows (P, 2) int64 of the true pairs.
    """
    generator = np.random.default_rng(seed)
    copies = int(count * DUPLICATES)
    centres = _unit(generator.standard_normal((max(1, count // CROWD), DIMENSION), dtype=np.float32))
    first = centres[generator.integers(len(centres), size=count - copies)]
    first = _unit(first + _around(generator, len(first), np.full(len(first), 0.6**0.5)))
    copied = generator.choice(len(first), copies, replace=False)
    second = _unit(first[copied] + _around(generator, copies, generator.uniform(0.85, 0.99, copies)))
    order = generator.permutation(count)
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    pairs = np.stack([place[copied], place[len(first) + np.arange(copies)]], axis=1)
    return np.concatenate([first, second])[order], pairs


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _around(generator: np.random.Generator, count: int, cosines: Floats) -> Floats:
    """What to add to unit vectors (N, 128) so that their cosines with the sums are about so high."""
    lengths = np.sqrt(1 / np.square(cosines) - 1) / DIMENSION**0.5
    noise = generator.standard_normal((count, DIMENSION), dtype=np.float32)
    return np.asarray(noise * lengths[:, None], dtype=np.float32)


def make(folder: Path, items: int, materials: Materials) -> str:
    """The vectors as an array, for the peers, and beside packs, for the stage; the first members of the pairs first."""
    del materials
    vectors, pairs = made_up(items)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "pairs.npy", pairs)
    write_vectors(settings_of(folder), vectors)
    return (
        f"{items} vectors of {DIMENSION} in crowds of {CROWD} (cosines of about 0.6) with {len(pairs)} true pairs of "
        "cosines 0.85 to 0.99; the 30 nearest of every vector. The stage also reads its vectors from Parquet, measures "
        "its recall by exact search and writes the neighbours. Annoy as its README has it: 10 trees, but one thread"
    )


def check(data: Path, results: Path) -> dict[str, float]:
    """The share of the true pairs, both members of which were asked for, that either's neighbours hold."""
    pairs, queries = np.load(data / "pairs.npy"), np.load(results / "queries.npy")
    neighbours = np.load(results / "neighbours.npy", mmap_mode="r")
    asked = np.full(int(max(pairs.max(initial=0), queries.max(initial=0))) + 1, -1)
    asked[queries] = np.arange(len(queries))
    both = pairs[(asked[pairs] >= 0).all(axis=1)]
    found = [(neighbours[asked[both[:, side]]] == both[:, 1 - side, None]).any(axis=1) for side in (0, 1)]
    return {"recall": float((found[0] | found[1]).mean()), "pairs asked for": len(both)} if len(both) else {}


CLAIM = Claim(
    name="neighbours",
    text="index and neighbours of all vectors find the true pairs, in at most twice the time of the fastest that does",
    noun="vectors",
    ours=Contender(OURS, "neighbours_ours.py"),
    peers=(
        Contender("Annoy, its README", "neighbours_annoy.py"),
        Contender("faiss, exact", "neighbours_faiss.py", _FAISS, ("flat",)),
        Contender("faiss, IVF", "neighbours_faiss.py", _FAISS, ("ivf",)),
        Contender("hnswlib", "neighbours_hnswlib.py", _HNSWLIB),
    ),
    quick=(Size(5_000, rounds=1), Size(20_000)),
    full=(Size(100_000), Size(300_000, rounds=1), Size(1_000_000, rounds=1)),
    make=make,
    targets=(
        at_least(f"recall of true pairs at least {RECALL}", "recall", RECALL),
        as_fast_as(f"at most twice the time of the fastest whose recall is {RECALL} too", 0.5, recall=RECALL),
        exponent_below("exponent of CPU seconds over the smallest size at most 1.1", 1.1, "cpu_seconds"),
        exponent_below("exponent of peak memory at most 1", 1.0, "megabytes"),
    ),
    check=check,
)
FAISS, ANNOY = (
    replace(
        CLAIM,
        name=f"neighbours_{library}",
        text=f"the same with index.library={library}: {CLAIM.text}",
        ours=Contender(OURS, "neighbours_ours.py", arguments=(f"index.library={library}",)),
        quick=quick,
        full=full,
    )
    for library, quick, full in (
        ("faiss", CLAIM.quick, ()),
        ("annoy", (), CLAIM.full[:1]),
    )  # where `auto` takes the other
)
