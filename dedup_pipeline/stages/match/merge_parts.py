"""The verdicts of all parts as one table in the order of its pairs, in memory that does not grow with the dump.

A pair may be found by two parts: that of its lower and that of its higher node. So the verdicts are cut by their lower
nodes into ranges that fit the memory, every part's share of a range being appended to the range's own file; then range
by range is put in order. Names of nodes are digests, so the lower node of a pair lies below a share x of all nodes
with the probability 1 - (1 - x)^2: that makes ranges of about equal size.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dedup_pipeline.schemas import VERDICTS, VerdictKind
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Count

RANGE_ROWS = 1_000_000  # verdicts that are put in order at a time: 1.5 GB
_MOST_RANGES = 256  # files that are open at once; with more verdicts than these hold, the ranges grow
_BLOCK = 50_000  # verdicts handed on at a time
_KEY = ("node_a", "node_b")


@dataclass(frozen=True)
class Merged:
    """The verdicts of a dump in a file of their own, to be read more than once.

    Attributes:
        file: VERDICTS, sorted by nodes.
        counts: candidates, perceptual, learned, aligned.
    """

    file: Path
    counts: dict[str, Count]

    @classmethod
    def of(cls, verdicts: Iterable[pa.Table], folder: Path) -> Merged:
        """Write some verdicts into a file in a folder."""
        counts = dict.fromkeys(("candidates", "perceptual", "learned", "aligned"), 0)
        file = folder / "verdicts.parquet"
        with pq.ParquetWriter(file, VERDICTS, compression="zstd") as writer:
            for some in verdicts:
                writer.write_table(some)
                counts["candidates"] += len(some)
                counts["aligned"] += len(some) - some["inliers"].null_count
                for kind in (VerdictKind.PERCEPTUAL, VerdictKind.LEARNED):
                    counts[kind.value] += int(pc.sum(pc.equal(some["kind"], kind.value)).as_py() or 0)
        return cls(file, dict[str, Count](counts))

    def blocks(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Some columns, or all of them, some rows at a time."""
        with pq.ParquetFile(self.file) as table:
            for group in range(table.num_row_groups):
                yield table.read_row_group(group, columns)


def merged(
    store: Store, parts: Sequence[str], names: Sequence[str], folder: Path, *, range_rows: int = 0
) -> Iterator[pa.Table]:
    """One verdict for each pair, sorted by nodes: perceptual before learned, its directions those of both parts.

    Args:
        store: the store.
        parts: paths of VERDICTS, each sorted by nodes.
        names: of all nodes of the dump, sorted.
        folder: for as many bytes as the parts have, and half as many again.
        range_rows: verdicts that are put in order at a time; 0 stands for RANGE_ROWS.
    """
    rows = 0
    for part in parts:
        with store.reading_table(part) as table:
            rows += table.metadata.num_rows
    bounds = _bounds(names, min(_MOST_RANGES, -(-rows // (range_rows or RANGE_ROWS))))
    for file in _ranges_of(store, parts, bounds, folder):
        with pa.OSFile(str(file)) as source, pa.ipc.open_stream(source) as stream:
            table = stream.read_all()
        file.unlink()
        yield from _in_order(table)


def _bounds(names: Sequence[str], ranges: int) -> list[str]:
    """The names of nodes at which all ranges but the first begin."""
    shares = (1 - math.sqrt(1 - number / ranges) for number in range(1, ranges))
    return [names[int(share * len(names))] for share in shares]


def _ranges_of(store: Store, parts: Sequence[str], bounds: list[str], folder: Path) -> list[Path]:
    """Cut all parts into ranges; a file of each, which has the shares of the parts in their order."""
    files = [folder / f"range-{number:03d}.arrow" for number in range(len(bounds) + 1)]
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with ExitStack() as opened:
        sinks = [opened.enter_context(pa.OSFile(str(file), "wb")) for file in files]
        writers = [opened.enter_context(pa.ipc.new_stream(sink, VERDICTS, options=options)) for sink in sinks]
        for part in parts:
            with store.reading_table(part) as table:
                for batch in table.iter_batches():
                    lower = batch["node_a"]
                    cuts = [bisect_left(lower, bound, key=lambda name: name.as_py()) for bound in bounds]
                    for writer, start, end in zip(writers, [0, *cuts], [*cuts, len(lower)], strict=True):
                        if start < end:
                            writer.write_batch(batch.slice(start, end - start))
    return files


def _in_order(verdicts: pa.Table) -> Iterator[pa.Table]:
    """The verdicts of a range, each pair once."""
    if not len(verdicts):
        return
    verdicts = verdicts.combine_chunks()
    keys = [(name, "ascending") for name in _KEY]
    order = pc.sort_indices(verdicts, [*keys, ("kind", "descending")])
    first = np.ones(len(order), dtype=bool)
    first[1:] = False
    for name in _KEY:
        column = verdicts[name].take(order).combine_chunks()
        first[1:] |= np.asarray(pc.not_equal(column[1:], column[:-1]))
    starts = np.flatnonzero(first)
    found = np.add.reduceat(verdicts["directions"].to_numpy()[order.to_numpy()], starts)
    place = verdicts.schema.get_field_index("directions")
    for start in range(0, len(starts), _BLOCK):
        block = slice(start, start + _BLOCK)
        some = verdicts.take(order.take(pa.array(starts[block])))
        yield some.set_column(place, "directions", pa.array(found[block]))
