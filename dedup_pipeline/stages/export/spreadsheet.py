"""Text of a dump in a file that a person opens in a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

MOST_ID_CHARS = 2000  # an id is worth nothing when it is cut off
# a cell that begins so is computed, not shown; the wide forms are read as the narrow ones; a semicolon begins a new
# cell where the comma is the decimal mark
_FORMULA = re.compile(r"(^|;)([\s'\"]*)([=+\-@\uff1d\uff0b\uff0d\uff20])")
# ids as most are: printable ASCII, no semicolon, no blank at the end
_HARMLESS = "^[0-9A-Za-z_]([!-:<-~ ]*[!-:<-~])?$"
_TURNS_AROUND = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # shows text in another order than it has


def defused(text: str | None, *, most_chars: int) -> str:
    """The text as one line that no spreadsheet takes for a formula.

    Control characters become blanks, marks of direction go, what is longer than ``most_chars`` is cut off, and an
    apostrophe is set before a sign that would start a formula (OWASP, CSV Injection).
    """
    spaced = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text or "")
    line = _TURNS_AROUND.sub("", spaced).strip()
    if len(line) > most_chars:
        line = line[: most_chars - 1] + "…"
    return _FORMULA.sub(r"\1'\2\3", line)


def defused_ids(ids: pa.Array) -> pa.Array:
    """Ids (S,) as review.csv has them; the very array where none of them changes."""
    odd = pc.invert(pc.match_substring_regex(ids, _HARMLESS))
    odd = pc.or_(odd, pc.greater(pc.utf8_length(ids), MOST_ID_CHARS))
    shown = [defused(text, most_chars=MOST_ID_CHARS) for text in ids.filter(odd).to_pylist()]
    changed = pa.array(shown, pa.string())
    return ids if changed.equals(ids.filter(odd)) else pc.replace_with_mask(ids, odd, changed)
