"""The files of a Google+ source: posts in Takeout folders and archives, and files named one by one."""

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from resonanz.archive.records import missing
from resonanz.errors import Kind, SourceError
from resonanz.google_plus.known import cut_name

_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".html", ".htm"})
_PAGES = frozenset({".html", ".htm"})
# Takeout writes every post as "20180808 - Start of its text.json", in whatever language its folders are named.
_DATED = re.compile(r"\d{8} - .*", re.DOTALL)
_POSTS = frozenset(
    {"posts", "post", "beiträge", "publications", "publicaciones", "berichten", "posty", "inlägg", "postagens"}
)
# What opening and reading files and members of archives may raise: encrypted ones, unknown methods, cut-off data.
UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
_LOOKED_AT = 4_096
_STREAM = re.compile(r"google\+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, or one member of an archive.

    :param path: the file, or the archive that it is in.
    :param member: its name in the archive; None for a file of its own.
    :param stamp: changes whenever the file does: size and time, or size and CRC in an archive.
    """

    path: Path
    member: str | None
    stamp: str
    is_post: bool  # lies where Takeout keeps posts

    @property
    def name(self) -> str:
        return PurePosixPath(self.member).name if self.member else self.path.name

    @property
    def is_page(self) -> bool:
        return PurePosixPath(self.name).suffix.lower() in _PAGES

    @property
    def place(self) -> str:
        """Where it lies, without its ending: the same for both forms of a post."""
        return _digest(f"{self.path}!{self.member or ''}".rstrip("!").rpartition(".")[0])

    @property
    def key(self) -> str:
        """Stands for the file in the state; its name may tell whom a post mentions."""
        return _digest(f"{self.path}!{self.member or ''}")

    @property
    def shown(self) -> str:
        """The file for people who have to look at it, cut before the first mention in its name."""
        name = cut_name(self.name)
        return f"{self.path}, {name} in it" if self.member else str(self.path.with_name(name))


class Archives:
    """Opens files and members of archives. The last archive stays open: its list of members is long."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._archive: zipfile.ZipFile | None = None

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """The bytes of `entry`."""
        if entry.member is None:
            with entry.path.open("rb") as file:
                yield file
            return
        if self._archive is None or self._path != entry.path:
            self.close()
            self._path, self._archive = entry.path, zipfile.ZipFile(entry.path)
        with self._archive.open(entry.member) as member:
            yield cast(BinaryIO, member)

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
        self._path = self._archive = None


def entries(patterns: list[str], base: Path, archives: Archives, problems: list[SourceError]) -> list[Entry]:
    """Every file that `patterns` name, once, in the order of reading.

    Takeout's JSON comes first, since it says most, then API v1 and other JSON, later names first so that the newest of
    several snapshots named by date counts, comments after posts; then pages. What cannot be read goes into `problems`.
    """
    found: dict[tuple[str, str | None], Entry] = {}
    for pattern in patterns:
        path = base / pattern
        matches = [path] if path.exists() else [Path(m) for m in sorted(glob(str(path), recursive=True))]  # noqa: PTH207
        if not matches:
            problems.append(missing(path))
        for match in matches:
            try:
                for entry in _entries(Path(os.path.normpath(match.absolute())), archives):
                    found.setdefault((str(entry.path), entry.member), entry)
            except UNREADABLE as error:
                problems.append(fault(str(match), error))
    pages = sorted((e for e in found.values() if e.is_page), key=_order)
    posts = sorted((e for e in found.values() if e.is_post and not e.is_page), key=_order)
    others = sorted((e for e in found.values() if not e.is_post and not e.is_page), key=_order, reverse=True)
    others.sort(key=lambda entry: "comment" in entry.name.casefold())
    return [*posts, *others, *pages]


def fault(shown: str, error: Exception) -> SourceError:
    """A fault of the file system or of an archive in words."""
    if isinstance(error, PermissionError):
        return SourceError(Kind.PERMISSION, f"{shown}: no right to read it; allow it with chmod a+r")
    if isinstance(error, zipfile.BadZipFile | EOFError | RuntimeError | zlib.error):
        said = "no zip archive that can be read (broken, encrypted or another kind)"
        return SourceError(Kind.CONTRACT, f"{shown}: {said}; download it again, or unpack it and name the folder")
    if isinstance(error, FileNotFoundError):
        return SourceError(Kind.GONE, f"{shown}: no such file (any more)")
    said = getattr(error, "strerror", None) or type(error).__name__
    return SourceError(Kind.TRANSIENT, f"{shown}: reading failed: {said}")


def _entries(path: Path, archives: Archives) -> Iterator[Entry]:
    if path.is_dir():
        yield from _chosen([_file(file) for file in _walk(path)], archives)
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if PurePosixPath(info.filename).suffix.lower() in _SUFFIXES]
        yield from _chosen([_member(path, info) for info in members], archives)
    elif path.suffix.lower() in (".tgz", ".gz", ".tar"):
        raise zipfile.BadZipFile
    else:
        yield _file(path)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in names if PurePosixPath(name).suffix.lower() in _SUFFIXES)


def _file(path: Path) -> Entry:
    status = path.stat()
    return Entry(path, None, _digest(f"{status.st_size} {status.st_mtime_ns}"), _is_post(PurePosixPath(path)))


def _member(path: Path, info: zipfile.ZipInfo) -> Entry:
    return Entry(path, info.filename, _digest(f"{info.file_size} {info.CRC}"), _is_post(PurePosixPath(info.filename)))


def _chosen(found: list[Entry], archives: Archives) -> list[Entry]:
    """The posts of a Takeout, which has much else, and resources of API v1; of a folder without any, all files."""
    return [entry for entry in found if entry.is_post or _is_resource(entry, archives)] or found


def _is_resource(entry: Entry, archives: Archives) -> bool:
    """Whether a file begins like an answer of API v1; one that cannot be opened may be, and reading it says why."""
    if entry.is_page:
        return False
    try:
        with archives.open(entry) as file:
            return b'"plus#' in file.read(_LOOKED_AT)
    except UNREADABLE:
        return True


def _is_post(path: PurePosixPath) -> bool:
    in_stream = any(_STREAM.match(folder) for folder in path.parts[:-1])
    is_dated = _DATED.fullmatch(path.name) is not None
    return is_dated or (in_stream and path.parent.name.casefold() in _POSTS)


def _order(entry: Entry) -> tuple[str, str]:
    return str(entry.path), entry.member or ""


def _digest(words: str) -> str:
    return hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
