"""Reading images from packs, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow.compute as pc

from dedup_pipeline.stage import result_of
from dedup_pipeline.store import Store

IMAGES_FILE = "images.parquet"
FETCHES_FILE = "fetches.parquet"
GROUP_ROWS = 64  # images in a row group: the smallest piece that can be read alone


def pack_ids(store: Store, dump_id: str) -> list[str]:
    """The packs that hold the images of a dump, sorted.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    packs: list[str] = store.read_json(result_of(store, dump_id, "fetch").outputs["packs"])["packs"]
    return packs


def images_of(store: Store, dump_id: str) -> dict[str, str]:
    """The distinct images of a dump: image id to the pack that holds it, sorted by image id.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    photos = store.read_table(result_of(store, dump_id, "fetch").outputs["photos"], ["image_id", "pack_id"])
    held = photos.filter(pc.is_valid(photos["image_id"]))
    pairs = sorted(zip(held["image_id"].to_pylist(), held["pack_id"].to_pylist(), strict=True), reverse=True)
    return dict(sorted(dict(pairs).items()))


def iter_images(store: Store, pack_id: str) -> Iterator[tuple[str, bytes]]:
    """The distinct images of a pack as (image id, bytes), in the order of their ids; memory is that of a row group."""
    with store.reading_table(store.pack(pack_id, IMAGES_FILE)) as table:
        for batch in table.iter_batches(batch_size=GROUP_ROWS):
            yield from zip(batch["image_id"].to_pylist(), batch["data"].to_pylist(), strict=True)


def read_images(store: Store, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Some images as (image id, bytes), pack by pack.

    Args:
        store: the store.
        wanted: image id to pack id.
    """
    for pack_id in sorted(set(wanted.values())):
        for image_id, data in iter_images(store, pack_id):
            if wanted.get(image_id) == pack_id:
                yield image_id, data
