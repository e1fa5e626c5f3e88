"""The stand-in for Bluesky keeps to the AT Protocol's lexicons, in all that it serves."""

from collections.abc import Iterator

import pytest
import requests
from specs import documented
from specs.recorder import Recorder

from demo.render_bluesky import uri
from demo.server import start
from demo.web import TOKEN, Fault, Server
from demo.world import World, build

COMPANY = "weidenfels.test"


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running:
        yield running


def recorder(server: Server) -> Recorder:
    return Recorder(server, {"/bluesky": documented.bluesky().violations})


def test_everything_that_it_serves_keeps_to_the_lexicons(server: Server, world: World) -> None:
    watched, session = recorder(server), requests.Session()

    def ask(method: str, **params: object) -> requests.Response:
        return session.get(f"{server.url}/bluesky/xrpc/{method}", params=params, timeout=10)

    me = ask("com.atproto.identity.resolveHandle", handle=COMPANY).json()["did"]
    assert ask("app.bsky.actor.getProfile", actor=COMPANY).json()["did"] == me
    for chosen in ("posts_with_replies", "posts_no_replies", "posts_with_media", "posts_and_author_threads"):
        cursor: str | None = ""
        while cursor is not None:
            more = {"cursor": cursor} if cursor else {}
            cursor = ask("app.bsky.feed.getAuthorFeed", actor=me, filter=chosen, limit=100, **more).json().get("cursor")
    for message in world.messages["bluesky"][::30]:  # the deleted ones among them: NotFound
        ask("app.bsky.feed.getPostThread", uri=uri(message), depth=50, parentHeight=80)
    some = [uri(message) for message in world.messages["bluesky"][:25]]
    assert 0 < len(ask("app.bsky.feed.getPosts", uris=some).json()["posts"]) <= 25
    for query in ("weidenfels", "#LeiseWäscht", '"Lavia 7"'):
        ask("app.bsky.feed.searchPosts", q=query, sort="latest", limit=100)
    assert ask("app.bsky.feed.searchPosts", q="weidenfels", since="2026-10-01", until="2026-10-08").json()["posts"]
    assert ask("app.bsky.actor.getProfile", actor="nobody.test").status_code == 400
    assert ask("app.bsky.notification.listNotifications").status_code == 401
    assert len(watched.requests()) > 60
    assert watched.violations() == []
    session.close()


def test_the_company_logs_in_and_is_told_who_names_and_answers_it(server: Server) -> None:
    watched, api = recorder(server), f"{server.url}/bluesky/xrpc"
    login = {"identifier": COMPANY, "password": "wrong"}
    path = f"{api}/com.atproto.server.createSession"
    assert requests.post(path, json=login, timeout=10).status_code == 401
    opened = requests.post(path, json={**login, "password": TOKEN}, timeout=10).json()
    headers = {"Authorization": f"Bearer {opened['accessJwt']}"}
    found: list[dict] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"reasons": ["mention", "reply", "quote"], "limit": 100, **({"cursor": cursor} if cursor else {})}
        path = f"{api}/app.bsky.notification.listNotifications"
        page = requests.get(path, params=params, headers=headers, timeout=10).json()
        found += page["notifications"]
        cursor = page.get("cursor")
    assert {item["reason"] for item in found} == {"mention", "reply"}
    assert len({item["uri"] for item in found}) == len(found)
    assert opened["did"] not in {item["author"]["did"] for item in found}
    assert watched.violations() == []


def test_its_refusals_keep_to_the_lexicons(world: World) -> None:
    with start(world=world, limit=1) as server:
        watched, url = recorder(server), f"{server.url}/bluesky/xrpc/app.bsky.feed.searchPosts?q=ofen"
        assert [requests.get(url, timeout=10).status_code for _ in range(2)] == [200, 429]
        assert watched.violations() == []


def test_what_was_asked_wrongly_and_what_a_fault_spoilt_is_told_apart(server: Server) -> None:
    watched, url = recorder(server), f"{server.url}/bluesky/xrpc/app.bsky.feed.getAuthorFeed?actor={COMPANY}"
    server.inject(Fault(kind="html"))
    requests.get(url, timeout=10)
    assert watched.violations() == []
    requests.get(f"{url}&page=2&limit=few", timeout=10)
    found = watched.violations()
    assert any("the operation declares no parameter page" in words for words in found)
    assert any("'few' is not of type 'integer'" in words for words in found)
