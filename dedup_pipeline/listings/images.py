"""Which image each listing of a dump shows, as arrays; the words of listings are read only where they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.compute.dtypes import Codes, Flags, Rows
from dedup_pipeline.compute.strings import ByteStrings, StringIndex, digests, numbered
from dedup_pipeline.schemas import NodeState
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of


@dataclass(frozen=True)
class ListingImages:
    """What the listings of a dump show, in the dump's order.

    Attributes:
        path: of the listings.
        images: (L,) int32, the image of each listing as a place among some images; -1 where it shows none of them.
        families: (L,) int32, a number for the family of each listing that shows one; -1 of the others.
    """

    path: str
    images: Codes
    families: Codes

    @classmethod
    def read(cls, store: Store, dump_id: str, images: ByteStrings) -> ListingImages:
        """Read which of some images (I,), sorted by their ids, the listings show; of each listing two numbers are held.

        Raises:
            NotReadyError: the dump is not fetched yet.
        """
        photos, of_photos = _photos(store, dump_id, images)
        path = result_of(store, dump_id, "ingest").outputs["listings"]
        found = [np.empty(0, np.int32)]
        families = [digests(pa.array([], pa.string()))]
        with store.reading_table(path) as table:
            for batch in table.iter_batches(columns=["photo_url", "family_id"]):
                found.append(of_photos[photos.find(batch["photo_url"])])
                families.append(digests(batch["family_id"].filter(pa.array(found[-1] >= 0))))
        places = np.concatenate(found)
        codes = np.full(len(places), -1, dtype=np.int32)
        codes[places >= 0] = numbered(np.concatenate(families))
        return cls(path, places, codes)

    def image_ids(self, images: ByteStrings) -> pa.Array:
        """The image id of each listing (L,), null where it shows none; of the images (I,) that it was read with."""
        places = pa.array(self.images, mask=self.images < 0)
        return pa.array(images, pa.string()).take(places)

    def nodes(self, node_of: Rows | Codes) -> Codes:
        """The node (L,) int32 that each listing shows, by the node of each image (I,); -1 where it shows none."""
        return np.append(node_of, -1).astype(np.int32)[self.images]

    def listings(self, store: Store, columns: list[str], wanted: Flags) -> Iterator[tuple[Rows, pa.RecordBatch]]:
        """Some columns of some listings (L,), those that are wanted; their places (R,) and as many rows at a time."""
        first = 0
        with store.reading_table(self.path) as table:
            for batch in table.iter_batches(columns=columns):
                some = np.flatnonzero(wanted[first : first + len(batch)])
                if len(some):
                    yield first + some, batch.take(pa.array(some))
                first += len(batch)


def several_families(nodes: Codes, families: Codes, count: int) -> Flags:
    """Which of ``count`` nodes are shown by more than one family, by the node and family of listings (L,)."""
    shown = nodes >= 0
    most = int(families.max(initial=0)) + 1
    pairs = np.unique(nodes[shown].astype(np.int64) * most + families[shown])
    return np.asarray(np.bincount(pairs // most, minlength=count) > 1)


def listings_showing(
    store: Store, dump_id: str, images: Collection[str], columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """The listings of a dump that show some images: some columns and their ``image_id``, some rows at a time.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    photos = _photos_of(store, dump_id, images)
    urls, of_urls = pa.array(photos, pa.string()), pa.array(photos.values(), pa.string())
    with store.reading_table(result_of(store, dump_id, "ingest").outputs["listings"]) as table:
        for batch in table.iter_batches(columns=list({*columns, "photo_url"})):
            at = pc.index_in(batch["photo_url"], value_set=urls)
            shown = batch.select(columns).append_column("image_id", of_urls.take(at))
            yield shown.filter(at.is_valid())


def _photos_of(store: Store, dump_id: str, images: Collection[str]) -> dict[str, str]:
    """The photos of a dump that show some images, each with its image; the others are not held."""
    wanted = pa.array(images, pa.string())
    found: dict[str, str] = {}
    with store.reading_table(result_of(store, dump_id, "fetch").outputs["photos"]) as table:
        for batch in table.iter_batches(columns=["photo_url", "image_id"]):
            shown = batch.filter(pc.is_in(batch["image_id"], value_set=wanted))
            found |= zip(shown["photo_url"].to_pylist(), shown["image_id"].to_pylist(), strict=True)
    return found


def matched_listings(store: Store, dump_id: str) -> tuple[ByteStrings, ListingImages, Codes]:
    """What the listings of a dump show that takes part in matching.

    A node is the place of the image that it is named by.

    Returns:
        The images of all nodes (I,), sorted by id; what the listings show of them; the node of each listing (L,), -1
        where it shows none that takes part in matching.

    Raises:
        NotReadyError: the dump is not matched yet.
    """
    images, node_of = _matched_nodes(store, dump_id)
    shown = ListingImages.read(store, dump_id, images)
    return images, shown, shown.nodes(node_of)


def _matched_nodes(store: Store, dump_id: str) -> tuple[ByteStrings, Codes]:
    """The images of all nodes, and the node of each (I,); -1 of images whose node takes no part in matching."""
    path = result_of(store, dump_id, "match").outputs["nodes"]
    with store.reading_table(path) as table:
        ids = ByteStrings.of_batches(
            (batch["image_id"] for batch in table.iter_batches(columns=["image_id"])), _rows(table)
        )
    nodes = [np.empty(0, np.int32)]
    with store.reading_table(path) as table:
        for batch in table.iter_batches(columns=["node", "state"]):
            matched = np.asarray(pa.compute.equal(batch["state"], NodeState.MATCHED.value))
            nodes.append(np.where(matched, ids.find(ByteStrings.of_column(batch["node"])), -1).astype(np.int32))
    return ids, np.concatenate(nodes)


def _rows(table: pa.parquet.ParquetFile) -> int:
    return int(table.metadata.num_rows)


def _photos(store: Store, dump_id: str, images: ByteStrings) -> tuple[StringIndex, Codes]:
    """The photos of a dump, and the image of each (P,); the last place, -1, is that of no photo."""
    found = [np.empty(0, np.int32)]

    def urls() -> Iterator[pa.Array]:
        with store.reading_table(result_of(store, dump_id, "fetch").outputs["photos"]) as table:
            for batch in table.iter_batches(columns=["photo_url", "image_id"]):
                found.append(images.find(ByteStrings.of_column(batch["image_id"].fill_null(""))).astype(np.int32))
                yield batch["photo_url"]

    photos = StringIndex(urls())
    return photos, np.concatenate([*found, np.full(1, -1, np.int32)])
