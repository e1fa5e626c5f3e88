"""A small real warehouse for the tests of dbt: raw rows as the stages before it would have loaded them."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

from resonanz.lake import Lake
from resonanz.landing import SCHEMA
from resonanz.platforms import PLATFORMS
from resonanz.transform import transform
from resonanz.warehouse_tables import create_tables

PHRASES = Path(__file__).parent.parent / "demo" / "phrases"
START = datetime(2026, 9, 1, 8, tzinfo=UTC)

# The schemas that are published, and the company's own account.
PUBLISHED = ("core", "marketing", "product_management", "customer_service")
COMPANY: dict[str, Any] = {"is_company": True, "author_key": "0" * 32, "author_name": "Weidenfels"}

Snapshot = dict[str, list[tuple[Any, ...]]]


def message(native_id: str, text: str | None, at: int = 0, **more: Any) -> dict[str, Any]:
    """One landed row on Mastodon; `at` is the minute after START at which it was written."""
    return (
        dict.fromkeys(SCHEMA.names)
        | {
            "platform": "mastodon",
            "native_id": native_id,
            "kind": "post",
            "author_key": hashlib.md5(native_id.encode()).hexdigest(),
            "is_company": False,
            "account": "weidenfels",
            "created_at": START + timedelta(minutes=at),
            "created_at_precision": "second",
            "text": text,
            "text_is_repaired": False,
            "declared_language": "de",
            "is_deleted": False,
            "source": "fediverse",
            "observed_at": START + timedelta(days=1),
        }
        | more
    )


@contextmanager
def opened(lake: Lake, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, in UTC. dbt keeps its own connection until the process ends, and it must be closed first."""
    DuckDBConnectionManager.close_all_connections()
    with duckdb.connect(str(lake.warehouse), read_only=read_only) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        yield warehouse


def create(lake: Lake, rows: list[dict[str, Any]]) -> None:
    """A warehouse with `rows` as its first load; the current model is `tiny`."""
    with opened(lake) as warehouse:
        create_tables(warehouse)
        warehouse.execute("insert into enrichment.current_model values ('tiny', 'v1', '2026-01-01 00:00:00+00')")
        load(warehouse, "1", rows)


def load(warehouse: duckdb.DuckDBPyConnection, load_id: str, rows: list[dict[str, Any]]) -> None:
    """Append rows to the connectors' raw tables as one load."""
    for connector in PLATFORMS:
        versions = [
            row
            | {
                "row_number": number,
                "stream": "posts",
                "load_id": load_id,
                "row_hash": hashlib.md5(repr((load_id, row)).encode()).hexdigest(),
                "loaded_at": START + timedelta(days=int(load_id)),
            }
            | {name: json.dumps(row[name]) if row.get(name) else None for name in ("metrics", "unavailable_metrics")}
            for number, row in enumerate(rows, 1)
            if (row["platform"] if row["platform"] in PLATFORMS else "archive") == connector
        ]
        if versions:
            landed = pa.Table.from_pylist(versions)  # noqa: F841  DuckDB finds it by its name
            warehouse.execute(f"insert into raw.{connector} by name select * from landed")


