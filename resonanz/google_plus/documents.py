"""JSON out of files of any length: one document, a list of them, JSON Lines, or the items of an API feed.

Never more than LONGEST characters of it are in memory, so that a feed of a million posts is read like one post.
"""

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from resonanz.errors import Kind, SourceError

LONGEST = 8 * 2**20  # characters of one post with all its comments; the longest known have some hundred thousand
_CHUNK = 2**18
_SPACE = " \t\r\n\ufeff"
_decode = json.JSONDecoder().raw_decode


class _Broken(Exception):
    """Not JSON, or cut off; the message says where."""


def documents(file: BinaryIO, shown: str) -> Iterator[Any]:
    """The JSON values in `file`: objects of lists, lines and feeds (`items`) one by one.

    :param shown: the file's name for people.
    Raises SourceError of kind CONTRACT where the file is broken, after what stands before that.
    """
    try:
        yield from _Text(file).documents()
    except _Broken as error:
        raise SourceError(
            Kind.CONTRACT,
            f"{shown}: {error}. The file is cut off or was changed; take it out of the archive again. What could be "
            f"read of it is kept",
        ) from None
    except UnicodeDecodeError:
        raise not_utf8(shown) from None


def not_utf8(shown: str) -> SourceError:
    """The fault of a file that somebody saved again in another encoding."""
    return SourceError(
        Kind.CONTRACT,
        f"{shown}: it is not UTF-8, so it was saved again in another encoding. Take it out of the archive again, or "
        f"save it as UTF-8",
    )


class _Text:
    """A window that moves over the file."""

    def __init__(self, file: BinaryIO) -> None:
        start = file.read(4)
        rest = io.BufferedReader(_Joined(start, file), _CHUNK)
        self._file = io.TextIOWrapper(rest, encoding=json.detect_encoding(start) if start else "utf-8")
        self._buffer = ""
        self._at = 0  # where the next value begins in the buffer
        self._before = 0  # characters that have left the buffer
        self._is_end = False

    def documents(self) -> Iterator[Any]:
        if self._peek() == "":
            raise _Broken("it is empty")
        while (first := self._peek()) != "":
            if first == "[":
                yield from self._list()
            elif first == "{":
                yield from self._object()
            else:
                yield self._value()
            if self._peek() == ",":  # exports that only join documents
                self._at += 1

    def _object(self) -> Iterator[Any]:
        try:
            found = self._value()
        except _Broken:
            if not self._is_feed():
                raise
            yield from self._feed()
            return
        yield from items if (items := _items(found)) is not None else [found]

    def _is_feed(self) -> bool:
        """Whether the object, too long or broken, begins like a feed."""
        return '"items"' in self._buffer[self._at : self._at + _CHUNK]

    def _feed(self) -> Iterator[Any]:
        self._at += 1
        while (first := self._peek()) != "}":
            if first == ",":
                self._at += 1
                continue
            if first == "":
                raise self._broken("the end is missing")
            name = self._value()
            if self._peek() != ":":
                raise self._broken("a name without a value")
            self._at += 1
            if self._peek() == "[" and name == "items":
                yield from self._list()
            else:
                self._value()
        self._at += 1

    def _list(self) -> Iterator[Any]:
        self._at += 1
        while (first := self._peek()) != "]":
            if first == "":
                raise self._broken("the end is missing")
            if first == ",":
                self._at += 1
            elif first == "{":
                yield from self._object()
            else:
                yield self._value()
        self._at += 1

    def _value(self) -> Any:
        """The value that begins here. More is read until it ends, each time twice as much."""
        wanted = _CHUNK
        while True:
            try:
                value, end = _decode(self._buffer, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if self._is_end or len(self._buffer) - self._at > LONGEST or isinstance(error, RecursionError):
                    raise self._broken(_words(error, len(self._buffer) - self._at)) from None
            else:
                if end < len(self._buffer) or self._is_end:
                    self._at = end
                    return value
            self._read(wanted)
            wanted *= 2

    def _peek(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _SPACE:
                    return self._buffer[self._at]
                self._at += 1
            if self._is_end:
                return ""
            self._read(_CHUNK)

    def _read(self, characters: int) -> None:
        more = self._file.read(characters)
        self._is_end = not more
        self._before += self._at
        self._buffer, self._at = self._buffer[self._at :] + more, 0

    def _broken(self, words: str) -> _Broken:
        return _Broken(f"it is no JSON from character {self._before + self._at + 1:,} on: {words}")


class _Joined(io.RawIOBase):
    """A stream after its first bytes have been looked at."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._start or self._rest.read(len(buffer))
        self._start = found[len(buffer) :] if self._start else b""
        found = found[: len(buffer)]
        buffer[: len(found)] = found
        return len(found)


def _items(found: Any) -> list[Any] | None:
    """What a feed holds; None for an object that is none."""
    items = found.get("items")
    is_feed = isinstance(items, list) and ("kind" not in found or str(found["kind"]).endswith("Feed"))
    return items if is_feed else None


def _words(error: Exception, length: int) -> str:
    if length > LONGEST:
        return f"one value has more than {LONGEST:,} characters"
    return "it is nested too deep" if isinstance(error, RecursionError) else getattr(error, "msg", "not JSON")
