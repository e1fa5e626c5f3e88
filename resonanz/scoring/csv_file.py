"""A CSV file of one's own, scored as the warehouse scores: every row comes out, in order, its own columns untouched.

Bytes that are not of the file's encoding pass through as they are. Only so many rows are in memory at a time.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from resonanz.archive.delimited import Dialect, Row, rows
from resonanz.errors import ConfigError
from resonanz.scoring.progress import Progress
from resonanz.scoring.rate import Rating, rate
from resonanz.sentiment import SentimentModel

ADDED = ("sentiment", "p_negative", "p_neutral", "p_positive", "confidence", "is_abstained", "language")
PROVENANCE = ("abstain_reason", "model_id", "model_revision")
WIDE_ROW = "row has more fields than the header"  # an abstention that only such a file can have
_DELIMITERS = (",", ";", "\t", "|")
_ROWS = 2_000  # at a time ...
_CHARACTERS = 4_000_000  # ... or fewer, where they are long
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass
class Scored:
    """What was written.

    :param reasons: why the model abstained -> rows.
    :param faults: rows that do not fit the file's header.
    :param first_fault: the first of them, in words.
    :param undecodable: rows with bytes that are not of the file's encoding.
    """

    output: Path
    model: str
    rows: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    first_fault: str = ""
    undecodable: int = 0

    def __str__(self) -> str:
        lines = [f"{self.output}: {self.rows:,} rows scored by {self.model}"]
        if self.languages:
            lines.append("languages: " + ", ".join(f"{code} {count:,}" for code, count in self.languages.most_common()))
        if self.reasons:
            lines.append("abstained: " + ", ".join(f"{why} {count:,}" for why, count in self.reasons.most_common()))
        if self.faults:
            lines.append(f"{self.faults:,} rows do not fit the header, the first in {self.first_fault}")
        if self.undecodable:
            lines.append(f"{self.undecodable:,} rows hold bytes of another encoding: name it with --encoding")
        return "\n".join(lines)


def score_csv(
    model: SentimentModel,
    source: Path,
    column: str,
    target: Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    provenance: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Scored:
    """Score the texts in `column` of `source` and write all to `target`, which takes its place when it is complete.

    :param delimiter: one character; found out by the header where it is not given.
    :param encoding: UTF-8, or what the file's byte order mark says, where it is not given.
    :param provenance: add the reason of an abstention, model and revision, too.
    :param say: called with progress in words.
    Raises ConfigError that names the file, the column and the cure.
    """
    if source.resolve() == target.resolve():
        raise ConfigError(f"{source}: input and output are the same file; name another --output")
    added = ADDED + (PROVENANCE if provenance else ())
    chosen = encoding or _encoding(source)
    with _opened(source, chosen) as file, _replacing(target, chosen) as out:
        dialect, header = _header(file, source, column, delimiter)
        _no_clash(source, header, column, added)
        result = Scored(target, f"{model.model_id}@{model.revision}")
        body = _body(file, source, dialect)
        next(body)  # the header
        writer = csv.writer(_LineEnds(out, file.newlines), delimiter=dialect.delimiter)
        writer.writerow([*header, *added])
        place, progress = header.index(column), Progress(None)
        for chunk in _chunks(body):
            ratings = _rate(model, [_text(row, place, len(header)) for row in chunk])
            for row, rating in zip(chunk, ratings, strict=True):
                own = [*row.fields[: len(header)], *[""] * (len(header) - len(row.fields))]
                values = _values(rating, model)
                writer.writerow([*own, *(values[name] for name in added), *row.fields[len(header) :]])
                _count(result, row, rating)
            say(progress.add(len(chunk)))
    return result


def _rate(model: SentimentModel, texts: list[str | None]) -> list[Rating]:
    """None stands for a row whose text nobody can tell."""
    known = iter(rate(model, [text for text in texts if text is not None]))
    lost = Rating(None, 0.0, None, None, None, None, None, is_abstained=True, abstain_reason=WIDE_ROW)
    return [lost if text is None else next(known) for text in texts]


def _text(row: Row, place: int, width: int) -> str | None:
    if len(row.fields) > width:  # a separator without quotes around it: any column may be shifted
        return None
    return row.fields[place] if place < len(row.fields) else ""


def _values(rating: Rating, model: SentimentModel) -> dict[str, Any]:
    figures = ("p_negative", "p_neutral", "p_positive", "confidence")
    return {
        **{name: _figure(getattr(rating, name)) for name in figures},
        "sentiment": rating.sentiment or "",
        "is_abstained": "true" if rating.is_abstained else "false",
        "language": rating.language or "",
        "abstain_reason": rating.abstain_reason or "",
        "model_id": model.model_id,
        "model_revision": model.revision,
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _count(result: Scored, row: Row, rating: Rating) -> None:
    result.rows += 1
    result.languages[rating.language or "unknown"] += 1
    if rating.abstain_reason:
        result.reasons[rating.abstain_reason] += 1
    if row.fault:
        result.faults += 1
        result.first_fault = result.first_fault or f"line {row.line}: {row.fault}"
    try:
        "".join(row.fields).encode()
    except UnicodeEncodeError:
        result.undecodable += 1


def _chunks(source: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in source:
        chunk.append(row)
        size += sum(map(len, row.fields))
        if len(chunk) == _ROWS or size >= _CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _header(file: TextIO, source: Path, column: str, delimiter: str | None) -> tuple[Dialect, list[str]]:
    """The dialect under which the header has the column; the widest of them."""
    found = []
    for sign in [delimiter] if delimiter else _DELIMITERS:
        file.seek(0)
        dialect = Dialect(sign)
        first = next(_body(file, source, dialect), None)
        if first is None:
            raise ConfigError(f"{source} is empty; it needs a header row with the column {column!r}")
        found.append((column in first.fields, len(first.fields), dialect, first.fields))
    is_there, _, dialect, header = max(found, key=lambda entry: entry[:2])
    if not is_there:
        columns = ", ".join(map(repr, header[:30])) + (", ..." if len(header) > 30 else "")
        raise ConfigError(
            f"{source} has no column {column!r}. Its columns are {columns}. Name the one with the texts: --text-column"
        )
    file.seek(0)
    return dialect, header


def _no_clash(source: Path, header: list[str], column: str, added: tuple[str, ...]) -> None:
    if header.count(column) > 1:
        raise ConfigError(f"{source}: {header.count(column)} columns are called {column!r}; rename all but one of them")
    if clashing := [name for name in added if name in header]:
        raise ConfigError(
            f"{source} has columns with names of those that are added: {', '.join(clashing)}. Rename them in the file "
            "(was it scored before?)"
        )


def _body(file: TextIO, source: Path, dialect: Dialect) -> Iterator[Row]:
    try:
        yield from rows(file, dialect)
    except UnicodeError as error:
        raise ConfigError(f"{source} cannot be read as {file.encoding} ({error}); name its --encoding") from None


def _encoding(source: Path) -> str:
    try:
        with source.open("rb") as file:
            start = file.read(3)
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from None
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")


@contextmanager
def _opened(source: Path, encoding: str) -> Iterator[TextIO]:
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    try:
        file = source.open(encoding=encoding, errors=errors, newline="")
    except (OSError, LookupError) as error:
        raise ConfigError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with file:
        yield file


class _LineEnds:
    """What csv writes, a row at a time, with the line ends that the input has.

    csv itself is let write `\\r\\n`: only so it puts quotes around fields with either of the two in them.
    """

    def __init__(self, out: TextIO, found: str | tuple[str, ...] | None) -> None:
        self._out = out
        self._end = "\r\n" if found == "\r\n" else "\n"

    def write(self, row: str) -> int:
        return self._out.write(row.removesuffix("\r\n") + self._end)


@contextmanager
def _replacing(target: Path, encoding: str) -> Iterator[TextIO]:
    part = target.with_name(f".{target.name}.part")
    try:
        out = part.open("w", encoding=encoding, errors="surrogateescape", newline="")
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}. Does its folder exist?") from None
    try:
        with out:
            yield out
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
