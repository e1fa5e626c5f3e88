"""The stand-in for LinkedIn keeps to what LinkedIn documents, and Resonanz reads all that it serves."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests
from extraction import Source
from specs import documented
from specs.recorder import Recorder

from demo.company import LINKEDIN_ORGANIZATION, LINKEDIN_ORGANIZATION_ID
from demo.render_linkedin import ADMIN, REACTIONS, below, is_live
from demo.server import start
from demo.web import TOKEN, Fault, Server
from demo.world import World, build
from resonanz import http

HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "LinkedIn-Version": "202606",
    "X-Restli-Protocol-Version": "2.0.0",
}
ORGANIZATION = quote(LINKEDIN_ORGANIZATION, safe="")
FINDER = f"author={ORGANIZATION}&q=author"
STATISTICS = f"organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity={ORGANIZATION}"


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running:
        yield running


def recorder(server: Server) -> Recorder:
    return Recorder(server, {"/linkedin": documented.linkedin().violations})


class Caller:
    def __init__(self, server: Server, **headers: str | None) -> None:
        self.base = f"{server.url}/linkedin"
        self.session = requests.Session()
        self.session.headers.update({n: v for n, v in {**HEADERS, **headers}.items() if v is not None})

    def __call__(self, path: str) -> requests.Response:
        return self.session.get(f"{self.base}/rest/{path}", timeout=10)

    def walk(self, path: str) -> list[dict]:
        found = []
        while path:
            page = self(path).json()
            found += page["elements"]
            links = {link["rel"]: link["href"] for link in page["paging"]["links"]}
            path = links.get("next", "").removeprefix("/rest/")
        return found


def listed(urns: list[str]) -> str:
    return f"List({','.join(quote(urn, safe='') for urn in urns)})"


def live(world: World) -> list:
    return [message for message in world.messages["linkedin"] if is_live(message)]


def test_everything_that_it_serves_keeps_to_the_specification(server, world):
    watched, ask = recorder(server), Caller(server)
    posts = ask.walk(f"posts?{FINDER}&count=7&start=0&sortBy=CREATED")
    urns = [post["id"] for post in posts]
    assert [post["createdAt"] for post in posts] == sorted((post["createdAt"] for post in posts), reverse=True)
    assert {post["id"] for post in ask.walk(f"posts?{FINDER}&count=100&sortBy=LAST_MODIFIED")} == set(urns)
    seen = set(urns)
    for post in posts:
        entity = quote(post["id"], safe="")
        assert ask(f"posts/{entity}").json() == post
        comments = ask.walk(f"socialActions/{entity}/comments?count=5")
        for comment in comments:
            own = quote(comment["$URN"], safe="")
            replies = ask.walk(f"socialActions/{own}/comments?start=0&count=2")
            assert len(replies) == comment["commentsSummary"]["aggregatedTotalComments"]
            assert {reply["parentComment"] for reply in replies} <= {comment["$URN"]}
            assert ask(f"socialActions/{entity}/comments/{comment['id']}").json() == comment
            seen |= {comment["$URN"], *(reply["$URN"] for reply in replies)}
        summary = ask(f"socialMetadata/{entity}").json()["commentSummary"]
        assert summary["topLevelCount"] == len(comments)
        ask(f"socialActions/{entity}")
    assert seen == {message.native_id for message in live(world)}
    metadata = ask(f"socialMetadata?ids={listed([*urns, 'urn:li:share:1'])}").json()
    assert set(metadata["results"]) == set(urns)
    assert metadata["statuses"]["urn:li:share:1"] == 404
    comment = next(urn for urn in seen if "comment" in urn)
    assert ask(f"socialMetadata?ids={listed([comment])}").json()["results"][comment]["entity"] == comment
    assert set(ask(f"posts?ids={listed([urns[0], 'urn:li:share:1'])}").json()["results"]) == {urns[0]}
    statistics = ask.walk(f"{STATISTICS}&shares={listed(urns)}&count=100")
    assert {element["share"] for element in statistics} <= set(urns)
    assert len(ask.walk(STATISTICS)) == 1
    by_day = f"{STATISTICS}&timeIntervals=(timeRange:(start:1788220800000,end:1790812800000),timeGranularityType:DAY)"
    assert len(ask.walk(by_day)) == 30
    assert ask(f"networkSizes/{ORGANIZATION}?edgeType=COMPANY_FOLLOWED_BY_MEMBER").json()["firstDegreeSize"] > 0
    assert ask(f"organizations/{LINKEDIN_ORGANIZATION_ID}").json()["$URN"] == LINKEDIN_ORGANIZATION
    assert ask("organizationAcls?q=roleAssignee&state=APPROVED").json()["elements"][0]["role"] == "ADMINISTRATOR"
    assert len(watched.requests()) > 100
    assert watched.violations() == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("posts?q=author", 400, "ILLEGAL_ARGUMENT"),
        (f"posts?{FINDER}&frobnicate=1", 400, "ILLEGAL_ARGUMENT"),
        (f"posts?{FINDER}&count=101", 400, "ILLEGAL_ARGUMENT"),
        ("posts?q=author&author=urn%3Ali%3Aorganization%3A7", 403, "ACCESS_DENIED"),
        ("posts?ids=List%28urn%3Ali%3Ashare%3A1%29", 400, "ILLEGAL_ARGUMENT"),
        ("posts?ids=List(urn:li:share:1)", 400, "ILLEGAL_ARGUMENT"),
        ("posts/urn%3Ali%3Ashare%3A1", 404, "RESOURCE_NOT_FOUND"),
        ("socialActions/urn%3Ali%3Ashare%3A1/comments", 404, "RESOURCE_NOT_FOUND"),
        (f"{STATISTICS}&shares=List(urn%3Ali%3Ashare%3A1)", 403, "ACCESS_DENIED"),
        (f"{STATISTICS}&timeIntervals=(start:1)", 400, "ILLEGAL_ARGUMENT"),
        ("people", 404, "RESOURCE_NOT_FOUND"),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_linkedins_words(server, path, status, code):
    watched = recorder(server)
    answer = Caller(server)(path)
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    wrong_on_purpose = ("parameter", "no such operation")
    assert [one for one in watched.violations() if not any(words in one for words in wrong_on_purpose)] == []


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": None}, 401, "EMPTY_ACCESS_TOKEN"),
        ({"Authorization": "Bearer wrong"}, 401, "INVALID_ACCESS_TOKEN"),
        ({"LinkedIn-Version": "202301"}, 426, "NONEXISTENT_VERSION"),
        ({"LinkedIn-Version": None}, 400, "VERSION_MISSING"),
        ({"X-Restli-Protocol-Version": None}, 400, "ILLEGAL_ARGUMENT"),
    ],
)
def test_nobody_is_served_without_token_and_version(server, headers, status, code):
    answer = Caller(server, **headers)(f"posts?{FINDER}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_spent_quota_is_a_429_without_any_header(world):
    with start(world=world, limit=2) as server:
        watched, ask = recorder(server), Caller(server)
        assert [ask(f"posts?{FINDER}").status_code for _ in range(3)] == [200, 200, 429]
        answer = ask(f"posts?{FINDER}")
        assert "DAY limit" in answer.json()["message"]
        assert not [name for name in answer.headers if "limit" in name.lower() or "retry" in name.lower()]
        assert watched.violations() == []


def source(server: Server, folder, **options: object) -> Source:
    base = {"platform": "linkedin", "base_url": f"{server.url}/linkedin", "organizations": [LINKEDIN_ORGANIZATION_ID]}
    return Source(folder, base | options, accounts=["@weidenfels"])


def test_resonanz_reads_all_of_it_and_then_little(server, world, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    watched, page = recorder(server), source(server, tmp_path)
    assert page.run().problems == []
    rows = {name: row for name, row in page.by_id().items() if row["kind"] != "account"}
    expected = {message.native_id: message for message in live(world)}
    assert set(rows) == set(expected)
    for name, message in expected.items():
        row = rows[name]
        assert row["kind"] == ("post", "comment", "reply")[min(message.depth, 2)]
        assert row["thread_native_id"] == message.root.native_id
        assert row["parent_native_id"] == (message.parent.native_id if message.parent else None)
        assert row["created_at"] == message.created_at
        assert row["edited_at"] == (
            message.edited_at and message.edited_at.replace(microsecond=row["edited_at"].microsecond)
        )
        assert row["is_company"] == message.author.is_company
        assert row["account"] == "Weidenfels Hausgeräte"
        if not [who for *_, who in world.mentions(message) if not who.is_company]:
            assert row["text"] == message.text
    before = len(watched.requests())
    page.run()
    assert page.rows == []
    assert len(watched.requests()) - before <= 25
    assert watched.violations() == [], "what Resonanz asks for keeps to the specification, too"
    written = page.written()
    assert TOKEN not in written
    private = [person for person in world.people["linkedin"] if not person.is_company]
    assert [p.name for p in private if p.name in written] == []
    assert [p.native_id for p in private if p.native_id in written] == []
    assert ADMIN not in written
    assert sum(page.quarantined().values()) == 0


def test_counts_arrive_as_served(server, world, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    page = source(server, tmp_path)
    page.run()
    rows = page.by_id()
    for message in live(world):
        metrics = json.loads(rows[message.native_id]["metrics"])
        assert metrics["reactions"] == message.favourites
        assert metrics["comments"] == sum(1 for _ in below(message))
        if message.parent is None and message.impressions:
            names = ("impressions", "reach", "clicks", "shares")
            assert {name: metrics[name] for name in names} == {name: getattr(message, name) for name in names}
            assert metrics["reactions_haha"] == message.reactions.get("funny", 0)
    assert json.loads(rows[f"account/{LINKEDIN_ORGANIZATION_ID}"]["metrics"]) == {
        "followers": world.company("linkedin").followers
    }
    assert set(REACTIONS) >= {kind for message in live(world) for kind in message.reactions}


@pytest.mark.parametrize("kind", ["status", "html", "truncated", "cut", "hangup", "empty"])
def test_what_faults_keep_from_landing_lands_when_they_end(world, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    with start(world=world, faults=[Fault(path="/linkedin", kind=kind, every=5, times=1000)]) as server:
        page = source(server, tmp_path)
        landed: list[str] = []
        page.run()
        landed += page.by_id()
        server.faults.clear()
        page.run()
        landed += page.by_id()
        assert {n for n in landed if not n.startswith("account/")} == {m.native_id for m in live(world)}
