"""The stand-in for Instagram keeps to Meta's lists of fields and edges, and our extractor reads all that it serves."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
from extraction import Source
from specs import meta
from specs.recorder import Recorder

from demo.company import INSTAGRAM_USER_ID
from demo.server import start
from demo.standin_instagram import InstagramStandIn
from demo.web import TOKEN, Server
from demo.world import World, build


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running:
        yield running


@pytest.fixture
def recorder(server: Server, world: World) -> Recorder:
    kinds = {m.native_id: "IGComment" if m.parent else "IGMedia" for m in world.messages["instagram"]}
    kinds[INSTAGRAM_USER_ID] = "IGUser"
    return Recorder(server, {"/instagram": meta.Graph(kinds.get).violations})


@pytest.fixture
def source(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    options = {"platform": "instagram", "base_url": f"{server.url}/instagram", "accounts": [INSTAGRAM_USER_ID]}
    return Source(tmp_path, {**options, "since": date(2026, 8, 18), "stories": True})


def get(server: Server, path: str, token: str | None = TOKEN) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{server.url}/instagram/v25.0/{path}", headers=headers, timeout=10)


def test_everything_that_it_serves_keeps_to_the_lists(server: Server, world: World, recorder: Recorder) -> None:
    me, reply = INSTAGRAM_USER_ID, "id,text,timestamp,username,from,user,like_count,hidden,parent_id"
    media = "id,caption,media_type,media_product_type,permalink,shortcode,timestamp,username,like_count,comments_count"
    get(server, f"{me}?fields=id,username,name,biography,website,followers_count,follows_count,media_count")
    fields = f"{media},owner,is_comment_enabled,media_url,children{{id}}"
    first = get(server, f"{me}/media?fields={fields},insights.metric(views,reach,saved,shares,likes)&limit=7").json()
    assert len(first["data"]) == 7
    get(server, f"{me}/media?fields=id&limit=7&after={first['paging']['cursors']['after']}&since=1780000000")
    get(server, f"{me}/tags?fields={media}")
    get(server, f"{me}/stories?fields=id")
    query = "metric=views,reach,total_interactions,saves&metric_type=total_value&period=day"
    days = get(server, f"{me}/insights?{query}&since=1789974000&until=1790060400").json()["data"]
    assert {entry["name"]: entry["total_value"]["value"] > 0 for entry in days}["views"]
    for message in world.messages["instagram"][::4]:  # the deleted ones, and those of others, among them
        get(server, f"{message.native_id}?fields={media if message.parent is None else reply}")
        if message.parent is None:
            get(server, f"{message.native_id}/comments?fields={reply},replies.limit(1){{{reply}}}&limit=50")
            get(server, f"{message.native_id}/insights?metric=views,total_interactions")
        else:
            get(server, f"{message.native_id}/replies?fields={reply}")
    get(server, f"?ids={','.join(item['id'] for item in first['data'])}&fields={media}")
    assert len(recorder.requests()) > 150
    assert recorder.violations() == []


def test_an_extraction_asks_as_the_lists_allow_and_reads_everything(
    source: Source, world: World, recorder: Recorder
) -> None:
    assert source.run().problems == []
    everything = world.messages["instagram"]
    shown = [m for m in everything if not m.is_deleted and (m.parent is None or m.root.author.is_company)]
    rows = {name: row for name, row in source.by_id().items() if row["kind"] != "account"}
    assert set(rows) == {m.native_id for m in shown if not m.root.is_deleted}
    for message in shown:
        row = rows[message.native_id]
        assert row["parent_native_id"] == (message.parent.native_id if message.parent else None)
        assert row["thread_native_id"] == message.root.native_id
        assert row["is_company"] == message.author.is_company
        assert row["created_at"] == message.created_at.replace(microsecond=0)
        assert [m for m in world.people["instagram"][1:] if m.handle in (row["text"] or "")] == []
    assert source.run().problems == []
    assert source.rows == []
    assert recorder.violations() == []


def test_nobody_private_is_written(source: Source, world: World) -> None:
    source.run()
    written = source.written().casefold()
    people = [person for person in world.people["instagram"] if not person.is_company]
    assert [person for person in people if person.native_id in written] == []
    assert [person.handle for person in people if f"@{person.handle}".casefold() in written] == []
    assert TOKEN not in written


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        (INSTAGRAM_USER_ID, None, 400, 104),
        (INSTAGRAM_USER_ID, "another-token", 401, 190),
        ("17840000000000000", TOKEN, 400, 100),
        (f"{INSTAGRAM_USER_ID}/media?fields=likes_of_friends", TOKEN, 400, 100),
        (f"{INSTAGRAM_USER_ID}/feed", TOKEN, 400, 100),
        (f"{INSTAGRAM_USER_ID}/media?after=not-a-cursor", TOKEN, 400, 100),
        (f"{INSTAGRAM_USER_ID}/insights?metric=views&period=day", TOKEN, 400, 100),
        (f"{INSTAGRAM_USER_ID}/insights?metric=impressions&period=day&metric_type=total_value", TOKEN, 400, 100),
    ],
)
def test_it_refuses_what_graph_refuses(server: Server, path: str, token: str | None, status: int, code: int) -> None:
    answer = get(server, path, token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_media_of_others_show_no_comments_and_retired_metrics_are_refused(
    server: Server, world: World, recorder: Recorder
) -> None:
    other = next(m for m in world.messages["instagram"] if m.place == "mention" and m.parent is None)
    own = next(m for m in world.messages["instagram"] if m.place == "own" and m.parent is None and not m.is_deleted)
    assert get(server, f"{other.native_id}/comments?fields=id").status_code == 400
    refused = get(server, f"{own.native_id}/insights?metric=views,plays").json()["error"]
    assert "no longer supported" in refused["message"]
    standin = server.standins["/instagram"]
    assert isinstance(standin, InstagramStandIn)
    standin.before_conversion.add(own.native_id)
    assert get(server, f"{own.native_id}/insights?metric=views").json()["error"]["error_subcode"] == 2108006
    assert recorder.violations() == []


def test_its_limits_are_announced_as_meta_does(world: World) -> None:
    with start(world=world, limit=2) as server:
        answers = [get(server, f"{INSTAGRAM_USER_ID}?fields=id") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 400]
        assert answers[2].json()["error"]["code"] == 80002
        assert '"type":"instagram"' in answers[1].headers["X-Business-Use-Case-Usage"]
