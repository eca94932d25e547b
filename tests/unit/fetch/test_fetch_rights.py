"""What fetch and fingerprint need of a store: their worker has the key of no more (docker/compose.yaml)."""

from pathlib import Path

from dedup_pipeline.fetch import fetch
from dedup_pipeline.fingerprint import fingerprint
from fetched import paths


def test_a_fetch_writes_packs_dumps_and_locks_alone(make_settings, make_dump):
    settings = make_settings(pack_images=2)
    make_dump(settings, "one", paths(0, 5))
    assert fetch(settings, "one").counts["ok"] == 5
    assert fingerprint(settings, "one").counts["images"] == 5
    assert {place.name for place in Path(settings.store).iterdir()} == {"packs", "dumps", "locks"}
