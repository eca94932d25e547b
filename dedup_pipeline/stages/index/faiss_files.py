"""Index files of faiss: vectors in cells (inverted lists), of which a query looks at the nearest few.

All files of a dump have the same cells, learnt from a sample of the whole dump. So what a query looks at does not
depend on how the rows are divided among files: any number of files gives the same neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import faiss
import numpy as np
from faiss.contrib.inspect_tools import get_invlist
from threadpoolctl import threadpool_limits

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.errors import ModelError
from dedup_pipeline.stages.index.ivf_cells import probe_count
from dedup_pipeline.stages.index.nearest import nearest
from dedup_pipeline.stages.index.sidecar import Sidecar
from dedup_pipeline.stages.index.vectors import Vectors

# vectors of a cell that it is learnt from, and rounds of k-means: a third of the time of faiss' 256 and 10. Of 100,000
# made-up vectors, 64 and 4 found 0.993 of the nearest 30 in 8 cells, where 256 and 10 found 0.999; hence more probes
SAMPLE = 64
_ROUNDS = 6
_SPARE = 8  # more are asked for than needed, so that the last are the same whichever was met first
_PRODUCTS = 2**22  # cosines at a time, 16 MB
_BLOCK = 1000  # queries whose findings' vectors are in memory at a time


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hold faiss to the calling thread, so that no sum depends on how many there are; others keep theirs."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def learn_cells(sample: Floats, cells: int, *, seed: int) -> Floats:
    """The centres (C, D) float32 of cells, by k-means over a sample (S, D) of the vectors, in one thread."""
    centres = faiss.IndexFlatIP(sample.shape[1])
    index = faiss.IndexIVFFlat(centres, sample.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.seed = _ROUNDS, seed
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, SAMPLE
    with _one_thread():
        index.train(sample)
    return np.asarray(centres.reconstruct_n(0, cells), dtype=np.float32)


def build_file(vectors: Floats, centres: Floats, file: Path) -> None:
    """Put vectors (N, D) float32 into cells with these centres (C, D); the same values give the same bytes."""
    index = faiss.IndexIVFFlat(_flat(centres), vectors.shape[1], len(centres), faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    with _one_thread():
        index.add(np.ascontiguousarray(vectors))
    faiss.write_index(index, str(file))


def _flat(centres: Floats) -> faiss.IndexFlatIP:
    index = faiss.IndexFlatIP(centres.shape[1])
    index.add(np.ascontiguousarray(centres))
    return index


class FaissFiles:
    """Files of faiss over consecutive rows with the same cells.

    Args:
        files: on this machine, in the order of their rows; they are mapped into memory, not read.
        sidecars: their descriptions.
        vectors: of all rows.
        nprobe: see ``index.nprobe``.

    Raises:
        ModelError: a file is not what its sidecar says.
    """

    def __init__(self, files: Sequence[Path], sidecars: Sequence[Sidecar], vectors: Vectors, nprobe: int) -> None:
        self._parts = []
        for file, sidecar in zip(files, sidecars, strict=True):
            try:
                index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
            except RuntimeError as error:  # of faiss' own reading
                raise ModelError(f"{file} cannot be opened ({error}): run `dedup index` again") from error
            if not isinstance(index, faiss.IndexIVFFlat):
                raise ModelError(f"{file} is no index of cells: build it again")
            sidecar.check_items(file, index.ntotal)
            self._parts.append((sidecar.first, index))
        self._centres = self._parts[0][1].quantizer
        self._vectors, self._nprobe = vectors, min(probe_count(len(vectors), nprobe), self._centres.ntotal)

    def search(self, vectors: Floats, count: int) -> tuple[Rows, Floats]:
        """See ``neighbour_index.Searcher``; cell by cell, so that all that look at one do so in one product."""
        vectors = np.ascontiguousarray(vectors)
        best = faiss.ResultHeap(len(vectors), count + _SPARE, keep_max=True)
        with _one_thread(), threadpool_limits(limits=1, user_api="blas"):
            for cell, queries in _by_cell(self._centres.search(vectors, self._nprobe)[1]):
                asked = vectors[queries]
                for first, index in self._parts:
                    rows, held = get_invlist(index.invlists, cell)
                    at_once = max(1, _PRODUCTS // max(1, len(rows)))
                    for start in range(0, len(queries) if len(rows) else 0, at_once):
                        some = slice(start, start + at_once)
                        best.add_result_subset(queries[some], asked[some] @ held.view(np.float32).T, rows + first)
        return nearest(best.I, self._cosines(vectors, best.I), count)

    def _cosines(self, vectors: Floats, rows: Rows) -> Floats:
        """The cosines (Q, F) of vectors (Q, D) with rows (Q, F), -inf for rows -1.

        One by one: the last digit of a product of matrices depends on its shape, and so on who else asks.
        """
        cosines = np.full(rows.shape, -np.inf, dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            there = rows[block] >= 0
            others = self._vectors.take(rows[block][there])
            queries = np.repeat(vectors[block], there.sum(axis=1), axis=0)
            cosines[block][there] = np.einsum("pd,pd->p", queries, others)
        return cosines


def _by_cell(cells: Rows) -> Iterator[tuple[int, Rows]]:
    """The cells of (Q, P), Q at least 1, that somebody looks at, and who does: numbers of queries, ascending."""
    order = np.argsort(cells, axis=None, kind="stable")
    asked, starts = np.unique(cells.ravel()[order], return_index=True)
    yield from zip(asked.tolist(), np.split(order // cells.shape[1], starts[1:]), strict=True)
