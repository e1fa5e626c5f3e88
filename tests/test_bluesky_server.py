"""Bluesky extraction against the protocol's own servers on loopback: PLC, PDS and AppView of npm's @atproto/dev-env."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devnet import Missing, Network, network
from extraction import Source

from resonanz.errors import Kind
from resonanz.privacy import Privacy

# The first run installs the npm packages (minutes), later ones find them in the cache.
pytestmark = [pytest.mark.node, pytest.mark.timeout(1200)]
PRIVACY = Privacy(b"a secret for tests only", ["weidenfels.test"])


def _network(with_appview: bool) -> Iterator[Network]:
    home = Path(tempfile.mkdtemp(prefix="resonanz-devnet-"))  # short and open enough for PostgreSQL's own user
    try:
        with network(home, with_appview=with_appview, accounts=("weidenfels", "anna", "bert")) as running:
            yield running
    except Missing as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def pds() -> Iterator[Network]:
    yield from _network(with_appview=False)


@pytest.fixture(scope="module")
def appview() -> Iterator[Network]:
    yield from _network(with_appview=True)


def keyed(net: Network, post: dict[str, Any], who: str) -> str:
    did = net.accounts[who]["did"]
    return str(post["uri"]).replace(did, PRIVACY.author_key("bluesky", did))


def ref(post: dict[str, Any]) -> dict[str, str]:
    return {"uri": post["uri"], "cid": post["cid"]}


def test_the_records_of_an_account_are_read_from_its_own_server(pds: Network, tmp_path: Path):
    posts = [pds.do("post", by="weidenfels", text=f"Nummer {number} 🙃") for number in range(105)]
    ahead = pds.do(
        "post", by="weidenfels", text="Grüße an @anna.test", mention="anna", createdAt="2099-01-01T00:00:00Z"
    )
    source = Source(tmp_path, {"platform": "bluesky", "service": pds.pds, "via": "repo", "actors": ["weidenfels.test"]})
    assert source.run().problems == []
    rows = source.by_id()
    assert set(rows) == {post["uri"] for post in [*posts, ahead]}
    assert {row["is_company"] for row in rows.values()} == {True}
    anna = PRIVACY.author_key("bluesky", pds.accounts["anna"]["did"])
    assert rows[ahead["uri"]]["text"] == f"Grüße an @{anna}"
    assert rows[ahead["uri"]]["created_at"].year < 2099, "the record key knows better than the author's clock"
    source.run()
    assert source.rows == []
    pds.do("delete", by="weidenfels", uri=posts[50]["uri"])
    new = pds.do("post", by="weidenfels", text="neu")
    source.run()
    rows = source.by_id()
    assert {uri: row["is_deleted"] for uri, row in rows.items()} == {posts[50]["uri"]: True, new["uri"]: False}
    written = source.written()
    for name in ("anna.test", pds.accounts["anna"]["did"]):
        assert name not in written


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"via": "repo", "actors": ["niemand.test"]}, Kind.GONE), ({"actors": ["weidenfels.test"]}, Kind.CREDENTIALS)],
)
def test_a_server_that_has_nothing_for_us_says_so(pds: Network, tmp_path: Path, options: dict[str, Any], kind: Kind):
    source = Source(tmp_path, {"platform": "bluesky", "service": pds.pds, **options})
    problems = source.run().problems
    assert {problem.kind for problem in problems} == {kind}
    assert source.rows == []


@pytest.mark.services
def test_feed_thread_and_search_of_a_real_appview(appview: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    do = appview.do
    post = do("post", by="weidenfels", text="Neue Waschmaschine!")
    below = {"root": ref(post), "parent": ref(post)}
    comment = do("post", by="anna", text="@weidenfels.test wie laut?", mention="weidenfels", reply=below)
    below = {"root": ref(post), "parent": ref(comment)}
    answer = do("post", by="weidenfels", text="@anna.test 50 dB", mention="anna", reply=below)
    hit = do("post", by="bert", text="Meine Waschmaschine klappert, @anna.test")
    do("like", by="bert", **ref(post))
    do("repost", by="weidenfels", **ref(hit))
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", appview.accounts["anna"]["password"])
    options = {
        "platform": "bluesky",
        "service": appview.appview,
        "actors": ["weidenfels.test"],
        "search": ["Waschmaschine"],
        "identifier": "anna.test",
        "auth_service": appview.pds,
    }
    source = Source(tmp_path, options)
    assert source.run().problems == []
    rows = source.by_id()
    account = rows.pop(f"account/{appview.accounts['weidenfels']['did']}")
    assert json.loads(account["metrics"]) == {"followers": 0}
    anna = PRIVACY.author_key("bluesky", appview.accounts["anna"]["did"])
    first, second = keyed(appview, comment, "anna"), keyed(appview, hit, "bert")
    assert {name: (row["stream"], row["kind"]) for name, row in rows.items()} == {
        post["uri"]: ("author_feed", "post"),
        first: ("threads", "comment"),
        answer["uri"]: ("author_feed", "reply"),
        second: ("search_posts", "post"),
    }
    assert {rows[name]["thread_native_id"] for name in (post["uri"], first, answer["uri"])} == {post["uri"]}
    assert rows[answer["uri"]]["parent_native_id"] == first
    assert rows[answer["uri"]]["text"] == f"@{anna} 50 dB"
    assert rows[first]["author_key"] == anna
    assert json.loads(rows[post["uri"]]["metrics"]) == {"comments": 1, "quotes": 0, "reactions": 1, "shares": 0}

    source.run()
    assert source.rows == []
    do("like", by="anna", **ref(post))
    thanks = do("post", by="anna", text="Danke!", reply={"root": ref(post), "parent": ref(answer)})
    source.run()
    assert set(source.by_id()) == {post["uri"], answer["uri"], keyed(appview, thanks, "anna")}
    for name, who, gone in ((keyed(appview, thanks, "anna"), "anna", thanks), (answer["uri"], "weidenfels", answer)):
        do("delete", by=who, uri=gone["uri"])
        source.run()
        assert source.by_id()[name]["is_deleted"]
    source.run()
    assert source.rows == []

    written = source.written()
    for who in ("anna", "bert"):
        account = appview.accounts[who]
        for name in (account["did"], account["handle"], account["password"], f"{who} Klarname"):
            assert name not in written


@pytest.mark.services
def test_a_search_that_needs_a_login_is_named_and_the_feed_lands(appview: Network, tmp_path: Path):
    appview.do("post", by="bert", text="Ofen heiß")
    options = {"platform": "bluesky", "service": appview.pds, "search": ["Ofen"], "company_accounts": []}
    source = Source(tmp_path, options)
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.PERMISSION]
    assert "RESONANZ_TOKEN_FEDIVERSE" in problems[0].message
