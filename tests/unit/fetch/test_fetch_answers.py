"""What becomes of a URL, against a real server that misbehaves."""

import contextlib
import email.utils
import io
import socket
import struct
import threading
import time
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

import faulty_server as faulty
from dedup_pipeline.pictures.decode import Limits
from dedup_pipeline.pictures.perceptual import image_id
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.stages.fetch.http.client import retry_after
from dedup_pipeline.stages.fetch.http.content import check_content
from dedup_pipeline.stages.fetch.http.workers import FetchWorkers
from dedup_pipeline.wording import tidy


def fetch_urls(settings, *urls, within=15.0):
    """Fetch some URLs; their rows by URL."""
    end = time.monotonic() + within
    rows = {}
    with FetchWorkers(settings.fetch) as crew:
        for url in urls:
            crew.send(url)
        while len(rows) < len(urls):
            assert time.monotonic() < end, f"no result of {set(urls) - rows.keys()}"
            result = crew.next_result(0.2)
            if result is not None:
                rows[result.url] = result.row
    return rows


@pytest.fixture
def fetch_one(server, make_settings):
    def fetch(route, path="/one.jpg", **settings):
        if route is not None:
            server.routes[path] = route
        return fetch_urls(make_settings(**settings), server.url(path))[server.url(path)]

    return fetch


