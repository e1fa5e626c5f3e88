"""Archives: exports in CSV, JSONL or Parquet, read by the column mapping in sources.toml (docs/archive.md).

One stream per file, so that the ledger counts per file. An unchanged file (by its SHA-256) is not read again
unless its mapping has changed; a changed one is read wholly, and its unchanged rows become duplicates in load.
A backfill reads every file anew and takes the rows whose `created_at` lies in its range.
"""

import hashlib
import logging
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from glob import glob
from itertools import islice
from pathlib import Path
from typing import Any

from resonanz.archive.messages import Reader
from resonanz.archive.options import Options
from resonanz.archive.records import missing, records
from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.landing import Message, stream
from resonanz.platforms import Check, Context

__all__ = ["Options", "check", "streams"]

log = logging.getLogger(__name__)
_READ_AS = 1  # raise it when files must be read again because reading itself has changed
_LONGEST_NAME = 60
_TRIED = 200  # rows of a file that `check` looks at
_REPAIRED = (
    "%s: %d texts have broken bytes (now U+FFFD, flagged text_is_repaired); if most umlauts and accents are broken, "
    "the file is not %s: set `encoding`"
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def streams(options: Options, context: Context) -> Sequence[Any]:
    """One dlt resource per file that `files` names; a pattern that matches none goes into `context.problems`."""
    if context.window is not None and options.mapping.created_at is None:
        raise ConfigError(
            f"sources.{context.source}: a backfill picks rows by created_at, which `mapping` does not name; "
            "name its column, or have the files read anew by a changed mapping"
        )
    found, absent = _files(options, context)
    context.problems += [missing(path) for path in absent]
    return [_stream(name, path, options, context) for path, name in stream_names(found).items()]


def check(options: Options, context: Context) -> Iterator[Check]:
    """Whether the files are there and can be read, and whether the mapping fits them."""
    found, absent = _files(options, context)
    for path in absent:
        yield Check(path.name, "no file", missing(path).message)
    reader = Reader(options, context.privacy)
    for path in found:
        try:
            rows = [reader.message(record, path.name) for record in islice(records(path, options), _TRIED)]
        except SourceError as error:
            yield Check(path.name, "cannot be read as the mapping says", error.message)
            continue
        except OSError as error:
            yield Check(path.name, "cannot be read", _fault(path, error).message)
            continue
        faults = [row.parse_error for row in rows if row.parse_error]
        words = f"{len(rows)} rows tried, {len(rows) - len(faults)} fit the mapping"
        wrong = f"no row fits, the first because of {faults[0]}; correct the mapping" if faults else None
        yield Check(path.name, words, wrong if len(faults) == len(rows) else None)


def _files(options: Options, context: Context) -> tuple[list[Path], list[Path]]:
    """The files that `files` names, and the names and patterns that match none."""
    found: dict[Path, None] = {}
    absent = []
    for pattern in options.files:
        path = context.base / pattern
        if path.exists():
            found[_plain(path)] = None
            continue
        matches = sorted(glob(str(path), recursive=True))  # noqa: PTH207  an absolute pattern stays absolute
        if not matches:
            absent.append(path)
        found.update({_plain(Path(match)): None for match in matches if not Path(match).is_dir()})
    return list(found), absent


def _plain(path: Path) -> Path:
    """The path without `..`, so that a file named twice is read once; links keep their own names."""
    return Path(os.path.normpath(path.absolute()))


def stream_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A stream name for each file: its stem in snake_case, with the folder before it where two files share one."""
    names = {path: _slug(path.stem) for path in paths}
    names = {
        path: _slug(f"{path.parent.name} {path.stem}") if is_shared else names[path]
        for path, is_shared in _shared(names)
    }
    return {
        path: _slug(f"{path.stem} {_digest(str(path))}") if is_shared else names[path]
        for path, is_shared in _shared(names)
    }


def _shared(names: dict[Path, str]) -> list[tuple[Path, bool]]:
    """Each path with whether another one has the same name."""
    uses = Counter(names.values())
    return [(path, uses[name] > 1) for path, name in names.items()]


def _stream(name: str, path: Path, options: Options, context: Context) -> Any:
    def read(state: dict[str, Any]) -> Iterator[Message]:
        return _new(path, options, context, state)

    return stream(name, read)


def _new(path: Path, options: Options, context: Context, state: dict[str, Any]) -> Iterator[Message]:
    """The file's messages, if it or its mapping is new; a fault of the whole file goes into `context.problems`."""
    window, outside = context.window, 0
    try:
        before = path.stat()
        mark = {"sha256": _sha256(path), "bytes": before.st_size, "mapping": _mapping_digest(options, context)}
        if window is None and state.get("file") == mark:
            log.info("%s: unchanged since it was last read", path)
            return
        reader, rows, repaired = Reader(options, context.privacy), 0, 0
        for record in records(path, options):
            message = reader.message(record, f"{path.name}:{record.place}")
            if window is not None and (message.created_at is None or message.created_at not in window):
                outside += 1
                continue
            rows += 1
            repaired += message.text_is_repaired
            yield message
        after = path.stat()
    except SourceError as error:
        context.problems.append(error)
    except OSError as error:
        context.problems.append(_fault(path, error))
    else:
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            said = f"{path}: it changed while it was read; the next run reads it again"
            context.problems.append(SourceError(Kind.TRANSIENT, said))
            return
        if window is None:
            state["file"] = mark
        empty = "; only a header" if not rows + outside else ""
        log.info("%s: %d rows%s", path, rows, f", {outside} outside the range or without a date" if outside else empty)
        if repaired:
            log.warning(_REPAIRED, path, repaired, options.encoding)


def _fault(path: Path, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return missing(path)
    if isinstance(error, PermissionError):
        return SourceError(Kind.PERMISSION, f"{path}: no right to read it; allow it with chmod a+r")
    if isinstance(error, IsADirectoryError):
        return SourceError(Kind.CONTRACT, f"{path} is a folder; name its files, for instance {path.name}/*.csv")
    return SourceError(Kind.TRANSIENT, f"{path}: reading failed: {error.strerror or error}")


def _slug(words: str) -> str:
    """`words` in snake_case that dlt's own naming leaves as it is."""
    plain = unicodedata.normalize("NFC", words).casefold().translate(_UMLAUTS)
    ascii_only = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")
    if not slug or not slug[0].isalpha():
        slug = f"file_{slug or _digest(words)}"
    return slug if len(slug) <= _LONGEST_NAME else f"{slug[: _LONGEST_NAME - 9].rstrip('_')}_{_digest(words)}"


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:8]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mapping_digest(options: Options, context: Context) -> str:
    """Changes with everything that decides how a row is read, but not with the list of files."""
    said = options.model_dump_json(exclude={"files", "company_accounts"})
    accounts = sorted(context.privacy.company_accounts)
    return hashlib.sha256(f"{_READ_AS}\n{said}\n{accounts}".encode()).hexdigest()
