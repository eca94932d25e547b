"""Fetches that are killed, or overtaken: nothing that was safe is asked for again, and nothing is half-written."""

import contextlib
import os
import signal
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import faulty_server as faulty
from dedup_pipeline.stages.fetch import fetch, fetch_pack, pack, plan_fetch
from dedup_pipeline.stages.fetch.partial_results import partial_parts
from dedup_pipeline.stages.fetch.plan import read_plan
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import pack_ids
from fetched import content, paths, start


def spooled(store):
    """The URLs whose results are safe."""
    found = set()
    for pack_id in store.names("packs"):
        for part in partial_parts(store, pack_id):
            found.update(store.read_table(part, ["url"])["url"].to_pylist())
        if store.exists(store.pack(pack_id, "manifest.json")):
            found.update(store.read_table(store.pack(pack_id, "fetches.parquet"), ["url"])["url"].to_pylist())
    return found


def test_a_killed_run_goes_on_where_it_was(server, make_settings, make_dump):
    """SIGKILL, three times; nothing that was safe is asked for again, and the result is that of one quiet run."""
    photos = paths(0, 320, ("big", "small"))
    server.routes |= {f"/{number}-big.jpg": faulty.status(404) for number in range(0, 320, 10)}
    server.routes |= {f"/{number}-big.jpg": faulty.body(faulty.picture_bytes("same")) for number in range(1, 320, 20)}
    killed = make_settings(store="killed", threads=4, pack_images=200)
    make_dump(killed, "one", photos)
    store = Store(killed.store)
    server.latency = 0.02
    for kills, least in enumerate((80, 170, 260), 1):
        process = start(killed, "one")
        while sum(server.requests.values()) < least:
            assert process.poll() is None
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.05)  # requests that were on their way still arrive
        safe = {url.removeprefix(server.base) for url in spooled(store)}
        before = {path: server.requests[path] for path in safe}
        assert len(safe) >= sum(server.requests.values()) - kills * (64 + 16)
    server.latency = 0
    plans = {pack_id: read_plan(store, pack_id) for pack_id in store.names("packs")}
    result = fetch(killed, "one")
    assert {path: server.requests[path] for path in safe} == before
    assert {pack_id: read_plan(store, pack_id) for pack_id in store.names("packs")} == plans

    quiet = make_settings(store="quiet", threads=16, pack_images=200)
    make_dump(quiet, "one", photos)
    undisturbed = fetch(quiet, "one")
    other = Store(quiet.store)
    assert result.counts == undisturbed.counts
    assert pack_ids(store, "one") == pack_ids(other, "one")
    for pack_id in pack_ids(store, "one"):
        assert content(store, pack_id) == content(other, pack_id)
    assert store.read_bytes(result.outputs["photos"]) == other.read_bytes(undisturbed.outputs["photos"])
    assert not [
        path for path in (store.names(f"packs/{pack_id}") for pack_id in pack_ids(store, "one")) if "spool" in path
    ]


@pytest.mark.parametrize("moment", ["fetches.parquet", "manifest.json"])
def test_a_kill_while_the_tables_are_written_loses_nothing(server, make_settings, make_dump, monkeypatch, moment):
    settings = make_settings()
    make_dump(settings, "one", paths(0, 30))

    class KilledError(BaseException):
        pass

    real = Store.writing

    def writing(self, path, **options):
        if path.endswith(moment) and path.startswith("packs/"):
            raise KilledError
        return real(self, path, **options)

    monkeypatch.setattr(Store, "writing", writing)
    with pytest.raises(KilledError):
        fetch(settings, "one")
    monkeypatch.undo()
    assert fetch(settings, "one").counts["ok"] == 30
    assert set(server.requests.values()) == {1}


def test_what_an_earlier_version_has_spooled_is_fetched_anew(server, make_settings, make_dump):
    settings = make_settings()
    make_dump(settings, "one", paths(0, 5))
    (pack_id,) = plan_fetch(settings, "one")
    store = Store(settings.store)
    row = {"url": [server.url("/0-big.jpg")], "image_id": ["0" * 64], "stored": [True], "data": [b"bytes"]}
    store.write_table(f"packs/{pack_id}/spool/0123.parquet", pa.table(row))
    assert fetch(settings, "one").counts["ok"] == 5
    assert not store.exists(f"packs/{pack_id}/spool")


def test_a_second_run_of_the_same_pack_does_no_harm(server, make_settings, make_dump, monkeypatch):
    """A lease is lost, and the process that took over finishes the pack while this one is under way."""
    monkeypatch.setattr(pack, "locked", lambda store, name: contextlib.nullcontext())
    settings = make_settings()
    make_dump(settings, "one", paths(0, 30))
    (pack_id,) = plan_fetch(settings, "one")
    raced = []

    def race(done, of):
        if done == 10 and not raced:
            raced.append(fetch_pack(settings, "one", pack_id))

    result = fetch_pack(settings, "one", pack_id, race)
    store = Store(settings.store)
    assert raced[0].counts == result.counts
    assert pq.read_table(f"{store.root}/packs/{pack_id}/images.parquet").num_rows == 30
    assert not store.exists(f"packs/{pack_id}/spool")
