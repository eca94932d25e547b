"""The vectors of an index, by the numbers of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.store.integrity import map_array


class Vectors:
    """The vectors of the rows, in files that are mapped into memory: only what is asked for is read.

    Args:
        files: NumPy arrays (N, D) float32 on this machine, in the order of their rows.

    Raises:
        DamagedError: a file is none.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.pieces: list[Floats] = [map_array(file) for file in files]
        self._starts = np.cumsum([0, *(len(piece) for piece in self.pieces)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def dimension(self) -> int:
        """Their length D."""
        return int(self.pieces[0].shape[1])

    def take(self, rows: Rows) -> Floats:
        """The vectors (R, D) of rows (R,)."""
        found = np.empty((len(rows), self.dimension), dtype=np.float32)
        of = np.searchsorted(self._starts, rows, side="right") - 1
        for part in np.unique(of).tolist():
            mine = of == part
            found[mine] = self.pieces[part][rows[mine] - self._starts[part]]
        return found
