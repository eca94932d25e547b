"""Cuts the lines of a CSV file into blocks of well-formed records.

Nearly all records are plain: one line, quotes in their places. Those are found with a few passes of NumPy over a block;
the ``Scanner`` reads only the others. What comes out does not depend on where the blocks end.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dedup_pipeline.stages.ingest.csv.blocks import NO_POSITIONS, Assembly, Block, Positions, is_blank
from dedup_pipeline.stages.ingest.csv.scanner import MANY_COLUMNS, Scanner

_LINE_END, _RETURN, _QUOTE = 10, 13, 34
_COMMON_BITS = 255 - (_LINE_END ^ _QUOTE)  # those that do not tell the two marks apart
_SEARCHED_BYTES = 1 << 20
_FEW = 500  # records that are read faster one by one than by looking at the whole block


class Splitter:
    """Cuts lines into records.

    Args:
        delimiter: what separates fields.
        expected: fields of a record.
        max_field_chars: a record with a longer field is left out.
        limit: the most bytes that a record may have.
        line: the file's line where the first record starts.
    """

    def __init__(self, delimiter: bytes, expected: int, max_field_chars: int, limit: int, line: int) -> None:
        self.delimiter = delimiter
        self.expected = expected
        self.max_field_chars = max_field_chars
        self.scanner = Scanner(delimiter, limit)
        self.line = line

    def split(self, blocks: Iterator[bytes]) -> Iterator[Block]:
        """Cut blocks of whole lines; what is still open at the end of one is read with the next."""
        kept = b""
        ahead = next(blocks, None)
        while ahead is not None:
            following = next(blocks, None)
            data = kept + ahead
            block, end, lines = self._cut(data, final=following is None)
            self.line += lines
            kept = data[end:]
            ahead = following
            if len(block.starts) or block.malformed or block.blank:
                yield block

    def _cut(self, data: bytes, *, final: bool) -> tuple[Block, int, int]:
        """The records of ``data``, where the first one starts that is not read yet, and the lines before it."""
        view = np.frombuffer(data, np.uint8)
        line_ends, quotes = _marks(view)
        if final and data and not data.endswith(b"\n"):
            line_ends = np.append(line_ends, len(data))
        bare_returns = _bare_returns(data, view)
        whole = None if len(bare_returns) else self._cut_whole(data, view, line_ends, quotes, final=final)
        block, end = whole or self._cut_by_lines(data, view, line_ends, quotes, bare_returns, final=final)
        return block, end, int(np.searchsorted(line_ends, end))

    def _cut_whole(
        self, data: bytes, view: npt.NDArray[np.uint8], line_ends: Positions, quotes: Positions, *, final: bool
    ) -> tuple[Block, int] | None:
        """Cut where line ends lie outside quotes, if all that comes of it is well-formed; else None."""
        before = np.searchsorted(quotes, line_ends)
        outside = before % 2 == 0
        ends = line_ends[outside]
        if not len(ends) or (final and not outside[-1]):
            return None
        starts = np.concatenate(([0], ends[:-1] + 1))
        if (ends - starts).max() > self.max_field_chars or len(data) - ends[-1] > self.scanner.limit:
            return None
        quotes = quotes[: before[outside][-1]]
        if _wrong(view, quotes, np.arange(len(quotes)) % 2 == 0, self.delimiter).any():
            return None
        spanning = np.flatnonzero(np.diff(np.flatnonzero(outside), prepend=-1) > 1)
        if len(spanning) > _FEW:
            if not self._span_lines_well(view, starts[spanning], ends[spanning], quotes, line_ends[~outside]):
                return None
        elif any(self._is_malformed(data, start) for start in starts[spanning].tolist()):
            return None
        end = min(int(ends[-1]) + 1, len(data))
        lines = self.line + np.searchsorted(line_ends, starts)
        filled = ~is_blank(view, starts, ends)
        blank = len(filled) - int(filled.sum())
        return Block(data[:end], starts[filled], lines[filled], blank=blank), end

    def _is_malformed(self, data: bytes, start: int) -> bool:
        scan = self.scanner.scan(data, start, self.expected, final=True)
        return scan is None or bool(scan.problem)

    def _span_lines_well(
        self, view: npt.NDArray[np.uint8], starts: Positions, ends: Positions, quotes: Positions, inside: Positions
    ) -> bool:
        """Whether the scanner would take all these records that span lines; in doubt False.

        Args:
            view: the block.
            starts: where they start.
            ends: where they end.
            quotes: the quotes of the block.
            inside: the line ends within quotes.
        """
        separators = np.flatnonzero(view == self.delimiter[0])
        in_lines = np.diff(np.searchsorted(separators, inside))
        if self.expected >= MANY_COLUMNS and (in_lines >= self.expected - 1).any():
            between = np.searchsorted(ends, inside)
            if (np.diff(between)[in_lines >= self.expected - 1] == 0).any():
                return False
        separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
        fields = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1
        return bool((fields == self.expected).all())

    def _cut_by_lines(
        self,
        data: bytes,
        view: npt.NDArray[np.uint8],
        line_ends: Positions,
        quotes: Positions,
        bare_returns: Positions,
        *,
        final: bool,
    ) -> tuple[Block, int]:
        """Take the lines that are records by themselves as they are, and scan from each of the others."""
        starts = np.concatenate(([0], line_ends[:-1] + 1)) if len(line_ends) else NO_POSITIONS
        first_quote = np.searchsorted(quotes, starts)
        quote_count = np.searchsorted(quotes, line_ends) - first_quote
        number_in_line = np.arange(len(quotes)) - np.repeat(first_quote, quote_count)
        wrong = _wrong(view, quotes, number_in_line % 2 == 0, self.delimiter)
        odd = (quote_count % 2 == 1) | (line_ends - starts > self.max_field_chars)
        odd[np.searchsorted(line_ends, quotes[wrong])] = True
        odd[np.searchsorted(line_ends, bare_returns)] = True
        odd_lines = np.flatnonzero(odd)
        collected = Assembly(data, self.line, self.max_field_chars, self.scanner.limit)
        line = 0
        while line < len(starts):
            place = int(np.searchsorted(odd_lines, line))
            next_odd = int(odd_lines[place]) if place < len(odd_lines) else len(starts)
            collected.add_lines(starts[line:next_odd], line_ends[line:next_odd], line)
            if next_odd == len(starts):
                break
            start = int(starts[next_odd])
            scan = self.scanner.scan(data, start, self.expected, final=final)
            if scan is None:
                return collected.block(), start
            collected.add_scan(scan, start, next_odd, self.delimiter)
            line = int(np.searchsorted(starts, scan.end))
        return collected.block(), len(data)


def _marks(view: npt.NDArray[np.uint8]) -> tuple[Positions, Positions]:
    """Where line ends and where quotes stand."""
    mask = np.empty(_SEARCHED_BYTES, np.uint8)
    hits, words = mask.view(np.bool_), mask.view(np.uint64)
    found = [NO_POSITIONS]
    for first in range(0, len(view), _SEARCHED_BYTES):
        part = view[first : first + _SEARCHED_BYTES]
        mask[len(part) :] = 0
        np.bitwise_and(part, _COMMON_BITS, out=mask[: len(part)])
        np.equal(mask[: len(part)], _LINE_END & _COMMON_BITS, out=hits[: len(part)])
        hit_words = np.flatnonzero(words != 0)  # most words of eight bytes have neither
        places = np.flatnonzero(hits.reshape(-1, 8)[hit_words])
        found.append(first + 8 * hit_words[places >> 3] + (places & 7))
    positions = np.concatenate(found)
    marks = view[positions]
    return positions[marks == _LINE_END], positions[marks == _QUOTE]


def _wrong(
    view: npt.NDArray[np.uint8], quotes: Positions, opening: npt.NDArray[np.bool_], delimiter: bytes
) -> npt.NDArray[np.bool_]:
    """Which quotes do not open right after a separator or close right before one; a doubled quote does both."""
    before = np.where(quotes > 0, view[quotes - 1], _LINE_END) if len(quotes) else np.empty(0, np.uint8)
    last = len(view) - 1
    after = np.where(quotes < last, view[np.minimum(quotes + 1, last)], _LINE_END) if len(quotes) else before
    returned = (after == _RETURN) & (
        np.where(quotes + 1 < last, view[np.minimum(quotes + 2, last)], _LINE_END) == _LINE_END
    )
    opens = (before == delimiter[0]) | (before == _LINE_END)
    doubled = np.zeros(len(quotes), bool)
    adjacent = np.diff(quotes) == 1
    doubled[1:] = adjacent & ~opening[:-1] & opening[1:]
    closes = (after == delimiter[0]) | (after == _LINE_END) | returned
    closes[:-1] |= doubled[1:]
    wrong: npt.NDArray[np.bool_] = np.where(opening, ~(opens | doubled), ~closes)
    return wrong


def _bare_returns(data: bytes, view: npt.NDArray[np.uint8]) -> Positions:
    """Where a CR stands that does not belong to a line end."""
    if b"\r" not in data:
        return NO_POSITIONS
    returns = np.flatnonzero(view == _RETURN)
    following = view[np.minimum(returns + 1, len(view) - 1)]
    bare: Positions = returns[(following != _LINE_END) & (returns + 1 < len(view))]
    return bare
