"""Read a dump: listings that can be worked on, and rejects with the reason of each.

Two passes. The first reads the file in blocks, settles every row, writes the rejects and spools the listings to an
unnamed temporary file; ids and families are kept as numbers, some 60 bytes a row. The second knows all families
and writes the listings. Rows in = listings + rejects, always.

The digest of the dump is that of the bytes as they were read, unless there is a manifest to compare with first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.stages.ingest.collect import Collector
from dedup_pipeline.stages.ingest.csv.blocks import Block
from dedup_pipeline.stages.ingest.csv.splitter import Splitter
from dedup_pipeline.stages.ingest.normalise import Rows, normalise
from dedup_pipeline.stages.ingest.parallel import in_order
from dedup_pipeline.stages.ingest.parquet import parquet_columns, read_parquet
from dedup_pipeline.stages.ingest.presets import CatalogLayout, find_columns, layout_of
from dedup_pipeline.stages.ingest.readers import Batch, parse, read_header
from dedup_pipeline.stages.ingest.source import Source, content_digest, open_source, stamp
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, Progress, StageResult, no_progress, run_stage

STAGE = "ingest"
VERSION = 1


def ingest(settings: Settings, dump_id: str, catalog: str, progress: Progress = no_progress) -> StageResult:
    """Read a dump into the tables ``listings`` (in file order) and ``rejects`` (by row).

    Families are closed over all rows that have an id, so that a listing left out by its category, or a repeated row,
    still connects two that are kept; ``family_id`` is the smallest id of the family among all of these.

    Args:
        settings: the settings; ``store``, ``threads`` and the section ``ingest``.
        dump_id: what to call the dump.
        catalog: a path or an fsspec URL of a CSV, CSV.gz or Parquet file.
        progress: is told how many of the file's stored bytes have been read.

    Raises:
        InputError: the catalog is missing, empty, damaged, without rows or without a required column, or changes while
            it is read; or it is past the limits of what a catalog is, or leaves no listing: its rejects are kept.
        SettingsError: ``ingest.columns`` does not fit.
        StoreError: the store could not be written.
    """
    layout = layout_of(settings.ingest)
    store = Store(settings.store)
    folder = store.dump(dump_id, STAGE)
    before = stamp(catalog)
    digest = ""  # known from the start only where there is a manifest to compare with: else the work tells it

    def inputs() -> dict[str, Any]:
        nonlocal digest
        digest = digest or content_digest(catalog)
        return {"catalog": digest, "settings": settings.ingest.stored()}

    def work() -> Done:
        nonlocal digest
        done, digest = _read(settings, store, folder, catalog=catalog, layout=layout, before=before, progress=progress)
        return done

    return run_stage(store, dump_id, STAGE, inputs=inputs, version=VERSION, work=work)


def _read(
    settings: Settings,
    store: Store,
    folder: str,
    *,
    catalog: str,
    layout: CatalogLayout,
    before: str,
    progress: Progress,
) -> tuple[Done, str]:
    """Do the work; what was done, and the digest of the bytes that were read."""
    store.sweep(folder)
    outputs = {"listings": f"{folder}/listings.parquet", "rejects": f"{folder}/rejects.parquet"}
    with open_source(catalog) as source, Collector(store, outputs, settings.ingest.chunk_rows) as collector:
        reader = _Reader(settings, source, layout)
        for batch, rows in reader.rows():
            collector.add(batch, rows)
            collector.tally.check(catalog)
            progress(source.position(), source.size)
        digest = source.digest or content_digest(catalog)
        if not collector.tally.rows:
            raise InputError(f"{catalog} has a header and no rows: export the catalog again")
        if stamp(catalog) != before:
            raise InputError(f"{catalog} changed while it was read: run again when it is complete")
        counts = collector.finish()
    collector.tally.check_listings(catalog, settings.ingest.categories, store.url(outputs["rejects"]))
    absent = [
        field
        for field in ("family", "title", "brand", "category", "seller", "colour", "price")
        if field not in reader.fields
    ]
    return Done(outputs, counts | {"missing_fields": ", ".join(absent)}), digest


class _Reader:
    """The rows of a dump, made by several threads and handed out in order.

    Args:
        settings: the settings.
        source: the dump.
        layout: how it names and fills its fields.
    """

    def __init__(self, settings: Settings, source: Source, layout: CatalogLayout) -> None:
        self.settings = settings.ingest
        self.threads = settings.worker_threads
        self.source = source
        self.layout = layout
        self.fields: dict[str, tuple[int, ...]] = {}

    def rows(self) -> Iterator[tuple[Batch, Rows]]:
        """The rows, batch by batch."""
        return self._parquet_rows() if self.source.kind == "parquet" else self._text_rows()

    def _parquet_rows(self) -> Iterator[tuple[Batch, Rows]]:
        self._find(parquet_columns(self.source))
        family = self.fields.get("family", ())
        separators = {index: "," if index in family else ";" for index in self._wanted()}
        batches = read_parquet(self.source, separators, self.settings.chunk_rows)
        yield from in_order(batches, self._normalised, self.threads)

    def _text_rows(self) -> Iterator[tuple[Batch, Rows]]:
        limit = 4 * self.settings.max_field_chars + (1 << 16)
        blocks = self.source.lines(limit)
        first = next(blocks, b"")
        delimiter = self.settings.delimiter
        if self.layout.tabs and b"\t" in first.split(b"\n", 1)[0]:
            delimiter = "\t"
        header, end, line = read_header(first, delimiter.encode(), limit, self.source.catalog)
        self._find(header)
        wanted = self._wanted()
        splitter = Splitter(delimiter.encode(), len(header), self.settings.max_field_chars, limit, line)

        def work(block: Block) -> tuple[Batch, Rows]:
            return self._normalised(parse(block, len(header), wanted, delimiter, self.fields["id"][0]))

        yield from in_order(splitter.split(_chain(first[end:], blocks)), work, self.threads)

    def _normalised(self, batch: Batch) -> tuple[Batch, Rows]:
        return batch, normalise(batch, self.fields, self.layout, self.settings)

    def _find(self, header: list[str]) -> None:
        self.fields = find_columns(self.layout, header, self.source.catalog, self.settings.preset)

    def _wanted(self) -> list[int]:
        return sorted({index for positions in self.fields.values() for index in positions})


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
