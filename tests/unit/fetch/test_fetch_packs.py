"""Packs in a store: planned once, fetched once."""

import io
from datetime import timedelta

import pyarrow as pa
import pytest
from PIL import Image

import faulty_server as faulty
from dedup_pipeline.errors import FetchError, NotReadyError
from dedup_pipeline.pictures.perceptual import image_id
from dedup_pipeline.schemas import FETCHES, IMAGES, PHOTOS
from dedup_pipeline.stages.fetch import fetch, fetch_pack, finish_fetch, photos, plan_fetch, write_pack
from dedup_pipeline.stages.fetch.packing import SHARED_BY
from dedup_pipeline.stages.fetch.plan import read_plan
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import result_of
from dedup_pipeline.store.packs import GROUP_ROWS, images_of, iter_images, pack_ids
from fetched import content, paths


def photos_of(store, dump_id):
    table = store.read_table(result_of(store, dump_id, "fetch").outputs["photos"])
    assert table.schema.equals(PHOTOS)
    return {row["photo_url"]: row for row in table.to_pylist()}


def test_a_dump_is_fetched(server, make_settings, make_dump):
    settings = make_settings(pack_images=30)
    photos = paths(0, 100)
    make_dump(settings, "one", [*photos, *photos[:20], None, None])
    server.routes["/3-big.jpg"] = faulty.status(404)
    server.routes["/5-big.jpg"] = faulty.body(faulty.picture_bytes("/4-big.jpg"))
    seen = []
    result = fetch(settings, "one", lambda done, of: seen.append((done, of)))
    store = Store(settings.store)
    counts = result.counts
    assert {name: counts[name] for name in ("photos", "fetched_now", "reused", "ok", "failed", "images")} == {
        "photos": 100,
        "fetched_now": 99,
        "reused": 0,
        "ok": 99,
        "failed": 1,
        "images": 98,
    }
    assert counts["failed_by_reason"] == {"not-found": 1}
    assert counts["listings_without_picture"] == 2
    assert seen[0] == (0, 100)
    assert seen[-1] == (100, 100)
    assert seen == sorted(seen)
    packs = pack_ids(store, "one")
    assert len(packs) == 4
    rows = photos_of(store, "one")
    assert list(rows) == sorted(rows)
    assert rows[server.url("/3-big.jpg")] == {
        "photo_url": server.url("/3-big.jpg"),
        "status": "not-found",
        "url": server.url("/3-big.jpg"),
        "image_id": None,
        "pack_id": None,
        "detail": "the server answered 404 Not Found",
    }
    images = images_of(store, "one")
    read = [pair for pack_id in packs for pair in iter_images(store, pack_id)]
    assert {name for name, _ in read} == set(images)
    assert all(image_id(data) == name for name, data in read)
    assert counts["bytes"] == sum({name: len(data) for name, data in read}.values())
    for pack_id in packs:
        assert store.names(f"packs/{pack_id}") == ["fetches.parquet", "images.parquet", "manifest.json", "plan.parquet"]


def test_it_is_done_once(server, make_settings, make_dump):
    settings = make_settings()
    make_dump(settings, "one", paths(0, 20))
    first = fetch(settings, "one")
    asked = sum(server.requests.values())
    again = fetch(settings, "one")
    assert (first.reused, again.reused) == (False, True)
    assert again.counts == first.counts
    assert again.key == first.key
    assert plan_fetch(settings, "one") == []
    pack_id = pack_ids(Store(settings.store), "one")[0]
    assert fetch_pack(settings, "one", pack_id).reused
    assert sum(server.requests.values()) == asked == 20


def test_the_images_of_a_pack_are_distinct_sorted_and_in_small_groups(server, make_settings, make_dump):
    settings = make_settings(pack_images=200)
    server.routes |= {f"/{number}-big.jpg": faulty.body(faulty.picture_bytes("same")) for number in range(20)}
    make_dump(settings, "one", paths(0, 170))
    fetch(settings, "one")
    store = Store(settings.store)
    (pack_id,) = pack_ids(store, "one")
    with store.reading_table(store.pack(pack_id, "images.parquet")) as table:
        groups = [table.metadata.row_group(number).num_rows for number in range(table.num_row_groups)]
        assert groups == [GROUP_ROWS, GROUP_ROWS, 151 - 2 * GROUP_ROWS]
        assert table.schema_arrow.equals(IMAGES)
    names = [name for name, _ in iter_images(store, pack_id)]
    assert names == sorted(set(names))


def test_the_tables_do_not_depend_on_the_window(server, make_settings, make_dump, monkeypatch):
    tables = []
    for window in (1, 10**9):
        monkeypatch.setattr(write_pack, "_WINDOW_BYTES", window)
        settings = make_settings(store=f"store-{window}")
        make_dump(settings, "one", paths(0, 150))
        fetch(settings, "one")
        store = Store(settings.store)
        tables.append(content(store, pack_ids(store, "one")[0]))
    assert tables[0] == tables[1]


