"""Stores as earlier stages would have left them, so that one stage can be measured alone."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from dedup_pipeline import schemas
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.stages.embed import embeddings_path
from dedup_pipeline.stages.fetch.known_results import judging_settings
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store.pack_state import MANIFEST
from dedup_pipeline.store.packs import FETCHES_FILE, GROUP_ROWS, IMAGES_FILE

DUMP = "benchmark"  # the contenders know it too
MODEL = "made-up"  # the id of the model of vectors that none made


def write_pictures(settings: Settings, files: Sequence[Path]) -> None:
    """A dump whose pictures, no two of which are equal, are fetched, in packs of ``fetch.pack_images``."""
    store = Store(settings.store)
    images = dict(sorted((perceptual.image_id(data), data) for data in (file.read_bytes() for file in files)))
    ids = list(images)
    for pack, some in _packs(ids, settings).items():
        rows = [{"image_id": key, "data": images[key]} for key in some]
        store.write_table(store.pack(pack, IMAGES_FILE), schemas.conform(rows, schemas.IMAGES), group_rows=GROUP_ROWS)
    write_fetch(settings, ids)


def settle_model(settings: Settings) -> str:
    """The untrained network as the dump's model; returns its id."""
    import torch  # noqa: PLC0415 - takes seconds, and few claims need it

    from dedup_pipeline.model.network import write_model  # noqa: PLC0415 - imports torch
    from training.backbone import untrained_network  # noqa: PLC0415 - imports torch

    store = Store(settings.store)
    torch.manual_seed(settings.seed)
    model_id = write_model(store, untrained_network(settings.train), {})
    done = Done({"model": store.model(model_id, "model.json")}, {"model_id": model_id})
    run_stage(store, DUMP, "train", inputs={}, version=1, work=lambda: done)
    return model_id


def write_vectors(settings: Settings, vectors: Floats, dump: str = DUMP) -> None:
    """A dump whose pictures have these embeddings (N, D); the order of the image ids is that of the rows."""
    store = Store(settings.store)
    packs = write_fetch(settings, [f"{row:064x}" for row in range(len(vectors))], dump)
    start = 0
    for pack, some in packs.items():
        values = pa.array(vectors[start : start + len(some)].reshape(-1))
        table = pa.table(
            [pa.array(some), pa.FixedSizeListArray.from_arrays(values, vectors.shape[1])],
            schema=schemas.embeddings(vectors.shape[1]),
        )
        store.write_table(embeddings_path(store, pack, MODEL), table)
        start += len(some)
    run_stage(store, dump, "embed", inputs={}, version=1, work=lambda: Done({}, {"model_id": MODEL}))


def settings_of(folder: Path) -> Settings:
    """The settings of a store in a folder of data."""
    return load_settings([f"store={folder / 'store'}"])


def _packs(ids: list[str], settings: Settings) -> dict[str, list[str]]:
    size = settings.fetch.pack_images
    return {f"pack-{start // size:06}": ids[start : start + size] for start in range(0, len(ids), size)}


def write_fetches(settings: Settings, packs: dict[str, list[str]]) -> None:
    """What fetching these images of packs left beside them, so that the fetch can be planned and finished."""
    store, now = Store(settings.store), datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    fetched = {"status": "ok", "http_status": 200, "size": 1000, "width": 400, "height": 400, "format": "JPEG"}
    fetched |= {"attempts": 1, "detail": None, "fetched_at": now}
    for pack, some in packs.items():
        rows = [fetched | {"url": f"http://shop.test/{key}", "image_id": key} for key in some]
        store.write_table(store.pack(pack, FETCHES_FILE), schemas.conform(rows, schemas.FETCHES))
        counts = {"images": len(some)}
        manifest = {"key": pack, "settings": judging_settings(settings.fetch), "counts": counts, "seconds": 0.0}
        store.write_json(store.pack(pack, MANIFEST), manifest)


def write_fetch(settings: Settings, ids: list[str], dump: str = DUMP) -> dict[str, list[str]]:
    """A fetch that found these images; returns the ids of the packs with those of their images."""
    store, packs = Store(settings.store), _packs(ids, settings)

    def work() -> Done:
        photos, listed = store.dump(dump, "fetch", "photos.parquet"), store.dump(dump, "fetch", "packs.json")
        urls = [f"http://shop.test/{key}" for key in ids]
        columns = {"photo_url": urls, "status": ["ok"] * len(ids), "url": urls, "image_id": ids}
        columns |= {"pack_id": [pack for pack, some in packs.items() for _ in some], "detail": [None] * len(ids)}
        store.write_table(photos, schemas.conform(columns, schemas.PHOTOS))
        store.write_json(listed, {"packs": list(packs)})
        return Done({"photos": photos, "packs": listed}, {"images": len(ids)})

    run_stage(store, dump, "fetch", inputs={}, version=1, work=work)
    return packs
