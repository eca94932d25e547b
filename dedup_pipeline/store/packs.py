"""Reading packs: images a row group at a time, and the tables that lie beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dedup_pipeline.compute.dtypes import Rows
from dedup_pipeline.compute.strings import ByteStrings
from dedup_pipeline.store import Store, pack_state
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.store.pack_state import suspecting

IMAGES_FILE = pack_state.IMAGES_FILE
FETCHES_FILE = "fetches.parquet"
GROUP_ROWS = 64  # images in a row group: the smallest piece that can be read alone


def pack_ids(store: Store, dump_id: str) -> list[str]:
    """The packs that hold the images of a dump, sorted.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    packs: list[str] = store.read_json(result_of(store, dump_id, "fetch").outputs["packs"])["packs"]
    return packs


@dataclass(frozen=True)
class PackedImages:
    """Images and the packs that hold them.

    Attributes:
        ids: (I,) of the images.
        packs: ids of packs, sorted.
        codes: (I,) int32, the place of each image's pack in these.
    """

    ids: ByteStrings
    packs: list[str]
    codes: npt.NDArray[np.int32]

    @classmethod
    def of_table(cls, sources: pa.Table) -> PackedImages:
        """Of a table of image_id and pack_id."""
        packs = pc.unique(sources["pack_id"]).sort()
        codes = pc.index_in(sources["pack_id"], value_set=packs).to_numpy().astype(np.int32)
        return cls(ByteStrings.of_column(sources["image_id"]), packs.to_pylist(), codes)

    def __len__(self) -> int:
        """The number of images."""
        return len(self.ids)

    def take(self, rows: Rows | slice | npt.NDArray[np.bool_]) -> PackedImages:
        """Some of them."""
        return PackedImages(ByteStrings(self.ids.data[rows]), self.packs, self.codes[rows])

    def table(self) -> pa.Table:
        """A table of image_id and pack_id."""
        packs = pa.DictionaryArray.from_arrays(pa.array(self.codes), pa.array(self.packs, pa.string()))
        return pa.table({"image_id": pa.array(list(self.ids), pa.string()), "pack_id": packs.cast(pa.string())})


def packed_images(store: Store, dump_id: str) -> PackedImages:
    """The distinct images of a dump and the pack that holds each, the first of several; sorted.

    The photos are read some at a time; what is held is 140 bytes an image at most.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    number_of: dict[str, int] = {}
    numbers = [np.empty(0, np.int32)]

    def image_ids(table: pq.ParquetFile) -> Iterator[pa.Array]:
        for batch in table.iter_batches(columns=["image_id", "pack_id"]):
            shown = batch.filter(pc.is_valid(batch["image_id"]))
            packs = shown["pack_id"].dictionary_encode()
            of_packs = [number_of.setdefault(pack, len(number_of)) for pack in packs.dictionary.to_pylist()]
            numbers.append(np.array(of_packs, dtype=np.int32)[packs.indices.to_numpy()])
            yield shown["image_id"]

    with store.reading_table(result_of(store, dump_id, "fetch").outputs["photos"]) as table:
        ids = ByteStrings.of_batches(image_ids(table), table.metadata.num_rows).data
    codes = np.concatenate(numbers)
    rank = np.argsort(np.argsort(np.array(list(number_of), dtype=np.str_))).astype(np.int32)
    order = np.argsort(ids, kind="stable")
    ids, codes = ids[order], rank[codes[order]]
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])[: len(ids)])
    if len(first) < len(ids):
        ids, codes = ids[first], np.minimum.reduceat(codes, first)
    return PackedImages(ByteStrings(ids), sorted(number_of), codes)


def images_of(store: Store, dump_id: str) -> dict[str, str]:
    """The distinct images of a dump: image id to the pack that holds it, sorted by image id.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    packed = packed_images(store, dump_id)
    return {image: packed.packs[code] for image, code in zip(packed.ids, packed.codes.tolist(), strict=True)}


def iter_images(store: Store, pack_id: str) -> Iterator[tuple[str, bytes]]:
    """The distinct images of a pack as (image id, bytes), in the order of their ids; memory is that of a row group."""
    with suspecting(store, pack_id), store.reading_table(store.pack(pack_id, IMAGES_FILE)) as table:
        for batch in table.iter_batches(batch_size=GROUP_ROWS):
            yield from zip(batch["image_id"].to_pylist(), batch["data"].to_pylist(), strict=True)


def read_images(store: Store, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Some images as (image id, bytes), pack by pack.

    Args:
        store: the store.
        wanted: image id to pack id.
    """
    for pack_id in sorted(set(wanted.values())):
        with suspecting(store, pack_id), store.reading_table(store.pack(pack_id, IMAGES_FILE)) as table:
            for group in range(table.num_row_groups):
                ids = table.read_row_group(group, ["image_id"])["image_id"].to_pylist()
                places = [place for place, image_id in enumerate(ids) if wanted.get(image_id) == pack_id]
                if places:  # else its bytes, nearly all of the file, are not read
                    data = table.read_row_group(group, ["data"])["data"].take(places).to_pylist()
                    yield from zip((ids[place] for place in places), data, strict=True)


def iter_packed(
    store: Store, packed: PackedImages, name: str, columns: list[str] | None = None
) -> Iterator[tuple[Rows, pa.Table]]:
    """What lies beside the packs of some images, pack by pack in the order of their ids.

    Args:
        store: the store.
        packed: the images.
        name: the file beside each pack; image_id is among its columns.
        columns: some of its columns, or None for all.

    Yields:
        Places (R,) int64 in ``packed``, and the rows (R) of the file on the images there. Images that the file has no
        row of, as they could not be decoded, are left out.

    Raises:
        NotReadyError: a pack has no such file.
    """
    order = np.argsort(packed.codes, kind="stable")
    ends = np.append(0, np.cumsum(np.bincount(packed.codes, minlength=len(packed.packs))))
    for code in np.flatnonzero(np.diff(ends)).tolist():
        places = order[ends[code] : ends[code + 1]]
        table = store.read_table(store.pack(packed.packs[code], name), columns)
        wanted = pa.array(packed.ids.take(places), pa.string())
        at = pc.index_in(wanted, value_set=table["image_id"].combine_chunks())
        yield places[np.asarray(at.is_valid())], table.take(at.drop_null())


def read_packed(store: Store, packed: Mapping[str, str], packs: list[str], name: str) -> pa.Table | None:
    """A table that lies beside every pack, for a dump's images only.

    Args:
        store: the store.
        packed: image id to the pack that holds it, as of ``images_of``: an image in two packs appears once.
        packs: the packs to read.
        name: the file beside each pack; its first column is the image id.

    Returns:
        The rows, sorted by image id; none when there is no pack.

    Raises:
        NotReadyError: a pack has no such file.
    """
    tables = []
    for pack_id in packs:
        table = store.read_table(store.pack(pack_id, name))
        tables.append(
            table.filter(pa.array([packed.get(i) == pack_id for i in table["image_id"].to_pylist()], pa.bool_()))
        )
    return pa.concat_tables(tables).sort_by("image_id").combine_chunks() if tables else None
