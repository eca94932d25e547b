"""What each photo of a dump shows: the first of its renditions that is an image."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.errors import FetchError, NotReadyError
from dedup_pipeline.fetch.held import Held
from dedup_pipeline.fetch.photos import Photos
from dedup_pipeline.schemas import PHOTOS, FetchStatus
from dedup_pipeline.stage import Count

_WORST = 3  # reasons named in an error


def resolve(photos: Photos, held: Held) -> pa.Table:
    """Choose the URL that counts for each photo: the first that is an image, else the first.

    Returns:
        PHOTOS with the further column ``size``, sorted by photo_url.

    Raises:
        NotReadyError: a photo has no result.
    """
    if not len(photos):
        return pa.table({name: pa.array([], PHOTOS.field(name).type) for name in PHOTOS.names}).append_column(
            "size", pa.array([], pa.int64())
        )
    places = np.arange(len(photos.codes))
    usable = np.where(held.ok[photos.codes], places, len(places))
    first_ok = np.minimum.reduceat(usable, photos.offsets[:-1])
    chosen = photos.codes[np.where(first_ok < len(places), first_ok, photos.offsets[:-1])]
    rows = held.row_of[chosen]
    missing = int((rows < 0).sum())
    if missing:
        raise NotReadyError(f"{missing} photos have no result in the store: fetch the dump again")
    found = held.rows.take(pa.array(rows))
    is_image = pc.is_valid(found["image_id"])
    columns = {
        "photo_url": photos.names.cast(pa.string()),
        "status": found["status"],
        "url": found["url"],
        "image_id": found["image_id"],
        "pack_id": pc.if_else(is_image, found["pack_id"], pa.scalar(None, pa.string())),
        "detail": found["detail"],
        "size": found["size"],
    }
    return pa.table(columns)


def count(table: pa.Table, photos: Photos, packs: list[str]) -> dict[str, Count]:
    """The figures of a dump.

    Args:
        table: as ``resolve`` returns it.
        photos: the dump's photos.
        packs: the packs that were fetched for the dump.
    """
    failed = Counter(status for status in table["status"].to_pylist() if status != FetchStatus.OK)
    ok = table.filter(pc.is_valid(table["image_id"]))
    now = int(pc.sum(pc.is_in(ok["pack_id"], value_set=pa.array(packs, pa.string()))).as_py() or 0)
    images = ok.group_by("image_id").aggregate([("size", "max")])
    return {
        "photos": len(table),
        "fetched_now": now,
        "reused": len(ok) - now,
        "ok": len(ok),
        "failed": failed.total(),
        "failed_by_reason": dict(sorted(failed.items())),
        "listings_without_picture": photos.listings_without,
        "images": len(images),
        "bytes": int(pc.sum(images["size_max"]).as_py() or 0),
    }


def check_failures(table: pa.Table, settings: FetchSettings) -> None:
    """Refuse a dump of which too much has failed.

    Raises:
        FetchError: more photos failed than ``max_failure_ratio`` allows; it names where and why.
    """
    failures = table.filter(pc.is_null(table["image_id"])).select(["url", "status"]).to_pylist()
    ratio = len(failures) / max(1, len(table))
    if ratio <= settings.max_failure_ratio:
        return
    worst: Counter[tuple[str, Any]] = Counter((_host(row["url"]), row["status"]) for row in failures)
    ranked = sorted(worst.items(), key=lambda item: (-item[1], item[0]))[:_WORST]
    named = ", ".join(f"{times} {status} at {host}" for (host, status), times in ranked)
    raise FetchError(
        f"{len(failures)} of {len(table)} photos ({ratio:.0%}) could not be fetched, more than "
        f"fetch.max_failure_ratio = {settings.max_failure_ratio:g} allows: {named}; what may be over by then is tried "
        "again by the next run"
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"
