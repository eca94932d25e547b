from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from dedup_pipeline import schemas
from dedup_pipeline.config import Settings
from dedup_pipeline.embed import embed, embeddings_path
from dedup_pipeline.encoder import Encoder
from dedup_pipeline.errors import NotReadyError
from dedup_pipeline.imaging import decode
from dedup_pipeline.network import write_model
from dedup_pipeline.packs import IMAGES_FILE, iter_images, pack_ids
from dedup_pipeline.stage import Done, run_stage
from dedup_pipeline.store import Store
from tiny_shop import DUMP, write_tiny_shop
from training.backbone import untrained_network


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A tiny shop whose model is settled: an untrained one."""
    settings = write_tiny_shop(tmp_path / "store")
    store = Store(settings.store)
    torch.manual_seed(3)
    model_id = write_model(store, untrained_network(settings.train), {})
    done = Done({"model": store.model(model_id, "model.json")}, {"model_id": model_id})
    run_stage(store, DUMP, "train", inputs={}, version=1, work=lambda: done)
    return settings


def test_every_pack_gets_sorted_vectors_of_its_images(shop: Settings) -> None:
    result = embed(shop, DUMP)
    store = Store(shop.store)
    model_id = str(result.counts["model_id"])
    encoder = Encoder.load(store, model_id, shop)
    assert result.counts | {"model_id": ""} == {
        "packs": 2, "packs_reused": 0, "images": 24, "undecodable": 0, "model_id": ""
    }  # fmt: skip
    for pack in pack_ids(store, DUMP):
        table = store.read_table(embeddings_path(store, pack, model_id))
        images = dict(iter_images(store, pack))
        assert table.schema == schemas.embeddings(16)
        assert table["image_id"].to_pylist() == sorted(images)
        vectors = np.asarray(table["vector"].to_pylist(), dtype=np.float32)
        assert vectors.tobytes() == encoder.encode([decode(data) for data in images.values()]).tobytes()
    known = store.read_json(result.outputs["embeddings"])
    assert set(known["packs"]) == set(pack_ids(store, DUMP))


def test_embedding_twice_does_nothing(shop: Settings) -> None:
    first = embed(shop, DUMP)
    again = embed(shop, DUMP)
    assert again.reused
    assert again.key == first.key


def test_one_pack_can_be_embedded_alone_and_is_not_computed_again(shop: Settings) -> None:
    store = Store(shop.store)
    pack = pack_ids(store, DUMP)[0]
    alone = embed(shop, DUMP, pack)
    before = store.read_bytes(alone.outputs[pack])
    seen: list[tuple[int, int]] = []
    whole = embed(shop, DUMP, progress=lambda done, of: seen.append((done, of)))
    assert alone.counts["packs"] == 1
    assert whole.counts["packs_reused"] == 1
    assert seen[-1] == (2, 2)
    assert store.read_bytes(alone.outputs[pack]) == before


def test_a_lost_table_is_made_again_with_the_same_bytes(shop: Settings) -> None:
    store = Store(shop.store)
    result = embed(shop, DUMP)
    path = embeddings_path(store, pack_ids(store, DUMP)[1], str(result.counts["model_id"]))
    before = store.read_bytes(path)
    store.remove(path)
    store.remove(store.dump(DUMP, "embed"))
    assert embed(shop, DUMP).counts["packs_reused"] == 1
    assert store.read_bytes(path) == before


def test_a_damaged_image_is_counted(shop: Settings) -> None:
    store = Store(shop.store)
    path = store.pack(pack_ids(store, DUMP)[0], IMAGES_FILE)
    rows = store.read_table(path).to_pylist()
    rows[3]["data"] = rows[3]["data"][:60]
    store.write_table(path, pa.Table.from_pylist(rows, schema=schemas.IMAGES))
    counts = embed(shop, DUMP).counts
    assert (counts["images"], counts["undecodable"]) == (23, 1)


def test_without_a_settled_model_it_says_what_to_run(tmp_path: Path) -> None:
    settings = write_tiny_shop(tmp_path / "store", products=3)
    with pytest.raises(NotReadyError, match="dedup train"):
        embed(settings, DUMP)