# fallbacks


def test_fallbacks_are_asked_for_only_after_a_failure(server, make_settings, make_dump):
    settings = make_settings()
    make_dump(settings, "one", paths(0, 4, ("big", "mid", "small")))
    server.routes |= {path: faulty.status(404) for path in ("/1-big.jpg", "/2-big.jpg", "/2-mid.jpg")}
    server.routes |= {f"/3-{size}.jpg": faulty.status(410) for size in ("big", "mid", "small")}
    server.routes["/3-mid.jpg"] = faulty.status(403)
    result = fetch(
        settings.model_copy(update={"fetch": settings.fetch.model_copy(update={"max_failure_ratio": 0.5})}), "one"
    )
    assert dict(server.requests) == dict.fromkeys(
        [
            f"/{name}.jpg"
            for name in ("0-big", "1-big", "1-mid", "2-big", "2-mid", "2-small", "3-big", "3-mid", "3-small")
        ],
        1,
    )
    rows = photos_of(Store(settings.store), "one")
    assert [(row["status"], row["url"].rsplit("/", 1)[1]) for row in rows.values()] == [
        ("ok", "0-big.jpg"),
        ("ok", "1-mid.jpg"),
        ("ok", "2-small.jpg"),
        ("not-found", "3-big.jpg"),
    ]
    assert result.counts["failed_by_reason"] == {"not-found": 1}


def test_shared_renditions_lie_in_one_pack_and_are_fetched_once(server, make_settings, make_dump):
    settings = make_settings(pack_images=2)
    server.routes |= {f"/{name}.jpg": faulty.status(404) for name in "abcdef"}
    make_dump(
        settings,
        "one",
        [
            ["/a.jpg", "/x.jpg"],
            ["/b.jpg", "/y.jpg"],
            ["/c.jpg", "/x.jpg"],
            ["/d.jpg", "/y.jpg"],
            ["/e.jpg", "/x.jpg"],
        ],
    )
    packs = plan_fetch(settings, "one")
    store = Store(settings.store)
    plans = [read_plan(store, pack_id) for pack_id in packs]
    assert sorted(map(len, plans)) == [2, 3]
    assert fetch(settings, "one").counts["ok"] == 5
    assert server.requests["/x.jpg"] == server.requests["/y.jpg"] == 1


def test_a_rendition_that_all_share_does_not_tie_them_together(server, make_settings, make_dump):
    settings = make_settings(pack_images=10, max_failure_ratio=1.0)
    count = 3 * SHARED_BY
    server.routes |= {f"/{number}.jpg": faulty.status(404) for number in range(count)}
    make_dump(settings, "one", [[f"/{number}.jpg", "/none.jpg"] for number in range(count)])
    packs = plan_fetch(settings, "one")
    assert len(packs) == count / 10 + 1
    result = fetch(settings, "one")
    assert result.counts["ok"] == count
    assert result.counts["images"] == 1
    assert server.requests["/none.jpg"] == 1


# dumps that follow


def test_a_later_dump_asks_only_for_what_is_new(server, make_settings, make_dump):
    settings = make_settings(pack_images=25)
    server.routes["/1-big.jpg"] = faulty.status(404)
    make_dump(settings, "one", paths(0, 90))
    fetch(settings, "one")
    before = server.requests.copy()
    make_dump(settings, "two", paths(0, 100))
    result = fetch(settings, "two")
    new = server.requests - before
    assert set(new) == {f"/{number}-big.jpg" for number in range(90, 100)}
    assert result.counts["fetched_now"] == 10
    assert result.counts["reused"] == 89
    assert len(pack_ids(Store(settings.store), "two")) == 5


@pytest.mark.parametrize(("days", "tries"), [(8, 2), (6, 1)])
def test_a_failure_stands_for_some_days(server, make_settings, make_dump, days, tries):
    settings = make_settings(max_failure_ratio=1.0)
    photos = [["/gone.jpg", "/also-gone.jpg"], ["/ok.jpg"], ["no url"]]
    server.routes |= {f"/{name}.jpg": faulty.status(404) for name in ("gone", "also-gone")}
    make_dump(settings, "one", photos)
    fetch(settings, "one")
    store = Store(settings.store)
    for pack_id in pack_ids(store, "one"):
        path = store.pack(pack_id, "fetches.parquet")
        table = store.read_table(path)
        place = table.schema.get_field_index("fetched_at")
        moments = [moment - timedelta(days=days) for moment in table["fetched_at"].to_pylist()]
        store.write_table(
            path, table.set_column(place, FETCHES.field(place), pa.array(moments, FETCHES.field(place).type))
        )
    make_dump(settings, "two", photos)
    packs = plan_fetch(settings, "two")
    assert len(packs) == tries - 1
    assert not set(packs) & set(pack_ids(store, "one"))
    result = fetch(settings, "two")
    assert (server.requests["/gone.jpg"], server.requests["/also-gone.jpg"], server.requests["/ok.jpg"]) == (
        tries,
        tries,
        1,
    )
    assert result.counts["failed_by_reason"] == {"bad-url": 1, "not-found": 1}


