"""The steps of a run as far as its cost goes: how often each is done, and what its seconds and memory grow with.

A step's seconds are a sum over its drivers, each times a unit cost; so is its peak memory. Which drivers these are
follows from what the step does, stated beside each; the unit costs are measured (see ``costs``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dedup_pipeline.compute.hamming import likely_seconds
from dedup_pipeline.config import IndexSettings
from dedup_pipeline.stages.index import compared

Drivers = dict[str, float]
Each = Literal["shard", "pack", "file", "part"]

PIECE = 4_000_000  # of fetch/photos.py
RANGE_ROWS, MOST_RANGES = 1_000_000, 256  # of match/merge_parts.py
CELL, MOST_CELLS = 100, 8_192  # of match/partition.py
_HASHES, _SIDES = 2, 2  # pHash and dHash, each upright and mirrored

DRIVERS: dict[str, str] = {
    "task": "once for each task",
    "rows": "rows of the dump",
    "chunk": "rows that are handled at a time, at most ingest.chunk_rows",
    "images": "distinct images",
    "piece": f"rows whose photos are looked at together, at most {PIECE:,}",
    "passed": "images x pieces of so many rows",
    "vectors": "distinct embeddings, of a file at most index.part_vectors",
    "in_trees": "Annoy: n log2 n of the embeddings n of a file, once for every file that is asked",
    "in_cells": "faiss: embeddings of a file x what one is compared with, centres of cells and what these hold",
    "photos": "photos that the verdicts are calibrated on, at most match.calibration_photos",
    "nodes": "distinct pictures that are matched",
    "cells": f"of {CELL} vectors, at most {MOST_CELLS:,}, in whose order the parts are cut",
    "joined": "seconds that hamming.py expects for a part's look-ups among the hashes of all nodes, and what they meet",
    "candidates": "pairs that get a verdict",
    "ordered": f"of these, those put in order at a time: {RANGE_ROWS:,}, or 1 / {MOST_RANGES} where that is more",
    "aligned": "pairs that are aligned",
    "records": "rows and images",
}
"""What a cost can grow with: name -> in words."""


@dataclass(frozen=True)
class Step:
    """A piece of work that is done in one process.

    Attributes:
        name: of the step; a part of its stage's name before the dash is the stage.
        each: for what it is done once: a shard (a dump, or a piece that a large one is cut into), a pack, a file of the
            index, or a part of the nodes.
        seconds: the drivers of its seconds.
        memory: the drivers of its peak memory.
        source: where the form comes from.
        disk: the artifacts of a shard that lie in the temporary folder while it works, and how many times their bytes;
            with the store in a folder less, as it is read and written in place.
    """

    name: str
    each: Each
    seconds: tuple[str, ...]
    memory: tuple[str, ...]
    source: str
    disk: tuple[tuple[str, float], ...] = ()

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
        (("listings", 8.0),),  # they are spooled without compression, then written
    ),
    Step(
        "fetch-plan",
        "shard",
        ("task", "images", "passed"),
        ("task", "piece"),
        "looks every URL up among all packs, piece by piece",
    ),
    Step("fetch", "pack", ("task", "images"), ("task", "images"), "image by image; memory is that of a pack"),
    Step(
        "fetch-finish",
        "shard",
        ("task", "images", "passed"),
        ("task", "piece", "images"),
        "joins photos and packs, piece by piece; digests of all images in memory",
        (("photos", 1.0),),
    ),
    Step("fingerprint", "pack", ("task", "images"), ("task", "images"), "image by image; rows of a pack in memory"),
    Step("embed", "pack", ("task", "images"), ("task", "images"), "image by image; loads the model once a task"),
    Step("index-plan", "shard", ("task", "vectors"), ("task", "vectors"), "digests of all vectors in memory"),
    Step(
        "index",
        "file",
        ("task", "vectors", "in_trees", "in_cells"),
        ("task", "vectors"),
        "reads vectors and writes neighbours; trees of depth log n, asked for in all files; or cells, whose number and "
        "content grow with root n, and of which more are looked at where there are many",
        (("vectors", 1.0), ("index", 1.0)),
    ),
    Step(
        "match-plan",
        "shard",
        ("task", "photos", "nodes"),
        ("task", "photos", "nodes", "cells"),
        "calibrates on so many photos; digests, names and numbers of all nodes and a sample of cells in memory",
        (("vectors", 1.0), ("index", 1.0), ("nodes", 1.0)),
    ),
    Step(
        "match",
        "part",
        ("task", "nodes", "joined", "candidates", "aligned"),
        ("task", "nodes", "candidates", "aligned"),
        "every part sorts the hashes of all nodes and looks its own up; views of what is aligned stay",
        (("vectors", 1.0), ("nodes", 1.0)),
    ),
    Step(
        "match-finish",
        "shard",
        ("task", "candidates"),
        ("task", "ordered"),
        "puts the verdicts of all parts in order, range by range, and reads them three times",
        (("verdicts", 1.25),),  # stored twice, of the parts and of the dump; here 1.5 times, and once as it is written
    ),
    Step(
        "group",
        "shard",
        ("task", "records"),
        ("task", "records"),
        "numbers of all listings and images in memory, texts of groups",
    ),
    Step(
        "export",
        "shard",
        ("task", "records"),
        ("task", "records"),
        "numbers of all listings and images in memory; pairs come on top",
        (("exports", 1.0),),
    ),
    Step("record", "shard", ("task",), ("task",), "a few requests to MLflow"),
)
"""The steps of a run whose model is there, in walking order."""

BY_NAME: dict[str, Step] = {step.name: step for step in STEPS}


def joined(part_nodes: float, nodes: float, radius: int) -> float:
    """Seconds that the radius joins of a part are likely to take, see ``hamming.likely_seconds``."""
    return _HASHES * likely_seconds(math.ceil(_SIDES * part_nodes), math.ceil(nodes), radius)


def ordered(candidates: float) -> float:
    """How many of the verdicts of a dump are put in order at a time."""
    return min(candidates, max(RANGE_ROWS, candidates / MOST_RANGES))


def cells(vectors: float) -> float:
    """The cells in whose order the parts of the matching are cut."""
    return min(MOST_CELLS, vectors // CELL)


def pieces(rows: float) -> int:
    """In how many pieces the photos of a dump are looked at."""
    return max(1, math.ceil(rows / PIECE))


def sought(own: float, files: int, library: str, index: IndexSettings) -> Drivers:
    """What building a file of the index over its own vectors takes, and asking for these in all files alike."""
    if library == "faiss":
        return {"in_trees": 0.0, "in_cells": own * compared(math.ceil(own * files), index.nlist, index.nprobe)}
    return {"in_trees": own * math.log2(own) * files if own > 1 else 0.0, "in_cells": 0.0}
