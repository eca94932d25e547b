"""The rows of an index: a dump's distinct vectors, each read from beside its pack when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Floats, Rows
from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import PackedImages, iter_packed, packed_images

Digests = npt.NDArray[np.void]

_DIGEST = 16  # bytes: among 40 million vectors two digests meet by chance once in 10^23 dumps


@dataclass(frozen=True)
class IndexRows:
    """The rows of an index.

    Attributes:
        packed: every image of the dump that has a vector, sorted.
        row_of: (I,) int64, the row of each image's vector; equal vectors share one.
        first: (N,) int64, the first image of each row; rows are in the order of these.
    """

    packed: PackedImages
    row_of: Rows
    first: Rows

    def sources(self, rows: Rows | slice) -> pa.Table:
        """INDEX_SOURCES of some rows."""
        return self.packed.take(self.first[rows]).table()


def find_rows(store: Store, dump_id: str, name: str) -> IndexRows:
    """Number the distinct vectors of a dump; of each vector no more than a digest is held.

    Args:
        store: the store.
        dump_id: the dump.
        name: the file of embeddings beside each pack.

    Raises:
        NotReadyError: there are none.
    """
    packed = packed_images(store, dump_id)
    digests = np.empty(len(packed), dtype=np.dtype((np.void, _DIGEST)))
    there = np.zeros(len(packed), dtype=bool)
    for places, vectors in _vectors(store, packed, name):
        digests[places], there[places] = digests_of(vectors), True
    if not there.any():
        raise NotReadyError(f"dump {dump_id} has no picture to index: see its fetch statuses in {store.root}")
    first, row_of = distinct_rows(digests[there])
    return IndexRows(packed if there.all() else packed.take(there), row_of, first)


def read_vectors(store: Store, sources: pa.Table, name: str) -> Floats:
    """The vectors (N, D) float32 of INDEX_SOURCES, in their order."""
    found: Floats | None = None
    for places, vectors in _vectors(store, PackedImages.of_table(sources), name):
        if found is None:
            found = np.empty((len(sources), vectors.shape[1]), dtype=np.float32)
        found[places] = vectors
    return found if found is not None else np.empty((0, 0), dtype=np.float32)


def _vectors(store: Store, packed: PackedImages, name: str) -> Iterator[tuple[Rows, Floats]]:
    for places, table in iter_packed(store, packed, name):
        flat = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        yield places, np.ascontiguousarray(flat, dtype=np.float32).reshape(len(table), -1)


def digests_of(vectors: Floats) -> Digests:
    """A digest (N,) of 16 bytes for each of the vectors (N, D): equal ones for equal vectors."""
    width = vectors.dtype.itemsize * vectors.shape[1]
    data = np.ascontiguousarray(vectors).view(np.uint8).reshape(-1).data
    whole = b"".join(
        blake2b(data[start : start + width], digest_size=_DIGEST).digest() for start in range(0, len(data), width)
    )
    return np.frombuffer(whole, dtype=np.dtype((np.void, _DIGEST)))


def distinct_rows(digests: Digests | npt.NDArray[np.bytes_]) -> tuple[Rows, Rows]:
    """Collapse equal digests (N,).

    Returns:
        The first place (M,) of each distinct one in order of appearance, and for every one (N,) its number among
        the distinct ones.
    """
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[inverse].astype(np.int64)