def test_a_failure_that_a_setting_made_does_not_outlive_it(server, make_settings, make_dump):
    server.routes["/big.jpg"] = faulty.body(faulty.picture_bytes("big", 400, "BMP"))
    strict = make_settings(max_bytes=10_000, max_failure_ratio=1.0)
    make_dump(strict, "one", [["/big.jpg"], ["/small.jpg"]])
    assert fetch(strict, "one").counts["failed_by_reason"] == {"too-large": 1}
    assert fetch(make_settings(max_failure_ratio=1.0), "one").counts["ok"] == 2
    assert dict(server.requests) == {"/big.jpg": 2, "/small.jpg": 1}


def test_a_picture_that_took_too_much_work_is_tried_again_when_more_is_allowed(server, make_settings, make_dump):
    out = io.BytesIO()
    Image.linear_gradient("L").resize((3000, 3000)).save(out, "TIFF", compression="tiff_lzw")
    server.routes["/large.jpg"] = faulty.body(out.getvalue())
    strict = make_settings(decode_seconds=0.01, max_failure_ratio=1.0)
    make_dump(strict, "one", [["/large.jpg"]])
    assert fetch(strict, "one").counts["failed_by_reason"] == {"too-costly": 1}
    usual = make_settings(max_failure_ratio=1.0)
    assert fetch(usual, "one").counts["ok"] == 1
    assert dict(server.requests) == {"/large.jpg": 2}


def test_plans_are_the_same_for_the_same_store(server, make_settings, make_dump):
    photos = paths(0, 50, ("big", "small"))
    plans = []
    for name in ("a", "b"):
        settings = make_settings(store=name, pack_images=7)
        make_dump(settings, "one", photos)
        plans.append(plan_fetch(settings, "one"))
    assert plans[0] == plans[1]
    assert plan_fetch(settings, "one") == plans[1]


def test_an_unfinished_pack_of_another_dump_is_taken_over(server, make_settings, make_dump):
    settings = make_settings(pack_images=10)
    make_dump(settings, "one", paths(100, 130, ("big", "small")))
    packs = plan_fetch(settings, "one")
    make_dump(settings, "two", paths(120, 140, ("big", "small")))
    mine = plan_fetch(settings, "two")
    assert len(set(mine) & set(packs)) == 1
    assert len(mine) == 2
    fetch(settings, "two")
    assert len(server.requests) == 20
    fetch(settings, "one")
    assert set(server.requests.values()) == {1}
    assert len(server.requests) == 40


def test_a_plan_that_was_killed_is_made_again_alike(server, make_settings, make_dump):
    settings = make_settings(pack_images=10)
    make_dump(settings, "one", paths(0, 50))
    packs = plan_fetch(settings, "one")
    store = Store(settings.store)
    store.remove("dumps/one/fetch/plan.json")
    for pack_id in packs[2:]:
        store.remove(f"packs/{pack_id}")
    assert plan_fetch(settings, "one") == packs


def test_other_listings_make_another_plan(server, make_settings, make_dump):
    settings = make_settings()
    make_dump(settings, "one", paths(0, 10))
    fetch(settings, "one")
    make_dump(settings, "one", paths(5, 15))
    result = fetch(settings, "one")
    assert not result.reused
    assert set(server.requests.values()) == {1}
    assert (result.counts["fetched_now"], result.counts["reused"]) == (5, 5)


def test_a_dump_without_pictures_is_fine(make_settings, make_dump):
    settings = make_settings()
    make_dump(settings, "one", [None, None])
    result = fetch(settings, "one")
    assert (result.counts["photos"], result.counts["listings_without_picture"]) == (0, 2)
    assert pack_ids(Store(settings.store), "one") == []


# too much fails