def score(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Stands for the stage between prepare and marts: thanks are positive, one text in seven is abstained."""
    warehouse.execute("""
        insert into enrichment.sentiment
        select distinct on (text_hash)
            text_hash, declared_language, 0.9,
            case when text ilike '%danke%' then 'positive' when length(text) % 5 = 0 then 'neutral' else 'negative' end
                as label,
            if(label = 'negative', 0.8, 0.1), if(label = 'neutral', 0.8, 0.1), if(label = 'positive', 0.8, 0.1),
            0.8, length(text) % 7 = 0, if(length(text) % 7 = 0, 'low confidence', null),
            'tiny', 'v1', '2026-01-01 00:00:00+00'::timestamptz
        from intermediate.int_messages
        where text is not null and text_hash not in (select text_hash from enrichment.sentiment)
    """)


def run(lake: Lake, *, full_refresh: bool = False) -> Snapshot:
    """Both dbt stages with the scores between them; returns every published table, row for row in its own order."""
    transform(lake, "prepare", full_refresh=full_refresh)
    with opened(lake) as warehouse:
        score(warehouse)
    transform(lake, "marts", full_refresh=full_refresh)
    return snapshot(lake)


def snapshot(lake: Lake) -> Snapshot:
    with opened(lake, read_only=True) as warehouse:
        tables = warehouse.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where list_contains(?, table_schema)",
            [list(PUBLISHED)],
        ).fetchall()
        return {name: warehouse.execute(f"from {name}").fetchall() for (name,) in sorted(tables)}


def phrases() -> Iterator[dict[str, Any]]:
    """The demo's phrasings, each file a source of its own, as posts of private people."""
    slots = {
        "product": "Lavia 7",
        "product_kind": "Waschmaschine",
        "plant": "Fulda",
        "shop": "Köln",
        "batch": "L7-2409",
    }
    for path in sorted(PHRASES.glob("de/*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            if not line.strip() or line.startswith("# "):
                continue
            for slot, value in slots.items():
                line = line.replace(f"{{{slot}}}", value)
            yield message(
                f"{path.stem}-{number}", line, at=number, source=path.stem, is_company=path.stem.startswith("comp")
            )


def account(day: int | None = None, **more: Any) -> dict[str, Any]:
    """The landed row of the company's account on Mastodon: metrics as they stand, or for the day after START."""
    midnight = START.replace(hour=0) + timedelta(days=day or 0)
    at = {"created_at": None, "created_at_precision": "unknown"}
    if day is not None:
        at = {"created_at": midnight, "created_at_precision": "day"}
    native_id = "account/1" if day is None else f"account/1/{midnight:%Y-%m-%d}"
    return message(native_id, None, **COMPANY | {"kind": "account", "declared_language": None} | at | more)


def conversation() -> list[dict[str, Any]]:
    """A question that is answered and answered again, posts with counters, one without a time, an account."""
    return [
        message("q", "Wo bleibt meine Lieferung?", 0),
        message("q1", "Wir schauen gleich nach.", 30, parent_native_id="q", kind="reply", **COMPANY),
        message("q2", "Und jetzt?", 50, parent_native_id="q1", kind="reply"),
        message("h", "Die Hotline hilft nicht", 0),
        message("h1", "Wir rufen an.", 30, parent_native_id="h", kind="reply", **COMPANY),
        message("h2", "Danke!", 50, parent_native_id="h1", kind="reply"),
        message("w", "Hotline seit einer Stunde besetzt, keine Antwort!", 60),
        message("ad", "Leise am besten. #LeiseWäscht", 10, metrics={"reactions": 10.0, "shares": 2.0}, **COMPANY),
        message("ad1", "Der Spot ist wunderbar", 20, thread_native_id="ad", parent_native_id="ad", kind="comment"),
        message("late2", "Antwort auf etwas, das noch fehlt", 5, parent_native_id="late1", kind="reply"),
        message("old", None, platform="kununu", kind="review", source="archive", created_at=None,
                created_at_precision="unknown", rating=2.0),
        message("gone", "Das wird gleich gelöscht, Lavia 7 undicht", 15),
        message("reel", "Unser Film", 12, metrics={"views": 900.0, "reactions": 3.0}, **COMPANY),
        account(metrics={"followers": 120.0}),
        account(day=0, metrics={"views": 40.0}),
        message("empty", " \n ", 16),
    ]  # fmt: skip


def changes() -> list[dict[str, Any]]:
    """A second load: a missing parent, an edit, a version that comes late, new counters, one retired, a deletion."""
    later, earlier = START + timedelta(days=2), START + timedelta(hours=20)
    ad = "Leise am besten. #LeiseWäscht"
    return [
        message("late1", "Hier bin ich", 1, observed_at=later),
        message("q", "Wo bleibt meine Lieferung? Edit: ist da.", 0, observed_at=later, edited_at=later),
        message("w", "Hotline besetzt", 60, observed_at=earlier),
        message("ad", ad, 10, observed_at=later, metrics={"reactions": 25.0, "shares": 2.0}, **COMPANY),
        message("ad", ad, 10, observed_at=earlier, metrics={"reactions": 4.0, "shares": 2.0}, **COMPANY),
        message("reel", "Unser Film", 12, observed_at=later, metrics={"reactions": 4.0},
                unavailable_metrics={"views": "retired on 2026-09-02"}, **COMPANY),
        account(observed_at=later, metrics={"followers": 118.0}, unavailable_metrics={"reach": "not permitted"}),
        account(day=0, observed_at=later, metrics={"views": 44.0}),
        message("gone", None, created_at=None, created_at_precision="unknown", observed_at=later, is_deleted=True,
                kind=None, author_key=None, account=None),
    ]  # fmt: skip
