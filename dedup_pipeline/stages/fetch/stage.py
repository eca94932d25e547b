"""The door of the room: plan, fetch, finish."""

from __future__ import annotations

import time

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import FetchError, NotReadyError
from dedup_pipeline.schemas import PHOTOS
from dedup_pipeline.stages.fetch.damage import renewed_packs
from dedup_pipeline.stages.fetch.known_results import is_finished, known_results
from dedup_pipeline.stages.fetch.pack import VERSION, fetch_pack
from dedup_pipeline.stages.fetch.photos import pieces_of, read_photos
from dedup_pipeline.stages.fetch.plan import fetch_inputs, note_failure, plan_fetch, plan_size, read_plan_of
from dedup_pipeline.stages.fetch.resolve_photos import FetchCounts, resolve_photos
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.manifests import Done, Progress, StageResult, no_progress, run_stage

STAGE = "fetch"


def finish_fetch(settings: Settings, dump_id: str) -> StageResult:
    """Find the image of every photo of a dump among the packs.

    The outputs are ``photos`` (PHOTOS) and ``packs`` (JSON, ``{"packs": [ids]}``: those that hold the images).

    Raises:
        NotReadyError: the dump is not planned, or a pack of its plan is not finished.
        FetchError: more photos failed than ``fetch.max_failure_ratio`` allows. It is raised again by every further
            call; ``plan_fetch`` then plans those failures once more that may be over.
    """
    store = Store(settings.store)
    planned = fetch_inputs(settings, store, dump_id)

    def inputs() -> dict[str, object]:
        packs = store.read_json(store.dump(dump_id, STAGE, _FILES["packs"]))["packs"]
        renewed = renewed_packs(store, packs)
        return planned | ({"renewed": renewed} if renewed else {})

    return run_stage(
        store, dump_id, STAGE, inputs=inputs, version=VERSION, work=lambda: _finish(settings, store, dump_id, planned)
    )


def _finish(settings: Settings, store: Store, dump_id: str, inputs: dict[str, object]) -> Done:
    plan = read_plan_of(store, dump_id)
    if plan is None or plan["key"] != digest(inputs):
        raise NotReadyError(f"dump {dump_id} has no plan of what to fetch with these settings: run `dedup fetch`")
    unfinished = [pack_id for pack_id in plan["packs"] if not is_finished(store, pack_id)]
    if unfinished:
        raise NotReadyError(
            f"{len(unfinished)} of {len(plan['packs'])} packs of dump {dump_id} are not fetched, pack {unfinished[0]} "
            "for one: run `dedup fetch`"
        )
    outputs = {name: store.dump(dump_id, STAGE, file) for name, file in _FILES.items()}
    figures = FetchCounts(plan["packs"])
    with store.writing_table(outputs["photos"], PHOTOS) as writer:
        for piece in pieces_of(store, dump_id):  # in the order of their URLs
            photos = read_photos(store, dump_id, piece)
            table = resolve_photos(photos, known_results(store, photos.urls, settings.fetch))
            writer.write_table(table.select(PHOTOS.names).cast(PHOTOS))
            figures.add(table, photos)
    store.write_json(outputs["packs"], {"packs": figures.packs})
    try:
        figures.check(settings.fetch)
    except FetchError:
        note_failure(store, dump_id, plan)
        raise
    return Done(outputs, figures.counts())


_FILES = {"photos": "photos.parquet", "packs": "packs.json"}


def fetch(settings: Settings, dump_id: str, progress: Progress = no_progress) -> StageResult:
    """Fetch the photos of a dump that no pack holds, in one process.

    Args:
        settings: the settings.
        dump_id: an ingested dump.
        progress: called with the number of photos that are settled, and of all that are fetched by this call.

    Raises:
        NotReadyError: the dump is not ingested.
        FetchError: more photos failed than ``fetch.max_failure_ratio`` allows.
    """
    store = Store(settings.store)
    start = time.monotonic()
    packs = plan_fetch(settings, dump_id)
    sizes = [plan_size(store, pack_id) for pack_id in packs]
    before = 0
    for pack_id, size in zip(packs, sizes, strict=True):

        def report(done: int, of: int, before: int = before) -> None:
            progress(before + done, sum(sizes))

        fetch_pack(settings, dump_id, pack_id, report)
        before += size
    return finish_fetch(settings, dump_id).since(start)
