"""A deletion on the platform, from the server that no longer has the message to the file that readers open."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_warehouse import opened, score
from extraction import Source
from loopback import serve
from mastodon_server import COMPANY, Mastodon
from remains import remaining

from resonanz.compact import compact
from resonanz.guard import admit_pending, check_marts
from resonanz.lake import Lake
from resonanz.load import load_pending
from resonanz.publish import publish
from resonanz.redact import redact
from resonanz.transform import transform

SECRET = "QWOXKJ"
FIRST = f"Lavia 7 undicht, {SECRET} kaputt"
EDITED = f"Lavia 7 undicht, {SECRET} kaputt, Hotline seit einer Stunde besetzt, keine Antwort!"
assert len(EDITED) % 5 != 0 != len(EDITED) % 7  # so it counts as negative, see dbt_warehouse.score
TABLES = ("raw.mastodon", "int_messages", "core.fct_messages", "product_complaints", "thread_worklist")


@pytest.fixture
def mastodon() -> Mastodon:
    """A complaint with an answer by the company, and others that stay."""
    server = Mastodon(limit=20)
    for number in range(40):
        server.say(f"leute{number}@anderswo.example", f"Lavia 7 gut, Nummer {number}", number, tags=("weidenfels",))
    return server


@pytest.fixture
def source(mastodon: Mastodon, tmp_path: Path) -> Iterator[Source]:
    with serve(mastodon) as server:
        options = {"platform": "mastodon", "base_url": server.address, "hashtags": ["weidenfels"]}
        yield Source(tmp_path, options, ["weidenfels@social.example"])


def run(source: Source) -> Lake:
    """One run of both DAGs, in the order of resonanz/stages.py; stand-ins for scores come from a rule."""
    lake = Lake(source.folder / "var")
    assert source.run().problems == []
    if not admit_pending(lake, "fediverse", "mastodon"):
        return lake
    load_pending(lake)
    redact(lake)
    transform(lake, "prepare")
    with opened(lake) as warehouse:
        warehouse.execute("delete from enrichment.current_model")
        warehouse.execute("insert into enrichment.current_model values ('tiny', 'v1', ?)", [datetime.now(UTC)])
        score(warehouse)
    transform(lake, "marts")
    compact(lake)
    check_marts(lake)
    publish(lake)
    return lake


def published(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(lake.published), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def described(lake: Lake) -> list[Any]:
    """The warehouse's tables, views, comments and constraints."""
    with opened(lake, read_only=True) as warehouse:
        return [
            warehouse.execute(f"select * exclude (database_oid, {left_out}) from {function}() order by all").fetchall()
            for function, left_out in (
                ("duckdb_tables", "schema_oid, table_oid, estimated_size"),
                ("duckdb_views", "schema_oid, view_oid"),
                ("duckdb_constraints", "schema_oid, table_oid"),
            )
        ]


def test_a_status_that_is_deleted_is_gone_from_everything_within_one_run(source: Source, mastodon: Mastodon) -> None:
    gone = mastodon.say("leute1@anderswo.example", FIRST, 60, tags=("weidenfels",))
    twin = mastodon.say("leute2@anderswo.example", "Lavia 7 laut", 61, tags=("weidenfels",))
    mastodon.say(COMPANY, "Wir melden uns.", 90, twin)
    run(source)
    mastodon.edit(gone, content=f"<p>{EDITED}</p>", edited_at="2026-03-01T10:00:00.000Z")
    lake = run(source)
    name = f"mastodon:{gone}"
    assert published(lake, f"select text, departments <> [] from core.fct_messages where message_id = '{name}'") == [
        (EDITED, True)
    ]
    places = remaining(lake, SECRET)
    for part in ("landing/", "published/", *TABLES):  # so that looking there means something
        assert [place for place in places if part in place], part
    texts = "select count(distinct text) from core.fct_messages"
    scores = "select count(*) from enrichment.sentiment"
    before = published(lake, texts), described(lake)

    mastodon.delete(gone)
    run(source)
    assert remaining(lake, SECRET) == []
    shown = "is_deleted, text, sentiment, departments, author_key is not null, created_at is not null"
    kept = published(lake, f"select {shown} from core.fct_messages where message_id = '{name}'")
    assert kept == [(True, None, None, [], True, True)]
    assert published(lake, texts) == [(before[0][0][0] - 1,)]
    assert described(lake) == before[1]
    assert published(lake, "select messages, sightings, batches from ops.redactions") == [(1, 2, 2)]
    assert published(
        lake, "select count(*) from ops.load_ledger where extracted <> loaded + duplicates + quarantined"
    ) == [(0,)]
    with opened(lake) as warehouse:
        assert warehouse.execute(scores).fetchone() == published(lake, texts)[0]

    mastodon.edit(twin, content="<p>Lavia 7 leise</p>", edited_at="2026-03-01T11:00:00.000Z")
    run(source)  # what dbt builds upon its last state still does, in the new file
    assert published(lake, f"select text from core.fct_messages where message_id = 'mastodon:{twin}'") == [
        ("Lavia 7 leise",)
    ]
    assert published(lake, f"select is_deleted from core.fct_messages where message_id = '{name}'") == [(True,)]


def test_a_warehouse_made_anew_shows_the_same(source: Source, mastodon: Mastodon) -> None:
    gone = mastodon.say("leute1@anderswo.example", FIRST, 60, tags=("weidenfels",))
    run(source)
    mastodon.delete(gone)
    lake = run(source)
    marts = "from core.fct_messages select * exclude (scored_at) order by all"
    ledger = "from ops.load_ledger select * exclude (started_at, finished_at) order by all"
    before = published(lake, marts), published(lake, ledger)
    lake.warehouse.unlink()
    mastodon.say("leute3@anderswo.example", "neu", 70, tags=("weidenfels",))
    run(source)
    assert set(map(str, before[0])) <= set(map(str, published(lake, marts)))
    assert set(before[1]) <= set(published(lake, ledger))


def test_a_status_that_is_back_is_shown_again(source: Source, mastodon: Mastodon) -> None:
    number = mastodon.say("leute1@anderswo.example", FIRST, 60, tags=("weidenfels",))
    run(source)
    status = json.loads(json.dumps(mastodon.statuses[number]))
    mastodon.delete(number)
    run(source)
    mastodon.statuses[number] = status | {"content": "<p>Hier bin ich wieder</p>"}
    lake = run(source)
    shown = "select is_deleted, text, sentiment is not null from core.fct_messages where message_id = ?"
    with duckdb.connect(str(lake.published), read_only=True) as connection:
        assert connection.execute(shown, [f"mastodon:{number}"]).fetchall() == [(False, "Hier bin ich wieder", True)]
    assert remaining(lake, SECRET) == []
