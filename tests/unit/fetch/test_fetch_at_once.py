"""Dumps that are fetched at once, by processes that know nothing of each other."""

import os
import signal
import time

import faulty_server as faulty
from dedup_pipeline.stages.fetch import plan_fetch
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.store.packs import iter_images, pack_ids
from fetched import start


def paths(first, last):
    return [[f"/{number}.jpg"] for number in range(first, last)]


def test_overlapping_dumps_ask_for_every_url_once(server, make_settings, make_dump):
    settings = make_settings(pack_images=40)
    dumps = {"one": paths(0, 200), "two": paths(100, 300), "three": paths(50, 250)}
    for dump, photos in dumps.items():
        make_dump(settings, dump, photos)
    server.latency = 0.005
    server.routes["/120.jpg"] = faulty.status(404)
    running = [start(settings, dump) for dump in dumps for _ in range(2)]  # each dump by two processes, too
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert dict(server.requests) == {f"/{number}.jpg": 1 for number in range(300)}
    store = Store(settings.store)
    for dump, photos in dumps.items():
        counts = result_of(store, dump, "fetch").counts
        assert (counts["photos"], counts["ok"], counts["failed"]) == (len(photos), len(photos) - 1, 1)
        for pack_id in pack_ids(store, dump):
            assert store.names(f"packs/{pack_id}") == [
                "fetches.parquet",
                "images.parquet",
                "manifest.json",
                "plan.parquet",
            ]
            assert all(data for _, data in iter_images(store, pack_id))


def test_a_killed_fetch_is_gone_on_with_by_the_dump_that_waits_for_it(server, make_settings, make_dump):
    settings = make_settings(pack_images=200, threads=1)
    make_dump(settings, "one", paths(0, 200))
    make_dump(settings, "two", paths(0, 200))
    (pack_id,) = plan_fetch(settings, "one")
    assert plan_fetch(settings, "two") == [pack_id]
    server.latency = 0.01
    store = Store(settings.store)
    first = start(settings, "one")
    while not store.names(f"packs/{pack_id}/spool"):
        time.sleep(0.01)
    second = start(settings, "two")
    time.sleep(0.5)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert result_of(store, "two", "fetch").counts["ok"] == 200
    twice = [path for path, times in server.requests.items() if times > 1]
    assert len(server.requests) == 200
    assert len(twice) <= 64 + settings.fetch.threads, "what was spooled must not be asked for again"
