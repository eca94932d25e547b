"""What the packs in the store hold already, and whether it still stands."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.compute.threads import pool_of
from dedup_pipeline.config import FetchSettings
from dedup_pipeline.errors import DamagedError
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.store import Store
from dedup_pipeline.store.pack_state import MANIFEST, read_pack_manifest, suspect
from dedup_pipeline.store.packs import FETCHES_FILE

logger = logging.getLogger(__name__)

RETRYABLE = (FetchStatus.SERVER_ERROR, FetchStatus.THROTTLED, FetchStatus.TIMEOUT, FetchStatus.UNREACHABLE)

_COLUMNS = ["url", "status", "detail", "image_id", "size", "attempts", "fetched_at"]
_HASHED = 100_000  # URLs hashed at a time: as Python texts they take several times their room
_READERS = 8
_AHEAD = 64  # packs read at a time
# a failure that a setting made does not outlive that setting
_MADE_BY = {
    FetchStatus.BLOCKED: ("allow_hosts",),
    FetchStatus.TOO_LARGE: ("max_bytes",),
    FetchStatus.TOO_MANY_PIXELS: ("max_pixels",),
    FetchStatus.TOO_COSTLY: ("decode_seconds", "decode_bytes"),
    FetchStatus.REDIRECTS: ("max_redirects",),
}
_SINCE = ("decode_seconds", "decode_bytes")  # noted where they are not the defaults: earlier packs have none


def judging_settings(settings: FetchSettings) -> dict[str, Any]:
    """The settings that decide whether an answer is a failure."""
    later = {name: getattr(settings, name) for name in _SINCE}
    return {
        **{name: getattr(settings, name) for name in ("max_bytes", "max_pixels", "max_redirects")},
        **{name: value for name, value in later.items() if value != FetchSettings.model_fields[name].default},
        "allow_hosts": sorted(settings.allow_hosts),
    }


def is_finished(store: Store, pack_id: str) -> bool:
    """Whether a pack is there whole."""
    return store.exists(store.pack(pack_id, MANIFEST))


@dataclass(frozen=True)
class KnownResults:
    """The results of some URLs, by their places.

    Attributes:
        rows: (H,) table of url, status, detail, image_id, size, pack_id, stands: one row for each URL with a result.
        row_of: (U,) int64, the place of each URL's row in ``rows``; -1 without a result.
    """

    rows: pa.Table
    row_of: npt.NDArray[np.int64]

    def flags(self, of_row: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """A flag of the rows as a (U,) flag of the URLs; false without a result."""
        return np.append(of_row, False)[self.row_of]

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """(U,) whether a URL is an image."""
        return self.flags(np.asarray(pc.is_valid(self.rows["image_id"]).to_numpy(zero_copy_only=False), dtype=bool))

    @property
    def stands(self) -> npt.NDArray[np.bool_]:
        """(U,) whether a URL has a result that is not to be asked for again."""
        return self.flags(np.asarray(self.rows["stands"].to_numpy(zero_copy_only=False), dtype=bool))


def known_results(store: Store, urls: pa.Array, settings: FetchSettings, *, retry: bool = False) -> KnownResults:
    """The results that finished packs hold for some URLs: of several an image counts, then the latest.

    Args:
        store: the store.
        urls: (U,) distinct URLs.
        settings: how long a failure stands, and under which limits.
        retry: whether failures that may be over by now are not to stand.
    """
    wanted = sorted_hashes(urls)
    now = datetime.now(UTC)
    found = [table for table in _relevant(store, wanted) if len(table)]
    if not found:
        none = pa.table(
            {name: pa.array([], pa.string()) for name in ("url", "status", "detail", "image_id", "pack_id")}
            | {"size": pa.array([], pa.int64()), "stands": pa.array([], pa.bool_())}
        )
        return KnownResults(none, np.full(len(urls), -1, dtype=np.int64))
    rows = _best(pa.concat_tables(found))
    stands = _standing(rows, settings, now, retry=retry)
    rows = rows.append_column("stands", pa.array(stands, pa.bool_()))
    places = pc.index_in(urls, value_set=rows["url"].combine_chunks().cast(urls.type))
    return KnownResults(rows, pc.fill_null(places, -1).to_numpy(zero_copy_only=False).astype(np.int64))


def sorted_hashes(urls: pa.Array) -> npt.NDArray[np.uint64]:
    """The hashes of URLs, to sort out with ``may_be_among`` what is none of them."""
    return np.sort(_hashes(urls))


def may_be_among(urls: pa.Array, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """(U,) whether URLs may be among those with these sorted hashes; true of all that are."""
    if not len(hashes):
        return np.zeros(len(urls), dtype=bool)
    own = _hashes(urls)
    return np.asarray(hashes[np.minimum(np.searchsorted(hashes, own), len(hashes) - 1)] == own)


def _hashes(urls: pa.Array) -> npt.NDArray[np.uint64]:
    """64-bit hashes: they only sort out what cannot match, so a collision does no harm."""
    pieces = [
        pd.util.hash_array(urls[start : start + _HASHED].to_numpy(zero_copy_only=False), categorize=False)
        for start in range(0, len(urls), _HASHED)
    ]
    return np.concatenate([np.empty(0, dtype=np.uint64), *pieces])


def _relevant(store: Store, wanted: npt.NDArray[np.uint64]) -> Iterator[pa.Table]:
    """From each finished pack the rows that may be of the URLs with these sorted hashes; a damaged one has none."""

    def read(pack_id: str) -> pa.Table | None:
        if not is_finished(store, pack_id):
            return None
        try:
            return rows_of(pack_id)
        except DamagedError as error:
            logger.warning("%s; its photos count as not fetched", error)
            suspect(store, pack_id, error)
            return None

    def rows_of(pack_id: str) -> pa.Table | None:
        table = store.read_table(store.pack(pack_id, FETCHES_FILE), _COLUMNS)
        table = table.filter(pa.array(may_be_among(table["url"].combine_chunks(), wanted)))
        if not len(table):
            return None
        limits = read_pack_manifest(store, pack_id)["settings"]
        made_by = [_made_by(status, limits) for status in table["status"].to_pylist()]
        table = table.append_column("pack_id", pa.array([pack_id] * len(table), pa.string()))
        return table.append_column("made_by", pa.array(made_by, pa.string()))

    packs = iter(store.names("packs"))
    with pool_of(_READERS) as readers:
        while ahead := list(itertools.islice(packs, _AHEAD)):
            yield from (table for table in readers.map(read, ahead) if table is not None)


def _made_by(status: str, limits: dict[str, Any]) -> str | None:
    """The settings that made a failure, as text to compare; null when none did."""
    names = _MADE_BY.get(FetchStatus(status))
    return None if names is None else repr([limits.get(name) for name in names])


def _best(rows: pa.Table) -> pa.Table:
    """One row for each URL."""
    rows = rows.append_column("failed", pc.is_null(rows["image_id"]))
    order = [("url", "ascending"), ("failed", "ascending"), ("fetched_at", "descending"), ("pack_id", "ascending")]
    rows = rows.sort_by(order)
    urls = rows["url"].combine_chunks()
    first = np.ones(len(urls), dtype=bool)
    first[1:] = pc.not_equal(urls[1:], urls[:-1]).to_numpy(zero_copy_only=False)
    return rows.filter(pa.array(first))


def _standing(rows: pa.Table, settings: FetchSettings, now: datetime, *, retry: bool) -> list[bool]:
    """For each row whether its URL is not to be asked for again."""
    limits = judging_settings(settings)
    oldest = now - timedelta(days=settings.retry_failed_after_days)
    columns = (rows[name].to_pylist() for name in ("status", "made_by", "fetched_at", "attempts"))
    stands = []
    for status, made_by, fetched_at, attempts in zip(*columns, strict=True):
        if status in (FetchStatus.OK, FetchStatus.BAD_URL):
            stands.append(True)  # a URL of no usable form stays one
        elif status in RETRYABLE and (retry or not attempts):  # never asked: its host was given up before its turn
            stands.append(False)
        else:
            stands.append(fetched_at > oldest and made_by == _made_by(status, limits))
    return stands
