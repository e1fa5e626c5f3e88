"""The shape in which every platform's messages land, and the dlt resource that writes it.

One landed row is one sighting of one message: the common columns as the platform file parsed them, the raw
payload with private people keyed, and where it came from. A row that could not be parsed lands too, with
`parse_error` in words, so that the guard can quarantine it: nothing that was read is ever lost.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

ROWS_PER_TABLE = 2_000
_UTC = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        pa.field("row_number", pa.int64(), nullable=False),
        pa.field("observed_at", _UTC, nullable=False),
        pa.field("origin", pa.string()),
        pa.field("platform", pa.string()),
        pa.field("native_id", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("parent_native_id", pa.string()),
        pa.field("thread_native_id", pa.string()),
        pa.field("author_key", pa.string()),
        pa.field("author_name", pa.string()),
        pa.field("is_company", pa.bool_()),
        pa.field("account", pa.string()),
        pa.field("created_at", _UTC),
        pa.field("created_at_precision", pa.string()),
        pa.field("edited_at", _UTC),
        pa.field("text", pa.string()),
        pa.field("text_is_repaired", pa.bool_()),
        pa.field("declared_language", pa.string()),
        pa.field("url", pa.string()),
        pa.field("is_deleted", pa.bool_()),
        pa.field("rating", pa.float64()),
        pa.field("metrics", pa.string()),
        pa.field("unavailable_metrics", pa.string()),
        pa.field("payload", pa.string()),
        pa.field("parse_error", pa.string()),
    ]
)
# Columns that joined SCHEMA later: a batch that landed before lacks them, and there they are null.
LATER = ("unavailable_metrics",)

METRICS = frozenset(
    {
        "views",
        "impressions",
        "reach",
        "clicks",
        "reactions",
        "comments",
        "shares",
        "quotes",
        "saves",
        "followers",
        "engagements",
        "profile_views",
    }
    | {f"reactions_{kind}" for kind in ("like", "love", "wow", "haha", "sad", "angry", "care", "special")}
    | {f"reactions_{kind}" for kind in ("thankful", "pride", "celebrate", "support", "insightful")}
)
ACCOUNT = "account"  # the kind of a row that is no utterance: the metrics of one of the company's accounts


@dataclass(slots=True, kw_only=True)
class Message:
    """One sighting of one message, parsed from a platform's payload. Names as in DESIGN, section 3.

    :param platform: where it was said (`mastodon`, `twitter`, `kununu`, ...): the first part of `message_id`.
    :param native_id: the platform's own id, with private authors' handles keyed; unique on the platform.
    :param kind: post, comment, reply, mention or review; or `account`, see :func:`account_metrics`.
    :param thread_native_id: id of the thread's first message; its own id for a message that starts one.
    :param author_name: readable name, only for the company's own accounts.
    :param account: the company account, page, employer or brand under which the message stands.
    :param created_at: aware datetime in UTC, or None with precision `unknown`.
    :param created_at_precision: second, day, month or unknown; day and month stand at their first instant.
    :param text: plain text; None for a deleted message or a post that is only a picture.
    :param text_is_repaired: bytes of the text were broken and stand as U+FFFD now.
    :param metrics: canonical metric name -> value; what the platform does not offer is left out.
    :param unavailable_metrics: canonical metric name -> why it is missing where it was offered before or usually is
        ("retired on 2025-11-15", "not permitted: needs read_insights"). A reason that begins with `retired`, `not
        permitted` or `not offered` is about the metric as such, any other one about this message.
    :param payload: the raw item, private people already keyed; any JSON value.
    :param parse_error: why the item could not be parsed, in words; the guard quarantines such a row.
    """

    platform: str | None = None
    native_id: str | None = None
    kind: str | None = None
    parent_native_id: str | None = None
    thread_native_id: str | None = None
    author_key: str | None = None
    author_name: str | None = None
    is_company: bool = False
    account: str | None = None
    created_at: datetime | None = None
    created_at_precision: str = "unknown"
    edited_at: datetime | None = None
    text: str | None = None
    text_is_repaired: bool = False
    declared_language: str | None = None
    url: str | None = None
    is_deleted: bool = False
    rating: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    unavailable_metrics: dict[str, str] = field(default_factory=dict)
    payload: Any = None
    origin: str | None = None
    parse_error: str | None = None


_FIELDS = tuple(f.name for f in fields(Message))


def account_metrics(
    platform: str,
    native_id: str,
    name: str,
    metrics: dict[str, float],
    *,
    day: date | None = None,
    unavailable: dict[str, str] | None = None,
    payload: Any = None,
    origin: str | None = None,
) -> Message:
    """The row for the metrics of one of the company's accounts, as they stand now or for one day.

    :param native_id: the account's own id on the platform.
    :param name: the account as messages name it in `account`.
    :param day: the day (UTC, or the platform's own reporting day) for which the metrics count; None: as they stand now.
    :param unavailable: metric -> why it is missing.
    """
    return Message(
        platform=platform,
        native_id=f"account/{native_id}" + (f"/{day.isoformat()}" if day else ""),
        kind=ACCOUNT,
        account=name,
        author_name=name,
        is_company=True,
        created_at=datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None,
        created_at_precision="day" if day else "unknown",
        metrics=metrics,
        unavailable_metrics=unavailable or {},
        payload=payload if payload is not None else {"metrics": metrics},
        origin=origin,
    )


def tables(messages: Iterable[Message], observed_at: datetime | None = None) -> Iterator[pa.Table]:
    """Arrow tables of at most ROWS_PER_TABLE rows in SCHEMA; rows are numbered from 1 in reading order."""
    seen = observed_at or datetime.now(UTC)
    number = 1
    iterator = iter(messages)
    while chunk := list(islice(iterator, ROWS_PER_TABLE)):
        yield _table(number, seen, chunk)
        number += len(chunk)


def stream(name: str, read: Callable[[dict[str, Any]], Iterable[Message]]) -> Any:
    """A dlt resource that appends what `read` yields to `landing/<source>/<name>/<load id>/`.

    `read` gets the stream's own state: a JSON-like dict that dlt commits together with the rows, so that a
    crash can neither skip nor repeat what the cursor in it stands for.
    """

    import dlt  # takes seconds, and the shape alone is needed far more often

    def rows() -> Iterator[pa.Table]:
        yield from tables(read(dlt.current.resource_state()))

    return dlt.resource(rows, name=name, write_disposition="append", max_table_nesting=0)


def _table(first: int, observed_at: datetime, messages: Sequence[Message]) -> pa.Table:
    """Column by column, which is several times as fast as row by row."""
    columns: dict[str, list[Any]] = {name: [getattr(message, name) for message in messages] for name in _FIELDS}
    for name in ("metrics", "unavailable_metrics"):
        columns[name] = [_json(value) if value else None for value in columns[name]]
    columns["payload"] = [_json(message.payload) for message in messages]
    arrays = {name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}
    arrays["row_number"] = pa.array(range(first, first + len(messages)), pa.int64())
    arrays["observed_at"] = pa.repeat(pa.scalar(observed_at, _UTC), len(messages))
    return pa.table([arrays[name] for name in SCHEMA.names], schema=SCHEMA)


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # halves of broken characters, integers beyond 64 bits: slower, and kept all the same
        return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
