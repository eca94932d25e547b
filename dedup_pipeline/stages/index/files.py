"""The files of an index in the store: what they are called, and how they are opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from dedup_pipeline.compute.dtypes import Rows
from dedup_pipeline.config import Settings
from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.stages.index.neighbour_index import NeighbourIndex
from dedup_pipeline.stages.index.sidecar import Sidecar
from dedup_pipeline.stages.index.vectors import Vectors
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of

GROUP_ROWS = 10_000  # rows of neighbours that are held at a time


def file_name(kind: str, part: int) -> str:
    """What the output of a part is called."""
    suffix = {"vectors": "npy", "sidecar": "json", "sources": "parquet", "neighbours": "parquet"}
    return f"{kind}-{part:05d}.{suffix.get(kind, kind)}"


def open_files(store: Store, outputs: Sequence[dict[str, str]], settings: Settings) -> NeighbourIndex:
    """The index of the files of all parts: of each its vectors, index and sidecar.

    Raises:
        ModelError: the files do not belong together.
    """
    sidecars = [Sidecar(**store.read_json(of_part["sidecar"])) for of_part in outputs]
    return NeighbourIndex(
        [store.local_path(of_part["index"]) for of_part in outputs],
        sidecars,
        Vectors([store.local_path(of_part["vectors"]) for of_part in outputs]),
        search_k=settings.index.search_k,
        nprobe=settings.index.nprobe,
    )


def open_index(settings: Settings, dump_id: str) -> NeighbourIndex:
    """The index of a dump.

    Raises:
        NotReadyError: it is not built yet, or by an earlier version.
        ModelError: the files do not belong together.
    """
    store = Store(settings.store)
    return open_files(store, _by_part(store, dump_id), settings)


def open_vectors(store: Store, dump_id: str) -> Vectors:
    """The vectors of a dump's index alone.

    Raises:
        NotReadyError: it is not built yet, or by an earlier version.
    """
    return Vectors([store.local_path(of_part["vectors"]) for of_part in _by_part(store, dump_id)])


def read_neighbours(store: Store, dump_id: str, columns: list[str]) -> Iterator[tuple[Rows, pa.Table]]:
    """Some columns of NEIGHBOURS, a row group at a time.

    Yields:
        Rows (G,) of the index of a row group, and the columns of these.

    Raises:
        NotReadyError: the index is not built yet, or by an earlier version.
    """
    first = 0
    for of_part in _by_part(store, dump_id):
        with store.reading_table(of_part["neighbours"]) as table:
            for group in range(table.num_row_groups):
                some = table.read_row_group(group, columns)
                yield np.arange(first, first + len(some)), some
                first += len(some)


def _by_part(store: Store, dump_id: str) -> list[dict[str, str]]:
    """The outputs of each part, by kind."""
    result = result_of(store, dump_id, "index")
    if "parts" not in result.counts:
        raise NotReadyError(f"dump {dump_id} was indexed by an earlier version: run its stage `index` again")
    kinds = ("vectors", "index", "sidecar", "neighbours")
    return [
        {kind: result.outputs[f"{kind}-{part:05d}"] for kind in kinds}
        for part in range(int(str(result.counts["parts"])))
    ]
