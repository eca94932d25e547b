"""Packs that were damaged: found, fetched anew, and looked up again by who shows them."""

from pathlib import Path

import pytest

import faulty_server as faulty
from dedup_pipeline.errors import DamagedError
from dedup_pipeline.stages.fetch import fetch
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.store.packs import images_of, iter_images, pack_ids
from fetched import content, paths


def damage(store, path, way="flipped"):
    """Damage a file behind the store's back."""
    file = Path(store.url(path))
    data = file.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    file.write_bytes({"flipped": flipped, "cut": data[:middle], "empty": b""}[way])


def content_of(store, packs):
    return {pack: content(store, pack) for pack in packs}


@pytest.fixture
def fetched(server, make_settings, make_dump):
    """The settings of a store with a dump of two packs, its store and its packs."""
    settings = make_settings(pack_images=20)
    make_dump(settings, "one", paths(0, 40))
    fetch(settings, "one")
    store = Store(settings.store)
    server.requests.clear()
    return settings, store, pack_ids(store, "one")


@pytest.mark.parametrize("way", ["cut", "empty", "flipped"])
@pytest.mark.parametrize("name", ["images.parquet", "fetches.parquet", "manifest.json", "plan.parquet"])
def test_a_damaged_pack_is_fetched_anew_and_no_other(server, fetched, name, way):
    settings, store, packs = fetched
    before, result = content_of(store, packs), result_of(store, "one", "fetch")
    path = store.pack(packs[0], name)
    damage(store, path, way)
    if (name, way) == ("images.parquet", "flipped"):  # of the same size: whoever reads it finds out
        with pytest.raises(DamagedError, match=rf"{packs[0]}/images\.parquet is damaged .*: run `dedup fetch` again"):
            list(iter_images(store, packs[0]))
    again = fetch(settings, "one")
    needed = name != "plan.parquet"  # a finished pack needs its plan no more
    assert sum(server.requests.values()) == (20 if needed else 0)
    assert (again.key, pack_ids(store, "one")) == (result.key, packs)
    assert content_of(store, packs) == before
    assert store.names("damage") == []
    fetch(settings, "one")
    assert sum(server.requests.values()) == (20 if needed else 0)


def test_a_pack_that_only_seemed_damaged_stays(server, fetched):
    settings, store, packs = fetched
    store.write_json(f"damage/{packs[0]}.json", {"suspected": "a cable was loose"})
    fetch(settings, "one")
    assert not server.requests
    assert store.names("damage") == []


def test_where_the_shop_shows_other_images_by_then_every_dump_looks_them_up_again(
    server, fetched, make_settings, make_dump
):
    settings, store, packs = fetched
    make_dump(settings, "two", paths(0, 41))
    fetch(settings, "two")
    keys = {dump: result_of(store, dump, "fetch").key for dump in ("one", "two")}
    changed = "/0-big.jpg"
    server.routes[changed] = faulty.body(faulty.picture_bytes("another"))
    for pack in packs:
        damage(store, store.pack(pack, "images.parquet"), "cut")
    for dump in ("one", "two"):
        result = fetch(settings, dump)
        assert (result.key != keys[dump], result.reused) == (True, False)
        held = images_of(store, dump)
        assert all(image in dict(iter_images(store, pack)) for image, pack in held.items())
        assert fetch(settings, dump).reused


def test_damage_in_a_pack_of_another_dump_stops_nobody(server, fetched, make_dump):
    settings, store, packs = fetched
    damage(store, store.pack(packs[0], "fetches.parquet"), "cut")
    make_dump(settings, "two", paths(100, 110))
    assert fetch(settings, "two").counts["ok"] == 10
    assert fetch(settings, "one").counts["ok"] == 40
