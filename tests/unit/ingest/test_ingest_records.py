"""Cutting a CSV file into records: the fast way finds what the exact way finds, wherever blocks end."""

import csv
import io
import itertools
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedup_pipeline.stages.ingest.csv.scanner import Scanner
from dedup_pipeline.stages.ingest.csv.splitter import Splitter
from dedup_pipeline.stages.ingest.readers import parse

LIMIT = 1 << 20


def fast(data: bytes, width: int, cuts: list[int], *, most: int = 1000, limit: int = LIMIT):
    """Rows and malformed lines by way of blocks."""
    lines = data.splitlines(keepends=True) if b"\r" not in data else [p for p in data.split(b"\n")]
    if b"\r" in data:
        lines = [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    bounds = sorted({0, *(cut for cut in cuts if cut < len(lines)), len(lines)})
    blocks = [b"".join(lines[a:b]) for a, b in itertools.pairwise(bounds)]
    rows, bad = [], []
    for block in Splitter(b",", width, most, limit, 2).split(iter([block for block in blocks if block])):
        batch = parse(block, width, range(width), ",", 0)
        columns = [batch.columns[index].to_pylist() for index in range(width)]
        rows += [(line, *row) for line, row in zip(batch.lines.tolist(), zip(*columns, strict=True), strict=True)]
        bad += [row.line for row in batch.malformed]
    return rows, sorted(bad)


def exact(data: bytes, width: int, *, most: int = 1000, limit: int = LIMIT):
    """The same by the scanner alone."""
    scanner = Scanner(b",", limit)
    rows, bad, start, line = [], [], 0, 2
    while start < len(data):
        scan = scanner.scan(data, start, width, final=True)
        raw = data[start : scan.end]
        if raw not in (b"\n", b"\r\n", b"\r"):
            longest = max((len(field) for field in scan.fields), default=0)
            if scan.problem or longest > most:
                bad.append(line)
            else:
                rows.append((line, tuple(field.decode() for field in scan.fields)))
        line += raw.count(b"\n")
        start = scan.end
    return rows, bad


texts = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "bc", " ", '","', '"\n"', "x,y,z\n", "\ufeff"])
).map(lambda parts: "".join(parts).encode())


@settings(max_examples=600)
@given(texts, st.lists(st.integers(0, 12), max_size=4), st.integers(2, 4))
@example(b'1,"a\n2,b\n3,"c\n4,d\n', [], 2)
@example(b'1,"a\n2,b\n', [1], 2)
@example(b'1,"a\nb"\n2,""\n', [1], 2)
@example(b'1,"a"x\n2,y"z"\n', [], 2)
@example(b'a,"b\n\n\n', [2], 2)
def test_blocks_and_shortcuts_change_nothing(data, cuts, width):
    rows, bad = fast(data, width, cuts)
    expected_rows, expected_bad = exact(data, width)
    assert [(line, tuple(row)) for line, *row in rows] == expected_rows
    assert bad == expected_bad


@settings(max_examples=200)
@given(texts, st.lists(st.integers(0, 12), max_size=3), st.integers(3, 12))
def test_limits_count_alike_wherever_blocks_end(data, cuts, limit):
    whole = fast(data, 2, [], most=limit, limit=limit)
    assert fast(data, 2, cuts, most=limit, limit=limit) == whole


@settings(max_examples=200)
@given(
    st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)] * 3), max_size=9),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 12), max_size=3),
)
def test_what_csv_writes_is_read_back(rows, end, cuts):
    rows = [row for row in rows if any(row)]
    file = io.StringIO()
    csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    found, bad = fast(file.getvalue().encode(), 3, cuts)
    assert [tuple(row) for _, *row in found] == rows
    assert not bad


@pytest.mark.parametrize(
    ("data", "rows", "bad"),
    [
        (b'1,a\n2,"b\n3,c\n4,d\n', [2, 4, 5], [3]),  # to the end of the file
        (b'1,a\n2,"b\n3,"c, d"\n4,d\n', [2, 4, 5], [3]),  # to the next quote
        (b'1,"a\nb"\n2,c\n', [2, 4], []),
        (b'1,"a\nb",x,y\n2,c\n', [4], [2]),  # well-formed over two lines, fields too many: one reject
        (b'1,5" heel\n2,"x"y\n3,z\n', [2, 3, 4], []),
        (b"1,a\n\n\r\n2,b", [2, 5], []),
        (b"1\n2,b,c\n3,d\n", [4], [2, 3]),
        (b"1,a\rb\n2,c\n", [2, 3], []),
    ],
)
def test_lines_are_those_of_the_file(data, rows, bad):
    for cuts in ([], [1], [2], [1, 2, 3]):
        found, malformed = fast(data, 2, cuts)
        assert [line for line, *_ in found] == rows
        assert malformed == bad


def test_rows_between_two_stray_quotes_are_not_swallowed():
    row = b"%d,b,c,d,e,f,g,h\n"
    stray = b'1,b,"c,d,e,f,g,h\n', b'8,b,c",d,e,f,g,h\n'
    data = row % 0 + stray[0] + row % 2 + row % 3 + stray[1] + row % 9
    for cuts in ([], [1], [3], [1, 2, 3, 4]):
        rows, bad = fast(data, 8, cuts)
        assert [row[1] for row in rows] == ["0", "2", "3", "8", "9"]
        assert bad == [3]
    many = data + b'1,b,"c\nd",d,e,f,g,h\n' * 1000
    assert len(fast(many, 8, [])[0]) == 1005
    assert fast(many, 8, [])[1] == [3]


def test_many_records_over_lines_are_counted_at_once():
    data = b"".join(b'%d,"a\nb"\n' % number for number in range(2000))
    rows, bad = fast(data, 2, [])
    assert len(rows) == 2000
    assert not bad
    assert rows[-1] == (4000, "1999", "a\nb")
    rows, bad = fast(data + b'x,"a\nb",c,d\n', 2, [])
    assert (len(rows), bad) == (2000, [4002])


def test_a_file_of_open_quotes_takes_time_in_proportion():
    for line in (b'a""","b\n', b'x,"y\n', b'x,"y""\n'):
        start = time.monotonic()
        rows, bad = fast(line * 20_000, 3, list(range(0, 20_000, 500)))
        assert len(rows) + len(bad) > 0
        assert time.monotonic() - start < 10
    assert np.all(np.diff(bad) > 0)


def test_large_blocks_are_parsed_in_pieces_with_long_records_anywhere():
    chosen = np.random.default_rng(5)
    records, expected, bad, line = [], [], [], 2
    for number, size in enumerate(chosen.choice([30, 3000, 400_000], 900, p=[0.7, 0.29, 0.01]).tolist()):
        text = f'{"x" * size}\n"", {number}' if number % 7 == 0 else "y" * size
        if number % 50 == 49:
            records.append(f"{number},{text[:40]},one too many\n" if number % 7 else f"{number}\n")
            bad.append(line)
        else:
            records.append(f'{number},"{text}"\n')
            expected.append((line, str(number), text.replace('""', '"')))
        line += records[-1].count("\n")
    data = "".join(records).encode()
    assert len(data) > 3 << 20
    rows, malformed = fast(data, 2, [300], most=1_000_000, limit=4 << 20)
    assert rows == expected
    assert malformed == bad
