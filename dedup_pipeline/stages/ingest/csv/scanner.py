"""The exact reading of one CSV record, for the few that are not plain.

What counts as a record, wherever in the file:

1. From the start of a line, fields read strictly (a quoted field opens right after a separator and closes right before
   one, quotes inside are doubled) up to the first line end outside quotes. Such a record may span lines only if it has
   as many fields as the header and is not longer than the limit.
2. Else the one line by itself, read leniently: text after a closing quote belongs to the field.
3. Else the one line is malformed. The next record starts at the next line, so that a quote that never closes
   costs one line and not the rest of the file.

A record of several lines must not have swallowed rows between two stray quotes. One with too few or too many fields
is malformed as a whole only when it is short and none of its further lines could be a row. One with the right number is
not taken when a line inside it could be a row, which is telling in files of many columns only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MANY_COLUMNS = 8  # text hardly ever holds a line of so many parts by chance
_SHORT = 1 << 16  # bytes
_QUOTED = re.compile(rb'"((?:[^"]++|"")*+)')


@dataclass(frozen=True)
class Scan:
    """One record, or one malformed line.

    Attributes:
        end: where the next record starts.
        fields: the fields, as far as they could be read.
        as_it_is: whether any reader of CSV sees the same fields in the bytes.
        problem: why it is malformed; empty where it is not.
    """

    end: int
    fields: list[bytes]
    as_it_is: bool = False
    problem: str = ""


_OPEN = Scan(2**62, [], problem="open")
_BROKEN = Scan(2**62, [], problem="broken")


class Scanner:
    """Reads records exactly.

    Args:
        delimiter: what separates fields, one byte.
        limit: the most bytes that a record may have.
    """

    def __init__(self, delimiter: bytes, limit: int) -> None:
        self.delimiter = delimiter
        self.limit = limit
        self._plain = re.compile(rb"[^\n" + re.escape(delimiter) + rb"]*+")

    def scan(self, data: bytes, start: int, expected: int, *, final: bool) -> Scan | None:
        """Read the record at ``start``, the start of a line.

        Args:
            data: whole lines; the last may lack its end only if ``final``.
            start: where the record starts.
            expected: fields of a record; 0 takes any number.
            final: whether the file ends with ``data``.

        Returns:
            The record, or None where more data is needed to tell.
        """
        line_end = data.find(b"\n", start)
        line_end = len(data) if line_end < 0 else line_end
        if line_end - start > self.limit:
            return Scan(line_end + 1, [], problem=f"the line has more than {self.limit} bytes")
        last = min(len(data), start + self.limit)
        strict = self._read_strictly(data, start, last, line_end, expected)
        if strict is _OPEN and not final and last == len(data):
            return None
        if strict.end <= line_end + 1 or not expected or self._swallows_none(data, line_end + 1, strict, expected):
            return strict
        return self._read_line(data, start, line_end, expected)

    def _swallows_none(self, data: bytes, start: int, record: Scan, expected: int) -> bool:
        """Whether no further line of a record could be a row; False where the record was not read.

        Its last line is told from a row only by the number of fields of the whole: text may end in any way.
        """
        if record is _OPEN or record is _BROKEN or (record.problem and record.end - start > _SHORT):
            return False
        if not record.problem and expected < MANY_COLUMNS:
            return True
        while start < record.end:
            line_end = data.find(b"\n", start, record.end)
            line_end = record.end if line_end < 0 else line_end
            last = line_end + 1 >= record.end
            if not (last and not record.problem) and not self._read_line(data, start, line_end, expected).problem:
                return False
            start = line_end + 1
        return True

    def _read_strictly(self, data: bytes, start: int, last: int, line_end: int, expected: int) -> Scan:
        """The record by rule 1, ``_OPEN`` where a quote is open at ``last``, ``_BROKEN`` where it breaks the rule."""
        fields: list[bytes] = []
        position = start
        while True:
            quoted = _QUOTED.match(data, position, last)
            plain = None if quoted else self._plain.match(data, position, last)
            if quoted:
                if quoted.end() == last:
                    return _OPEN
                fields.append(quoted.group(1).replace(b'""', b'"'))
                position = quoted.end() + 1
            elif plain:
                fields.append(plain.group())
                position = plain.end()
            if data[position : position + 1] != self.delimiter or position >= last:
                break
            position += 1
            if position > line_end and len(fields) > 4 * expected + 16 > 16:
                return _BROKEN
        if quoted and data[position : position + 2] == b"\r\n":
            position += 1
        elif plain:
            fields[-1] = fields[-1].removesuffix(b"\r")
        at_end = position == len(data) or data[position : position + 1] == b"\n"
        if not at_end or position > last:
            return _BROKEN
        end = min(position + 1, len(data))
        bare_return = b"\r" in data[start:end].removesuffix(b"\r\n")
        # where a NUL goes, what stood behind it moves to the front of its field, and a quote there would open one
        as_it_is = not bare_return and b"\0" not in data[start:end]
        return _checked(Scan(end, fields, as_it_is=as_it_is), expected)

    def _read_line(self, data: bytes, start: int, line_end: int, expected: int) -> Scan:
        """The record by rule 2, else the malformed line of rule 3."""
        fields: list[bytes] = []
        stop = line_end - 1 if line_end > start and data[line_end - 1 : line_end] == b"\r" else line_end
        end = min(line_end + 1, len(data))
        position = start
        while True:
            field = b""
            quoted = _QUOTED.match(data, position, stop)
            if quoted:
                if quoted.end() == stop:
                    return Scan(end, fields, problem="a quote opens and does not close")
                field = quoted.group(1).replace(b'""', b'"')
                position = quoted.end() + 1
            plain = self._plain.match(data, position, stop)
            if plain:
                field += plain.group()
                position = plain.end()
            fields.append(field)
            if position >= stop:
                return _checked(Scan(end, fields), expected)
            position += 1


def _checked(scan: Scan, expected: int) -> Scan:
    if expected and len(scan.fields) != expected:
        return Scan(scan.end, scan.fields, problem=f"{len(scan.fields)} fields instead of {expected}")
    return scan
