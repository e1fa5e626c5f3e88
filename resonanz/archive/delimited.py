"""CSV records that survive what exports do to them: cut-off files, unbalanced quotes, rows of the wrong width.

Python's csv module reads on over line ends after an opening quote, so that one missing quote swallows rows, up to
the rest of the file, without an error. Here every record is read strictly first; where that fails and the lines
it took look like records of their own, only the line with the quote is given up and reading goes on after it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

LONGEST_RECORD = 64 * 1024 * 1024  # characters; bounds the memory that a quote without an end can take


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its first line, its fields, and in words what is wrong with it, if anything."""

    line: int
    fields: list[str]
    fault: str | None = None


@dataclass(frozen=True)
class Dialect:
    """How fields stand in the file; names as in the options."""

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None

    def reader(self, lines: Iterator[str], *, strict: bool) -> Any:
        """A csv reader over `lines`."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            doublequote=self.escape is None,
            escapechar=self.escape,
            strict=strict,
        )


class _TooLongError(Exception):
    """A record exceeds LONGEST_RECORD."""


class _Lines:
    """Lines of a file that can be given back; knows those taken since `begin`."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._returned: list[str] = []
        self._read_before = 0
        self.taken: list[str] = []
        self._size = 0
        self.at_end = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.pop() if self._returned else self._read()
        if not line:
            self.at_end = True
            raise StopIteration
        if "\0" in line:
            line = line.replace("\0", "�")
        self.taken.append(line)
        self._size += len(line)
        if self._size >= LONGEST_RECORD:
            raise _TooLongError
        return line

    def begin(self) -> int:
        """Start a record; the number of its first line."""
        self._read_before += _height(self.taken)
        self.taken, self._size = [], 0
        return self._read_before + 1

    def give_back(self, keep: int = 0) -> None:
        """Put back all taken lines but the first `keep`."""
        self._returned.extend(reversed(self.taken[keep:]))
        self.taken = self.taken[:keep]
        self._size, self.at_end = 0, False

    def _read(self) -> str:
        """The next line; what of it exceeds LONGEST_RECORD is passed over."""
        line = rest = self._file.readline(LONGEST_RECORD)
        while len(rest) == LONGEST_RECORD and not rest.endswith(("\n", "\r")):
            rest = self._file.readline(LONGEST_RECORD)
        return line


def rows(file: TextIO, dialect: Dialect, header: list[str] | None = None) -> Iterator[Row]:
    """The file's records; the first is the header row unless `header` names the columns.

    Blank lines are no records. `file` must have been opened with `newline=""`, so that line ends inside fields
    stay as they are.
    """
    csv.field_size_limit(LONGEST_RECORD)
    lines = _Lines(file)
    strict = dialect.reader(lines, strict=True)
    width = len(header) if header else 0
    while True:
        line = lines.begin()
        try:
            fields = next(strict)
        except StopIteration:
            return
        except (csv.Error, _TooLongError):
            row = _doubtful(lines, strict, dialect, line, width)
        else:
            row = Row(line, fields)
        if not row.fields:
            continue
        if not width:
            width = len(row.fields)
        elif row.fault is None and len(row.fields) != width:
            row = Row(line, row.fields, f"{len(row.fields)} fields where the header has {width}")
        yield row


def _doubtful(lines: _Lines, strict: Any, dialect: Dialect, line: int, width: int) -> Row:
    """The record at `line` that could not be read strictly; leaves `lines` where the next one begins."""
    is_cut_off = lines.at_end
    lines.give_back()
    fields = _next(dialect.reader(lines, strict=False))
    if fields is None or _has_swallowed(lines, strict, dialect, width):
        lines.give_back(keep=1)
        first = lines.taken[0]
        fields = _next(dialect.reader(iter([first]), strict=False)) or [first]
        return Row(line, fields, "a quote opens in this line and is not closed as CSV demands")
    if is_cut_off:
        return Row(line, fields, "the file ends inside a quoted field; it may be cut off")
    return Row(line, fields)


def _has_swallowed(lines: _Lines, strict: Any, dialect: Dialect, width: int) -> bool:
    """Whether the record just taken holds a line that is, or begins, a whole record by itself."""
    taken = list(lines.taken)
    if width < 2 or len(taken) < 2:
        return False
    if any(len(fields) == width for fields in dialect.reader(iter(taken[1:]), strict=False)):
        return True
    lines.give_back(keep=1)
    follows = _next(strict)
    lines.give_back(keep=1)
    for _ in taken[1:]:
        next(lines)
    return follows is not None and len(follows) == width


def _next(reader: Any) -> list[str] | None:
    """The next record, None where there is none that can be read."""
    try:
        return next(reader)  # type: ignore[no-any-return]
    except (StopIteration, csv.Error, _TooLongError):
        return None


def _height(taken: list[str]) -> int:
    """Lines as editors count them: a lone carriage return inside a field ends none."""
    return max(sum(line.endswith("\n") for line in taken), 1) if taken else 0
