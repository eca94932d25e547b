"""A dump of made-up fingerprints and vectors, as large as one likes: everything that matching reads but pictures."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np

from claims import neighbours, perceptual
from claims.stores import MODEL, settings_of, write_fetch, write_fetches, write_vectors
from dedup_pipeline import schemas
from dedup_pipeline.config import Settings
from dedup_pipeline.pictures.perceptual import COLOUR_VALUES, LAYOUT_BYTES
from dedup_pipeline.stages.fingerprint import fingerprint
from dedup_pipeline.stages.fingerprint.stage import FILE
from dedup_pipeline.stages.ingest import ingest
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store.packs import IMAGES_FILE

_SEED = 17
_SIDE = 400  # pixels


def make(folder: Path, items: int, dump: str) -> Settings:
    """Write such a dump into a store in the folder, up to its embeddings; every picture is that of a family of its own.

    Vectors are those of the claim ``neighbours``, hashes those of ``perceptual``, colours and layouts are noise.
    """
    settings = settings_of(folder)
    store = Store(settings.store)
    vectors, _ = neighbours.made_up(items)
    hashes, _ = perceptual.made_up(items)
    gradients, _ = perceptual.made_up(items, perceptual.SEED + 1)
    ids = [f"{row:064x}" for row in range(items)]
    with (folder / "catalog.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["productId", "title", "imageUrlStr", "productFamily"])
        rows.writerows([f"ID{row:07}", f"Product {row}", f"http://shop.test/{key}", ""] for row, key in enumerate(ids))
    ingest(settings, dump, str(folder / "catalog.csv"))
    generator = np.random.default_rng(_SEED)
    packs = write_fetch(settings, ids, dump)
    write_fetches(settings, packs)
    for pack, some in packs.items():
        empty = {"image_id": some, "data": [b""] * len(some)}
        store.write_table(store.pack(pack, IMAGES_FILE), schemas.conform(empty, schemas.IMAGES))
        places = np.array([int(key, 16) for key in some])
        columns = {
            "image_id": some,
            "pixel_id": [hashlib.sha256(key.encode()).hexdigest() for key in some],
            "phash": hashes[places],
            "phash_mirrored": ~hashes[places],
            "dhash": gradients[places],
            "dhash_mirrored": ~gradients[places],
            "width": np.full(len(some), _SIDE, dtype=np.int32),
            "height": np.full(len(some), _SIDE, dtype=np.int32),
            "photo_width": np.full(len(some), _SIDE, dtype=np.int32),
            "photo_height": np.full(len(some), _SIDE, dtype=np.int32),
            "text_card": np.zeros(len(some), dtype=bool),
            "colour": list(generator.random((len(some), COLOUR_VALUES), dtype=np.float32)),
            "layout": [generator.bytes(LAYOUT_BYTES) for _ in some],
        }
        store.write_table(store.pack(pack, FILE), schemas.conform(columns, schemas.FINGERPRINTS))
    fingerprint(settings, dump)
    run_stage(store, dump, "train", inputs={}, version=1, work=lambda: Done({}, {"model_id": MODEL}))
    write_vectors(settings, vectors, dump)
    return settings
