"""From the spool to the immutable tables of a pack, with the memory of a part and not of the pack."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.errors import StoreError
from dedup_pipeline.fetch.spool import read_part, spool_folder
from dedup_pipeline.packs import FETCHES_FILE, GROUP_ROWS, IMAGES_FILE
from dedup_pipeline.schemas import FETCHES, IMAGES
from dedup_pipeline.store import Store

_WINDOW_BYTES = 64_000_000  # of images held at once; every part is opened once for each window


def write_tables(store: Store, pack_id: str, *, expected: int) -> tuple[pa.Table, int]:
    """Write the images and fetches of a pack from its spool; equal results give equal tables.

    Args:
        store: the store.
        pack_id: the pack.
        expected: the number of URLs with a result.

    Returns:
        The FETCHES table and the number of distinct images.

    Raises:
        StoreError: the spool is not complete: a run that took the pack over has finished it and is removing it.
    """
    folder = spool_folder(store, pack_id)
    parts = [f"{folder}/{name}" for name in store.names(folder)]
    rows = _rows(store, parts)
    fetches = _fetches(rows)
    if len(fetches) < expected:
        raise StoreError(f"the spool of pack {pack_id} has {len(fetches)} of {expected} results: fetch it again")
    images = _write_images(store, pack_id, parts, rows)
    store.write_table(store.pack(pack_id, FETCHES_FILE), fetches)
    return fetches, images


def _rows(store: Store, parts: list[str]) -> pa.Table:
    """All results without their bytes, with the part and the row they lie in."""
    tables = [FETCHES.empty_table()]
    places: list[tuple[int, int]] = []
    stored: list[bool] = []
    for number, part in enumerate(parts):
        table = read_part(store, part, [*FETCHES.names, "stored"])
        tables.append(table.select(FETCHES.names))
        stored += table["stored"].to_pylist()
        places += [(number, row) for row in range(len(table))]
    table = pa.concat_tables(tables)
    for name, values, kind in (
        ("stored", stored, pa.bool_()),
        ("part", [part for part, _ in places], pa.int64()),
        ("row", [row for _, row in places], pa.int64()),
    ):
        table = table.append_column(name, pa.array(values, kind))
    return table


def _fetches(rows: pa.Table) -> pa.Table:
    """One row for each URL, sorted; runs that a lost lease let work at once leave two, of which an image counts."""
    failed = pc.is_null(rows["image_id"])
    rows = rows.append_column("failed", failed).sort_by([("url", "ascending"), ("failed", "ascending")])
    urls = rows["url"].to_pylist()
    first = [place for place, url in enumerate(urls) if place == 0 or url != urls[place - 1]]
    return rows.take(pa.array(first, pa.int64())).select(FETCHES.names).cast(FETCHES).combine_chunks()


def _write_images(store: Store, pack_id: str, parts: list[str], rows: pa.Table) -> int:
    """Copy the distinct images in the order of their ids, a window of row groups at a time."""
    images = rows.filter(rows["stored"]).sort_by(
        [("image_id", "ascending"), ("part", "ascending"), ("row", "ascending")]
    )
    ids = images["image_id"].to_pylist()
    places: list[tuple[str, int, int, int]] = []
    columns = (images[name].to_pylist() for name in ("part", "row", "size"))
    for image, part, row, size in zip(ids, *columns, strict=True):
        if not places or places[-1][0] != image:
            places.append((image, part, row, size))
    with store.writing_table(store.pack(pack_id, IMAGES_FILE), IMAGES) as writer:
        for window in _windows(places):
            data = _read(store, parts, window)
            for start in range(0, len(window), GROUP_ROWS):
                group = slice(start, start + GROUP_ROWS)
                ids_of = pa.array([place[0] for place in window[group]], pa.string())
                writer.write_table(pa.table({"image_id": ids_of, "data": pa.array(data[group], pa.binary())}, IMAGES))
    return len(places)


def _windows(places: list[tuple[str, int, int, int]]) -> Iterator[list[tuple[str, int, int, int]]]:
    """Whole row groups, as many at a time as fit in the window, at least one."""
    window: list[tuple[str, int, int, int]] = []
    size = 0
    for start in range(0, len(places), GROUP_ROWS):
        group = places[start : start + GROUP_ROWS]
        weight = sum(place[3] for place in group)
        if window and size + weight > _WINDOW_BYTES:
            yield window
            window, size = [], 0
        window += group
        size += weight
    if window:
        yield window


def _read(store: Store, parts: list[str], window: list[tuple[str, int, int, int]]) -> list[bytes]:
    """The bytes of some images in their order; each part is opened once."""
    data: list[bytes] = [b""] * len(window)
    order = np.argsort([place[1] for place in window], kind="stable")
    for number, group in itertools.groupby(order.tolist(), key=lambda index: window[index][1]):
        with store.reading_table(parts[number]) as part:
            for index in group:
                data[index] = part.read_row_group(window[index][2], columns=["data"])["data"][0].as_py()
    return data
