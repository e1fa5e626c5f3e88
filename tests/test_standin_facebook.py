"""The stand-in for Facebook keeps to Meta's lists of fields and edges, and a real extraction brings all of it home."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from extraction import Source
from specs import meta
from specs.recorder import Recorder

from demo.company import FACEBOOK_PAGE_ID, START
from demo.messages import Message
from demo.server import start
from demo.web import TOKEN, Fault, Server
from demo.world import World, build
from resonanz.errors import Kind
from resonanz.social.facebook.post import COMMENT_FIELDS, POST_FIELDS, REVIEW_FIELDS


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running:
        yield running


@pytest.fixture
def recorder(server: Server, world: World) -> Recorder:
    known = {message.native_id: message for message in world.messages["facebook"]}

    def kind_of(name: str) -> str | None:
        if name in (FACEBOOK_PAGE_ID, "weidenfels", "me"):
            return "Page"
        return None if name not in known else "Comment" if known[name].parent else "PagePost"

    return Recorder(server, {"/facebook": meta.Graph(kind_of).violations})


@pytest.fixture
def source(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    options = {"platform": "facebook", "base_url": f"{server.url}/facebook", "pages": ["weidenfels"], "since": START}
    return Source(tmp_path, options, accounts=["Weidenfels Hausgeräte"])


def ask(server: Server, path: str, token: str | None = TOKEN, **query: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{server.url}/facebook{path}", params=query, headers=headers, timeout=10)


def test_all_that_it_serves_keeps_to_the_lists(server: Server, world: World, recorder: Recorder) -> None:
    page = f"/v25.0/{FACEBOOK_PAGE_ID}"
    for fields in ("", "id,name,username,followers_count,fan_count,link,about,is_published"):
        ask(server, page, **({"fields": fields} if fields else {}))
    insights = ",insights.metric(post_media_view,post_total_media_view_unique,post_clicks,post_reactions_by_type_total)"
    for edge in ("feed", "posts", "published_posts", "visitor_posts", "tagged"):
        after = ""
        while True:
            fields = POST_FIELDS + (insights if edge != "tagged" else "")
            found = ask(server, f"{page}/{edge}", fields=fields, limit=40, **({"after": after} if after else {})).json()
            if "next" not in found["paging"]:
                break
            after = found["paging"]["cursors"]["after"]
    metrics = "page_media_view,page_follows,page_post_engagements,page_views_total,page_daily_follows_unique"
    ask(server, f"{page}/insights", metric=metrics, period="day", since=1788000000, until=1794000000)
    posts = [m for m in world.messages["facebook"] if m.parent is None]
    for message in posts[::6]:
        query = {"fields": COMMENT_FIELDS, "filter": "stream", "order": "chronological", "limit": 3}
        ask(server, f"/v25.0/{message.native_id}/comments", **query)
        ask(server, f"/v25.0/{message.native_id}/comments", order="reverse_chronological")
        ask(server, f"/v25.0/{message.native_id}", fields=POST_FIELDS)
    alive = [m.native_id for m in posts if not m.is_deleted][:20]
    ask(server, "/v25.0/", ids=",".join(alive), fields=POST_FIELDS + insights)
    assert len(recorder.requests()) > 90
    assert recorder.violations() == []


def test_its_refusals_are_graphs(server: Server, world: World, recorder: Recorder) -> None:
    page = f"/v25.0/{FACEBOOK_PAGE_ID}"
    gone = next(m.native_id for m in world.messages["facebook"] if m.is_deleted)
    far = {"metric": "page_follows", "period": "day", "since": 1700000000, "until": 1794000000}
    refused = [
        (ask(server, page, token=None), 104),
        (ask(server, page, token="another"), 190),
        (ask(server, f"{page}/feed", after="never-given"), 100),
        (ask(server, f"{page}/feed", fields="id,insights.metric(post_impressions)"), 100),
        (ask(server, f"{page}/insights", metric="page_impressions"), 100),
        (ask(server, f"{page}/insights"), 3001),
        (ask(server, f"{page}/insights", **far), 100),
        (ask(server, f"{page}/ratings", fields=REVIEW_FIELDS), 12),
        (ask(server, f"/v25.0/{gone}"), 100),
        (ask(server, f"/v25.0/{gone}/comments"), 100),
        (ask(server, "/v25.0/", ids=f"{FACEBOOK_PAGE_ID},{gone}"), 803),
        (ask(server, "/v25.0/nobody"), 803),
    ]
    assert [(answer.json()["error"]["code"], answer.status_code >= 400) for answer, _ in refused] == [
        (code, True) for _, code in refused
    ]
    assert recorder.violations() == []
    for path, query in ((f"{page}/feed", {"fields": "id,birthday"}), (f"{page}/diary", {})):
        assert ask(server, path, **query).json()["error"]["code"] == 100
    assert len(recorder.violations()) == 2, "what nobody may ask for is the asker's fault"


def test_limits_are_announced_and_kept(world: World) -> None:
    with start(world=world, limit=2, window=90) as server:
        answers = [ask(server, f"/v25.0/{FACEBOOK_PAGE_ID}") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 400]
        assert answers[2].json()["error"]["code"] == 80001
        assert '"estimated_time_to_regain_access":1' in answers[2].headers["X-Business-Use-Case-Usage"]
        server.inject(Fault(code="190", status=401))
        assert ask(server, f"/v25.0/{FACEBOOK_PAGE_ID}").json()["error"]["code"] == 190


def test_everything_comes_home_once_with_nobody_private_in_it(
    server: Server, world: World, recorder: Recorder, source: Source
) -> None:
    assert source.run().problems == []
    rows = {row["native_id"]: row for row in source.rows if row["kind"] != "account"}
    alive = [message for message in world.messages["facebook"] if not message.is_deleted]
    assert len(rows) == len(alive) == len(source.by_id()) - 1 - 90, "and the page, now and on each of 90 days"
    by_own = {name.rpartition("_")[2]: row for name, row in rows.items()}
    for message in alive:
        row = by_own[message.native_id.rpartition("_")[2]]
        parent = message.parent.native_id.rpartition("_")[2] if message.parent else None
        assert (row["parent_native_id"] or "_").rpartition("_")[2] == (parent or "")
        assert row["created_at"] == message.created_at.replace(microsecond=0)
        assert row["is_company"] == message.author.is_company
        if not world.mentions(message):
            assert row["text"] == message.text
    people = {message.author for message in alive if not message.author.is_company}
    written = source.written()
    private = [word for person in people for word in (person.name, person.handle, person.native_id)]
    assert [word for word in [*private, TOKEN] if word in written] == []
    requests_before = server.requests
    assert source.run().problems == []
    assert source.rows == []
    assert server.requests - requests_before <= 4 + 20, "a few lists, and twenty conversations in turn"
    assert recorder.violations() == []


def test_edits_and_deletions_are_found(server: Server, world: World, source: Source) -> None:
    source.run()
    young = [m for m in world.messages["facebook"] if not m.is_deleted and not m.live_replies()][-60:]
    edited = next(m for m in young if m.place == "own" and m.parent is None)
    comment = next(m for m in young if m.parent is not None and not m.author.is_company)
    kept = edited.text
    try:
        edited.text, comment.is_deleted = "Neu gefasst", True
        assert source.run().problems == []
        rows = source.by_id()
        assert rows[edited.native_id]["text"] == "Neu gefasst"
        assert rows[comment.native_id]["is_deleted"]
        assert rows[comment.native_id]["text"] is None
    finally:
        edited.text, comment.is_deleted = kept, False


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="/facebook", status=500, every=5, times=15),
        Fault(path="/facebook", code="2", status=503, every=5, times=15),
        Fault(path="/facebook", kind="truncated", every=5, times=15),
        Fault(path="/facebook", kind="cut", every=5, times=15),
        Fault(path="/facebook", kind="html", every=5, times=15),
        Fault(path="/facebook", code="4", status=400, every=40, times=2),
    ],
    ids=lambda fault: f"{fault.kind} {fault.code}",
)
def test_after_faults_end_all_is_there(
    server: Server, world: World, source: Source, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resonanz.http.BACKOFF", 0.01)
    server.inject(fault)
    found: set[str] = set()
    for _ in range(8):
        problems = source.run().problems
        assert {problem.kind for problem in problems} <= {Kind.TRANSIENT, Kind.LIMIT, Kind.CONTRACT}
        found |= {row["native_id"] for row in source.rows if row["kind"] != "account"}
        if not problems:
            break
    alive: list[Message] = [m for m in world.messages["facebook"] if not m.is_deleted]
    assert {name.rpartition("_")[2] for name in found} == {m.native_id.rpartition("_")[2] for m in alive}
