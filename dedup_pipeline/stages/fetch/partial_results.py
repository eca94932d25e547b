"""What a pack has fetched so far, in small files that appear whole: a kill loses only what is in flight."""

from __future__ import annotations

import time
import uuid

import pyarrow as pa

from dedup_pipeline.schemas import FETCHES, conform
from dedup_pipeline.stages.fetch.http.request import FetchResult
from dedup_pipeline.store import Store

FLUSH_RESULTS = 64
FLUSH_SECONDS = 2.0
FLUSH_BYTES = 32_000_000

# `offset` says where in the file of the part's images one begins; it is null where the image is in the spool already
PARTIAL_RESULTS = pa.schema([*FETCHES, pa.field("offset", pa.int64())])
_TABLE, _IMAGES = ".results.parquet", ".images"  # other names are of an earlier form, and are fetched anew


def partial_folder(store: Store, pack_id: str) -> str:
    """Where the parts of a pack lie until it is written."""
    return store.pack(pack_id, "spool")


def partial_parts(store: Store, pack_id: str) -> list[str]:
    """The tables (PARTIAL_RESULTS) of a pack's parts."""
    folder = partial_folder(store, pack_id)
    return [f"{folder}/{name}" for name in store.names(folder) if name.endswith(_TABLE)]


def images_file(part: str) -> str:
    """The file with the images of a part, one after the other."""
    return part.removesuffix(_TABLE) + _IMAGES


class PartialResults:
    """The results of a pack until it is written.

    Args:
        store: the store.
        pack_id: the pack.

    Attributes:
        known: the URLs with a result, and whether it is an image.
    """

    def __init__(self, store: Store, pack_id: str) -> None:
        self._store = store
        self._folder = partial_folder(store, pack_id)
        self._rows: list[dict[str, object]] = []
        self._data: list[bytes] = []
        self._bytes = 0
        self._flushed_at = time.monotonic()
        self._images: set[str] = set()
        self.known: dict[str, bool] = {}
        for path in partial_parts(store, pack_id):
            part = store.read_table(path, ["url", "image_id", "offset"])
            for url, image, offset in zip(*(column.to_pylist() for column in part.columns), strict=True):
                self.known[url] = self.known.get(url, False) or image is not None
                if offset is not None:
                    self._images.add(image)

    @property
    def due_in(self) -> float:
        """Seconds until the next flush is due; a flush without results does nothing."""
        return max(0.0, self._flushed_at + FLUSH_SECONDS - time.monotonic())

    def add(self, result: FetchResult) -> None:
        """Take a result; it is written when enough have come or some time has passed."""
        image, offset = result.row["image_id"], None
        if result.data is not None and image not in self._images:
            self._images.add(image)
            offset = self._bytes
            self._data.append(result.data)
            self._bytes += len(result.data)
        self.known[result.url] = result.ok
        self._rows.append(result.row | {"offset": offset})
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
        part = f"{self._folder}/{uuid.uuid4().hex}{_TABLE}"
        with self._store.writing(images_file(part), checksum=False) as file:
            file.writelines(self._data)
        self._store.write_table(part, conform(self._rows, PARTIAL_RESULTS))  # last: what it speaks of is there
        self._rows, self._data, self._bytes = [], [], 0
