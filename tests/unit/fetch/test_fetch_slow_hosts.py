"""Hosts that hold on to their requests: given up by what they cost, while the others do not wait."""

import contextlib
import itertools
import logging

import pytest

import faulty_server as faulty
from dedup_pipeline.stages.fetch import fetch
from dedup_pipeline.stages.fetch.http.workers import FetchWorkers
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import FETCHES_FILE, pack_ids
from fetched import paths

LIMITS = {"allow_hosts": ("127.0.0.1",), "max_failure_ratio": 1.0}
QUICK = {"read_timeout": 0.2, "total_timeout": 0.3} | LIMITS


@pytest.fixture
def servers():
    """Make further servers whose every picture has some route."""
    with contextlib.ExitStack() as stack:

        def make(count, route, urls=24):
            made = [stack.enter_context(faulty.running()) for _ in range(count)]
            for server in made:
                server.routes |= {f"/{number}.jpg": route for number in range(urls)}
            return made

        yield make


def urls_of(*servers, count=24):
    return [server.url(f"/{number}.jpg") for server in servers for number in range(count)]


def asked(server):
    return sum(server.requests.values())


def fetched(settings, dump_id="one"):
    """The rows of all URLs of a fetched dump, by URL."""
    fetch(settings, dump_id)
    store = Store(settings.store)
    tables = [store.read_table(store.pack(name, FETCHES_FILE)) for name in store.names("packs")]
    return {row["url"]: row for table in tables for row in table.to_pylist()}


@pytest.mark.parametrize("route", [faulty.drip_body, faulty.drip_headers, faulty.silence], ids=lambda it: it.__name__)
def test_a_host_that_lets_requests_hang_is_given_up(servers, make_settings, make_dump, caplog, route):
    slow = servers(2, route)
    settings = make_settings(**QUICK)
    make_dump(settings, "one", [[url] for url in urls_of(*slow)])
    with caplog.at_level(logging.WARNING, logger="dedup_pipeline.stages.fetch"):
        rows = fetched(settings)
    assert {row["status"] for row in rows.values()} == {"timeout"}
    assert [asked(server) for server in slow] == [5, 5]
    detail = "the host is given up: 5 times in a row it brought no whole answer in time"
    assert sum((row["attempts"], row["detail"]) == (0, detail) for row in rows.values()) == 2 * (24 - 5)
    given_up = [record.getMessage() for record in caplog.records]
    assert sorted(given_up) == sorted(f"giving up 127.0.0.1:{server.port}: {detail}" for server in slow)


def test_good_answers_between_do_not_buy_a_host_more_time(servers, make_settings, make_dump):
    turns = itertools.count()

    def drip_two_of_three(handler):
        if next(turns) % 3:
            faulty.drip_body(handler)
        else:
            handler.answer(200, faulty.picture_bytes(handler.path))

    (mixed,) = servers(1, drip_two_of_three, urls=200)
    settings = make_settings(**QUICK, host_seconds=1.5)
    make_dump(settings, "one", [[url] for url in urls_of(mixed, count=200)])
    rows = fetched(settings)
    given_up = [row for row in rows.values() if "of fetch.host_seconds = 1.5" in (row["detail"] or "")]
    assert len(given_up) > 100
    assert {row["status"] for row in given_up} == {"timeout"}
    assert asked(mixed) < 100
    assert any(row["status"] == "ok" for row in rows.values())


def test_where_a_redirect_leads_is_what_pays_for_it(server, servers, make_settings, make_dump):
    (slow,) = servers(1, faulty.drip_body)
    for number in range(24):
        server.routes[f"/{number}-big.jpg"] = faulty.redirect(slow.url(f"/{number}.jpg"))
    settings = make_settings(**LIMITS, total_timeout=0.6)
    make_dump(settings, "one", paths(0, 60))
    rows = fetched(settings)
    assert asked(slow) == 5
    assert sum(row["status"] == "ok" for row in rows.values()) == 36


def test_a_host_that_is_only_slow_is_asked_for_all(server, make_settings, make_dump):
    server.latency = 0.15
    settings = make_settings(**(QUICK | {"read_timeout": 0.5, "total_timeout": 0.5}), host_seconds=0.1)
    make_dump(settings, "one", paths(0, 20))
    rows = fetched(settings)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert asked(server) == 20
    assert server.most_active == 1  # asked for more at once, a thin line would only take longer for each


def test_a_host_that_answers_soon_gets_its_connections(server, make_settings, make_dump):
    server.latency = 0.02
    settings = make_settings(connections_per_host=4, total_timeout=30.0)
    make_dump(settings, "one", paths(0, 60))
    fetch(settings, "one")
    assert server.most_active == 4


def test_some_timeouts_do_not_end_a_host(server, make_settings, make_dump):
    for number in range(0, 60, 10):
        server.routes[f"/{number}-big.jpg"] = faulty.flaky(1, faulty.drip_body)
    settings = make_settings()
    make_dump(settings, "one", paths(0, 60))
    rows = fetched(settings)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert 66 <= asked(server) < 80


@pytest.mark.parametrize("count", [2, 6])
def test_hosts_that_answer_do_not_wait_for_those_that_hang(server, servers, make_settings, count):
    slow = servers(count, faulty.drip_body)
    good = urls_of(server, count=60)
    settings = make_settings(threads=4, total_timeout=600.0, read_timeout=600.0, allow_hosts=("127.0.0.1",))
    with FetchWorkers(settings.fetch) as crew:
        for url in (*good, *urls_of(*slow)):
            crew.send(url)
        for _ in good[:-10]:
            result = crew.next_result(30)
            assert result is not None, "all threads hang"
            assert (result.row["status"], result.url in good) == ("ok", True)
        assert 1 <= sum(map(asked, slow)) < 4


def test_what_was_never_asked_for_is_asked_by_the_next_dump(servers, make_settings, make_dump):
    (slow,) = servers(1, faulty.drip_body)
    settings = make_settings(**QUICK)
    photos = [[url] for url in urls_of(slow)]
    make_dump(settings, "one", photos)
    fetched(settings)
    hung = set(slow.requests)
    slow.routes.clear()
    make_dump(settings, "two", photos)
    fetched(settings, "two")
    assert len(pack_ids(Store(settings.store), "two")) == 1
    assert {path for path, times in slow.requests.items() if path not in hung and times == 1} == {
        f"/{number}.jpg" for number in range(24)
    } - hung
    assert all(slow.requests[path] == 1 for path in hung)  # these have had their try, and stand for some days
