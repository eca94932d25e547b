"""The neighbours of vectors, whichever library finds them and however many files they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.errors import ModelError
from dedup_pipeline.stages.index.annoy_files import AnnoyFiles
from dedup_pipeline.stages.index.nearest import without_own
from dedup_pipeline.stages.index.sidecar import Sidecar
from dedup_pipeline.stages.index.vectors import Vectors


class Searcher(Protocol):
    """What a library does here."""

    def search(self, vectors: Floats, count: int) -> tuple[Rows, Floats]:
        """The nearest rows to vectors (Q, D): rows (Q, count) int64, nearest first, and cosines (Q, count) float32.

        Where fewer are found they end with rows -1 and cosines -inf.
        """


class NeighbourIndex:
    """The neighbours of vectors.

    Args:
        files: of one library, on this machine, in the order of their rows.
        sidecars: their descriptions.
        vectors: of all rows.
        search_k: see ``index.search_k``.
        nprobe: see ``index.nprobe``.

    Raises:
        ModelError: a file is not what its sidecar says, or they do not belong together.
    """

    def __init__(
        self,
        files: Sequence[Path],
        sidecars: Sequence[Sidecar],
        vectors: Vectors,
        *,
        search_k: int = -1,
        nprobe: int = 0,
    ) -> None:
        for file, sidecar in zip(files, sidecars, strict=True):
            sidecar.check_file(file)
        firsts = np.cumsum([0, *(sidecar.items for sidecar in sidecars)])
        kinds = {(sidecar.library, sidecar.dimension, sidecar.model_id) for sidecar in sidecars}
        if len(kinds) != 1 or [s.first for s in sidecars] != firsts[:-1].tolist() or len(vectors) != firsts[-1]:
            raise ModelError(f"{files[0].parent} holds files of different indexes: build it again")
        self.vectors = vectors
        self._searcher: Searcher
        if sidecars[0].library == "faiss":
            from dedup_pipeline.stages.index.faiss_files import FaissFiles  # noqa: PLC0415 - 60 MB that only it needs

            self._searcher = FaissFiles(files, sidecars, vectors, nprobe)
        else:
            self._searcher = AnnoyFiles(files, sidecars, search_k)

    def __len__(self) -> int:
        return len(self.vectors)

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
        if vector.shape != (self.vectors.dimension,):
            raise ModelError(f"the index holds vectors of {self.vectors.dimension}, not of shape {vector.shape}")
        rows, cosines = self._searcher.search(vector[None], count)
        return rows[0][rows[0] >= 0], cosines[0][rows[0] >= 0]

    def neighbours_of_row(self, row: int, count: int) -> tuple[Rows, Floats]:
        """The nearest other rows to a row of the index, and their cosines; nearest first."""
        rows, cosines = self.neighbours_of_rows(np.array([row]), count)
        return rows[0][rows[0] >= 0], cosines[0][rows[0] >= 0]

    def neighbours_of_rows(self, rows: Rows, count: int) -> tuple[Rows, Floats]:
        """The nearest other rows to many rows of the index at once.

        Args:
            rows: (R,) int64.
            count: how many for each.

        Returns:
            Rows (R, count) int64, nearest first, and cosines (R, count) float32; -1 and -inf where there are no more.
        """
        found, cosines = self._searcher.search(self.vectors.take(rows), count + 1)
        return without_own(found, cosines, rows)

    def vector(self, row: int) -> Floats:
        """The vector (D,) float32 of a row."""
        vector: Floats = self.vectors.take(np.array([row]))[0]
        return vector
