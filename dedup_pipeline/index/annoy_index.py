"""Annoy behind an interface that checks what Annoy does not.

An Annoy file carries no description of itself; loading it with another dimension gives nonsense without a word. So a
sidecar (``index.json``) travels with it and is checked before the file is opened. One build thread and a seed make the
file the same each time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from annoy import AnnoyIndex

from dedup_pipeline.errors import ModelError
from dedup_pipeline.evidence import Floats, Rows

METRIC: Final = "angular"


@dataclass(frozen=True)
class Sidecar:
    """What an index file holds.

    Attributes:
        items: number of vectors N.
        dimension: their length D.
        metric: Annoy's name of the distance.
        trees: number of trees.
        seed: of the trees.
        model_id: the model that made the vectors.
        ids_digest: digest of the image ids, in row order.
        size: bytes of the index file.
    """

    items: int
    dimension: int
    metric: str
    trees: int
    seed: int
    model_id: str
    ids_digest: str
    size: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


class NeighbourIndex:
    """The neighbours of vectors.

    Args:
        file: an Annoy file on this machine.
        sidecar: its description.
        search_nodes: Annoy's search_k; -1 is trees times neighbours.

    Raises:
        ModelError: the file is not what the sidecar says.
    """

    def __init__(self, file: Path, sidecar: Sidecar, search_nodes: int = -1) -> None:
        size = file.stat().st_size
        if sidecar.metric != METRIC or size != sidecar.size:
            raise ModelError(f"{file} ({size} bytes) is not the index that its sidecar describes: build it again")
        self.sidecar = sidecar
        self._search_nodes = search_nodes
        self._index = AnnoyIndex(sidecar.dimension, METRIC)
        self._index.load(str(file))
        if self._index.get_n_items() != sidecar.items:
            raise ModelError(f"{file} holds {self._index.get_n_items()} vectors, its sidecar says {sidecar.items}")

    def __len__(self) -> int:
        return self.sidecar.items

    def neighbours(self, vector: Floats, count: int) -> tuple[Rows, Floats]:
        """The nearest rows to a vector.

        Args:
            vector: (D,) float32, L2-normalised.
            count: how many at most.

        Returns:
            Rows (K,) int64, nearest first, and their cosines (K,) float32.

        Raises:
            ModelError: the vector has another dimension.
        """
        if vector.shape != (self.sidecar.dimension,):
            raise ModelError(f"the index holds vectors of {self.sidecar.dimension}, not of shape {vector.shape}")
        found = self._index.get_nns_by_vector(vector.tolist(), count, self._search_nodes, include_distances=True)
        return _as_cosines(*found)

    def neighbours_of_row(self, row: int, count: int) -> tuple[Rows, Floats]:
        """The nearest other rows to a row of the index, and their cosines; nearest first."""
        rows, cosines = _as_cosines(
            *self._index.get_nns_by_item(row, count + 1, self._search_nodes, include_distances=True)
        )
        others = rows != row
        return rows[others][:count], cosines[others][:count]

    def vector(self, row: int) -> Floats:
        """The vector (D,) float32 of a row."""
        return np.asarray(self._index.get_item_vector(row), dtype=np.float32)


def _as_cosines(rows: list[int], distances: list[float]) -> tuple[Rows, Floats]:
    """Angular distances are the chords of the unit sphere: d^2 = 2 - 2 cos."""
    cosines = 1 - np.square(np.asarray(distances, dtype=np.float64)) / 2
    return np.asarray(rows, dtype=np.int64), cosines.astype(np.float32)


def build_file(vectors: Floats, file: Path, *, trees: int, seed: int) -> None:
    """Build an Annoy file over vectors (N, D) float32; the same vectors and seed give the same bytes."""
    annoy = AnnoyIndex(vectors.shape[1], METRIC)
    annoy.set_seed(seed)
    annoy.on_disk_build(str(file))
    for row, vector in enumerate(vectors):
        annoy.add_item(row, vector)
    annoy.build(trees, n_jobs=1)
    annoy.unload()
