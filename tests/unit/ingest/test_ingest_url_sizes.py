"""The sides that URLs name: many at once as one by one."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.stages.ingest.url_sizes import url_sizes

FORM = re.compile(rb"(?<=[-_/=,])([0-9]{2,5})[xX]([0-9]{0,5})(?=[-_/.,?&#@]|$)")
QUERY = re.compile(rb"[?&](?:w|h|width|height|size|sz|wid|hei)=([0-9]{2,5})(?:[&#]|$)")
PARTS = [
    "http://x/", "-400x400-", "_100x.", "x", "X", "12", "7", "original", "-original-", "orig", "inal", "?w=400",
    "&h=30", "/800x600/", "123456x1", "-1234567890x5", "-12345X54321-", "-1x1-", "=20x30,", "-99999x", "@", "é",
]  # fmt: skip


def plainly(url: str) -> int:
    """The side by regular expressions."""
    data = url.encode()
    query = QUERY.search(data)
    if query:
        return int(query[1])
    forms = list(FORM.finditer(data))
    if not forms or data.find(b"original") > forms[-1].end(1):
        return 0
    return max(int(forms[-1][1]), int(forms[-1][2] or 0))


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=6).map("".join), max_size=8), st.integers(0, 3))
def test_many_urls_are_read_as_each_alone(urls, skipped):
    sides = url_sizes(pa.array(urls, pa.string()).slice(skipped))
    assert sides.tolist() == [plainly(url) for url in urls[skipped:]]


@pytest.mark.parametrize("digit", range(10))
def test_every_digit_counts_in_every_place(digit):
    urls = [f"/{'1' * place}{digit}{'1' * (4 - place)}x{'0' * 5}/" for place in range(5)]
    assert url_sizes(pa.array(urls)).tolist() == [int(url[1:6]) for url in urls]


def test_a_url_does_not_look_into_the_next():
    assert url_sizes(pa.array(["a-100x", "900/b", "a-orig", "inal-200x"])).tolist() == [100, 0, 0, 200]
