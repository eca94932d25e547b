"""One picture for a question, under the rules of a dump's."""

import pytest

import faulty_server as faulty
from dedup_pipeline.errors import InputError
from dedup_pipeline.stages.fetch import fetch_one

PICTURE = faulty.picture_bytes("a picture")


def test_a_picture_is_fetched_through_errors_and_redirects(server, make_settings):
    server.routes["/a.jpg"] = faulty.flaky(1, faulty.redirect("/b.jpg"))
    server.routes["/b.jpg"] = faulty.body(PICTURE)
    assert fetch_one(server.url("/a.jpg"), make_settings().fetch) == PICTURE


@pytest.mark.parametrize(
    ("route", "words"), [(faulty.status(404), "not-found"), (faulty.body(b"<html>"), "not-an-image")]
)
def test_what_is_no_picture_is_said(server, make_settings, route, words):
    server.routes["/a.jpg"] = route
    with pytest.raises(InputError, match=words):
        fetch_one(server.url("/a.jpg"), make_settings().fetch)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.jpg", "http://169.254.169.254/latest", "http://user@a.test/x"])
def test_addresses_inside_the_network_are_refused(make_settings, url):
    with pytest.raises(InputError):
        fetch_one(url, make_settings().fetch)
