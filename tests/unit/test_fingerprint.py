"""The stage ``fingerprint``: one row per image that decodes, the same bytes however it is spread over threads."""

from pathlib import Path

import pyarrow as pa
import pytest

from dedup_pipeline import schemas
from dedup_pipeline.config import Settings
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.pictures.decode import decode
from dedup_pipeline.stages.fingerprint import fingerprint
from dedup_pipeline.stages.fingerprint.stage import FILE, fingerprint_pack
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import IMAGES_FILE, iter_images, pack_ids
from tiny_shop import DUMP, write_tiny_shop


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A tiny shop whose packs have no fingerprints yet."""
    settings = write_tiny_shop(tmp_path / "store")
    store = Store(settings.store)
    store.remove(store.dump(DUMP, "fingerprint"))
    for pack in pack_ids(store, DUMP):
        store.remove(store.pack(pack, FILE))
    return settings


def test_every_image_has_a_sorted_row_of_its_own_figures(shop: Settings) -> None:
    store = Store(shop.store)
    assert fingerprint(shop, DUMP).counts == {"packs": 2, "packs_reused": 0, "images": 24, "undecodable": 0}
    for pack in pack_ids(store, DUMP):
        table = store.read_table(store.pack(pack, FILE))
        images = dict(iter_images(store, pack))
        assert table.schema == schemas.FINGERPRINTS
        assert table["image_id"].to_pylist() == sorted(images)
        for row in table.to_pylist():
            picture = decode(images[row["image_id"]])
            figures = perceptual.figures(perceptual.square(picture)[None])
            assert row["pixel_id"] == perceptual.pixel_id(picture)
            assert (row["height"], row["width"]) == picture.shape[:2]
            assert [row["phash"], row["phash_mirrored"]] == figures.phash[0].tolist()
            assert [row["dhash"], row["dhash_mirrored"]] == figures.dhash[0].tolist()
            assert row["colour"] == figures.colour[0].tolist()
            assert row["layout"] == figures.layout[0].tobytes()


def test_the_number_of_threads_changes_no_byte(shop: Settings) -> None:
    store = Store(shop.store)
    pack = pack_ids(store, DUMP)[0]
    made = []
    for threads in (1, 3):
        fingerprint_pack(shop.model_copy(update={"threads": threads}), pack)
        made.append(store.read_bytes(store.pack(pack, FILE)))
        store.remove(store.pack(pack, FILE))
    assert made[0] == made[1]


def test_a_damaged_image_is_counted(shop: Settings) -> None:
    store = Store(shop.store)
    path = store.pack(pack_ids(store, DUMP)[0], IMAGES_FILE)
    rows = store.read_table(path).to_pylist()
    rows[3]["data"] = rows[3]["data"][:60]
    store.write_table(path, pa.Table.from_pylist(rows, schema=schemas.IMAGES))
    counts = fingerprint(shop, DUMP).counts
    assert (counts["images"], counts["undecodable"]) == (23, 1)
