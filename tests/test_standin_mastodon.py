"""The stand-in for Mastodon keeps to Mastodon's own specification, in all that it serves."""

from collections.abc import Iterator

import pytest
import requests
from specs import openapi
from specs.recorder import Recorder

from demo.company import HASHTAGS
from demo.server import start
from demo.web import TOKEN, Fault, Server
from demo.world import World, build


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running:
        yield running


def test_everything_that_it_serves_keeps_to_the_specification(server: Server, world: World) -> None:
    recorder = Recorder(server, {"/mastodon": openapi.mastodon().violations})
    api = f"{server.url}/mastodon/api"
    session = requests.Session()
    me = session.get(f"{api}/v1/accounts/lookup?acct=weidenfels@haushalt.example", timeout=10).json()["id"]
    session.get(f"{api}/v2/instance", timeout=10)
    session.get(f"{api}/v1/accounts/{me}", timeout=10)
    for query in ("limit=40", "exclude_replies=true&exclude_reblogs=true", "pinned=true", "tagged=Weidenfels&min_id=1"):
        session.get(f"{api}/v1/accounts/{me}/statuses?{query}", timeout=10)
    for tag in HASHTAGS:
        session.get(f"{api}/v1/timelines/tag/{tag}?limit=40&min_id=1", timeout=10)
    for message in world.messages["mastodon"][::40]:  # the deleted ones among them: 404
        session.get(f"{api}/v1/statuses/{message.native_id}", timeout=10)
        session.get(f"{api}/v1/statuses/{message.native_id}/context", timeout=10)
    some = [message.native_id for message in world.messages["mastodon"][:20]]
    session.get(f"{api}/v1/statuses", params={"id[]": some}, timeout=10)
    session.get(f"{api}/v1/accounts/lookup?acct=nobody", timeout=10)
    for path in ("notifications", "accounts/verify_credentials", "apps/verify_credentials"):
        assert session.get(f"{api}/v1/{path}", timeout=10).status_code == 401
    session.headers["Authorization"] = "Bearer wrong"
    assert session.get(f"{api}/v2/instance", timeout=10).status_code == 401
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    assert session.get(f"{api}/v1/accounts/verify_credentials", timeout=10).json()["id"] == me
    assert "read:notifications" in session.get(f"{api}/v1/apps/verify_credentials", timeout=10).json()["scopes"]
    newest = session.get(f"{api}/v1/notifications?types[]=mention&limit=80", timeout=10)
    assert len(newest.json()) == 80
    assert {item["type"] for item in newest.json()} == {"mention"}
    session.get(newest.links["next"]["url"], timeout=10)
    assert len(recorder.requests()) > 140
    assert recorder.violations() == []
    session.close()


def test_its_refusals_keep_to_the_specification(world: World) -> None:
    with start(world=world, limit=1) as server:
        recorder = Recorder(server, {"/mastodon": openapi.mastodon().violations})
        url = f"{server.url}/mastodon/api/v1/timelines/tag/Weidenfels"
        assert [requests.get(url, timeout=10).status_code for _ in range(2)] == [200, 429]
        assert recorder.violations() == []


def test_what_was_asked_wrongly_and_what_a_fault_spoilt_is_told_apart(server: Server) -> None:
    recorder = Recorder(server, {"/mastodon": openapi.mastodon().violations})
    url = f"{server.url}/mastodon/api/v1/timelines/tag/Weidenfels"
    server.inject(Fault(kind="html"))
    requests.get(url, timeout=10)
    assert recorder.violations() == []
    requests.get(f"{url}?page=2&limit=few", timeout=10)
    found = recorder.violations()
    assert any("the operation declares no parameter page" in words for words in found)
    assert any("'few' is not of type 'integer'" in words for words in found)
