"""The steps of a run as far as its cost goes: how often each is done, and what its seconds and memory grow with.

A step's seconds are a sum over its drivers, each times a unit cost; so is its peak memory. Which drivers these are
follows from what the step does, stated beside each; the unit costs are measured (see ``costs``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Drivers = dict[str, float]
Each = Literal["shard", "pack", "part"]

_KEYS = 1 << 16  # 16-bit quarters of a hash, see match/hamming.py

DRIVERS: dict[str, str] = {
    "task": "once for each task",
    "rows": "rows of the dump",
    "chunk": "rows that are handled at a time, at most ingest.chunk_rows",
    "images": "distinct images",
    "vectors": "distinct embeddings",
    "vectors_log": "n log2 n of the distinct embeddings n",
    "photos": "photos that the verdicts are calibrated on, at most match.calibration_photos",
    "nodes": "distinct pictures that are matched",
    "compared": "pairs of hashes that share a quarter: nodes of a part x all nodes / 65536",
    "candidates": "pairs that get a verdict",
    "aligned": "pairs that are laid over each other",
    "records": "rows and images",
}
"""What a cost can grow with: name -> in words."""


@dataclass(frozen=True)
class Step:
    """A piece of work that is done in one process.

    Attributes:
        name: of the step; a part of its stage's name before the dash is the stage.
        each: for what it is done once: a shard (a dump, or a piece that a large one is cut into), a pack, or a part of
            the nodes.
        seconds: the drivers of its seconds.
        memory: the drivers of its peak memory.
        source: where the form comes from.
    """

    name: str
    each: Each
    seconds: tuple[str, ...]
    memory: tuple[str, ...]
    source: str

    @property
    def stage(self) -> str:
        """The stage that it belongs to."""
        return self.name.partition("-")[0]

    def of(self, drivers: Mapping[str, float], unit: Mapping[str, float]) -> float:
        """The sum of some unit costs over some drivers; a unit cost that is not known counts nothing."""
        return sum(unit.get(name, 0.0) * drivers.get(name, 0.0) for name in unit)


STEPS: tuple[Step, ...] = (
    Step(
        "ingest",
        "shard",
        ("task", "rows"),
        ("task", "chunk", "rows"),
        "chunk by chunk; ids and families of all rows stay in memory",
    ),
    Step("fetch-plan", "shard", ("task", "images"), ("task", "images"), "looks every URL up among all packs"),
    Step("fetch", "pack", ("task", "images"), ("task", "images"), "image by image; memory is that of a pack"),
    Step("fetch-finish", "shard", ("task", "images"), ("task", "images"), "joins photos and packs in memory"),
    Step("fingerprint", "pack", ("task", "images"), ("task", "images"), "image by image; rows of a pack in memory"),
    Step("embed", "pack", ("task", "images"), ("task", "images"), "image by image; loads the model once a task"),
    Step("index", "shard", ("task", "vectors_log"), ("task", "vectors"), "trees of depth log n, all vectors asked for"),
    Step(
        "match-plan",
        "shard",
        ("task", "photos", "nodes"),
        ("task", "photos", "nodes"),
        "calibrates on so many photos; reads all nodes and titles",
    ),
    Step(
        "match",
        "part",
        ("task", "nodes", "compared", "candidates", "aligned"),
        ("task", "nodes", "aligned"),
        "every part reads all nodes and joins its hashes with all; views of what is laid over each other stay",
    ),
    Step("match-finish", "shard", ("task", "candidates"), ("task", "candidates"), "sorts the verdicts of all parts"),
    Step("group", "shard", ("task", "records"), ("task", "records"), "listings and images in memory"),
    Step("export", "shard", ("task", "records"), ("task", "records"), "listings, images and verdicts in memory"),
    Step("record", "shard", ("task",), ("task",), "a few requests to MLflow"),
)
"""The steps of a run whose model is there, in walking order."""

BY_NAME: dict[str, Step] = {step.name: step for step in STEPS}


def compared(part_nodes: float, nodes: float) -> float:
    """How many pairs of hashes a part's radius join meets for each pattern, were the hashes spread evenly."""
    return part_nodes * nodes / _KEYS


def logarithmic(count: float) -> float:
    """Of a count n: n log2 n."""
    return count * math.log2(count) if count > 1 else 0.0
