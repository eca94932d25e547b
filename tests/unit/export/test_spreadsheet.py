"""Text of strangers in a spreadsheet."""

import csv
import io
import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.stages.export.spreadsheet import defused, defused_ids


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


def test_ids_are_those_of_one_by_one_and_the_very_same_where_none_changes():
    ordinary = pa.array(["SRTEH2", "a-b=c+d@e", "B 7", "x", "Müller-1", "7"])
    assert defused_ids(ordinary) is ordinary
    ids = [*ordinary.to_pylist(), "=1", "+1", "-1", "@A", "\tA", "\r=1", "a;=1", " x", "x ", "\u202eA", "z" * 3000, ""]
    assert defused_ids(pa.array(ids)).to_pylist() == [defused(text, most_chars=2000) for text in ids]


@given(
    st.lists(
        st.text(alphabet=st.sampled_from("=+-@;,'\"\t\r\n\0 aZ0_~\u202e\uff1d\u00a0\u00e9"), max_size=8), max_size=6
    )
)
def test_no_id_is_taken_for_harmless_that_is_not(ids):
    assert defused_ids(pa.array(ids, pa.string())).to_pylist() == [defused(text, most_chars=2000) for text in ids]


@given(st.text(alphabet=st.sampled_from("=+-@;,'\"\t\r\n\0 ab\u202e\uff1d"), max_size=60))
def test_no_cell_starts_a_formula_whatever_separates_cells(text):
    line = io.StringIO()
    csv.writer(line).writerow([shown(text)])
    for cells in csv.reader([line.getvalue().replace("\r\n", "")]):
        for cell in re.split(";", cells[0]):
            assert not re.match(r"[\s\"]*[=+\-@\uff1d]", cell)
