"""Blocks of well-formed CSV records, and putting them together from pieces of a file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dedup_pipeline.schemas import RejectReason
from dedup_pipeline.stages.ingest.csv.scanner import Scan

Positions = npt.NDArray[np.int64]
NO_POSITIONS: Positions = np.empty(0, np.int64)
_RETURN = 13


@dataclass(frozen=True)
class Malformed:
    """A record that is no row."""

    line: int
    raw: bytes
    reason: RejectReason
    detail: str
    identity: str | None = None


@dataclass(frozen=True)
class Block:
    """Records that any reader of CSV reads alike.

    Attributes:
        data: the records, each with its line end.
        starts: (records,) where each starts in ``data``, ascending.
        lines: (records,) the line of the file, from 1, where each starts.
        malformed: what was left out.
        blank: lines without a record.
    """

    data: bytes
    starts: Positions
    lines: Positions
    malformed: list[Malformed] = field(default_factory=list)
    blank: int = 0


class Assembly:
    """Records put together again from pieces of a block."""

    def __init__(self, data: bytes, first_line: int, max_field_chars: int, limit: int) -> None:
        self.data = data
        self.limit = limit
        self.first_line = first_line
        self.max_field_chars = max_field_chars
        self.pieces: list[bytes] = []
        self.size = 0
        self.starts: list[Positions] = []
        self.lines: list[Positions] = []
        self.malformed: list[Malformed] = []
        self.blank = 0

    def add_lines(self, starts: Positions, ends: Positions, line: int) -> None:
        """Add a run of lines, each a record; ``line`` is the number of the first in the block."""
        if len(starts):
            filled = ~is_blank(np.frombuffer(self.data, np.uint8), starts, ends)
            self.blank += len(filled) - int(filled.sum())
            lines = self.first_line + line + np.flatnonzero(filled)
            self._add(self.data[starts[0] : ends[-1] + 1], starts[filled] - starts[0], lines)

    def add_scan(self, scan: Scan, start: int, line: int, delimiter: bytes) -> None:
        """Add what the scanner found at ``start``."""
        raw = self.data[start : scan.end]
        longest = max((len(value.decode("utf-8", "replace")) for value in scan.fields), default=0)
        if scan.problem or longest > self.max_field_chars:
            too_long = longest > self.max_field_chars or len(raw) > self.limit
            reason = RejectReason.TOO_LONG if too_long else RejectReason.MALFORMED
            detail = scan.problem or f"a field of {longest} characters, more than {self.max_field_chars}"
            self.malformed.append(Malformed(self.first_line + line, raw.rstrip(b"\r\n"), reason, detail))
        elif scan.as_it_is:
            self._add(raw, np.zeros(1, np.int64), np.array([self.first_line + line]))
        else:
            quoted = delimiter.join(b'"' + value.replace(b'"', b'""') + b'"' for value in scan.fields) + b"\n"
            self._add(quoted, np.zeros(1, np.int64), np.array([self.first_line + line]))

    def _add(self, piece: bytes, starts: Positions, lines: Positions) -> None:
        self.pieces.append(piece)
        self.starts.append(starts + self.size)
        self.lines.append(lines)
        self.size += len(piece)

    def block(self) -> Block:
        """All that was added."""
        if not self.starts:
            return Block(b"", NO_POSITIONS, NO_POSITIONS, self.malformed, self.blank)
        starts, lines = np.concatenate(self.starts), np.concatenate(self.lines)
        return Block(b"".join(self.pieces), starts, lines, self.malformed, self.blank)


def is_blank(view: npt.NDArray[np.uint8], starts: Positions, ends: Positions) -> npt.NDArray[np.bool_]:
    """Which lines hold nothing but their end."""
    length = ends - starts
    first = view[np.minimum(starts, len(view) - 1)]
    blank: npt.NDArray[np.bool_] = (length == 0) | ((length == 1) & (first == _RETURN))
    return blank
