from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from dedup_pipeline import schemas
from dedup_pipeline.config import Settings
from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.model.encoder import Encoder
from dedup_pipeline.model.network import write_model
from dedup_pipeline.pictures.decode import decode
from dedup_pipeline.stages.embed import embed, embeddings_path, unfinished_packs
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store.packs import IMAGES_FILE, iter_images, pack_ids
from tiny_shop import DUMP, write_tiny_shop
from training.backbone import untrained_network


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A tiny shop whose model is settled: an untrained one."""
    settings = write_tiny_shop(tmp_path / "store")
    settle_model(settings)
    return settings


def settle_model(settings: Settings) -> None:
    """Settle the model of the dump."""
    store = Store(settings.store)
    torch.manual_seed(3)
    model_id = write_model(store, untrained_network(settings.train), {})
    done = Done({"model": store.model(model_id, "model.json")}, {"model_id": model_id})
    run_stage(store, DUMP, "train", inputs={}, version=1, work=lambda: done)


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


@pytest.mark.parametrize("root", ["folder", "memory"])
def test_what_was_stopped_in_its_second_row_group_is_embedded_whole_at_the_next_try(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiny_shop.PACK_IMAGES", 90)
    place = str(tmp_path) if root == "folder" else f"memory://{tmp_path.name}"
    settings = write_tiny_shop(place, products=90)
    settle_model(settings)
    calls = []

    def stop_at_the_second(self: Encoder, *words: Any, real: Any = Encoder.encode_prepared) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *words)

    monkeypatch.setattr(Encoder, "encode_prepared", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        embed(settings, DUMP)
    assert unfinished_packs(settings, DUMP) == ["pack-000"]
    counts = embed(settings, DUMP).counts
    assert (counts["packs_reused"], counts["images"], counts["undecodable"]) == (0, 90, 0)


def test_a_table_without_all_images_that_an_earlier_version_left_is_made_anew_once(shop: Settings) -> None:
    store = Store(shop.store)
    result = embed(shop, DUMP)
    pack = pack_ids(store, DUMP)[0]
    path = embeddings_path(store, pack, str(result.counts["model_id"]))
    whole = store.read_bytes(path)
    part = store.read_table(path).slice(0, 9).replace_schema_metadata(None)
    store.write_table(path, part)
    store.remove(store.dump(DUMP, "embed"))  # another dump that shows the pack
    assert unfinished_packs(shop, DUMP) == [pack]
    assert embed(shop, DUMP).counts | {"model_id": ""} == {
        "packs": 2, "packs_reused": 1, "images": 24, "undecodable": 0, "model_id": ""
    }  # fmt: skip
    assert store.read_bytes(path) == whole
    assert unfinished_packs(shop, DUMP) == []


def test_a_picture_that_does_not_decode_is_not_tried_again_and_again(shop: Settings) -> None:
    store = Store(shop.store)
    pack = pack_ids(store, DUMP)[0]
    rows = store.read_table(store.pack(pack, IMAGES_FILE)).to_pylist()
    rows[3]["data"] = rows[3]["data"][:60]
    store.write_table(store.pack(pack, IMAGES_FILE), pa.Table.from_pylist(rows, schema=schemas.IMAGES))
    embed(shop, DUMP)
    store.remove(store.dump(DUMP, "embed"))
    assert unfinished_packs(shop, DUMP) == []
    assert embed(shop, DUMP).counts["packs_reused"] == 2


def test_damaged_vectors_are_named_by_their_reader_and_made_anew(shop: Settings) -> None:
    store = Store(shop.store)
    result = embed(shop, DUMP)
    path = embeddings_path(store, pack_ids(store, DUMP)[1], str(result.counts["model_id"]))
    file = Path(store.url(path))
    whole = file.read_bytes()
    data = bytearray(whole)
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(DamagedError, match=r"embeddings-.* is damaged .*: run `dedup embed` again"):
        store.read_table(path)
    again = embed(shop, DUMP)
    assert (again.reused, again.counts["images"]) == (False, 24)
    assert file.read_bytes() == whole
    assert embed(shop, DUMP).reused
