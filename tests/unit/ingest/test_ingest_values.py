"""Renditions, prices and families of single rows."""

import pyarrow as pa
import pytest

from dedup_pipeline.stages.ingest.normalise import price_of
from dedup_pipeline.stages.ingest.renditions import ranked


def rank(text: str | None, wanted: int = 400, separator: str = ";") -> list[str]:
    return ranked(pa.array(["", text, "x"], pa.string()), separator, wanted).to_pylist()[1]


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        (400, ["400x400", "200x200", "800x800", "original", "100x100"]),
        (600, ["800x800", "400x400", "original", "200x200", "100x100"]),
        (800, ["800x800", "400x400", "original", "200x200", "100x100"]),
        (100, ["100x100", "200x200", "400x400", "800x800", "original"]),
        (4000, ["original", "800x800", "400x400", "200x200", "100x100"]),
    ],
)
def test_the_nearest_size_comes_first(wanted, order):
    urls = {size: f"http://x/12x34/a-b-{size}-ima1.jpeg" for size in order}
    assert rank(";".join(urls[size] for size in sorted(order)), wanted) == [urls[size] for size in order]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("p.jpg?w=800;p.jpg?w=400&q=80;p.jpg", [1, 0, 2]),
        ("p_100x.jpg;p_500x.jpg?v=1;p_300x.jpg", [1, 2, 0]),  # equally near: the larger first
        ("p-300x400-.jpg;p-900x700-.jpg", [0, 1]),
        ("a.jpg;b.jpg", [0, 1]),
        ("p-original-.jpg;p-150x150-.jpg", [0, 1]),
    ],
)
def test_forms_of_size(text, order):
    urls = text.split(";")
    assert rank(text) == [urls[place] for place in order]


@pytest.mark.parametrize("text", ["", ";", "null", "N/A; none ;", None])
def test_no_picture(text):
    assert rank(text) == []


def test_entries_are_trimmed_and_named_once():
    assert rank(" a.jpg ;b.jpg;a.jpg;;") == ["a.jpg", "b.jpg"]
    assert rank("a;b.jpg", separator="") == ["a;b.jpg"]


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("12", 12.0), ("12.50", 12.5), ("12.99 USD", 12.99), ("USD 12.99", 12.99), ("Rs. 1,299", 1299.0),
        ("1,299.00", 1299.0), ("1.299,00 €", 1299.0), ("12,99 EUR", 12.99), ("1 299,5", 1299.5),
        ("1,23,456.7", 123456.7),
        ("1.234.567", 1234567.0), ("free", None), ("nan", None), ("inf", None), ("1e400", None), ("1e3", 1000.0),
    ],
)  # fmt: skip
def test_prices(text, price):
    assert price_of(text) == price
