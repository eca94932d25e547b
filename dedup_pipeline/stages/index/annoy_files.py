"""Index files of Annoy: trees over the vectors of some rows.

An Annoy file carries no description of itself; loading it with another dimension gives nonsense without a word, hence
the sidecar. One build thread and a seed make the file the same each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from annoy import AnnoyIndex

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.errors import ModelError
from dedup_pipeline.stages.index.nearest import nearest
from dedup_pipeline.stages.index.sidecar import Sidecar

_METRIC: Final = "angular"
_BLOCK = 10_000  # vectors turned into Python's numbers at a time, as Annoy takes them


def build_file(vectors: Floats, file: Path, *, trees: int, seed: int) -> None:
    """Build an Annoy file over vectors (N, D) float32; the same vectors and seed give the same bytes."""
    annoy = AnnoyIndex(vectors.shape[1], _METRIC)
    annoy.set_seed(seed)
    annoy.on_disk_build(str(file))
    for row, vector in enumerate(_numbers(vectors)):
        annoy.add_item(row, vector)
    annoy.build(trees, n_jobs=1)
    annoy.unload()


def _numbers(vectors: Floats) -> Iterator[list[float]]:
    """Each of some vectors (N, D) as Python's numbers."""
    for start in range(0, len(vectors), _BLOCK):
        yield from vectors[start : start + _BLOCK].tolist()


class AnnoyFiles:
    """Annoy files over consecutive rows, asked one after the other.

    Args:
        files: on this machine, in the order of their rows; they are mapped into memory, not read.
        sidecars: their descriptions.
        search_k: nodes that a query looks at, in each file; -1 is trees times neighbours.

    Raises:
        ModelError: a file is not what its sidecar says.
    """

    def __init__(self, files: Sequence[Path], sidecars: Sequence[Sidecar], search_k: int) -> None:
        self._search_k = search_k
        self._parts: list[tuple[Sidecar, AnnoyIndex]] = []
        for file, sidecar in zip(files, sidecars, strict=True):
            annoy = AnnoyIndex(sidecar.dimension, _METRIC)
            try:
                annoy.load(str(file))
            except OSError as error:
                raise ModelError(f"{file} cannot be opened ({error}): run `dedup index` again") from error
            sidecar.check_items(file, annoy.get_n_items())
            self._parts.append((sidecar, annoy))

    def search(self, vectors: Floats, count: int) -> tuple[Rows, Floats]:
        """See ``neighbour_index.Searcher``."""
        found = [self._search_part(sidecar, annoy, vectors, count) for sidecar, annoy in self._parts]
        if len(found) == 1:
            return found[0]
        return nearest(
            np.concatenate([f[0] for f in found], axis=1), np.concatenate([f[1] for f in found], axis=1), count
        )

    def _search_part(self, sidecar: Sidecar, annoy: AnnoyIndex, vectors: Floats, count: int) -> tuple[Rows, Floats]:
        rows = np.full((len(vectors), count), -1, dtype=np.int64)
        distances = np.full((len(vectors), count), np.inf)
        for place, vector in enumerate(_numbers(vectors)):
            near, apart = annoy.get_nns_by_vector(vector, count, self._search_k, include_distances=True)
            rows[place, : len(near)], distances[place, : len(near)] = near, apart
        rows[rows >= 0] += sidecar.first
        # angular distances are the chords of the unit sphere: d^2 = 2 - 2 cos
        return rows, (1 - np.square(distances) / 2).astype(np.float32)