def test_too_many_failures_stop_the_run_and_those_that_may_be_over_are_tried_again(server, make_settings, make_dump):
    settings = make_settings(retries=0, pack_images=4)
    make_dump(settings, "one", paths(0, 10))
    server.routes |= {f"/{number}-big.jpg": faulty.status(503) for number in range(3)}
    server.routes["/3-big.jpg"] = faulty.status(404)
    message = r"4 of 10 photos \(40%\) .* 3 server-error at 127.0.0.1, 1 not-found at 127.0.0.1"
    with pytest.raises(FetchError, match=message) as caught:
        fetch(settings, "one")
    assert caught.value.retryable
    with pytest.raises(NotReadyError):
        result_of(Store(settings.store), "one", "fetch")
    with pytest.raises(FetchError, match=message):
        finish_fetch(settings, "one")
    assert sum(server.requests.values()) == 10
    with pytest.raises(FetchError, match=message):
        fetch(settings, "one")
    assert sum(server.requests.values()) == 13
    server.routes.pop("/0-big.jpg"), server.routes.pop("/1-big.jpg")
    result = fetch(settings, "one")
    assert (result.counts["ok"], result.counts["failed"]) == (8, 2)
    assert server.requests["/3-big.jpg"] == 1
    assert sum(server.requests.values()) == 16
    assert fetch(settings, "one").reused
    assert sum(server.requests.values()) == 16


def test_a_photo_with_a_fallback_is_not_tried_again(server, make_settings, make_dump):
    settings = make_settings(retries=0)
    make_dump(settings, "one", paths(0, 4, ("big", "small")))
    server.routes |= {f"/{number}-big.jpg": faulty.status(503) for number in range(4)}
    server.routes |= {f"/{number}-small.jpg": faulty.status(503) for number in range(2)}
    for times in (1, 2, 3):
        with pytest.raises(FetchError, match="2 of 4"):
            fetch(settings, "one")
        assert (server.requests["/1-big.jpg"], server.requests["/3-big.jpg"]) == (times, 1)


def test_failures_that_stay_stop_every_run_without_a_request(server, make_settings, make_dump):
    settings = make_settings()
    make_dump(settings, "one", paths(0, 4))
    server.routes |= {f"/{number}-big.jpg": faulty.status(404) for number in range(4)}
    for _ in range(3):
        with pytest.raises(FetchError, match="4 of 4"):
            fetch(settings, "one")
    assert sum(server.requests.values()) == 4
    lenient = make_settings(max_failure_ratio=1.0)
    assert fetch(lenient, "one").counts["failed"] == 4
    assert sum(server.requests.values()) == 4


def test_stages_out_of_order_say_what_to_run(make_settings, make_dump):
    settings = make_settings()
    with pytest.raises(NotReadyError, match="dedup ingest"):
        plan_fetch(settings, "one")
    make_dump(settings, "one", paths(0, 4))
    with pytest.raises(NotReadyError, match="dedup fetch"):
        finish_fetch(settings, "one")
    plan_fetch(settings, "one")
    with pytest.raises(NotReadyError, match="1 of 1 packs"):
        finish_fetch(settings, "one")
    with pytest.raises(NotReadyError):
        fetch_pack(settings, "one", "0123456789abcdef")


def test_a_dump_looked_at_in_pieces_gives_the_same(server, make_settings, make_dump, monkeypatch):
    many = [*paths(0, 60, sizes=("big", "small")), *paths(0, 10), None, None, None]
    server.routes |= {
        "/3-big.jpg": faulty.status(404),
        "/4-big.jpg": faulty.status(404),
        "/4-small.jpg": faulty.status(410),
    }
    results = []
    for size in (1000, 20):
        monkeypatch.setattr(photos, "_PIECE", size)
        settings = make_settings(store=f"store-{size}", pack_images=10)
        make_dump(settings, "one", many)
        store = Store(settings.store)
        result = fetch(settings, "one")
        table = store.read_table(result.outputs["photos"])
        results.append((table.drop_columns(["pack_id"]).to_pylist(), result.counts))
        assert table["pack_id"].drop_null().unique().sort().to_pylist() == pack_ids(store, "one")
        if size == 20:
            pieces = photos.pieces_of(store, "one")
            assert len(pieces) == 4
            assert max(len(photos.read_photos(store, "one", piece)) for piece in pieces) < 40
            # another dump takes over what this one has under way and fetched, piece by piece
            make_dump(settings, "two", many)
            assert fetch(settings, "two").counts["fetched_now"] == 0
    assert results[0] == results[1]
    assert results[0][1]["listings_without_picture"] == 3
    assert results[0][1]["failed"] == 1


def test_pieces_planned_at_once_do_not_ask_for_a_photo_twice(server, make_settings, make_dump, monkeypatch):
    monkeypatch.setattr(photos, "_PIECE", 10)
    settings = make_settings(pack_images=7)
    make_dump(settings, "one", paths(0, 40))
    make_dump(settings, "two", paths(20, 60))
    store = Store(settings.store)
    first, second = plan_fetch(settings, "one"), plan_fetch(settings, "two")
    planned = [urls[0] for pack_id in {*first, *second} for urls in read_plan(store, pack_id)]
    assert sorted(planned) == sorted(server.url(f"/{number}-big.jpg") for number in range(60))
