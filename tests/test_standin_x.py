"""The stand-in for X keeps to X's own specification, in all that it serves and is asked."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from extraction import Source
from specs import openapi
from specs.recorder import Recorder

from demo.company import X_USER_ID
from demo.messages import Message
from demo.server import start
from demo.web import TOKEN, Server
from demo.world import World, build
from resonanz import http

SEARCH = "(Weidenfels OR #LeiseWäscht OR #QuietSpin) -is:retweet"
FIELDS = (
    "tweet.fields=attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,in_reply_to_user_id,"
    "lang,note_tweet,public_metrics,referenced_tweets&expansions=author_id,in_reply_to_user_id&user.fields=public_metrics"
)


def violations() -> Callable[..., list[str]]:
    """X's specification; files lie on another host, which it does not speak of."""
    check = openapi.x().violations
    return lambda method, path, *rest: [] if path.startswith("/_files/") else check(method, path, *rest)


@pytest.fixture
def world() -> World:
    return build()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running:
        yield running


class Api:
    def __init__(self, server: Server) -> None:
        self.url = f"{server.url}/x"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.session.get(f"{self.url}{path}", timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json()

    def pages(self, path: str, token: str) -> list[dict[str, Any]]:
        found, following = [], ""
        while True:
            answer = self.get(path + following)
            found += answer.get("data", [])
            if "next_token" not in answer["meta"]:
                return found
            following = f"&{token}={answer['meta']['next_token']}"


def test_everything_that_it_serves_keeps_to_the_specification(server: Server, world: World) -> None:
    recorder = Recorder(server, {"/x": violations()})
    api = Api(server)
    me = api.get("/2/users/by/username/weidenfels?user.fields=public_metrics,description,created_at")["data"]["id"]
    assert me == X_USER_ID
    assert "data" not in api.get("/2/users/by/username/nobody")
    own = api.pages(f"/2/users/{me}/tweets?max_results=100&exclude=retweets&{FIELDS}", "pagination_token")
    assert len(own) == sum(m.author.is_company and not m.is_deleted for m in world.messages["x"])
    api.pages(f"/2/users/{me}/tweets?max_results=50", "pagination_token")
    mentions = api.pages(f"/2/users/{me}/mentions?max_results=100&{FIELDS}", "pagination_token")
    assert len(mentions) > 200
    for query in ("Weidenfels", SEARCH, f"conversation_id:{own[3]['conversation_id']}", "from:weidenfels is:reply"):
        api.pages(f"/2/tweets/search/recent?max_results=10&query={requests.utils.quote(query)}&{FIELDS}", "next_token")
        api.get(f"/2/tweets/counts/recent?granularity=day&query={requests.utils.quote(query)}")
    ids = ",".join(m.native_id for m in world.messages["x"][::6])  # the deleted ones among them: errors
    assert api.get(f"/2/tweets?ids={ids}&{FIELDS}")["errors"]
    new = "post.fields=created_at,entities,note_post,public_metrics&expansions=author_id,referenced_posts"
    assert "repost_count" in api.get(f"/2/users/{me}/tweets?max_results=5&{new}")["data"][0]["public_metrics"]
    api.get("/2/usage/tweets?days=30")
    job = api.session.post(f"{api.url}/2/compliance/jobs", json={"type": "tweets"}, timeout=10).json()["data"]
    assert api.get(f"/2/compliance/jobs/{job['id']}")["data"]["status"] == "created"
    sent = requests.put(job["upload_url"], ids.replace(",", "\n").encode(), timeout=10)
    assert sent.status_code == 200
    assert api.get(f"/2/compliance/jobs/{job['id']}")["data"]["status"] == "complete"
    api.get("/2/compliance/jobs?type=tweets")
    results = requests.get(job["download_url"], timeout=10).text.splitlines()
    assert {json.loads(line)["action"] for line in results} == {"delete"}
    assert recorder.violations() == []


def test_its_refusals_keep_to_the_specification(server: Server, world: World) -> None:
    recorder = Recorder(server, {"/x": violations()})
    api = Api(server)
    api.get(f"/2/users/{X_USER_ID}/tweets?pagination_token=nonsense", 400)
    api.get("/2/tweets/search/recent?query=a&since_id=1", 400)
    api.get("/2/compliance/jobs/99", 404)
    assert recorder.violations() == []
    api.get(f"/2/users/{X_USER_ID}/tweets?max_results=4", 400)
    api.get("/2/tweets/search/recent?query=(a", 400)
    api.get("/2/tweets/search/recent?query=colour:red", 400)
    api.get("/2/tweets?ids=a", 400)
    api.get(f"/2/users/{X_USER_ID}/mentions?exclude=retweets", 400)
    api.session.headers["Authorization"] = "Bearer wrong"
    api.get("/2/usage/tweets", 401)
    requests.put(f"{api.url}/_files/1/up?X-Goog-Signature=demo", b"1", headers=api.session.headers, timeout=10)
    with start(world=world, limit=1) as limited:
        recorder = Recorder(limited, {"/x": violations()})
        api = Api(limited)
        api.get("/2/usage/tweets")
        answer = api.session.get(f"{api.url}/2/usage/tweets", timeout=10)
        assert (answer.status_code, answer.headers["x-rate-limit-remaining"]) == (429, "0")
        assert recorder.violations() == []


# ---------------------------------------------------------------- and what the extractor makes of it


@pytest.fixture
def source(server: Server, tmp_path, monkeypatch) -> Source:
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    options = {"platform": "x", "base_url": f"{server.url}/x", "accounts": ["weidenfels"], "search": [SEARCH]}
    return Source(tmp_path, options, ["@weidenfels"])


def is_in_reach(message: Message, world: World) -> bool:
    """Whether the company's lists show it: what it says or is named in, answers to these included."""
    company, above = world.company("x"), message
    while True:
        if above.author is company or company.called in above.text:
            return True
        if above.parent is None:
            return False
        above = above.parent


def test_the_extractor_asks_and_lands_what_the_spec_knows(server: Server, source: Source, world: World) -> None:
    recorder = Recorder(server, {"/x": violations()})
    assert source.run().problems == []
    assert recorder.violations() == []
    rows = {row["native_id"]: row for row in source.rows if row["kind"] != "account"}
    alive = {m.native_id: m for m in world.messages["x"] if not m.is_deleted}
    assert set(rows) <= set(alive)
    expected = {native_id for native_id, message in alive.items() if is_in_reach(message, world)}
    assert expected <= set(rows)
    for native_id, row in rows.items():
        message = alive[native_id]
        assert row["parent_native_id"] == (message.parent.native_id if message.parent else None)
        assert row["thread_native_id"] == message.root.native_id
        assert row["created_at"].replace(microsecond=0) == message.created_at.replace(microsecond=0)
        assert json.loads(row["metrics"])["impressions"] == message.impressions
        assert row["is_company"] == message.author.is_company
        assert "@" in message.text or row["text"].endswith(message.text)
    handles = {m.author.handle for m in world.messages["x"] if not m.author.is_company}
    written = source.written()
    assert [handle for handle in sorted(handles) if f"@{handle}" in written or f'"{handle}"' in written] == []
    assert TOKEN not in written
    assert source.run().problems == []
    assert source.rows == []


def test_what_is_deleted_and_edited_there_is_found(server: Server, source: Source, world: World) -> None:
    source.options["compliance"] = True
    source.run()
    changed = next(m for m in reversed(world.messages["x"]) if m.author.is_company and m.parent is None)
    recent = next(m for m in reversed(world.messages["x"]) if not m.is_deleted and m.parent and m.place == "own")
    recent.is_deleted = True
    changed.favourites += 1000
    source.run()
    rows = source.by_id()
    assert rows[recent.native_id]["is_deleted"]
    assert json.loads(rows[changed.native_id]["metrics"])["reactions"] == changed.favourites
