"""What a pack has fetched so far, in small files that appear whole: a kill loses only what is in flight."""

from __future__ import annotations

import time
import uuid

import pyarrow as pa

from dedup_pipeline.fetch.visit import Fetched
from dedup_pipeline.schemas import FETCHES, conform
from dedup_pipeline.store import Store

FLUSH_RESULTS = 64
FLUSH_SECONDS = 2.0
FLUSH_BYTES = 32_000_000

# `data` is there once for each image: `stored` says in which row, without reading the bytes
SPOOLED = pa.schema([*FETCHES, pa.field("stored", pa.bool_()), pa.field("data", pa.binary())])


def spool_folder(store: Store, pack_id: str) -> str:
    """Where the parts of a pack lie until it is written."""
    return store.pack(pack_id, "spool")


def read_part(store: Store, path: str, columns: list[str]) -> pa.Table:
    """Some columns of a part; the bytes of its images are not read for them."""
    with store.reading_table(path) as part:
        return part.read(columns=columns)


class Spool:
    """The results of a pack until it is written.

    Args:
        store: the store.
        pack_id: the pack.

    Attributes:
        known: the URLs with a result, and whether it is an image.
    """

    def __init__(self, store: Store, pack_id: str) -> None:
        self._store = store
        self._folder = spool_folder(store, pack_id)
        self._rows: list[dict[str, object]] = []
        self._bytes = 0
        self._flushed_at = time.monotonic()
        self._images: set[str] = set()
        self.known: dict[str, bool] = {}
        for name in store.names(self._folder):
            part = read_part(store, f"{self._folder}/{name}", ["url", "image_id", "stored"])
            for url, image, stored in zip(*(column.to_pylist() for column in part.columns), strict=True):
                self.known[url] = self.known.get(url, False) or image is not None
                if stored:
                    self._images.add(image)

    @property
    def due_in(self) -> float:
        """Seconds until the next flush is due; a flush without results does nothing."""
        return max(0.0, self._flushed_at + FLUSH_SECONDS - time.monotonic())

    def add(self, result: Fetched) -> None:
        """Take a result; it is written when enough have come or some time has passed."""
        image = result.row["image_id"]
        stored = image is not None and image not in self._images
        if stored:
            self._images.add(image)
            self._bytes += len(result.data or b"")
        self.known[result.url] = result.ok
        self._rows.append(result.row | {"stored": stored, "data": result.data if stored else None})
        if len(self._rows) >= FLUSH_RESULTS or self._bytes >= FLUSH_BYTES or not self.due_in:
            self.flush()

    def flush(self) -> None:
        """Write what has come since the last flush.

        Raises:
            StoreError: it cannot be written.
        """
        self._flushed_at = time.monotonic()
        if not self._rows:
            return
        # the name is unlike any other's: a holder that lost its lease may still write beside its successor
        name = f"{self._folder}/{uuid.uuid4().hex}.parquet"
        self._store.write_table(name, conform(self._rows, SPOOLED), group_rows=1)  # each image can be read alone
        self._rows, self._bytes = [], 0
