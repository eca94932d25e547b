"""The embed stage: one table of vectors beside every pack, per model, computed once and kept for good."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pyarrow as pa

from dedup_pipeline import schemas
from dedup_pipeline.compute.malloc import keep_freed_memory
from dedup_pipeline.compute.threads import pool_of
from dedup_pipeline.config import Settings
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.model.preprocess import Prepared
from dedup_pipeline.pictures.decode import PictureError, decode
from dedup_pipeline.store import Store
from dedup_pipeline.store.locks import locked
from dedup_pipeline.store.manifests import Done, Progress, StageResult, no_progress, result_of, run_stage
from dedup_pipeline.store.pack_state import contents_of, holds_all, packs_without
from dedup_pipeline.store.packs import GROUP_ROWS, IMAGES_FILE, iter_images, pack_ids

logger = logging.getLogger(__name__)

STAGE = "embed"
VERSION = 2  # raise it when the same picture gets another vector from the same model


def embeddings_file(model_id: str) -> str:
    """The name of the file beside a pack that holds its vectors by a model."""
    return f"embeddings-{VERSION}-{model_id}.parquet"


def embeddings_path(store: Store, pack_id: str, model_id: str) -> str:
    """The path of the vectors of a pack by a model: schemas.embeddings, sorted by image id."""
    return store.pack(pack_id, embeddings_file(model_id))


def embed(
    settings: Settings, dump_id: str, pack_id: str | None = None, progress: Progress = no_progress
) -> StageResult:
    """Embed the images of a dump with the model that its train stage settled.

    Args:
        settings: the settings.
        dump_id: the dump.
        pack_id: embed this pack alone; without it, all packs of the dump that are not embedded yet.
        progress: told (packs done, packs in all).

    Returns:
        Outputs: ``embeddings`` (JSON: the model id and the table of every pack) for the dump, or the table of the pack.
        Counts: packs, packs_reused, images, undecodable, model_id.

    Raises:
        NotReadyError: the dump is not fetched, or its model is not settled.
        ModelError: the model cannot be loaded.
        StoreError: the store cannot be read or written.
    """
    store = Store(settings.store)
    trained = result_of(store, dump_id, "train")
    model_id = str(trained.counts["model_id"])
    packs = pack_ids(store, dump_id) if pack_id is None else [pack_id]
    inputs = {"model_id": model_id, "packs": packs}
    part = pack_id or ""

    damaged: set[str] = set()

    def intact(_: object) -> bool:
        damaged.update(packs_without(store, packs, embeddings_file(model_id), content=True))
        return not damaged

    def work() -> Done:
        missing = sorted({*damaged, *packs_without(store, packs, embeddings_file(model_id))})
        if missing:
            encoder = Encoder.load(store, model_id, settings)
            for done, pack in enumerate(missing):
                progress(len(packs) - len(missing) + done, len(packs))
                _embed_pack(store, encoder, pack, settings, anew=pack in damaged)
        progress(len(packs), len(packs))
        return _summary(store, dump_id, model_id, packs, reused=len(packs) - len(missing), part=part)

    how: dict[str, Any] = {"part": part, "intact": intact}
    return run_stage(store, dump_id, STAGE, inputs=inputs, version=VERSION, work=work, **how)


def unfinished_packs(settings: Settings, dump_id: str) -> list[str]:
    """The packs of a dump that the dump's model has not embedded yet, sorted.

    Raises:
        NotReadyError: the dump is not fetched, or its model is not settled.
    """
    store = Store(settings.store)
    model_id = str(result_of(store, dump_id, "train").counts["model_id"])
    return packs_without(store, pack_ids(store, dump_id), embeddings_file(model_id))


def _summary(store: Store, dump_id: str, model_id: str, packs: list[str], *, reused: int, part: str) -> Done:
    """Count what lies in the store, which is the same however often the work was interrupted."""
    tables = {pack: embeddings_path(store, pack, model_id) for pack in packs}
    images = sum(_rows(store, path) for path in tables.values())
    fetched = sum(_rows(store, store.pack(pack, IMAGES_FILE)) for pack in packs)
    outputs = {part: tables[part]} if part else {"embeddings": store.dump(dump_id, STAGE, "embeddings.json")}
    if not part:
        store.write_json(outputs["embeddings"], {"model_id": model_id, "packs": tables})
    return Done(
        outputs=outputs,
        counts={
            "packs": len(packs),
            "packs_reused": reused,
            "images": images,
            "undecodable": fetched - images,
            "model_id": model_id,
        },
    )


def _rows(store: Store, path: str) -> int:
    with store.reading_table(path) as table:
        return int(table.metadata.num_rows)


def _embed_pack(store: Store, encoder: Encoder, pack_id: str, settings: Settings, *, anew: bool) -> None:
    """Embed a pack, unless another dump that shares it has done so by now."""
    path = embeddings_path(store, pack_id, encoder.model_id)
    with locked(store, path):
        if anew or not holds_all(store, pack_id, embeddings_file(encoder.model_id)):
            _write_vectors(store, encoder, pack_id, settings)


def _write_vectors(store: Store, encoder: Encoder, pack_id: str, settings: Settings) -> None:
    """Write the vectors of a pack a row group at a time; pictures are decoded while the network works."""
    schema = schemas.embeddings(encoder.dimension)
    path, rows = embeddings_path(store, pack_id, encoder.model_id), 0
    with store.writing_table(path, schema, checksum=False) as writer:
        ids: list[str] = []
        pictures: list[Prepared] = []
        for image_id, picture in _prepared(store, encoder, pack_id, settings):
            ids.append(image_id)
            pictures.append(picture)
            rows += 1
            if len(ids) == GROUP_ROWS:
                writer.write_table(_table(encoder, ids, pictures, schema))
                ids, pictures = [], []
        if ids:
            writer.write_table(_table(encoder, ids, pictures, schema))
        contents_of(store, pack_id).note(writer, rows)


def _table(encoder: Encoder, ids: list[str], pictures: list[Prepared], schema: pa.Schema) -> pa.Table:
    vectors = encoder.encode_prepared(np.stack(pictures))
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), encoder.dimension)
    return pa.table([pa.array(ids), values], schema=schema)


def _prepared(store: Store, encoder: Encoder, pack_id: str, settings: Settings) -> Iterator[tuple[str, Prepared]]:
    """Decode and squash the pictures of a pack in threads, at most two row groups ahead; damaged ones are left out."""

    def prepare(data: bytes) -> Prepared:
        return encoder.prepare(decode(data, settings.fetch.lenient_limits))

    def finished(item: tuple[str, Future[Prepared]]) -> Iterator[tuple[str, Prepared]]:
        try:
            yield item[0], item[1].result()
        except PictureError as error:
            logger.warning("image %s of pack %s has no embedding: %s", item[0], pack_id, error)

    keep_freed_memory()
    waiting: deque[tuple[str, Future[Prepared]]] = deque()
    with pool_of(min(8, settings.worker_threads), "decode") as pool:
        for image_id, data in iter_images(store, pack_id):
            waiting.append((image_id, pool.submit(prepare, data)))
            if len(waiting) > 2 * GROUP_ROWS:
                yield from finished(waiting.popleft())
        while waiting:
            yield from finished(waiting.popleft())
