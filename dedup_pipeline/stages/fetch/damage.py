"""Damaged packs: found, taken as not fetched, and fetched anew.

A pack keeps its id when it is fetched anew, for its id names its URLs. Where the shop shows other images by then, every
dump that shows the pack must look its photos up again: the note under ``damage/`` says so for good.
"""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor

from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.pictures.perceptual import image_id
from dedup_pipeline.store import Store
from dedup_pipeline.store.integrity import FILES, damaged
from dedup_pipeline.store.pack_state import (
    IMAGES_FILE,
    MANIFEST,
    Contents,
    contents_of,
    damage_path,
    digest_of_ids,
    read_pack_manifest,
)
from dedup_pipeline.store.packs import FETCHES_FILE, iter_images

logger = logging.getLogger(__name__)

_READERS = 8
_RENEWED = "renewed"


def take_back_damaged(store: Store, packs: set[str]) -> set[str]:
    """Make those of some packs unfinished that are damaged; nobody else may plan meanwhile.

    The tables and the manifest of each are looked at, and their sizes; the images are read through only where somebody
    has met damage there.

    Returns:
        Those that were finished.
    """
    suspected = {name.removesuffix(".json") for name in store.names(damage_path())} & packs

    def is_damaged(pack_id: str) -> bool:
        try:
            _look_at(store, pack_id, closely=pack_id in suspected and not _renewed(store, pack_id))
        except DamagedError as error:
            logger.warning("%s; pack %s is fetched anew", error, pack_id)
            return True
        return False

    finished = sorted(pack_id for pack_id in packs if store.exists(store.pack(pack_id, MANIFEST)))
    with ThreadPoolExecutor(_READERS) as readers:
        found = {pack_id for pack_id, bad in zip(finished, readers.map(is_damaged, finished), strict=True) if bad}
    for pack_id in sorted(found):
        store.write_json(damage_path(pack_id), {"was": _ids_of(store, pack_id)})
        store.remove(store.pack(pack_id, MANIFEST))
    for pack_id in sorted(suspected & set(finished) - found):
        if not _renewed(store, pack_id):
            store.remove(damage_path(pack_id))
    return found


def _look_at(store: Store, pack_id: str, *, closely: bool) -> None:
    """Raise what is wrong with a finished pack."""
    known = read_pack_manifest(store, pack_id)
    try:
        for name, size in known.get(FILES, {}).items():
            path = store.pack(pack_id, name)
            if (found := store.size(path)) != size:
                raise damaged(store.url(path), path, f"{found} bytes of {size}")
        store.read_table(store.pack(pack_id, FETCHES_FILE))
        path = store.pack(pack_id, IMAGES_FILE)
        with store.reading_table(path) as table:
            if table.metadata.num_rows != known["counts"]["images"]:
                raise damaged(store.url(path), path, "it has not the images that were fetched")
        for image, data in iter_images(store, pack_id) if closely else ():
            if image_id(data) != image:
                raise damaged(store.url(path), path, f"image {image} has other bytes")
    except NotReadyError as error:
        raise DamagedError(f"pack {pack_id} in {store.root} has lost a file: {error}") from error


def _ids_of(store: Store, pack_id: str) -> str:
    """A digest of the images that a damaged pack had; empty where nothing tells it any more."""
    with contextlib.suppress(NotReadyError, DamagedError):
        if known := contents_of(store, pack_id).ids:
            return known
    with contextlib.suppress(NotReadyError, DamagedError):
        images = store.read_table(store.pack(pack_id, FETCHES_FILE), ["image_id"])["image_id"]
        return digest_of_ids(images.drop_null().to_pylist())
    return ""


def note_fetched(store: Store, pack_id: str, contents: Contents) -> None:
    """Note of a pack that was damaged that it is whole again; and where it holds other images now, that it does."""
    path = damage_path(pack_id)
    if not store.exists(path):
        return
    note = store.read_json(path)
    if note.get(_RENEWED) != contents.ids:
        if note.get("was") == contents.ids:
            store.remove(path)
        else:
            store.write_json(path, {_RENEWED: contents.ids})


def renewed_packs(store: Store, packs: list[str]) -> dict[str, str]:
    """Those of some packs that hold other images than once, and a digest of which they hold now."""
    noted = {name.removesuffix(".json") for name in store.names(damage_path())}
    found = {pack_id: _renewed(store, pack_id) for pack_id in sorted(noted.intersection(packs))}
    return {pack_id: ids for pack_id, ids in found.items() if ids}


def _renewed(store: Store, pack_id: str) -> str:
    with contextlib.suppress(NotReadyError):
        return str(store.read_json(damage_path(pack_id)).get(_RENEWED, ""))
    return ""
