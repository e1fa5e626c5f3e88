"""The stand-in for YouTube keeps to the discovery document, and Resonanz reads all that it serves."""

from collections.abc import Iterator

import pytest
import requests
from extraction import Source
from specs import discovery
from specs.recorder import Recorder

from demo.company import YOUTUBE_CHANNEL_ID
from demo.render_youtube import UPLOADS, live_below
from demo.server import start
from demo.web import TOKEN, Fault, Server
from demo.world import World, build
from resonanz import http


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running:
        yield running


def recorder(server: Server) -> Recorder:
    return Recorder(server, {"/youtube": discovery.youtube().violations})


class Caller:
    def __init__(self, server: Server, token: str | None = TOKEN) -> None:
        self.base = f"{server.url}/youtube/youtube/v3"
        self.session = requests.Session()
        if token:
            self.session.headers["X-Goog-Api-Key"] = token

    def __call__(self, kind: str, **params: object) -> requests.Response:
        return self.session.get(f"{self.base}/{kind}", params=params, timeout=10)

    def walk(self, kind: str, **params: object) -> list[dict]:
        found, token = [], None
        while True:
            page = self(kind, **params, **({"pageToken": token} if token else {})).json()
            found += page["items"]
            if not (token := page.get("nextPageToken")):
                assert page["pageInfo"]["totalResults"] == len(found)
                return found


def live(world: World) -> list:
    videos = [m for m in world.messages["youtube"] if m.parent is None and not m.is_deleted]
    return [m for video in videos for m in (video, *live_below(video))]


def test_everything_that_it_serves_keeps_to_the_specification(server, world):
    watched, ask = recorder(server), Caller(server)
    everything = "snippet,contentDetails,statistics,status"
    assert ask("channels", part=everything, forHandle="@weidenfels").json()["items"][0]["id"] == YOUTUBE_CHANNEL_ID
    assert "items" not in ask("channels", part="id", id="UCnobody").json()
    listed = ask.walk("playlistItems", part="snippet,contentDetails,status", playlistId=UPLOADS, maxResults=7)
    ids = [item["contentDetails"]["videoId"] for item in listed]
    videos = ask("videos", part=everything, id=",".join([*ids, "gone-------"])).json()["items"]
    assert [video["id"] for video in videos] == ids
    seen = set(ids)
    for video in videos:
        threads = ask.walk("commentThreads", part="snippet,replies", videoId=video["id"], maxResults=10, order="time")
        below = 0
        for thread in threads:
            assert thread["snippet"]["videoId"] == video["id"]
            replies = ask.walk("comments", part="snippet", parentId=thread["id"], textFormat="plainText")
            assert len(replies) == thread["snippet"]["totalReplyCount"]
            assert len(thread.get("replies", {}).get("comments", [])) == min(5, len(replies))
            seen |= {thread["id"], *(reply["id"] for reply in replies)}
            below += 1 + len(replies)
        assert video["statistics"]["commentCount"] == str(below)
    assert seen == {message.native_id for message in live(world)}
    everywhere = ask.walk("commentThreads", part="snippet", allThreadsRelatedToChannelId=YOUTUBE_CHANNEL_ID)
    assert {thread["id"] for thread in everywhere} == {m.native_id for m in live(world) if m.depth == 1}
    first = everywhere[0]["id"]
    assert ask("commentThreads", part="snippet", id=f"{first},gone").json()["items"][0]["id"] == first
    assert len(ask("comments", part="snippet", id=f"{first},gone").json()["items"]) == 1
    ask("search", part="snippet", q="Weidenfels", type="video", order="date", publishedAfter="2026-01-01T00:00:00Z")
    assert len(watched.requests()) > 100
    assert watched.violations() == []


