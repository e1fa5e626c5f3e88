"""One record of an export as a message, by the source's mapping; what does not fit is said in words."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from resonanz.archive.options import KINDS, Options
from resonanz.archive.people import Author, People
from resonanz.archive.records import Record
from resonanz.archive.timestamps import parse
from resonanz.archive.values import Cells, Timestamp, Value, number, truth, written
from resonanz.landing import Message
from resonanz.privacy import Privacy

# What a spreadsheet leaves of a long id: the last digits are gone, and different messages share one id.
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")


class Reader:
    """Turns records into messages. Every record becomes exactly one, with `parse_error` where it does not fit."""

    def __init__(self, options: Options, privacy: Privacy) -> None:
        self._options = options
        self._privacy = privacy
        self._people = People(options, privacy)

    def message(self, record: Record, origin: str) -> Message:
        """The message in `record`; `origin` tells where it stood (`posts.csv:17`)."""
        if record.cells is None:
            return Message(
                payload=self._people.unreadable(record.fields, record.line, record.header),
                origin=origin,
                parse_error=record.fault,
            )
        return _Row(self._options, self._privacy, self._people, record.cells).message(origin)


class _Row:
    """One readable record on its way to a message; collects its faults."""

    def __init__(self, options: Options, privacy: Privacy, people: People, cells: Cells) -> None:
        self._options, self._mapping = options, options.mapping
        self._privacy, self._people = privacy, people
        self._cells = cells
        self._faults: list[str] = []
        self._platform = self._text("platform") or "archive"

    def message(self, origin: str) -> Message:
        account = self._text("account")
        is_company = bool(self._typed("is_company", truth))
        author = self._fallible("author", lambda: self._author(account, is_company)) or Author()
        text = self._text("text")
        created_at, precision = self._time("created_at")
        edited_at, _ = self._time("edited_at")
        message = Message(
            platform=self._platform,
            kind=self._kind(),
            parent_native_id=self._word("parent_id", author),
            author_key=author.key,
            author_name=author.name,
            is_company=author.is_company,
            account=account,
            created_at=created_at,
            created_at_precision=precision,
            edited_at=edited_at,
            text=None if text is None else self._privacy.text(self._platform, text),
            text_is_repaired=text is not None and "\N{REPLACEMENT CHARACTER}" in text,
            declared_language=self._text("language"),
            url=self._word("url", author),
            is_deleted=bool(self._typed("is_deleted", truth)),
            rating=self._typed("rating", self._number),
            metrics=self._metrics(),
            payload=self._people.row(self._platform, self._cells, author),
            origin=origin,
        )
        message.native_id = self._word("id", author)
        thread = self._word("thread_id", author)
        if self._mapping.id is None:
            message.native_id = content_id(message, thread)
        elif message.native_id is None and not any(fault.startswith("id:") for fault in self._faults):
            self._faults.append(f"id: {self._named(self._mapping.id)} is empty")
        message.thread_native_id = thread or message.parent_native_id or message.native_id
        if self._faults:
            message.parse_error = self._people.word(self._platform, "; ".join(self._faults), author.identities)
        return message

    def _author(self, account: str | None, is_company: bool) -> Author:
        return self._people.author(self._platform, self._cells, is_company=is_company, account=account)

    def _kind(self) -> str | None:
        kind = self._text("kind")
        if kind is not None and kind not in KINDS:
            self._faults.append(f"kind: {kind[:40]!r} is none of {', '.join(KINDS)}")
            return None
        return kind

    def _word(self, target: str, author: Author) -> str | None:
        value = self._text(target)
        if value is None:
            return None
        if target != "url" and _ROUNDED.fullmatch(value):
            self._faults.append(f"{target}: {value!r} was rounded by a spreadsheet; export the ids as text")
            return None
        return self._people.word(self._platform, value, author.identities)

    def _time(self, target: str) -> tuple[datetime | None, str]:
        value: Timestamp | None = getattr(self._mapping, target)
        if value is None:
            return None, "unknown"
        zone = ZoneInfo(value.time_zone) if value.time_zone else self._options.zone
        formats = value.formats or self._options.timestamp_formats

        def read() -> tuple[datetime | None, str]:
            found = value.of(self._cells)
            return (None, "unknown") if found is None else parse(found, formats, zone)

        return self._fallible(target, read) or (None, "unknown")

    def _metrics(self) -> dict[str, float]:
        found = {}
        for name, value in self._options.metrics.items():
            count = self._fallible(name, lambda value=value: self._count(value))  # type: ignore[misc]
            if count is not None:
                found[name] = count
        return found

    def _count(self, value: Value) -> float | None:
        found = value.of(self._cells)
        if found is None:
            return None
        count = self._number(found)
        if count < 0:
            raise ValueError(f"{written(found)!r} is no count")
        return count

    def _number(self, cell: Any) -> float:
        return number(cell, self._options.decimal_mark)

    def _text(self, target: str) -> str | None:
        value: Value | None = getattr(self._mapping, target)
        return None if value is None else self._fallible(target, lambda: value.text_of(self._cells))

    def _typed(self, target: str, read: Callable[[Any], Any]) -> Any:
        value: Value | None = getattr(self._mapping, target)
        if value is None:
            return None

        def typed() -> Any:
            found = value.of(self._cells)
            return None if found is None else read(found)

        return self._fallible(target, typed)

    def _fallible(self, target: str, read: Callable[[], Any]) -> Any:
        """What `read` gives; None, and a fault that names the target and its columns, where it cannot."""
        try:
            return read()
        except ValueError as error:
            value: Value | None = getattr(self._mapping, target, None) or self._options.metrics.get(target)
            place = f" ({self._named(value)})" if value and value.reads else ""
            self._faults.append(f"{target}{place}: {error}")
            return None

    @staticmethod
    def _named(value: Value) -> str:
        return "column " + ", ".join(map(repr, value.reads))


def content_id(message: Message, thread: str | None) -> str:
    """A stable id for a message whose export has none: 32 hex characters of what it says, where and when.

    Author names go in as keys, so that nobody can try names against the id. Metrics and deletion stay out: they
    change while the message remains the same.
    """
    content = [
        message.platform,
        message.kind,
        message.account,
        message.author_key,
        message.created_at.isoformat() if message.created_at else None,
        message.text,
        message.url,
        message.parent_native_id,
        thread,
        message.rating,
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32]
