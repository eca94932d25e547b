"""Text of a dump in a file that a person opens in a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

# a cell that begins so is computed, not shown; the wide forms are read as the narrow ones; a semicolon begins a new
# cell where the comma is the decimal mark
_FORMULA = re.compile(r"(^|;)([\s'\"]*)([=+\-@\uff1d\uff0b\uff0d\uff20])")
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
