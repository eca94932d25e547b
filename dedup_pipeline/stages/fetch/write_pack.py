"""From the spool to the immutable tables of a pack, with the memory of a part and not of the pack."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.errors import StoreError
from dedup_pipeline.schemas import FETCHES, IMAGES
from dedup_pipeline.stages.fetch.partial_results import PARTIAL_RESULTS, images_file, partial_parts
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import FETCHES_FILE, GROUP_ROWS, IMAGES_FILE

_WINDOW_BYTES = 64_000_000  # of images held at once; every part is opened once for each window


def write_tables(store: Store, pack_id: str, *, expected: int) -> tuple[pa.Table, list[str]]:
    """Write the images and fetches of a pack from its spool; equal results give equal tables.

    Args:
        store: the store.
        pack_id: the pack.
        expected: the number of URLs with a result.

    Returns:
        The FETCHES table and the ids of the images, sorted.

    Raises:
        StoreError: the spool is not complete: a run that took the pack over has finished it and is removing it.
    """
    parts = partial_parts(store, pack_id)
    rows = _rows(store, parts)
    fetches = _fetches(rows)
    if len(fetches) < expected:
        raise StoreError(f"the spool of pack {pack_id} has {len(fetches)} of {expected} results: fetch it again")
    images = _write_images(store, pack_id, parts, rows)
    store.write_table(store.pack(pack_id, FETCHES_FILE), fetches)
    return fetches, images


def _rows(store: Store, parts: list[str]) -> pa.Table:
    """All results (PARTIAL_RESULTS), with the number of the part that they are in."""
    tables = [PARTIAL_RESULTS.empty_table()] + [store.read_table(part).cast(PARTIAL_RESULTS) for part in parts]
    number = np.repeat(np.arange(len(parts)), [len(table) for table in tables[1:]])
    return pa.concat_tables(tables).append_column("part", pa.array(number, pa.int64()))


def _fetches(rows: pa.Table) -> pa.Table:
    """One row for each URL, sorted; runs that a lost lease let work at once leave two, of which an image counts."""
    failed = pc.is_null(rows["image_id"])
    rows = rows.append_column("failed", failed).sort_by([("url", "ascending"), ("failed", "ascending")])
    urls = rows["url"].to_pylist()
    first = [place for place, url in enumerate(urls) if place == 0 or url != urls[place - 1]]
    return rows.take(pa.array(first, pa.int64())).select(FETCHES.names).cast(FETCHES).combine_chunks()


def _write_images(store: Store, pack_id: str, parts: list[str], rows: pa.Table) -> list[str]:
    """Copy the distinct images in the order of their ids, a window of row groups at a time."""
    stored = rows.filter(pc.is_valid(rows["offset"])).sort_by([("image_id", "ascending"), ("part", "ascending")])
    places: list[_Place] = []
    for place in itertools.starmap(_Place, zip(*(stored[name].to_pylist() for name in _Place._fields), strict=True)):
        if not places or places[-1].image_id != place.image_id:
            places.append(place)
    with store.writing_table(store.pack(pack_id, IMAGES_FILE), IMAGES, checksum=False) as writer:
        for window in _windows(places):
            data = _read(store, parts, window)
            for start in range(0, len(window), GROUP_ROWS):
                group = slice(start, start + GROUP_ROWS)
                ids = pa.array([place.image_id for place in window[group]], pa.string())
                writer.write_table(pa.table({"image_id": ids, "data": pa.array(data[group], pa.binary())}, IMAGES))
    return [place.image_id for place in places]


class _Place(NamedTuple):
    """Where in the spool an image is."""

    image_id: str
    part: int
    offset: int
    size: int


def _windows(places: list[_Place]) -> Iterator[list[_Place]]:
    """Whole row groups, as many at a time as fit in the window, at least one."""
    window: list[_Place] = []
    size = 0
    for start in range(0, len(places), GROUP_ROWS):
        group = places[start : start + GROUP_ROWS]
        weight = sum(place.size for place in group)
        if window and size + weight > _WINDOW_BYTES:
            yield window
            window, size = [], 0
        window += group
        size += weight
    if window:
        yield window


def _read(store: Store, parts: list[str], window: list[_Place]) -> list[bytes]:
    """The bytes of some images in their order; each part is opened once."""
    data: list[bytes] = [b""] * len(window)
    order = sorted(range(len(window)), key=lambda index: (window[index].part, window[index].offset))
    for part, group in itertools.groupby(order, key=lambda index: window[index].part):
        with store.reading(images_file(parts[part])) as file:
            for index in group:
                file.seek(window[index].offset)
                data[index] = file.read(window[index].size)
    return data
