"""What fetch and fingerprint need of a store: their worker has the key of no more (docker/compose.yaml)."""

from pathlib import Path

import pytest

from dedup_pipeline.errors import DamagedError
from dedup_pipeline.stages.fetch import fetch
from dedup_pipeline.stages.fingerprint import fingerprint
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import IMAGES_FILE, pack_ids
from fetched import paths


def test_a_fetch_writes_packs_dumps_and_locks_alone(make_settings, make_dump):
    settings = make_settings(pack_images=2)
    make_dump(settings, "one", paths(0, 5))
    assert fetch(settings, "one").counts["ok"] == 5
    assert fingerprint(settings, "one").counts["images"] == 5
    assert {place.name for place in Path(settings.store).iterdir()} == {"packs", "dumps", "locks"}


def test_of_damage_it_leaves_notes_and_writes_nowhere_else(make_settings, make_dump):
    settings = make_settings(pack_images=20)
    make_dump(settings, "one", paths(0, 20))
    fetch(settings, "one")
    store = Store(settings.store)
    images = Path(store.url(store.pack(pack_ids(store, "one")[0], IMAGES_FILE)))
    data = bytearray(images.read_bytes())
    data[len(data) // 2] ^= 1
    images.write_bytes(data)
    with pytest.raises(DamagedError):
        fingerprint(settings, "one")
    assert {place.name for place in Path(settings.store).iterdir()} == {"packs", "dumps", "locks", "damage"}
    assert fetch(settings, "one").counts["ok"] == 20
    assert fingerprint(settings, "one").counts["images"] == 20
