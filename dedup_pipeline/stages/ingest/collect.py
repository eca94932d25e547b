"""The second half of reading a dump: first rows win, families are closed, tables are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup_pipeline.schemas import LISTINGS, REJECTS, RejectReason
from dedup_pipeline.stages.ingest.csv.encoding import decode_text
from dedup_pipeline.stages.ingest.dictionary_columns import WRITTEN, listing_writer, photo_columns, pruned, spooled
from dedup_pipeline.stages.ingest.families import UnionFind
from dedup_pipeline.stages.ingest.family_ids import Members, smallest_ids
from dedup_pipeline.stages.ingest.id_table import IdNumbers, IdTable
from dedup_pipeline.stages.ingest.normalise import PLAIN_COLUMNS, Rows
from dedup_pipeline.stages.ingest.parallel import in_order
from dedup_pipeline.stages.ingest.readers import RAW_CHARS, Batch
from dedup_pipeline.stages.ingest.sense import UNREAD, Tally
from dedup_pipeline.stages.ingest.spool import Spool
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Count
from dedup_pipeline.wording import tidy

_NODE = pa.field("node", pa.int32())
_SPOOLED = pa.schema([*map(spooled, PLAIN_COLUMNS), _NODE])
_IDS = pa.schema([LISTINGS.field("listing_id"), _NODE])
_REJECT_BYTES = 8 << 20  # written at once
_Reject = tuple[int, str | None, RejectReason, str, str]


class Collector:
    """Takes rows batch by batch and writes both tables; they appear together, or not at all.

    Args:
        store: where to write.
        outputs: paths of ``listings`` and ``rejects``.
        chunk_rows: rows of a row group.

    Attributes:
        tally: what became of the rows.
    """

    def __init__(self, store: Store, outputs: Mapping[str, str], chunk_rows: int) -> None:
        self._store = store
        self._outputs = outputs
        self._chunk_rows = chunk_rows
        self._table = IdTable()
        self._families = UnionFind()
        self._seen = np.zeros(1 << 16, bool)
        self.tally = Tally()
        self._recoded = 0
        self._rejects: list[pa.Table] = []
        self._stack = ExitStack()

    def __enter__(self) -> Collector:
        with ExitStack() as stack:
            self._reject_file = stack.enter_context(self._store.writing_table(self._outputs["rejects"], REJECTS))
            folder = Path(self._store.url(self._outputs["rejects"])).parent if self._store.local else None
            self._spool = stack.enter_context(Spool(_SPOOLED, folder))
            self._ids = stack.enter_context(Spool(_IDS, folder))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, batch: Batch, rows: Rows) -> None:
        """Settle a batch: listings are spooled, rejects written."""
        nodes = self._table.numbers(rows.keys)
        members = self._table.numbers(rows.members)
        self._families.link(nodes[rows.member_rows], members)
        first = self._first_rows(nodes)
        kept = first & rows.kept
        table = rows.table.append_column(_NODE, pa.array(nodes))
        if first.any():
            self._ids.write(_filtered(table.select(_IDS.names), first))
        if kept.any():
            self._spool.write(_filtered(table, kept))
        self.tally.rows += len(batch.lines) + len(batch.malformed)
        self.tally.listings += int(kept.sum())
        self.tally.blank += batch.blank
        self.tally.ids = self._table.count
        self._recoded += batch.recoded
        self._reject(batch, rows, first, kept)

    def finish(self) -> dict[str, Count]:
        """Write what is left and return the counts."""
        self._flush_rejects()
        self._spool.finish()
        self._ids.finish()
        labels = self._families.labels(self._table.count)
        family_of, names = self._family_names(labels)
        used = np.zeros(len(names), bool)
        without_photo = 0

        def settled(table: pa.Table) -> tuple[pa.Table, IdNumbers]:
            families = family_of[labels[table["node"].to_numpy()]]
            photo_url, photo_urls = photo_columns(table["photo_urls"].chunks)
            others = table.drop_columns("photo_urls").unify_dictionaries().combine_chunks()
            columns = {name: _pruned(others[name].chunk(0)) for name in others.column_names}
            columns |= {"family_id": names.take(pa.array(families)), "photo_url": photo_url, "photo_urls": photo_urls}
            return pa.table([columns[name] for name in LISTINGS.names], schema=WRITTEN), families

        chunks = _in_chunks(self._spool.batches(), self._chunk_rows)
        with self._store.writing(self._outputs["listings"]) as file, listing_writer(file) as writer:
            for table, families in in_order(chunks, settled, 1):  # the next is made while one is compressed
                used[families] = True
                without_photo += table["photo_url"].null_count
                writer.write_table(table)
        return {
            "rows": self.tally.rows,
            "listings": self.tally.listings,
            "rejects": self.tally.rows - self.tally.listings,
            "rejects_by_reason": dict(sorted(self.tally.reasons.items())),
            "families": int(used.sum()),
            "without_picture": without_photo,
            "recoded_rows": self._recoded,
        }

    def _first_rows(self, nodes: IdNumbers) -> npt.NDArray[np.bool_]:
        """(rows,) whether no earlier row has the same id."""
        if self._table.count > len(self._seen):
            self._seen = np.append(
                self._seen, np.zeros(max(self._table.count - len(self._seen), len(self._seen) // 2), bool)
            )
        first = np.zeros(len(nodes), bool)
        first[np.unique(nodes, return_index=True)[1]] = True
        first &= ~self._seen[nodes]
        self._seen[nodes] = True
        return first

    def _family_names(self, labels: IdNumbers) -> tuple[IdNumbers, pa.Array]:
        """The number of the family that each label stands for, and the smallest id of each family."""
        named = np.zeros(len(labels), bool)
        for batch in self._ids.batches():
            named[labels[batch["node"].to_numpy()]] = True
        family_of = np.cumsum(named, dtype=np.int32) - np.int32(1)

        def members() -> Members:
            for batch in self._ids.batches():
                yield family_of[labels[batch["node"].to_numpy()]], batch["listing_id"]

        return family_of, smallest_ids(members, int(named.sum()))

    def _reject(self, batch: Batch, rows: Rows, first: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_]) -> None:
        """Write the rows of a batch that are no listing, by line."""
        left = np.flatnonzero(~kept)
        places = np.concatenate((np.array([place for place, _, _ in rows.refused], np.int64), rows.places[left]))
        if not len(places) and not batch.malformed:
            return
        found: list[_Reject] = [
            (row.line, row.identity, row.reason, row.detail, decode_text(row.raw[: 4 * RAW_CHARS])[:RAW_CHARS])
            for row in batch.malformed
        ]
        told = [(None, reason, detail) for _, reason, detail in rows.refused] + _left_out(rows, left, first)
        raws = batch.raw(places).to_pylist()
        lines = batch.lines[places].tolist()
        found += [(line, *why, raw) for line, why, raw in zip(lines, told, raws, strict=True)]
        found.sort(key=lambda row: row[0])
        self._count(rows, left[first[left]], found)
        columns = zip(*found, strict=True)
        arrays = [pa.array(list(values), kind.type) for values, kind in zip(columns, REJECTS, strict=True)]
        self._rejects.append(pa.table(arrays, schema=REJECTS))
        if sum(table.nbytes for table in self._rejects) >= _REJECT_BYTES:
            self._flush_rejects()

    def _count(self, rows: Rows, of_others: npt.NDArray[np.int64], found: list[_Reject]) -> None:
        """Count some rejects; ``of_others`` are the rows of other categories among them."""
        tally = self.tally
        tally.reasons.update(row[2].value for row in found)
        if not tally.listings and len(of_others):
            tally.count_categories(rows.table["category"].take(pa.array(of_others)).to_pylist())
        if not tally.example:
            unread = (f"{line}: {detail}" for line, _, reason, detail, _ in found if reason in UNREAD)
            tally.example = next(unread, "")

    def _flush_rejects(self) -> None:
        if self._rejects:
            self._reject_file.write_table(pa.concat_tables(self._rejects).combine_chunks())
            self._rejects = []


def _left_out(
    rows: Rows, left: npt.NDArray[np.int64], first: npt.NDArray[np.bool_]
) -> list[tuple[str | None, RejectReason, str]]:
    """Why rows with an id are no listings."""
    some = rows.table.select(["listing_id", "category"]).take(pa.array(left)).to_pylist()
    return [
        (
            row["listing_id"],
            RejectReason.CATEGORY,
            f"the category is '{tidy(row['category'])}'" if row["category"] else "no category",
        )
        if first[place]
        else (row["listing_id"], RejectReason.REPEATED_ID, "an earlier row has the id")
        for place, row in zip(left.tolist(), some, strict=True)
    ]


def _filtered(table: pa.Table, wanted: npt.NDArray[np.bool_]) -> pa.Table:
    if wanted.all():
        return table
    found = table.filter(pa.array(wanted))  # some are wanted: no chunk is left of a column without rows
    if 2 * len(found) > len(table):
        return found
    return pa.table([_pruned(column.combine_chunks()) for column in found], schema=table.schema)


def _pruned(column: pa.Array) -> pa.Array:
    return pruned(column) if pa.types.is_dictionary(column.type) else column


def _in_chunks(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Tables of exactly ``rows`` rows, but for the last."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += len(batch)
        while count >= rows:
            table = pa.Table.from_batches(held)
            yield table.slice(0, rows)
            held = table.slice(rows).to_batches()
            count -= rows
    if count:
        yield pa.Table.from_batches(held)
