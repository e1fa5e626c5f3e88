"""The records of one export file, read as a stream: cells by name, or what is wrong with a record in words."""

import codecs
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from resonanz.archive.delimited import LONGEST_RECORD, Dialect, rows
from resonanz.archive.options import FORMATS, Options
from resonanz.archive.strict import nearest
from resonanz.errors import Kind, SourceError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BROKEN = re.compile("[\0\ud800-\udfff]")
_ROWS_PER_READ = 500  # a Parquet row may hold megabytes
_LOOKED_AT = 1_000  # lines of a JSONL file that are searched for the text's field before it is read


@dataclass(frozen=True, slots=True)
class Record:
    """One data row of a file.

    :param place: line number in CSV and JSONL, row number in Parquet, from 1.
    :param cells: cell by column; None where the record could not be read.
    :param fields: the fields of a CSV record that could not be read, as far as they could be told apart.
    :param header: the file's column names, where the fields of a CSV record could not be read.
    :param line: the line of a JSONL record that could not be read.
    :param fault: why not, in words.
    """

    place: int
    cells: Mapping[str, Any] | None = None
    fields: list[str] | None = None
    header: list[str] | None = None
    line: str | None = None
    fault: str | None = None


def records(path: Path, options: Options) -> Iterator[Record]:
    """All data rows of `path`, bad ones included.

    Raises SourceError where the file as a whole is not what the options say, OSError where it cannot be read.
    """
    if path.stat().st_size == 0:
        raise SourceError(Kind.CONTRACT, f"{path}: the file is empty (0 bytes); export it again")
    yield from _READERS[options.format or FORMATS[path.suffix.lower()]](path, options)


def missing(path: str | PurePath) -> SourceError:
    """The fault that there is no such file."""
    return SourceError(Kind.GONE, f"{path}: there is no such file; put it there or correct `files` in sources.toml")


def _delimited(path: Path, options: Options) -> Iterator[Record]:
    delimiter = options.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    with path.open("rb") as binary:
        dialect = Dialect(delimiter, options.quote, options.escape)
        read = rows(_text(binary, path, options, newline=""), dialect, options.header)
        header = options.header or getattr(next(read, None), "fields", None)
        if header is None:
            raise SourceError(Kind.CONTRACT, f"{path}: there is no header row, only blank lines; export it again")
        names = _distinct(header)
        _check_columns(path, header, options)
        for row in read:
            if row.fault is None:
                yield Record(row.line, dict(zip(names, row.fields, strict=True)))
            else:
                yield Record(row.line, fields=row.fields, header=header, fault=row.fault)


def _json_lines(path: Path, options: Options) -> Iterator[Record]:
    _check_json_lines(path, options)
    with path.open("rb") as binary:
        for number, line in enumerate(_lines(_text(binary, path, options, newline="\n")), start=1):
            if line.isspace():
                continue
            record = _json_record(line)
            yield Record(number, record) if isinstance(record, dict) else Record(number, line=line, fault=record)


def _json_record(line: str) -> dict[str, Any] | str:
    """The line's object, or in words why there is none."""
    try:
        value = json.loads(line.replace("\0", "�"))
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at character {error.pos + 1} of {len(line.rstrip())}; the line may be cut off"
    except (ValueError, RecursionError) as error:
        return f"no JSON that can be read: {error}"
    if not isinstance(value, dict):
        return f"a JSON object was expected, this is a {type(value).__name__}"
    return mended(value) if "\\u" in line else value


