"""Which URLs a dump needs that no pack holds, and in which packs they are fetched."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.schemas import conform
from dedup_pipeline.stages.fetch.damage import take_back_damaged
from dedup_pipeline.stages.fetch.known_results import (
    is_finished,
    judging_settings,
    known_results,
    may_be_among,
    sorted_hashes,
)
from dedup_pipeline.stages.fetch.packing import into_packs, renditions_to_try
from dedup_pipeline.stages.fetch.photos import Photos, pieces_of, read_photos
from dedup_pipeline.store import Store, digest, room_in
from dedup_pipeline.store.locks import locked
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.store.pack_state import read_pack_manifest
from dedup_pipeline.store.packs import pack_ids

logger = logging.getLogger(__name__)

PLAN_FILE = "plan.parquet"
PLANNING = "planning"
PLAN = pa.schema([pa.field("photo_url", pa.string()), pa.field("urls", pa.list_(pa.string()))])


def fetch_inputs(settings: Settings, store: Store, dump_id: str) -> dict[str, Any]:
    """All that the result of the stage depends on.

    Raises:
        NotReadyError: the dump is not ingested.
    """
    fetch = settings.fetch
    return judging_settings(fetch) | {
        "ingest": result_of(store, dump_id, "ingest").key,
        "max_failure_ratio": fetch.max_failure_ratio,
        "retry_failed_after_days": fetch.retry_failed_after_days,
    }


def plan_path(store: Store, dump_id: str) -> str:
    """Where the plan of a dump lies."""
    return store.dump(dump_id, "fetch", "plan.json")


def plan_fetch(settings: Settings, dump_id: str) -> list[str]:
    """The packs that must still be fetched for a dump.

    The plan is made once and then followed, however often the work is killed. When ``finish_fetch`` finds that too much
    has failed, the next call plans another round for those failures that may be over by then.

    One dump of a store is planned at a time, so that two with the same new URL do not both ask for it. What may still
    be asked for twice is the fallback of a photo whose preferred URL fails, while another dump prefers that fallback.

    Raises:
        NotReadyError: the dump is not ingested.
    """
    store = Store(settings.store)
    with room_in(store), locked(store, PLANNING):
        plan = _planned(settings, store, dump_id)
    return [pack_id for pack_id in plan["packs"] if not is_finished(store, pack_id)]


def note_failure(store: Store, dump_id: str, plan: dict[str, Any]) -> None:
    """Note that too much of a plan has failed, unless the dump has another plan by now."""
    with locked(store, PLANNING):
        path = plan_path(store, dump_id)
        if store.read_json(path) == plan:
            store.write_json(path, plan | {"failed": True})


def _planned(settings: Settings, store: Store, dump_id: str) -> dict[str, Any]:
    """The plan of a dump, made or extended where it must be."""
    key = digest(fetch_inputs(settings, store, dump_id))
    path = plan_path(store, dump_id)
    plan = read_plan_of(store, dump_id)
    damaged = take_back_damaged(store, {*(plan["packs"] if plan else ()), *_shown(store, dump_id)})
    if damaged and plan and plan["key"] == key:
        packs = _plan_packs(settings, store, dump_id, retry=False)
        whole = (pack_id for pack_id in plan["packs"] if is_finished(store, pack_id))
        plan = plan | {"packs": sorted({*whole, *packs}), "failed": False}
        store.write_json(path, plan)
    elif plan is None or plan["key"] != key or not _followable(store, plan["packs"]):
        plan = {"key": key, "packs": _plan_packs(settings, store, dump_id, retry=False), "failed": False}
        store.write_json(path, plan)
    elif plan["failed"]:
        packs = _plan_packs(settings, store, dump_id, retry=True)
        if packs:
            plan = plan | {"packs": sorted({*plan["packs"], *packs}), "failed": False}
            store.write_json(path, plan)
    return plan


def read_plan_of(store: Store, dump_id: str) -> dict[str, Any] | None:
    """The plan of a dump; None where there is none, or none that can be read."""
    try:
        plan: dict[str, Any] = store.read_json(plan_path(store, dump_id))
    except NotReadyError:
        return None
    except DamagedError as error:
        logger.warning("%s; it is planned anew", error)
        return None
    return plan if plan.keys() >= {"key", "packs", "failed"} else None


def _shown(store: Store, dump_id: str) -> list[str]:
    """The packs that hold the images of a dump; none where that is not known yet."""
    try:
        return pack_ids(store, dump_id)
    except (NotReadyError, DamagedError):
        return []


def planned_packs(store: Store, dump_id: str) -> list[str]:
    """All packs of a dump's plan, sorted, fetched or not.

    Raises:
        NotReadyError: the dump is not planned.
    """
    packs: list[str] = store.read_json(plan_path(store, dump_id))["packs"]
    return packs


def pack_seconds(store: Store, packs: Iterable[str]) -> float:
    """What fetching some packs took, summed over those that are finished."""
    finished = (pack_id for pack_id in packs if is_finished(store, pack_id))
    return round(sum(float(read_pack_manifest(store, pack_id)["seconds"]) for pack_id in finished), 3)


def read_plan(store: Store, pack_id: str) -> list[list[str]]:
    """The photos of a pack: for each the URLs to try, the preferred first.

    Raises:
        NotReadyError: there is no such pack.
    """
    urls: list[list[str]] = store.read_table(store.pack(pack_id, PLAN_FILE), ["urls"])["urls"].to_pylist()
    return urls


def plan_size(store: Store, pack_id: str) -> int:
    """The number of photos in a planned pack."""
    with store.reading_table(store.pack(pack_id, PLAN_FILE)) as table:
        return int(table.metadata.num_rows)


def _followable(store: Store, packs: list[str]) -> bool:
    return all(is_finished(store, pack_id) or _plan_table(store, pack_id) is not None for pack_id in packs)


def _plan_table(store: Store, pack_id: str) -> pa.Table | None:
    """The plan of a pack; None where there is none, or none that can be read."""
    try:
        return store.read_table(store.pack(pack_id, PLAN_FILE))
    except NotReadyError:
        return None
    except DamagedError as error:
        logger.warning("%s; its photos are planned anew", error)
        return None


def _plan_packs(settings: Settings, store: Store, dump_id: str, *, retry: bool) -> list[str]:
    """Write the plans of the packs that a dump needs; their ids, sorted.

    The photos are planned piece by piece, each as if it were a dump of its own that follows the ones before.
    """
    needed: set[str] = set()
    for piece in pieces_of(store, dump_id):
        photos = read_photos(store, dump_id, piece)
        ahead = _under_way(store, photos)  # first: a pack that is finished meanwhile is found twice, not overlooked
        known = known_results(store, photos.urls, settings.fetch, retry=retry)
        to_try = renditions_to_try(photos, known, failed_only=retry)
        needed |= _take_under_way(ahead, photos, to_try)
        for pack in into_packs(to_try, size=settings.fetch.pack_images):
            flat = iter(photos.urls.take(pa.array(itertools.chain.from_iterable(pack), pa.int64())).to_pylist())
            needed.add(_write_plan(store, [list(itertools.islice(flat, len(codes))) for codes in pack]))
    return sorted(needed)


def _under_way(store: Store, photos: Photos) -> list[tuple[str, list[str]]]:
    """Photos of unfinished packs whose first URL may be one of these photos': the pack, and the URLs to try."""
    hashes = sorted_hashes(photos.urls)
    found = []
    for pack_id in store.names("packs"):
        plan = None if is_finished(store, pack_id) else _plan_table(store, pack_id)
        if plan is not None:
            some = plan.filter(pa.array(may_be_among(plan["photo_url"].combine_chunks(), hashes)))
            found += [(pack_id, urls) for urls in some["urls"].to_pylist()]
    return found


