"""A store with a few drawn products, ingested, fetched and fingerprinted, for tests of what comes after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dedup_pipeline import schemas
from dedup_pipeline.augmentation.edits import encode
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.stages.fingerprint import fingerprint
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store.packs import GROUP_ROWS, IMAGES_FILE

DUMP = "2018-10-05"
PACK_IMAGES = 16

TINY = {
    "threads": 1,
    "train.image_px": 64,
    "train.dimension": 16,
    "train.epochs": 2,
    "train.products_per_batch": 4,
    "train.views_per_product": 3,
    "train.frozen_stages": 7,
    "train.validation_share": 0.3,
    "embed.batch": 8,
    "match.calibration_photos": 24,  # its own; tests that want it filled up say so
    "embed.runtime": "torch",  # converting for OpenVINO takes seconds; tests that need it say so
}


def draw_product(number: int, side: int = 120) -> Picture:
    """A coloured shape with stripes on white; every number makes another one."""
    generator = np.random.default_rng([99, number])
    picture = np.full((side, side, 3), 255, dtype=np.uint8)
    colour = tuple(int(value) for value in generator.integers(20, 200, size=3))
    corners = generator.uniform(0.1, 0.9, size=(int(generator.integers(3, 8)), 2)) * side
    cv2.fillPoly(picture, [cv2.convexHull(corners.astype(np.int32))], colour)
    for _ in range(int(generator.integers(1, 5))):
        start, end = (tuple(int(v) for v in generator.uniform(0.25, 0.75, size=2) * side) for _ in range(2))
        stripe = tuple(int(value) for value in generator.integers(0, 256, size=3))
        cv2.line(picture, start, end, stripe, int(generator.integers(2, 8)))
    return picture


def write_tiny_shop(
    root: Path | str, products: int = 24, *, dump_id: str = DUMP, first: int = 0, **overrides: Any
) -> Settings:
    """Write the store and return its settings, as small as they can be.

    Another dump in the same store holds the products from ``first`` on, in packs of its own.
    """
    settings = load_settings(
        values={"store": str(root), **TINY, **{k.replace("__", "."): v for k, v in overrides.items()}}
    )
    store = Store(settings.store)
    data = [encode(draw_product(number), "jpeg", 92) for number in range(first, first + products)]
    photos = [
        {"url": f"http://shop.test/{n}.jpeg", "image_id": perceptual.image_id(b)} for n, b in enumerate(data, first)
    ]
    images = dict(sorted((photo["image_id"], some) for photo, some in zip(photos, data, strict=True)))
    pack_of = {image_id: f"pack-{first + place // PACK_IMAGES:03d}" for place, image_id in enumerate(images)}
    for pack in sorted(set(pack_of.values())):
        rows = [{"image_id": key, "data": value} for key, value in images.items() if pack_of[key] == pack]
        store.write_table(store.pack(pack, IMAGES_FILE), schemas.conform(rows, schemas.IMAGES), group_rows=GROUP_ROWS)

    def ingest() -> Done:
        rows = [
            {"listing_id": f"ID{n:04d}", "row": n + 2, "family_id": f"ID{n:04d}", "photo_url": photo["url"]}
            for n, photo in enumerate(photos, first)
        ]
        path = store.dump(dump_id, "ingest", "listings.parquet")
        store.write_table(path, schemas.conform(rows, schemas.LISTINGS))
        return Done({"listings": path}, {})

    def fetch() -> Done:
        rows = [
            {"photo_url": photo["url"], "status": "ok", "url": photo["url"], "image_id": photo["image_id"]}
            | {"pack_id": pack_of[photo["image_id"]]}
            for photo in photos
        ]
        path, packs = store.dump(dump_id, "fetch", "photos.parquet"), store.dump(dump_id, "fetch", "packs.json")
        store.write_table(path, schemas.conform(rows, schemas.PHOTOS))
        store.write_json(packs, {"packs": sorted(set(pack_of.values()))})
        return Done({"photos": path, "packs": packs}, {})

    run_stage(store, dump_id, "ingest", inputs={}, version=1, work=ingest)
    run_stage(store, dump_id, "fetch", inputs={}, version=1, work=fetch)
    fingerprint(settings, dump_id)
    return settings