def png_claiming(width, height):
    """A PNG whose header claims a size that its content has not."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def tga():
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "TGA")
    return out.getvalue()


PICTURE = faulty.picture_bytes("a picture")


def test_an_image_is_fetched(fetch_one):
    row = fetch_one(faulty.body(PICTURE))
    assert row["status"] == "ok"
    assert row["image_id"] == image_id(PICTURE)
    assert (row["size"], row["width"], row["height"], row["format"]) == (len(PICTURE), 24, 24, "JPEG")
    assert (row["attempts"], row["http_status"], row["detail"]) == (1, 200, None)


@pytest.mark.parametrize(
    ("route", "status"),
    [
        (faulty.status(404), "not-found"),
        (faulty.status(410), "not-found"),
        (faulty.status(403), "refused"),
        (faulty.status(401, headers={"WWW-Authenticate": "Basic"}), "refused"),
        (faulty.status(451), "refused"),
        (faulty.status(204), "empty"),
        (faulty.body(b""), "empty"),
        (faulty.body(b"<!DOCTYPE html><p>hello"), "not-an-image"),
        (faulty.body(b"<svg xmlns='http://www.w3.org/2000/svg'/>", kind="image/svg+xml"), "not-an-image"),
        (faulty.body(b"\0"), "not-an-image"),
        (faulty.body(PICTURE[: len(PICTURE) // 2]), "truncated"),
        (faulty.body(PICTURE[:8]), "truncated"),
        (faulty.body(png_claiming(50_000, 50_000)), "too-many-pixels"),
        (faulty.body(png_claiming(50, 50)), "truncated"),
        (faulty.body(tga(), kind="image/jpeg"), "unsupported"),
        (faulty.status(300), "redirects"),
        (faulty.status(304), "redirects"),
        (faulty.status(302), "redirects"),
        (faulty.body(b"no gzip", headers={"Content-Encoding": "gzip"}), "truncated"),
    ],
)
def test_failures_that_stay_are_asked_for_once(fetch_one, server, route, status):
    row = fetch_one(route)
    assert row["status"] == status
    assert row["detail"]
    assert row["image_id"] is None
    assert server.requests["/one.jpg"] == row["attempts"] == 1


@pytest.mark.parametrize(
    ("route", "status"),
    [
        (faulty.status(500), "server-error"),
        (faulty.status(503), "server-error"),
        (faulty.status(503, headers={"Retry-After": "0"}), "server-error"),
        (faulty.status(408), "refused"),
        (faulty.hang_up, "unreachable"),
        (faulty.not_http, "unreachable"),
        (faulty.cut_off, "truncated"),
        (faulty.status(429), "throttled"),
        (faulty.status(429, headers={"Retry-After": "0"}), "throttled"),
    ],
)
def test_failures_that_pass_are_tried_again(fetch_one, server, route, status):
    row = fetch_one(route, retries=2)
    assert row["status"] == status
    assert server.requests["/one.jpg"] == row["attempts"] == 3
    assert fetch_one(faulty.flaky(2, route), "/flaky.jpg", retries=2)["status"] == "ok"


@pytest.mark.parametrize(
    "route",
    [faulty.silence, faulty.drip_headers, faulty.drip_body, faulty.drip_chunk_header],
    ids=lambda route: route.__name__,
)
def test_an_answer_that_does_not_end_is_a_timeout(fetch_one, route):
    start = time.monotonic()
    row = fetch_one(route, retries=0, read_timeout=0.3, total_timeout=0.6)
    assert row["status"] == "timeout"
    assert time.monotonic() - start < 3


def test_a_connection_that_nobody_takes_is_unreachable(make_settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = f"http://127.0.0.1:{port}/a.jpg"
    row = fetch_urls(make_settings(allow_hosts=(f"127.0.0.1:{port}",), retries=1), url)[url]
    assert (row["status"], row["attempts"], row["detail"]) == ("unreachable", 2, "127.0.0.1: connection refused")


def test_a_name_that_does_not_exist_is_unreachable(make_settings):
    row = fetch_urls(make_settings(retries=0), "http://nothing.invalid/a.jpg")["http://nothing.invalid/a.jpg"]
    assert row["status"] == "unreachable"


def test_a_server_that_speaks_no_tls_is_unreachable(server, make_settings):
    url = f"https://127.0.0.1:{server.port}/a.jpg"
    assert fetch_urls(make_settings(retries=0), url)[url]["status"] == "unreachable"


# bodies without measure


@pytest.mark.parametrize(
    "route",
    [
        faulty.endless_body,
        faulty.gzip_bomb(20),
        faulty.body(b"x", length=10**12),
        faulty.body(b"x", length=10**30),
        faulty.body(b"\xff" * 200_001),
    ],
)
def test_no_more_is_read_than_the_byte_cap(fetch_one, route):
    row = fetch_one(route, max_bytes=200_000)
    assert (row["status"], row["attempts"]) == ("too-large", 1)


def test_an_image_in_gzip_is_unpacked(fetch_one):
    packed = zlib.compress(PICTURE, wbits=31)
    assert fetch_one(faulty.body(packed, headers={"Content-Encoding": "gzip"}))["image_id"] == image_id(PICTURE)


def test_content_counts_and_not_its_type(fetch_one):
    assert fetch_one(faulty.body(PICTURE, kind="text/html"))["status"] == "ok"
    assert fetch_one(faulty.body(b"<html></html>", kind="image/png"), "/page.png")["status"] == "not-an-image"


def test_a_decoder_that_fails_costs_one_photo(monkeypatch):
    def fail(*_, **__):
        raise struct.error("odd")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    assert check_content(picture.getvalue(), Limits()).status is FetchStatus.TRUNCATED


def large_tiff():
    out = io.BytesIO()
    Image.linear_gradient("L").resize((3000, 3000)).convert("RGB").save(out, "TIFF", compression="tiff_lzw")
    return out.getvalue()


def test_a_picture_that_takes_too_much_work_has_a_status_of_its_own(fetch_one):
    row = fetch_one(faulty.body(large_tiff()), decode_seconds=0.02)
    assert (row["status"], row["image_id"]) == ("too-costly", None)
    assert "fetch.decode_seconds" in row["detail"]
    assert fetch_one(faulty.body(large_tiff()), "/two.tiff")["format"] == "TIFF"


# redirects


def test_redirects_are_followed(fetch_one, server):
    server.routes["/b.jpg"] = faulty.redirect("c.jpg", 308)
    server.routes["/c.jpg"] = faulty.redirect(server.url("/d%20ä.jpg".replace("ä", "%C3%A4")), 303)
    row = fetch_one(faulty.redirect("/b.jpg", 301))
    assert (row["status"], row["http_status"]) == ("ok", 200)
    assert server.requests["/d%20%C3%A4.jpg"] == 1


@pytest.mark.parametrize(
    ("location", "status"),
    [
        ("/one.jpg", "redirects"),
        ("", "redirects"),
        ("ftp://127.0.0.1/a.jpg", "redirects"),
        ("file:///etc/passwd", "redirects"),
        ("http://user@127.0.0.1/a.jpg", "redirects"),
        ("http://[::1", "redirects"),
        ("http://127.0.0.1:1/a.jpg", "blocked"),
        ("http://localhost/a.jpg", "blocked"),
        ("http://169.254.169.254/latest/meta-data/", "blocked"),
        ("//10.0.0.1/a.jpg", "blocked"),
        ("http://2130706433/", "blocked"),
    ],
)
def test_redirects_to_nowhere_or_inside_end(fetch_one, location, status):
    row = fetch_one(faulty.redirect(location))
    assert (row["status"], row["attempts"]) == (status, 1)


def test_redirects_are_counted(fetch_one, server):
    for number in range(8):
        server.routes[f"/{number}.jpg"] = faulty.redirect(f"/{number + 1}.jpg")
    assert fetch_one(None, "/5.jpg", max_redirects=3)["status"] == "ok"
    assert fetch_one(None, "/4.jpg", max_redirects=3)["status"] == "redirects"


def test_the_body_of_a_redirect_is_not_read(fetch_one):
    start = time.monotonic()
    assert fetch_one(faulty.endless_redirect("/two.jpg"))["status"] == "ok"
    assert time.monotonic() - start < 3


def test_inside_addresses_are_blocked_unless_allowed(server, make_settings):
    url = server.url("/a.jpg")
    row = fetch_urls(make_settings(allow_hosts=()), url)[url]
    assert (row["status"], row["attempts"]) == ("blocked", 1)
    assert not server.requests
    assert fetch_urls(make_settings(allow_hosts=("127.0.0.1",)), url)[url]["status"] == "ok"


def test_the_address_that_is_checked_is_the_one_that_is_used(server, make_settings, monkeypatch):
    """A name that is public when it is looked up first, and inside afterwards (DNS rebinding)."""
    looked_up = []
    real = socket.getaddrinfo

    def rebinding(host, port, *args, **more):
        if host != "rebinding.example":
            return real(host, port, *args, **more)
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) > 1 else "192.0.2.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://rebinding.example:{server.port}/a.jpg"
    assert fetch_urls(make_settings(), url)[url]["status"] == "blocked"
    assert len(looked_up) == 1
    assert fetch_urls(make_settings(), url)[url]["status"] == "blocked"
    assert not server.requests


def test_names_keep_their_host_header(server, make_settings, monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **more: real("127.0.0.1" if host == "cdn.test" else host, *args, **more),
    )
    url = f"http://cdn.test:{server.port}/a.jpg"
    assert fetch_urls(make_settings(allow_hosts=("cdn.test",)), url)[url]["status"] == "ok"
    assert server.headers["/a.jpg"]["Host"] == f"cdn.test:{server.port}"


# manners


def test_nothing_of_the_environment_is_sent(server, make_settings, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.routes["/a.jpg"] = faulty.body(PICTURE, headers={"Set-Cookie": "a=b; Path=/"})
    settings = make_settings(threads=1, user_agent="tester/1")
    for path in ("/a.jpg", "/b.jpg"):
        assert fetch_urls(settings, server.url(path))[server.url(path)]["status"] == "ok"
    assert {"Authorization", "Cookie"}.isdisjoint(server.headers["/b.jpg"])
    assert server.headers["/b.jpg"]["User-Agent"] == "tester/1"


def test_connections_are_kept_and_capped(server, make_settings):
    server.latency = 0.01
    server.routes |= {f"/{number}.jpg": faulty.status(404) for number in range(0, 60, 2)}
    urls = [server.url(f"/{number}.jpg") for number in range(60)]
    fetch_urls(make_settings(threads=8, connections_per_host=3), *urls)
    assert server.connections <= 4
    assert server.most_active <= 3


def test_the_rate_of_a_host_is_kept(server, make_settings):
    urls = [server.url(f"/{number}.jpg") for number in range(10)]
    start = time.monotonic()
    fetch_urls(make_settings(rate_per_host=20), *urls)
    assert 0.4 < time.monotonic() - start < 2


def test_a_slow_host_does_not_hold_up_another(server, make_settings):
    with faulty.running() as slow:
        slow.latency = 0.3
        slow_urls = [slow.url(f"/{number}.jpg") for number in range(12)]
        urls = [server.url(f"/{number}.jpg") for number in range(40)]
        settings = make_settings(threads=4, connections_per_host=2, allow_hosts=("127.0.0.1",))
        rows = fetch_urls(settings, *slow_urls, *urls)
        assert {row["status"] for row in rows.values()} == {"ok"}
        last = max(max(times) for times in server.times.values())
        assert last < max(max(times) for times in slow.times.values()) - 0.8


def test_a_throttling_host_is_slowed_and_loses_no_url(server, make_settings):
    lock = threading.Lock()
    window = {"start": 0.0, "count": 0}

    def throttle(handler):
        with lock:
            now = time.monotonic()
            if now - window["start"] > 0.1:
                window.update(start=now, count=0)
            window["count"] += 1
            refused = window["count"] > 5
        if refused:
            handler.answer(429, b"later", {"Retry-After": "1"})
        else:
            handler.answer(200, faulty.picture_bytes(handler.path))

    paths = [f"/{number}.jpg" for number in range(40)]
    server.routes |= dict.fromkeys(paths, throttle)
    # max_backoff caps the second that the server asks for
    rows = fetch_urls(make_settings(retries=1, max_backoff=0.12), *map(server.url, paths))
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert sum(server.requests.values()) < 110


def test_a_host_that_only_throttles_is_given_up(server, make_settings):
    paths = [f"/{number}.jpg" for number in range(100)]
    server.routes |= dict.fromkeys(paths, faulty.status(429))
    rows = fetch_urls(make_settings(retries=2), *map(server.url, paths))
    assert {(row["status"], row["http_status"], row["detail"]) for row in rows.values()} == {
        ("throttled", 429, "the server answered 429 Too Many Requests")
    }
    assert sum(server.requests.values()) < 40


def test_a_host_that_throttles_one_url_for_ever_answers_the_others(server, make_settings):
    server.routes["/0.jpg"] = faulty.status(429)
    urls = [server.url(f"/{number}.jpg") for number in range(30)]
    rows = fetch_urls(make_settings(retries=1, max_backoff=0.02), *urls)
    assert rows.pop(server.url("/0.jpg"))["status"] == "throttled"
    assert sum(row["status"] == "ok" for row in rows.values()) >= 25


def test_a_dead_host_is_given_up(make_settings, server):
    server.latency = 0.01
    server.routes |= {f"/{number}.jpg": faulty.hang_up for number in range(200)}
    rows = fetch_urls(make_settings(retries=1), *(server.url(f"/{number}.jpg") for number in range(200)))
    assert {(row["status"], row["detail"]) for row in rows.values()} == {
        ("unreachable", "the connection closed before an answer")
    }
    assert sum(server.requests.values()) < 100


def test_retry_after_is_waited_for(fetch_one, server):
    route = faulty.flaky(1, faulty.status(503, headers={"Retry-After": "1"}))
    assert fetch_one(route, max_backoff=0.4)["status"] == "ok"
    first, second = server.times["/one.jpg"]
    assert 0.35 < second - first < 2


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("7000", 30, 30),
        ("9" * 5000, 30, 30),
        ("-5", 0, 0),
        ("²", 0, 0),
        ("", 0, 0),
        ("soon", 0, 0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 0, 0),
        ("Sun, 99 Nov 99999 08:49:37 GMT", 0, 0),
    ],
)
def test_retry_after_is_read(text, least, most):
    assert least <= retry_after(text, most=30) <= most


@pytest.mark.parametrize(("seconds", "least", "most"), [(20, 15, 20), (2_000_000, 30, 30), (-2_000_000, 0, 0)])
def test_retry_after_is_read_as_a_date(seconds, least, most):
    text = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    assert least <= retry_after(text, most=30) <= most


def test_hostile_text_is_tidied(fetch_one):
    row = fetch_one(faulty.status(404, reason="\x1b[31mred\x07\u00a0\x85" + "long " * 500))
    assert len(row["detail"]) <= 200
    assert row["detail"].isprintable()
    assert row["detail"].startswith("the server answered 404 [31mred")
    assert tidy("a\u202eb\u2028c\u200bd\x00e") == "a b c d e"


def test_a_defect_in_a_thread_is_raised(server, make_settings, monkeypatch):
    def fail(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr("dedup_pipeline.stages.fetch.http.client.Client.request", fail)
    with FetchWorkers(make_settings().fetch) as crew, contextlib.suppress(TimeoutError):
        crew.send(server.url("/a.jpg"))
        with pytest.raises(RuntimeError, match="a defect"):
            crew.next_result(5)