def _take_under_way(ahead: list[tuple[str, list[str]]], photos: Photos, to_try: list[list[int]]) -> set[str]:
    """Take out of the lists what unfinished packs will try for certain; the packs that are needed for it.

    Certain is the first URL of a photo; its other URLs follow if that one fails.
    """
    if not ahead:
        return set()
    flat = pa.array(itertools.chain.from_iterable(urls for _, urls in ahead), photos.urls.type)
    places = iter(pc.index_in(flat, value_set=photos.urls).to_pylist())
    certain: dict[int, tuple[str, set[int]]] = {}
    for pack_id, urls in ahead:
        first, *rest = itertools.islice(places, len(urls))
        if first is not None:
            certain[first] = (pack_id, set(rest))
    needed: set[str] = set()
    for photo, codes in enumerate(to_try):
        covered: set[int] = set()
        for code in codes:
            if code in certain and code not in covered:
                pack_id, following = certain[code]
                needed.add(pack_id)
                covered |= following | {code}
        if covered:
            to_try[photo] = [code for code in codes if code not in covered]
    return needed


def _write_plan(store: Store, urls: list[list[str]]) -> str:
    """Write the plan of a pack; its id names its URLs, and how many finished packs have held just these before."""
    for times in itertools.count():
        pack_id = digest("pack", urls, times)
        if not is_finished(store, pack_id):
            break
    table = conform({"photo_url": [first for first, *_ in urls], "urls": urls}, PLAN)
    store.write_table(store.pack(pack_id, PLAN_FILE), table)
    return pack_id
