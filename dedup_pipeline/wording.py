"""Text of others, such as a dump's or a server's, made fit for a sentence of ours."""

from __future__ import annotations

_DETAIL_CHARS = 200


def tidy(text: str, most: int = _DETAIL_CHARS) -> str:
    """Text of others as one short printable line, for messages, logs and terminals.

    Args:
        text: the text.
        most: characters of the line at most; a longer one ends in an ellipsis.
    """
    seen = text[: 8 * most]  # blanks in a row become one, so a little more than what is told is looked at
    line = " ".join("".join(character if character.isprintable() else " " for character in seen).split())
    return line if len(line) <= most and len(seen) == len(text) else line[: most - 1] + "…"
