"""The stage ``fingerprint``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from dedup_pipeline.compute.threads import batches, map_ahead
from dedup_pipeline.config import Settings
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.pictures.decode import Limits, Picture, PictureError, decode
from dedup_pipeline.pictures.text_cards import is_text_card, photo_or_card
from dedup_pipeline.schemas import FINGERPRINTS, conform
from dedup_pipeline.store import Store
from dedup_pipeline.store.locks import locked
from dedup_pipeline.store.manifests import Count, Done, Progress, StageResult, no_progress, result_of, run_stage
from dedup_pipeline.store.pack_state import contents_of, holds_all, packs_without
from dedup_pipeline.store.packs import iter_images, pack_ids

VERSION = 5  # raise it when the same picture gets another fingerprint
FILE = f"fingerprints-{VERSION}.parquet"
_TOGETHER = 16  # images of one task: figures of many cost less, and a small pack still feeds every thread


def fingerprint(
    settings: Settings, dump_id: str, pack_id: str | None = None, progress: Progress = no_progress
) -> StageResult:
    """Fingerprint every image of a dump that has none yet.

    Args:
        settings: the settings.
        dump_id: the dump.
        pack_id: fingerprint this pack alone; without it, all packs of the dump that have no fingerprints yet.
        progress: told (packs done, packs in all).

    Returns:
        counts: packs, packs_reused, images, undecodable.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    store = Store(settings.store)
    packs = pack_ids(store, dump_id) if pack_id is None else [pack_id]

    damaged: set[str] = set()

    def intact(_: object) -> bool:
        damaged.update(packs_without(store, packs, FILE, content=True))
        return not damaged

    def work() -> Done:
        counts: dict[str, int] = {"packs": len(packs), "packs_reused": 0, "images": 0, "undecodable": 0}
        progress(0, len(packs))
        for number, pack in enumerate(packs, start=1):
            for name, count in fingerprint_pack(settings, pack, anew=pack in damaged).items():
                counts[name] += count
            progress(number, len(packs))
        return Done({}, dict[str, Count](counts))

    inputs: dict[str, Any] = {"packs": packs} if pack_id else {"fetch": result_of(store, dump_id, "fetch").key}
    how: dict[str, Any] = {"part": pack_id or "", "intact": intact}
    return run_stage(store, dump_id, "fingerprint", inputs=inputs, version=VERSION, work=work, **how)


def unfinished_packs(settings: Settings, dump_id: str) -> list[str]:
    """The packs of a dump that have no fingerprints yet, or not of all their images, sorted.

    Raises:
        NotReadyError: the dump is not fetched yet.
    """
    store = Store(settings.store)
    return packs_without(store, pack_ids(store, dump_id), FILE)


def fingerprint_pack(settings: Settings, pack_id: str, *, anew: bool = False) -> dict[str, int]:
    """Fingerprint the images of one pack, unless that was done.

    Args:
        settings: the settings.
        pack_id: the pack.
        anew: whether what is there is known to be damaged.

    Returns:
        counts: packs_reused (0 or 1), and of the images done now: images, undecodable.
    """
    store = Store(settings.store)
    path = store.pack(pack_id, FILE)
    with locked(store, path):  # dumps that share a pack: one fingerprints it
        if not anew and holds_all(store, pack_id, FILE):
            return {"packs_reused": 1}
        return _write_fingerprints(settings, store, pack_id)


def _write_fingerprints(settings: Settings, store: Store, pack_id: str) -> dict[str, int]:
    def work(images: list[tuple[str, bytes]]) -> tuple[pa.Table, int]:
        table = _fingerprints(images, settings.fetch.lenient_limits)
        return table, len(images) - len(table)

    some = batches(iter_images(store, pack_id), _TOGETHER)
    done = list(map_ahead(work, some, settings.worker_threads))
    table = pa.concat_tables([conform([], FINGERPRINTS), *(part for part, _ in done)]).combine_chunks()
    with store.writing_table(store.pack(pack_id, FILE), FINGERPRINTS, checksum=False) as writer:
        writer.write_table(table)
        contents_of(store, pack_id).note(writer, len(table))
    return {"images": len(table), "undecodable": sum(damaged for _, damaged in done)}


def _fingerprints(images: list[tuple[str, bytes]], limits: Limits) -> pa.Table:
    """The fingerprints of some images; those that do not decode are left out."""
    rows, squares = [], []
    for image_id, data in images:
        try:
            picture = decode(data, limits)
        except PictureError:
            continue  # counted by the caller; only a lowered limit of fetch brings one here
        photo, square, is_card = _look(picture)
        sizes = (*picture.shape[1::-1], *photo.shape[1::-1])
        rows.append((image_id, perceptual.pixel_id(picture), *sizes, is_card))
        squares.append(square)
    if not rows:
        return conform([], FINGERPRINTS)
    figures = perceptual.figures(np.stack(squares))
    image_ids, pixel_ids, widths, heights, photo_widths, photo_heights, cards = zip(*rows, strict=True)
    columns = {
        "image_id": image_ids,
        "pixel_id": pixel_ids,
        "phash": figures.phash[:, 0],
        "phash_mirrored": figures.phash[:, 1],
        "dhash": figures.dhash[:, 0],
        "dhash_mirrored": figures.dhash[:, 1],
        "width": widths,
        "height": heights,
        "photo_width": photo_widths,
        "photo_height": photo_heights,
        "colour": list(figures.colour),
        "layout": [layout.tobytes() for layout in figures.layout],
        "text_card": cards,
    }
    return conform(columns, FINGERPRINTS)


def _look(picture: Picture) -> tuple[Picture, perceptual.Square, bool]:
    """The photo of a picture, its square, and whether it is a card of text."""
    photo, square, is_card = photo_or_card(picture)
    if photo is picture:
        return picture, square, is_card
    square = perceptual.square(photo)
    return photo, square, is_text_card(photo, square)
