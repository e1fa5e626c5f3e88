"""What may stand in sources.toml for a source with `platform = "archive"`."""

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from resonanz.archive.strict import Strict
from resonanz.archive.timestamps import check_format, check_zone
from resonanz.archive.values import Mapped, MappedTime, Value
from resonanz.landing import METRICS

KINDS = ("post", "comment", "reply", "mention", "review")
FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
# What a private person's name may never flow into; ids and addresses may, they are keyed.
_READABLE = ("text", "platform", "kind", "account", "language")


class Columns(Strict):
    """Which value of a record becomes what; `text` is the only one that must be there."""

    text: Mapped
    platform: Mapped = Value(constant="archive")
    id: Mapped | None = None
    kind: Mapped = Value(constant="post")
    parent_id: Mapped | None = None
    thread_id: Mapped | None = None
    author: Mapped | None = None
    is_company: Mapped | None = None
    account: Mapped | None = None
    created_at: MappedTime | None = None
    edited_at: MappedTime | None = None
    language: Mapped | None = None
    url: Mapped | None = None
    is_deleted: Mapped | None = None
    rating: Mapped | None = None

    @field_validator("kind")
    @classmethod
    def _kind(cls, value: Value) -> Value:
        for word in [value.constant, value.default, *value.cases.values(), *value.lookup.values()]:
            if word is not None and word not in KINDS:
                raise ValueError(f"{word!r} is no kind; there are {', '.join(KINDS)}")
        return value


class Options(Strict):
    """One archive source: its files, how they are written, and what their columns mean.

    :param files: paths and globs, relative to the folder of sources.toml.
    :param company_accounts: the company's own accounts here, besides those under [company].
    :param format: csv, jsonl or parquet; otherwise by the file's ending.
    :param encoding: of CSV and JSONL; a byte order mark in the file wins.
    :param delimiter: between CSV fields; a comma, in .tsv files a tab.
    :param quote: around CSV fields that hold delimiters or line ends; "" for files that never quote.
    :param escape: before a quote inside a quoted CSV field, where the export does not double it.
    :param header: column names, for CSV files that have no header row.
    :param decimal_mark: in numbers that are text.
    :param timestamp_formats: tried in order: iso, unix, unix_ms or strptime codes.
    :param time_zone: IANA name, for times that carry no offset.
    :param mapping: see :class:`Columns`.
    :param metrics: canonical metric name -> value.
    :param author_aliases: further columns that identify the author (display name, profile address, numeric id).
    :param other_people: columns that identify other people (whom a reply answers, who was quoted).
    :param private_columns: columns that are not kept at all (coordinates, e-mail, place of residence).
    :param private_url_parts: regular expressions with one group: what in an address or id names a person,
        besides the well-known sites in `resonanz.addresses`.
    """

    files: list[str] = Field(min_length=1)
    mapping: Columns
    metrics: dict[str, Mapped] = Field(default_factory=dict)
    company_accounts: list[str] = Field(default_factory=list)
    format: Literal["csv", "jsonl", "parquet"] | None = None
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: str = Field('"', max_length=1)
    escape: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    header: Annotated[list[str], Field(min_length=1)] | None = None
    decimal_mark: Literal[".", ","] = "."
    timestamp_formats: list[str] = Field(["iso"], min_length=1)
    time_zone: str = "UTC"
    author_aliases: list[str] = Field(default_factory=list)
    other_people: list[str] = Field(default_factory=list)
    private_columns: list[str] = Field(default_factory=list)
    private_url_parts: list[str] = Field(default_factory=list)

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        try:
            "".encode(value)
            codecs.getincrementaldecoder(value)
        except LookupError:
            raise ValueError(f"unknown encoding {value!r}; usual ones are utf-8, cp1252, utf-16, mac-roman") from None
        return value

    @field_validator("timestamp_formats")
    @classmethod
    def _formats(cls, value: list[str]) -> list[str]:
        return [check_format(form) for form in value]

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return check_zone(value)

    @field_validator("metrics", mode="before")
    @classmethod
    def _metrics(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and (unknown := sorted(set(value) - METRICS)):
            raise ValueError(f"unknown metric {unknown[0]!r}; there are {', '.join(sorted(METRICS))}")
        return value

    @field_validator("private_url_parts")
    @classmethod
    def _parts(cls, value: list[str]) -> list[str]:
        for pattern in value:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
            if groups != 1:
                raise ValueError(f"{pattern!r} needs exactly one group, around the part that names a person")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for pattern in self.files:
            if self.format is None and PurePath(pattern).suffix.lower() not in FORMATS:
                cure = 'if it is one of them say so with format = "csv", "jsonl" or "parquet", else export it as one'
                raise ValueError(f"files: {pattern!r} is neither .csv, .jsonl nor .parquet; {cure}")
        people = {*self.author_columns, *self.other_people}
        for name in _READABLE:
            value: Value | None = getattr(self.mapping, name)
            if clash := people.intersection(value.reads if value else ()):
                raise ValueError(
                    f"mapping.{name} reads {sorted(clash)[0]!r}, which names a person; only author, ids and url may"
                )
        for place, value in self.values():
            if clash := set(self.private_columns).intersection(value.reads):
                raise ValueError(f"{place} reads {sorted(clash)[0]!r}, which private_columns says not to keep")
        return self

    def values(self) -> Iterator[tuple[str, Value]]:
        """Every mapped value with its place in sources.toml (`mapping.text`, `metrics.shares`)."""
        for name in Columns.model_fields:
            if (value := getattr(self.mapping, name)) is not None:
                yield f"mapping.{name}", value
        for name, value in self.metrics.items():
            yield f"metrics.{name}", value

    def reads(self) -> dict[str, str]:
        """Every column that is read -> the place in sources.toml that first names it."""
        found: dict[str, str] = {}
        for place, value in self.values():
            for column in value.reads:
                found.setdefault(column, place)
        for place in ("author_aliases", "other_people", "private_columns"):
            for column in getattr(self, place):
                found.setdefault(column, place)
        return found

    @property
    def author_columns(self) -> frozenset[str]:
        """Columns that hold nothing but who wrote; one out of which a pattern takes the author holds more."""
        author = self.mapping.author
        return frozenset(self.author_aliases) | frozenset(author.reads if author and not author.pattern else ())

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times without an offset."""
        return ZoneInfo(self.time_zone)
