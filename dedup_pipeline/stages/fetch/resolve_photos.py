"""What each photo of a dump shows: the first of its renditions that is an image."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup_pipeline.compute.strings import digests, numbered
from dedup_pipeline.config import FetchSettings
from dedup_pipeline.errors import FetchError, NotReadyError
from dedup_pipeline.schemas import PHOTOS
from dedup_pipeline.stages.fetch.known_results import KnownResults
from dedup_pipeline.stages.fetch.photos import Photos
from dedup_pipeline.store.manifests import Count
from dedup_pipeline.wording import tidy

_WORST = 3  # reasons named in an error


def resolve_photos(photos: Photos, known: KnownResults) -> pa.Table:
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
    usable = np.where(known.ok[photos.codes], places, len(places))
    first_ok = np.minimum.reduceat(usable, photos.offsets[:-1])
    chosen = photos.codes[np.where(first_ok < len(places), first_ok, photos.offsets[:-1])]
    rows = known.row_of[chosen]
    missing = int((rows < 0).sum())
    if missing:
        raise NotReadyError(f"{missing} photos have no result in the store: fetch the dump again")
    found = known.rows.take(pa.array(rows))
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


class FetchCounts:
    """The figures of a dump, gathered from pieces of its photos; of each image a digest is held.

    Args:
        packs: the packs that were fetched for the dump.
    """

    def __init__(self, packs: list[str]) -> None:
        self._fetched = pa.array(packs, pa.string())
        self._photos = self._now = self._without = 0
        self._failed: Counter[tuple[str, str]] = Counter()  # by host and status
        self._images = [digests(pa.array([], pa.string()))]
        self._sizes = [np.empty(0, np.int64)]
        self._packs: set[str] = set()

    def add(self, table: pa.Table, photos: Photos) -> None:
        """Count a piece: its photos, and what ``resolve_photos`` returned of them."""
        self._photos += len(table)
        self._without += photos.listings_without
        failures = table.filter(pc.is_null(table["image_id"]))
        urls, statuses = (failures[name].to_pylist() for name in ("url", "status"))
        self._failed.update(zip(map(_host, urls), statuses, strict=True))
        ok = table.filter(pc.is_valid(table["image_id"]))
        self._now += int(pc.sum(pc.is_in(ok["pack_id"], value_set=self._fetched)).as_py() or 0)
        self._packs.update(pc.unique(ok["pack_id"]).to_pylist())
        self._images += map(digests, ok["image_id"].chunks)
        self._sizes.append(ok["size"].to_numpy().astype(np.int64))

    @property
    def packs(self) -> list[str]:
        """The packs that hold the images, sorted."""
        return sorted(self._packs)

    def counts(self) -> dict[str, Count]:
        """The figures of all pieces."""
        sizes = np.concatenate(self._sizes)
        images = numbered(np.concatenate(self._images))
        of_images = np.zeros(int(images.max(initial=-1)) + 1, dtype=np.int64)
        np.maximum.at(of_images, images, sizes)
        failed: Counter[str] = Counter()
        for (_, status), times in self._failed.items():
            failed[status] += times
        return {
            "photos": self._photos,
            "fetched_now": self._now,
            "reused": len(sizes) - self._now,
            "ok": len(sizes),
            "failed": failed.total(),
            "failed_by_reason": dict(sorted(failed.items())),
            "listings_without_picture": self._without,
            "images": len(of_images),
            "bytes": int(of_images.sum()),
        }

    def check(self, settings: FetchSettings) -> None:
        """Refuse a dump of which too much has failed.

        Raises:
            FetchError: more photos failed than ``max_failure_ratio`` allows; it names where and why.
        """
        failures = self._failed.total()
        ratio = failures / max(1, self._photos)
        if ratio <= settings.max_failure_ratio:
            return
        ranked = sorted(self._failed.items(), key=lambda item: (-item[1], item[0]))[:_WORST]
        named = ", ".join(f"{times} {status} at {tidy(host)}" for (host, status), times in ranked)
        raise FetchError(
            f"{failures} of {self._photos} photos ({ratio:.0%}) could not be fetched, more than "
            f"fetch.max_failure_ratio = {settings.max_failure_ratio:g} allows: {named}; what may be over by then is "
            "tried again by the next run"
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"