def _parquet(path: Path, options: Options) -> Iterator[Record]:
    try:
        file = pq.ParquetFile(path)
        _check_columns(path, file.schema_arrow.names, options, paths=_paths(file.schema_arrow))
        place = 0
        for batch in file.iter_batches(batch_size=_ROWS_PER_READ):
            for row in _rows(batch):
                place += 1
                if isinstance(row, str):
                    yield Record(place, fields=[], header=file.schema_arrow.names, fault=row)
                else:
                    yield Record(place, mended(row, options.encoding))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the file
        raise SourceError(Kind.CONTRACT, f"{path}: not a Parquet file that can be read: {error}") from None


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    """The batch's rows; in words why, for one with a value that Python cannot hold (a date after the year 9999)."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):
        for position in range(batch.num_rows):
            try:
                yield from batch.slice(position, 1).to_pylist()
            except (ValueError, OverflowError) as error:
                yield f"a value that cannot be read: {error}"


_READERS = {"csv": _delimited, "jsonl": _json_lines, "parquet": _parquet}


def mended(value: Any, encoding: str = "utf-8") -> Any:
    """`value` with what no text can hold (NUL, half a surrogate pair, undecodable bytes) as U+FFFD."""
    if isinstance(value, str):
        return _BROKEN.sub("�", value)
    if isinstance(value, bytes):
        return _BROKEN.sub("�", value.decode(encoding, errors="replace"))
    if isinstance(value, dict):
        return {mended(key): mended(item, encoding) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mended(item, encoding) for item in value]
    return value


def _text(binary: BinaryIO, path: Path, options: Options, newline: str) -> TextIO:
    """The file decoded; a byte order mark wins over the options, undecodable bytes become U+FFFD."""
    start = binary.read(4096)
    binary.seek(0)
    encoding = next((name for mark, name in _MARKS if start.startswith(mark)), options.encoding)
    if encoding == options.encoding and "16" not in encoding and _is_two_bytes_wide(start):
        raise SourceError(
            Kind.CONTRACT,
            f'{path}: every other byte is NUL: not {encoding} but UTF-16; write encoding = "utf-16-le" (or -be)',
        )
    return io.TextIOWrapper(binary, encoding=encoding, errors="replace", newline=newline)


def _is_two_bytes_wide(start: bytes) -> bool:
    even, odd = start[0::2].count(0), start[1::2].count(0)
    return len(start) > 8 and max(even, odd) > len(start) // 5 and min(even, odd) <= len(start) // 50


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(LONGEST_RECORD):
        yield line


def _check_json_lines(path: Path, options: Options) -> None:
    """Raise where the file is no JSONL, or where no line has the text's field."""
    wanted, seen = options.mapping.text.reads, Counter[str]()
    with path.open("rb") as binary:
        for number, line in enumerate(_lines(_text(binary, path, options, newline="\n"))):
            if number == 0 and line.lstrip().startswith("["):
                cure = f"turn it into one object per line: jq -c '.[]' {path.name}"
                raise SourceError(Kind.CONTRACT, f"{path}: one JSON array, not JSONL; {cure}")
            if number == _LOOKED_AT:
                break
            record = _json_record(line)
            if isinstance(record, dict):
                seen.update(_keys(record))
    if seen and wanted and not any(name in seen for name in wanted):
        raise _absent(path, dict.fromkeys(wanted, "mapping.text"), list(seen))


def _keys(record: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in record.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")


def _paths(schema: pa.Schema) -> set[str]:
    def below(name: str, kind: pa.DataType) -> Iterator[str]:
        yield name
        if pa.types.is_struct(kind):
            for field in kind:
                yield from below(f"{name}.{field.name}", field.type)

    return {path for field in schema for path in below(field.name, field.type)}


def _check_columns(path: Path, header: list[str], options: Options, paths: set[str] | None = None) -> None:
    wanted = options.reads()
    twice = sorted(name for name, n in Counter(header).items() if n > 1 and name in wanted)
    if twice:
        raise SourceError(
            Kind.CONTRACT,
            f"{path}: {header.count(twice[0])} columns are called {twice[0]!r}, which {wanted[twice[0]]} reads; "
            f"rename one of them",
        )
    known = paths or set(header)
    absent = {name: place for name, place in wanted.items() if name not in known}
    if absent:
        raise _absent(path, absent, header, options)


def _absent(path: Path, absent: Mapping[str, str], header: list[str], options: Options | None = None) -> SourceError:
    header = [name if len(name) <= 60 else f"{name[:60]}..." for name in header[:40]]
    said = [f"no column {name!r} ({place}); {nearest(name, header)}" for name, place in absent.items()]
    hint = ""
    if len(header) == 1 and options is not None and len(options.reads()) > 1:
        other = max(";\t|,", key=header[0].count)
        hint = f'. The file has one column only; if {other!r} stands between its fields, write delimiter = "{other}"'
    elif options is not None and (guess := next((n for n, place in absent.items() if _may_be_constant(place)), None)):
        hint = f'. A fixed value is written {{ constant = "{guess}" }}'
    columns = ", ".join(map(repr, header))
    return SourceError(
        Kind.CONTRACT,
        f"{path}: {'; '.join(said)}. Its columns are: {columns}. Correct the mapping in sources.toml, "
        f"or the file{hint}",
    )


def _may_be_constant(place: str) -> bool:
    return place in {"mapping.platform", "mapping.kind", "mapping.account", "mapping.language"}


def _distinct(header: list[str]) -> list[str]:
    """Column names, none twice and none empty."""
    names: list[str] = []
    for position, name in enumerate(header, start=1):
        base = name or f"column {position}"
        unique, n = base, 1
        while unique in names:
            n += 1
            unique = f"{base} ({n})"
        names.append(unique)
    return names
