"""Whether packs, and the tables beside them, are whole.

A pack is finished when its manifest is there; it names the sizes of the pack's tables and a digest of the ids of its
images, which are digests of their bytes themselves. A table beside a pack tells of which images it was made, and how
many of them did not decode, in its footer. Terabytes are not read to see whether they are whole: whoever reads a
damaged page finds out, and leaves a note under ``damage/`` for the stage ``fetch``, which then looks closer.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from dedup_pipeline.errors import DamagedError, NotReadyError, StoreError
from dedup_pipeline.store import Store
from dedup_pipeline.store.integrity import unsealed

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
IMAGES_FILE = "images.parquet"
_NEEDED = {"key", "counts", "seconds", "settings"}
_IDS, _UNDECODABLE = "pack_ids", "undecodable"  # in the footer of a table beside a pack
_READERS = 8


@dataclass(frozen=True)
class Contents:
    """What a pack holds.

    Attributes:
        images: how many.
        ids: a digest of their ids; empty where an earlier version wrote the pack.
    """

    images: int
    ids: str

    def note(self, writer: pq.ParquetWriter, rows: int) -> None:
        """Note in a table beside the pack what it was made of, when all its rows are written."""
        writer.add_key_value_metadata({_IDS: self.ids, _UNDECODABLE: str(self.images - rows)})


def digest_of_ids(ids: Iterable[str]) -> str:
    """A digest of the ids of images, whatever their order."""
    return hashlib.sha256("\n".join(sorted(set(ids))).encode()).hexdigest()


def read_pack_manifest(store: Store, pack_id: str) -> dict[str, Any]:
    """The manifest of a finished pack.

    Raises:
        NotReadyError: the pack is not finished.
        DamagedError: it is not what was written.
    """
    path = store.pack(pack_id, MANIFEST)
    return unsealed(store.read_json(path), store.url(path), path, _NEEDED)


def contents_of(store: Store, pack_id: str) -> Contents:
    """What a pack holds.

    Raises:
        NotReadyError: there is no such pack.
        DamagedError: its manifest is not what was written.
    """
    try:
        known = read_pack_manifest(store, pack_id)
        return Contents(int(known["counts"]["images"]), known.get("ids", ""))
    except NotReadyError:
        with store.reading_table(store.pack(pack_id, IMAGES_FILE)) as table:
            return Contents(int(table.metadata.num_rows), "")


def holds_all(store: Store, pack_id: str, name: str, *, content: bool = False) -> bool:
    """Whether a table beside a pack is there and was made of all the images that the pack has now.

    A table of an earlier version does not tell: it must have a row for each image.

    Args:
        store: the store.
        pack_id: the pack.
        name: the file beside it.
        content: whether to read it all, for its checksums; else its footer.
    """
    try:
        contents = contents_of(store, pack_id)
        with store.reading_table(store.pack(pack_id, name)) as table:
            noted = table.metadata.metadata or {}
            undecodable, ids = noted.get(_UNDECODABLE.encode(), b"0"), noted.get(_IDS.encode(), b"").decode()
            whole = bool(table.metadata.num_rows + int(undecodable) == contents.images)
            whole &= not (ids and contents.ids) or ids == contents.ids
            for _ in table.iter_batches() if whole and content else ():
                pass
    except NotReadyError:
        return False
    except (DamagedError, ValueError) as error:
        logger.warning("%s; it is made anew now", error)
        return False
    if not whole:
        logger.warning("%s is not of all images of its pack: it is made anew", store.url(store.pack(pack_id, name)))
    return whole


def packs_without(store: Store, packs: list[str], name: str, *, content: bool = False) -> list[str]:
    """Those of some packs beside which a table is not there, or not whole; see ``holds_all``."""
    with ThreadPoolExecutor(_READERS) as readers:
        whole = readers.map(lambda pack_id: holds_all(store, pack_id, name, content=content), packs)
        return [pack_id for pack_id, found in zip(packs, whole, strict=True) if not found]


# notes on damage


def damage_path(pack_id: str = "") -> str:
    """Where the note on a pack lies, or all of them."""
    return f"damage/{pack_id}.json" if pack_id else "damage"


def suspect(store: Store, pack_id: str, error: DamagedError) -> None:
    """Leave a note that a pack seems to be damaged, where the store can be written."""
    path = damage_path(pack_id)
    with contextlib.suppress(StoreError):
        if not store.exists(path):
            store.write_json(path, {"suspected": str(error)})


@contextlib.contextmanager
def suspecting(store: Store, pack_id: str) -> Iterator[None]:
    """Leave a note where a pack turns out to be damaged while it is read."""
    try:
        yield
    except DamagedError as error:
        suspect(store, pack_id, error)
        raise
