"""Text of strangers in a spreadsheet."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.export.spreadsheet import defused


def shown(text):
    return defused(text, most_chars=50)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-2+3+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1+1", "\r\n=1+1", " \u00a0=1+1", "\uff1d1+1",
        "\u202e=1+1", "\u200e=1", "\0=1", "'=1+1", '"=1+1"',
    ],
)  # fmt: skip
def test_a_formula_becomes_text(text):
    assert shown(text).startswith("'")


def test_a_semicolon_starts_no_formula_either():
    assert shown("Tee;=1+1") == "Tee;'=1+1"
    assert shown("Tee ; \t@A1") == "Tee ;'  @A1"


@pytest.mark.parametrize("text", ["Levi's Jeans - 20 % off", "a=b", "Café; noir", "₹ 1,299", "", "O'Neill"])
def test_ordinary_text_stays_as_it_is(text):
    assert shown(text) == text


def test_a_row_stays_one_line_and_a_cell_short():
    assert shown("one\r\ntwo\u2028three") == "one  two three"
    assert shown("x" * 100) == "x" * 49 + "…"
    assert shown(None) == ""


@given(st.text(alphabet=st.sampled_from("=+-@;,'\"\t\r\n\0 ab\u202e\uff1d"), max_size=60))
def test_no_cell_starts_a_formula_whatever_separates_cells(text):
    line = io.StringIO()
    csv.writer(line).writerow([shown(text)])
    for cells in csv.reader([line.getvalue().replace("\r\n", "")]):
        for cell in re.split(";", cells[0]):
            assert not re.match(r"[\s\"]*[=+\-@\uff1d]", cell)
