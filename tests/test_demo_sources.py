"""demo/sources.toml brings home what the demo company's platforms have, through the real extraction."""

import duckdb
import pytest

from demo import archives
from demo.messages import Message
from demo.server import start
from demo.world import World, build
from resonanz.extract import extract
from resonanz.local.demo_tokens import demo_tokens
from resonanz.settings import DEMO_SOURCES, Settings, load


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture(scope="module")
def demo(world: World, tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("home")
    archives.write(world, home / "demo")
    with start(world=world) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESONANZ_DEMO_PORT", str(server.port))
        patch.setenv("RESONANZ_DEMO_ARCHIVES", str(home / "demo"))
        for name, token in demo_tokens().items():
            patch.setenv(name, token)
        yield load(DEMO_SOURCES, home)


def landed(settings: Settings, name: str) -> list[dict]:
    """Extract once with everything new, once with nothing new; the rows of the first time."""
    extraction = extract(settings, name)
    assert extraction.problems == []
    files = [str(file) for batch in extraction.batches for file in batch.files]
    again = extract(settings, name)
    assert (again.batches, again.problems) == ([], [])
    rows = duckdb.sql(f"select * from read_parquet({files})").fetch_arrow_table().to_pylist()
    assert [row["parse_error"] for row in rows if row["parse_error"]] == []
    return rows


@pytest.mark.parametrize(("name", "channel"), [("weidenfels_mastodon", "mastodon"), ("weidenfels_bluesky", "bluesky")])
def test_every_post_arrives_once(demo: Settings, world: World, name: str, channel: str) -> None:
    rows = landed(demo, name)
    assert [row["account"] for row in rows if row["kind"] == "account"]
    rows = [row for row in rows if row["kind"] != "account" and not row["is_deleted"]]
    ids = [row["native_id"].rsplit("/", 1)[-1] for row in rows]
    assert len(ids) == len(set(ids))
    alive = {message.native_id: message for message in world.messages[channel] if not message.is_deleted}
    assert set(ids) <= set(alive)
    missing = [alive[native_id] for native_id in set(alive) - set(ids)]
    assert all(_below_a_gap(message) for message in missing)  # out of sight from the thread's first message
    assert len(missing) < 0.01 * len(alive)
    own = {message.native_id for message in alive.values() if message.author.is_company}
    assert {native_id for row, native_id in zip(rows, ids, strict=True) if row["is_company"]} == own
    handles = {m.author.handle for m in alive.values() if not m.author.is_company}
    kept = "\n".join(f"{row['native_id']} {row['url']} {row['text']} {row['payload']}" for row in rows)
    assert [handle for handle in sorted(handles) if f"@{handle}" in kept] == []


def test_the_shops_export_arrives_line_by_line(demo: Settings, world: World) -> None:
    rows = landed(demo, "shop_reviews")
    assert len(rows) == archives.shop_reviews(world).count(b"\n")
    assert {row["kind"] for row in rows} == {"review", "reply"}
    answers = [row for row in rows if row["kind"] == "reply"]
    assert all(row["is_company"] and row["parent_native_id"] and row["rating"] is None for row in answers)
    assert sum(row["is_deleted"] for row in rows) == sum(m.is_deleted for m in world.messages["shop"])
    assert {row["rating"] for row in rows if row["rating"]} == {1, 2, 3, 4, 5}


def test_the_employer_portals_export_arrives_with_months_and_marks(demo: Settings, world: World) -> None:
    rows = landed(demo, "employer_reviews")
    expected = {m.native_id: m.rating for m in world.messages["employer"]}
    assert {row["native_id"]: row["rating"] for row in rows} == expected
    assert {row["created_at_precision"] for row in rows} == {"month"}
    assert {f"{row['created_at']:%Y-%m}" for row in rows} == {"2026-08", "2026-09", "2026-10", "2026-11"}
    assert not any(row["text_is_repaired"] for row in rows)


def _below_a_gap(message: Message) -> bool:
    while message.parent is not None:
        message = message.parent
        if message.is_deleted:
            return True
    return False
