"""Fetching one pack: go on where the last run was killed, write the tables, then the manifest."""

from __future__ import annotations

import logging
import random
import time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import NotReadyError, StoreError
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.stages.fetch.damage import note_fetched
from dedup_pipeline.stages.fetch.fallbacks import FallbackQueue
from dedup_pipeline.stages.fetch.http.workers import FetchWorkers
from dedup_pipeline.stages.fetch.known_results import is_finished, judging_settings
from dedup_pipeline.stages.fetch.partial_results import PartialResults, partial_folder
from dedup_pipeline.stages.fetch.plan import read_plan
from dedup_pipeline.stages.fetch.write_pack import write_tables
from dedup_pipeline.store import Store, digest, room_in
from dedup_pipeline.store.integrity import FILES, sealed
from dedup_pipeline.store.locks import locked
from dedup_pipeline.store.manifests import Progress, StageResult, no_progress
from dedup_pipeline.store.pack_state import MANIFEST, Contents, digest_of_ids, read_pack_manifest
from dedup_pipeline.store.packs import FETCHES_FILE, IMAGES_FILE

logger = logging.getLogger(__name__)

VERSION = 1


def fetch_pack(settings: Settings, dump_id: str, pack_id: str, progress: Progress = no_progress) -> StageResult:
    """Fetch the photos of a pack; a killed run is gone on with, a finished pack is left as it is.

    Several dumps may need a pack: one process fetches it, the others wait for it and find it finished.

    Args:
        settings: the settings.
        dump_id: the dump that asks for the pack.
        pack_id: the pack, as ``plan_fetch`` named it.
        progress: called with the number of photos that are settled, and of all.

    Raises:
        NotReadyError: no such pack is planned.
        StoreError: the store cannot be read or written.
    """
    store = Store(settings.store)
    with room_in(store), locked(store, store.pack(pack_id, "fetch")):
        reused = is_finished(store, pack_id)
        if not reused:
            _fetch_and_write(settings, store, pack_id, progress)
        store.remove(partial_folder(store, pack_id))  # a kill may have left it beside a finished pack
    return _result(store, dump_id, pack_id, reused=reused)


def _fetch_and_write(settings: Settings, store: Store, pack_id: str, progress: Progress) -> None:
    """Fetch what is not fetched yet, write the tables, then what makes the pack finished."""
    start = time.monotonic()
    plan = read_plan(store, pack_id)
    partial = PartialResults(store, pack_id)
    logger.info("pack %s: %d photos, %d results are there already", pack_id, len(plan), len(partial.known))
    _fetch(settings, FallbackQueue(plan, partial.known), partial, random.Random(pack_id), progress)  # noqa: S311 - guards nothing
    try:
        if is_finished(store, pack_id):  # a lost lease: whoever took over has finished the pack
            return
        fetches, images = write_tables(store, pack_id, expected=len(partial.known))
    except (NotReadyError, StoreError):
        if is_finished(store, pack_id):  # and took the spool away just now
            return
        raise
    counts = {"photos": len(plan)} | _count(fetches, len(images))
    contents = Contents(len(images), digest_of_ids(images))
    note_fetched(store, pack_id, contents)
    seconds = time.monotonic() - start
    _write_manifest(settings, store, pack_id, counts=counts, contents=contents, seconds=seconds)


def _fetch(
    settings: Settings, fallbacks: FallbackQueue, partial: PartialResults, chance: random.Random, progress: Progress
) -> None:
    """Fetch what the queue asks for until all its photos are settled."""
    ahead = fallbacks.start()
    chance.shuffle(ahead)  # hosts that hang may be neighbours by name, and would take all threads at first
    progress(fallbacks.done, fallbacks.of)
    try:
        with FetchWorkers(settings.fetch) as workers:
            for url in ahead:
                workers.send(url)
            while fallbacks.done < fallbacks.of:
                result = workers.next_result(timeout=max(0.05, partial.due_in))
                if result is None:
                    partial.flush()
                    continue
                partial.add(result)
                for url in fallbacks.record(result.url, ok=result.ok):
                    workers.send(url)
                progress(fallbacks.done, fallbacks.of)
    finally:
        partial.flush()


def _count(fetches: pa.Table, images: int) -> dict[str, Any]:
    statuses = {item["values"]: item["counts"] for item in pc.value_counts(fetches["status"]).to_pylist()}
    return {
        "urls": len(fetches),
        "ok": statuses.pop(FetchStatus.OK, 0),
        "failed": sum(statuses.values()),
        "failed_by_reason": dict(sorted(statuses.items())),
        "images": images,
    }


def _write_manifest(
    settings: Settings, store: Store, pack_id: str, *, counts: dict[str, Any], contents: Contents, seconds: float
) -> None:
    """Write what makes a pack finished."""
    manifest = {
        "pack_id": pack_id,
        "version": VERSION,
        "key": digest("pack", VERSION, pack_id),
        "settings": judging_settings(settings.fetch),
        "counts": counts,
        "seconds": round(seconds, 3),
        "ids": contents.ids,
        FILES: {name: store.size(store.pack(pack_id, name)) for name in (IMAGES_FILE, FETCHES_FILE)},
    }
    store.write_json(store.pack(pack_id, MANIFEST), sealed(manifest))


def _result(store: Store, dump_id: str, pack_id: str, *, reused: bool) -> StageResult:
    known = read_pack_manifest(store, pack_id)
    outputs = {"images": store.pack(pack_id, IMAGES_FILE), "fetches": store.pack(pack_id, FETCHES_FILE)}
    return StageResult("fetch", dump_id, known["key"], outputs, known["counts"], known["seconds"], reused=reused)
