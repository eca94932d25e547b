"""Evidence of pictures that were aligned, kept so that the next dump need not align the same two again.

It follows from the two pictures alone, so no result depends on where it came from. Every part of a dump keeps that of
its own pairs in a table of its own, what it took from another dump included: one dump has to be looked into, however
many there are, and a dump that is removed takes its evidence with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import PIL
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg

from dedup_pipeline.compute.dtypes import Flags, Floats, Rows
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.schemas import aligned_pairs
from dedup_pipeline.stages.fingerprint import FILE as FINGERPRINTS_FILE
from dedup_pipeline.stages.match.nodes import Nodes
from dedup_pipeline.stages.match.views import Gallery
from dedup_pipeline.store import Store, digest
from dedup_pipeline.verdict import alignment

NAMES = (*alignment.ALIGNED, "mirrored")
_VERSION = b"version"  # in the metadata of a table
_LIBRARIES = (cv2.__version__, np.__version__, PIL.__version__, simplejpeg.__version__)


def cache_path(store: Store, dump_id: str, part: int) -> str:
    """Where a part of a dump keeps its evidence: ``schemas.aligned_pairs``, sorted by both nodes."""
    return store.dump(dump_id, "match", f"laid-{part:05d}.parquet")


def cache_version() -> str:
    """What the evidence depends on beside the pictures: the alignment, the decoding, and the libraries of both."""
    return digest(alignment.VERSION, NAMES, FINGERPRINTS_FILE, _LIBRARIES)


@dataclass(frozen=True)
class CachedEvidence:
    """What is known of K pairs of nodes.

    Attributes:
        codes: (K,) int64, lower row * N + higher row of N nodes, ascending.
        values: (K, len(NAMES)) float32.
    """

    codes: Rows
    values: Floats

    def of(self, codes: Rows) -> tuple[Floats, Flags]:
        """The evidence (P, len(NAMES)) of some pairs (P,), and which of these are known; of the others it is unset."""
        values = np.empty((len(codes), len(NAMES)), dtype=np.float32)
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        known = self.codes[at] == codes if len(self.codes) else np.zeros(len(codes), dtype=bool)
        values[known] = self.values[at[known]]
        return values, known


def read_cached(store: Store, paths: Iterable[str], nodes: Nodes, codes: Rows) -> CachedEvidence:
    """What some tables know of some pairs, read a row group at a time; tables of another version know nothing.

    Args:
        store: the store.
        paths: the tables; those that are not there, or from where on they are damaged, are passed over.
        nodes: the dump's nodes.
        codes: (P,) int64, lower row * N + higher row of each pair, ascending.
    """
    found = [np.empty(0, dtype=np.int64)]
    values = [np.empty((0, len(NAMES)), dtype=np.float32)]
    for path in dict.fromkeys(paths):
        with contextlib.suppress(NotReadyError, DamagedError):
            for some, of_some in _groups(store, path, nodes):
                wanted = np.isin(some, codes)
                found.append(some[wanted])
                values.append(of_some[wanted])
    every, first = np.unique(np.concatenate(found), return_index=True)
    return CachedEvidence(every, np.concatenate(values)[first])


def _groups(store: Store, path: str, nodes: Nodes) -> Iterator[tuple[Rows, Floats]]:
    """The codes and the evidence of the pairs of a table whose nodes the dump has."""
    with store.reading_table(path) as table:
        if (table.schema_arrow.metadata or {}).get(_VERSION) != cache_version().encode():
            return
        for group in range(table.num_row_groups):
            some = table.read_row_group(group)
            low, high = (nodes.names.find(ByteStrings.of_column(some[name])) for name in ("node_a", "node_b"))
            there = (low >= 0) & (high >= 0)
            values = some["evidence"].combine_chunks().values.to_numpy().reshape(-1, len(NAMES))
            yield low[there] * len(nodes) + high[there], values[there]


class CachingAligner:
    """Lays the pairs of a part over each other, but for those of which the evidence is kept; and keeps all of it.

    Args:
        gallery: the views of the nodes.
        nodes: the dump's nodes.
        kept: what is known of pairs of them.
        writer: of the part's own table.

    Attributes:
        aligned_anew: pairs that were aligned, for their evidence was not kept.
    """

    def __init__(self, gallery: Gallery, nodes: Nodes, kept: CachedEvidence, writer: pq.ParquetWriter) -> None:
        self._gallery, self._nodes, self._kept, self._writer = gallery, nodes, kept, writer
        self.aligned_anew = 0

    def align(self, low: Rows, high: Rows) -> dict[str, Floats]:
        """The evidence of some pairs of nodes (P,), see ``views.align``; asked for in ascending order."""
        if len(low):
            self._gallery.let_go(int(low[0]))  # who was passed as the lower one is the higher one of nobody to come
        values, known = self._kept.of(low * len(self._nodes) + high)
        if not known.all():
            found = self._gallery.align(low[~known], high[~known])
            values[~known] = np.stack([found[name] for name in NAMES], axis=1)
            self.aligned_anew += int((~known).sum())
        columns = [pa.array(self._nodes.names.take(rows)) for rows in (low, high)]
        evidence = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), len(NAMES))
        self._writer.write_table(pa.table([*columns, evidence], schema=self._writer.schema))
        return dict(zip(NAMES, np.ascontiguousarray(values.T), strict=True))


@contextlib.contextmanager
def caching_aligner(
    store: Store, path: str, gallery: Gallery, nodes: Nodes, kept: CachedEvidence
) -> Iterator[CachingAligner]:
    """Align pairs and keep what they show at a path, once the block ends well."""
    schema = aligned_pairs(len(NAMES)).with_metadata({_VERSION: cache_version().encode()})
    with store.writing_table(path, schema) as writer:
        yield CachingAligner(gallery, nodes, kept, writer)
