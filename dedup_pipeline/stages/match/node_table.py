"""The nodes of a dump as arrays in files, which every part of the stage maps into memory and reads in places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dedup_pipeline.compute.dtypes import Codes, Floats, Rows
from dedup_pipeline.stages.index import Vectors
from dedup_pipeline.store import Store
from dedup_pipeline.verdict.evidence import ImageFeatures


@dataclass(frozen=True)
class NodeFamilies:
    """The families that show each of N nodes.

    Attributes:
        starts: (N + 1,) int64, where those of each node begin.
        codes: (F,) int32, numbers of families, ascending in each node.
    """

    starts: Rows
    codes: Codes

    @classmethod
    def of_pairs(cls, nodes: Rows, codes: Rows, count: int) -> NodeFamilies:
        """Those of ``count`` nodes from pairs (P,) of a node and a family, in any order."""
        most = int(codes.max(initial=0)) + 1
        pairs = np.unique(nodes * most + codes)
        starts = np.searchsorted(pairs, np.arange(count + 1) * most)
        return cls(starts.astype(np.int64), (pairs % most).astype(np.int32))

    def of(self, row: int) -> frozenset[int]:
        """The families of a node."""
        return frozenset(self.codes[self.starts[row] : self.starts[row + 1]].tolist())

    def several(self, a: Rows, b: Rows) -> npt.NDArray[np.bool_]:
        """(P,) bool: whether two nodes are shown by more than one family, taken together."""
        if not len(self.codes):
            return np.zeros(len(a), dtype=bool)
        least = np.minimum(self._edge(a, last=False), self._edge(b, last=False))
        most = np.maximum(self._edge(a, last=True), self._edge(b, last=True))
        return np.asarray(least < most)

    def _edge(self, rows: Rows, *, last: bool) -> Codes:
        """The least or greatest code of each node (P,); where it has none, what makes no difference."""
        starts, ends = self.starts[rows], self.starts[rows + 1]
        nothing = -1 if last else np.iinfo(np.int32).max
        at = np.clip(ends - 1 if last else starts, 0, len(self.codes) - 1)
        return np.where(starts < ends, self.codes[at], np.int32(nothing))


@dataclass(frozen=True)
class NodeFeatures:
    """The features of N nodes, most of which stay on the disk: see ``evidence.ImageFeatures``.

    Attributes:
        stored: vectors of the rows of the index.
        index_rows: (N,) int64, the row of each node.
        local_similarity: (N,) float32.
        phash: (N, 2) uint64.
        dhash: (N, 2) uint64.
        colour: (N, 16) float32.
        layout: (N, 192) uint8.
        sizes: (N, 2) int32.
    """

    stored: Vectors
    index_rows: Rows
    local_similarity: Floats
    phash: npt.NDArray[np.uint64]
    dhash: npt.NDArray[np.uint64]
    colour: Floats
    layout: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int32]

    def take(self, rows: Rows) -> ImageFeatures:
        """The features of some rows (R,)."""
        return ImageFeatures(
            vectors=self.stored.take(self.index_rows[rows]),
            local_similarity=np.asarray(self.local_similarity[rows]),
            phash=np.asarray(self.phash[rows]),
            dhash=np.asarray(self.dhash[rows]),
            colour=np.asarray(self.colour[rows]),
            layout=np.asarray(self.layout[rows]),
            sizes=np.asarray(self.sizes[rows]),
        )


@dataclass(frozen=True)
class Arrays:
    """Arrays by name, in memory or in files of a folder.

    Attributes:
        folder: where new ones are made, or None for memory.
    """

    folder: Path | None

    def empty(self, name: str, kind: npt.DTypeLike, *shape: int) -> npt.NDArray[np.generic]:
        """A new array, to be filled."""
        if self.folder is None or not all(shape):
            return np.empty(shape, dtype=kind)
        made: npt.NDArray[np.generic] = np.lib.format.open_memmap(
            self.folder / f"{name}.npy", mode="w+", dtype=np.dtype(kind), shape=shape
        )
        return made


def write_arrays(store: Store, folder: str, arrays: dict[str, npt.NDArray[np.generic]]) -> dict[str, str]:
    """Write arrays into a folder of the store; returns their paths by name."""
    paths = {name: f"{folder}/{name}.npy" for name in arrays}
    for name, values in arrays.items():
        with store.writing(paths[name]) as file:
            np.save(file, values)
    return paths


def open_arrays(store: Store, paths: dict[str, str]) -> dict[str, npt.NDArray[np.generic]]:
    """Map arrays into memory, by name.

    Raises:
        NotReadyError: one is not there.
        DamagedError: one is no array.
    """
    return {name: store.map_array(path) for name, path in paths.items()}
