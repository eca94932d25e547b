"""Text of others, such as a dump's or a server's, made fit for a sentence of ours."""

from __future__ import annotations

import re

_DETAIL_CHARS = 200
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\u200a\u2010-\u2027\u2030-\u205e\u2070-\ud7ff\uf900-\ufffd]+")


def tidy(text: str, most: int = _DETAIL_CHARS) -> str:
    """Text of others as one short printable line, for messages, logs and terminals.

    Args:
        text: the text.
        most: characters of the line at most; a longer one ends in an ellipsis.
    """
    # what is cut away need not be looked at; blanks in a row become one, so a little more is
    line = " ".join(_UNPRINTABLE.sub(" ", text[: 8 * most]).split())
    return line if len(line) <= most and len(text) <= 8 * most else line[: most - 1] + "…"