@pytest.mark.parametrize(
    ("kind", "params", "status", "reason"),
    [
        ("videos", {}, 400, "missingRequiredParameter"),
        ("videos", {"part": "snippet"}, 400, "missingRequiredParameter"),
        ("videos", {"part": "snippet", "id": "a", "frobnicate": 1}, 400, "badRequest"),
        ("commentThreads", {"part": "snippet", "videoId": "nothing----"}, 404, "videoNotFound"),
        ("commentThreads", {"part": "snippet", "videoId": "a", "id": "b"}, 400, "incompatibleParameters"),
        ("commentThreads", {"part": "snippet", "videoId": "a", "maxResults": 101}, 400, "invalidParameter"),
        ("playlistItems", {"part": "snippet", "playlistId": UPLOADS, "pageToken": "zzz"}, 400, "invalidPageToken"),
        ("playlistItems", {"part": "snippet", "playlistId": "PLnone"}, 404, "playlistNotFound"),
        ("comments", {"part": "snippet", "parentId": "nobody"}, 404, "commentNotFound"),
        ("watch", {"part": "snippet"}, 404, "notFound"),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_googles_words(server, kind, params, status, reason):
    watched = recorder(server)
    answer = Caller(server)(kind, **params)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (status, reason)
    spoken = [words for words in watched.violations() if "parameter" not in words and "no such method" not in words]
    assert spoken == []


@pytest.mark.parametrize(("token", "status"), [(None, 403), ("wrong", 400)])
def test_nobody_is_served_without_the_key(server, token, status):
    watched = recorder(server)
    assert Caller(server, token)("videos", part="snippet", id="a").status_code == status
    wrong = Caller(server, None)
    wrong.session.headers["Authorization"] = "Bearer wrong"
    assert wrong("videos", part="snippet", id="a").status_code == 401
    assert watched.violations() == []


def test_a_spent_quota_is_a_403_and_searches_are_counted_apart(world):
    with start(world=world, limit=200) as server:
        watched, ask = recorder(server), Caller(server)
        searches = [ask("search", part="snippet", q="x").status_code for _ in range(3)]
        assert searches == [200, 200, 403]
        answer = ask("channels", part="id", id="UCnobody")
        assert answer.status_code == 200
        assert watched.violations() == []


def source(server: Server, folder, **options: object) -> Source:
    base = {"platform": "youtube", "base_url": f"{server.url}/youtube", "channels": ["@weidenfels"]}
    return Source(folder, base | options, accounts=["@weidenfels"])


def test_resonanz_reads_all_of_it_and_then_little(server, world, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    watched, tube = recorder(server), source(server, tmp_path, search=["weidenfels"])
    tube.run()
    rows = {name: row for name, row in tube.by_id().items() if row["kind"] != "account"}
    expected = {message.native_id: message for message in live(world)}
    assert set(rows) == set(expected)
    for name, message in expected.items():
        row = rows[name]
        assert row["kind"] == ("post", "comment", "reply")[min(message.depth, 2)]
        assert row["thread_native_id"] == message.root.native_id
        assert row["parent_native_id"] == (message.parent.native_id if message.parent else None)
        assert row["created_at"] == message.created_at.replace(microsecond=0)
        assert row["is_company"] == message.author.is_company
        assert row["account"] == "weidenfels"
    before = len(watched.requests())
    tube.run()
    assert tube.rows == []
    assert len(watched.requests()) - before <= 12
    assert watched.violations() == [], "what Resonanz asks for keeps to the specification, too"
    written = tube.written()
    assert TOKEN not in written
    private = [person for person in world.people["youtube"] if not person.is_company]
    assert [p.handle for p in private if f"@{p.handle}" in written or f'"{p.handle}"' in written] == []
    assert [p.native_id for p in private if p.native_id in written] == []
    assert sum(tube.quarantined().values()) == 0


@pytest.mark.parametrize("kind", ["status", "html", "truncated", "cut", "hangup", "empty"])
def test_what_faults_keep_from_landing_lands_when_they_end(world, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    with start(world=world, faults=[Fault(path="/youtube", kind=kind, every=5, times=1000)]) as server:
        tube = source(server, tmp_path)
        landed: list[str] = []
        tube.run()
        landed += tube.by_id()
        server.faults.clear()
        tube.run()
        landed += tube.by_id()
        assert sorted(n for n in landed if not n.startswith("account/")) == sorted(m.native_id for m in live(world))
