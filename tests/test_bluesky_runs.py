"""Bluesky: notifications, backfills, accounts, what a rerun asks, paging at its edges, checks, budgets."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from bluesky_server import COMPANY, START, Bluesky, did
from extraction import Feed
from loopback import Reply, serve

from resonanz import access, http, settings
from resonanz.errors import Kind
from resonanz.platforms import Window
from resonanz.privacy import Privacy

PRIVACY = Privacy(b"a secret for tests only", [COMPANY])


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)


@pytest.fixture
def server():
    """45 posts by the company, an hour apart, in pages of 20."""
    network = Bluesky(page=20)
    for number in range(45):
        network.say(COMPANY, f"Nummer {number}", 60 * number)
    with serve(network) as running:
        running.network = network
        yield running


@pytest.fixture
def source(server, tmp_path):
    return Feed(tmp_path, {"platform": "bluesky", "service": server.address, "actors": [COMPANY]}, [COMPANY])


@pytest.fixture
def company(server, source, monkeypatch):
    """The company logged in, and nothing read but what it is told of."""
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "app-pass-word")
    login = {"mentions": True, "identifier": COMPANY, "auth_service": server.address}
    source.options = {"platform": "bluesky", "service": server.address, **login}
    return source


def texts(source) -> set[str]:
    return {row["text"] for row in source.rows}


def keyed(uri: str) -> str:
    authority = uri.split("/")[2]
    return uri.replace(authority, PRIVACY.author_key("bluesky", authority))


def named(server, text: str, minute: float, handle: str = "anna.test", **more) -> str:
    facet = {"index": {"byteStart": 0, "byteEnd": 16}, "features": [{"did": did(COMPANY)}]}
    uri = server.network.say(handle, f"@{COMPANY} {text}", minute, facets=[facet], **more)
    server.network.notify(uri)
    return uri


# ---------------------------------------------------------------- notifications


def test_what_names_the_company_lands_as_mention_without_a_search(server, company):
    uris = [named(server, f"Frage {n}", 5000 + n, f"kunde{n}.test") for n in range(45)]
    server.network.notify(uris[0], "like")
    server.network.posts[uris[3]]["likeCount"] = 7
    assert company.run().problems == []
    rows = company.by_id()
    assert set(rows) == set(map(keyed, uris))
    assert {(row["stream"], row["kind"], row["account"]) for row in rows.values()} == {("mentions", "mention", COMPANY)}
    assert json.loads(rows[keyed(uris[3])]["metrics"])["reactions"] == 7
    server.asked.clear()
    company.run()
    assert (company.rows, company.figures) == ([], [])
    assert server.network.logins == 2
    assert len(server.asked) <= 10, server.paths()
    late = named(server, "noch eine", 9000)
    company.run()
    assert set(company.by_id()) == {keyed(late)}
    assert "app-pass-word" not in company.written()
    assert "session-token" not in company.written()


def test_answers_and_quotes_land_with_their_place(server, company):
    post = sorted(server.network.posts)[-1]
    answer = server.network.say("anna.test", "wie laut?", 5000, post)
    server.network.notify(answer, "reply")
    embed = {"$type": "app.bsky.embed.record", "record": {"uri": post, "cid": "bafyreix"}}
    quote = server.network.say("bert.test", "endlich!", 5001, embed=embed)
    server.network.notify(quote, "quote")
    company.run()
    rows = company.by_id()
    assert (rows[keyed(answer)]["kind"], rows[keyed(answer)]["thread_native_id"]) == ("comment", post)
    assert (rows[keyed(quote)]["kind"], rows[keyed(quote)]["account"]) == ("mention", COMPANY)
    assert rows[post]["stream"] == "threads"


def test_an_edited_and_a_deleted_mention_are_found(server, company):
    first, second = named(server, "erst", 5000), named(server, "weg", 5001, "bert.test")
    third = named(server, "auch weg", 5002)
    company.run()
    server.network.posts[first]["record"]["text"] = f"@{COMPANY} später"
    server.network.posts[first]["cid"] = "bafyreinew"
    server.network.delete(second)
    server.network.delete(third)
    company.run()
    rows = company.by_id()
    assert rows[keyed(first)]["text"] == f"@{COMPANY} später"
    assert rows[keyed(second)]["is_deleted"]
    assert rows[keyed(third)]["is_deleted"]
    company.run()
    assert company.rows == []


def test_a_wrong_password_is_tried_once_and_the_rest_lands(server, company, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "falsch")
    company.options |= {"actors": [COMPANY], "search": ["weidenfels"]}
    assert {problem.kind for problem in company.run().problems} == {Kind.CREDENTIALS}
    assert server.network.logins == 1
    assert len(company.by_id()) == 45


def test_the_server_is_told_which_appview_to_ask(server, company):
    company.options["proxy"] = "did:web:api.bsky.app#bsky_appview"
    named(server, "Frage", 5000)
    company.run()
    asked = {asked.path.rsplit(".", 1)[1]: asked.headers.get("atproto-proxy") for asked in server.asked}
    assert asked["listNotifications"] == "did:web:api.bsky.app#bsky_appview"
    assert asked["getPosts"] is None
    assert asked["createSession"] is None


# ---------------------------------------------------------------- accounts


def test_followers_land_where_they_changed(server, source):
    source.run()
    row = source.figures[0]
    assert (row["stream"], row["kind"], row["account"]) == ("accounts", "account", COMPANY)
    assert json.loads(row["metrics"]) == {"followers": 10}
    source.run()
    assert source.figures == []
    server.network.followers = 11
    source.run()
    assert [json.loads(row["metrics"]) for row in source.figures] == [{"followers": 11}]


def test_somebody_elses_account_has_no_figures(server, source):
    server.network.say("andere.test", "hallo", 5000)
    source.options |= {"actors": ["andere.test"], "company_accounts": []}
    source.run()
    assert source.figures == []


def test_a_rerun_asks_for_one_profile_one_page_and_nothing_else(server, source):
    server.network.page = 100
    source.run()
    server.asked.clear()
    source.run()
    assert sorted(path.rsplit(".", 1)[1] for path in server.paths()) == ["getAuthorFeed", "getAuthorFeed", "getProfile"]


# ---------------------------------------------------------------- backfills


def window(first: int, last: int) -> Window:
    """Hours after START."""
    return Window(START + timedelta(hours=first), START + timedelta(hours=last))


def test_a_backfill_reads_its_range_with_the_threads_and_moves_no_cursor(server, source):
    uris = sorted(server.network.posts)
    answer = server.network.say("bert.test", "Antwort", 9000, uris[11])
    source.run()
    source.run(window(10, 20))
    assert set(source.by_id()) == {keyed(answer), *uris[10:20]}
    assert source.figures == []
    source.run()
    assert source.rows == []


def test_a_backfill_searches_its_range_alone(server, source):
    source.options = {name: value for name, value in source.options.items() if name != "actors"}
    source.options["search"] = ["Nummer"]
    source.run(window(10, 20))
    assert len(source.by_id()) == 10
    searched = [asked.query for asked in server.asked if "searchPosts" in asked.path]
    assert {(query["since"], query["until"]) for query in searched} == {
        ("2026-03-01T18:00:00.000Z", "2026-03-02T04:00:00.000Z")
    }


def test_a_backfill_that_is_cut_short_goes_on_where_it_was(server, source):
    real, turns = server.answers, count()

    def second_page_is_too_much(asked):
        if "getAuthorFeed" in asked.path and next(turns) == 1:
            return Reply({"error": "RateLimitExceeded"}, 429, {"RateLimit-Reset": "4102444800"})
        return real(asked)

    server.answers = second_page_is_too_much
    assert [problem.kind for problem in source.run(window(0, 45)).problems] == [Kind.LIMIT]
    landed = texts(source)
    assert len(landed) == 20
    source.run(window(0, 45))
    assert not landed & texts(source)
    assert len(landed | texts(source)) == 45


# ---------------------------------------------------------------- young messages once more


def test_posts_that_a_feed_lost_are_asked_for_many_at_once(server, source):
    source.run()
    uris = sorted(server.network.posts)
    real = server.answers

    def shorter(asked):
        reply = real(asked)
        if "getAuthorFeed" in asked.path:
            reply.body["feed"] = [entry for entry in reply.body["feed"] if entry["post"]["uri"] not in uris[10:40]]
        return reply

    server.answers = shorter
    gone = uris[20]
    server.network.posts.pop(gone)
    server.asked.clear()
    source.run()
    assert {name: row["is_deleted"] for name, row in source.by_id().items()} == {gone: True}
    assert sum("getPosts" in path for path in server.paths()) == 2
    assert sum("getPostThread" in path for path in server.paths()) == 1, "the missing one, to be sure"


def test_a_search_that_loses_everything_deletes_nothing(server, source):
    source.options |= {"search": ["tropft"], "replies": False}
    hits = [server.network.say(f"kunde{n}.test", "Meine tropft", 5000 + n) for n in range(60)]
    source.run()
    real = server.answers
    server.answers = lambda asked: Reply({"posts": []}) if "searchPosts" in asked.path else real(asked)
    assert "60 young posts are missing" in source.run().notices[0]
    assert source.rows == []
    server.answers = real
    server.network.delete(hits[0])
    source.run()
    assert {name: row["is_deleted"] for name, row in source.by_id().items()} == {keyed(hits[0]): True}


def test_a_deleted_post_that_is_there_again_is_alive_again(server, source):
    uri = sorted(server.network.posts)[20]
    source.run()
    gone = server.network.posts.pop(uri)
    source.run()
    assert source.by_id()[uri]["is_deleted"]
    server.network.posts[uri] = gone
    source.run()
    row = source.by_id()[uri]
    assert (row["is_deleted"], row["text"]) == (False, "Nummer 20")


# ---------------------------------------------------------------- pages


def feed_only(server, answer):
    real, turns = server.answers, count()
    server.answers = lambda asked: answer(asked, next(turns), real) if "getAuthorFeed" in asked.path else real(asked)
    return turns


def test_an_empty_page_with_a_next_one_is_followed(server, source):
    def first_is_empty(asked, turn, real):
        if turn == 0:
            return Reply({"feed": [], "cursor": "9"})
        return real(asked)

    feed_only(server, first_is_empty)
    assert source.run().problems == []
    assert len(source.by_id()) == 45


@pytest.mark.parametrize("is_fresh", [True, False])
def test_a_page_that_repeats_for_ever_ends_with_an_error(server, source, is_fresh):
    def repeating(asked, turn, real):
        page = real(replace(asked, query={**asked.query, "cursor": ""})).body
        return Reply({**page, "cursor": str(turn) if is_fresh else "7"})

    turns = feed_only(server, repeating)
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert next(turns) <= 4
    assert len(source.by_id()) == 20


def test_empty_pages_without_an_end_end_with_an_error(server, source):
    turns = feed_only(server, lambda asked, turn, real: Reply({"feed": [], "cursor": f"c{turn}"}))
    assert [problem.kind for problem in source.run().problems] == [Kind.CONTRACT]
    assert next(turns) < 60


def test_a_cursor_that_expired_in_the_middle_starts_the_list_once_more(server, source):
    def expired(asked, turn, real):
        if turn == 2:
            return Reply({"error": "InvalidRequest", "message": "Malformed cursor"}, 400)
        return real(asked)

    feed_only(server, expired)
    assert source.run().problems == []
    assert len(source.by_id()) == 45


def test_items_on_two_pages_and_a_hundred_of_one_moment_land_once(server, source):
    moment = server.network.posts[sorted(server.network.posts)[-1]]["indexedAt"]
    for number in range(100):
        server.network.say(COMPANY, f"zugleich {number}", 5000 + number / 1000)
    for post in server.network.posts.values():
        post["indexedAt"] = min(post["indexedAt"], moment)
        post["record"]["createdAt"] = min(post["record"]["createdAt"], moment)

    def by_place(asked, turn, real):
        posts = sorted(server.network.posts.values(), key=lambda post: post["indexedAt"], reverse=True)
        start = max(0, int(asked.query.get("cursor", "0")) - 2)
        page = [{"post": post} for post in posts[start : start + 20]]
        return Reply({"feed": page, **({"cursor": str(start + 20)} if start + 20 < len(posts) else {})})

    feed_only(server, by_place)
    assert source.run().problems == []
    assert len(source.by_id()) == 145


# ---------------------------------------------------------------- checks and budgets


def findings(source):
    source.run()
    loaded = settings.load(source.folder / "sources.toml", source.folder / "var")
    return {found.subject: found for found in access.findings(loaded, loaded.sources[0])}


def test_the_check_names_login_accounts_searches_and_mentions(server, company):
    company.options |= {"search": ["weidenfels"], "actors": [COMPANY, "weidenfelz.test"]}
    found = findings(company)
    assert {name: bool(one.problem) for name, one in found.items() if not name.startswith("budget")} == {
        f"account @{COMPANY}": False,
        "account @weidenfelz.test": True,
        f"login as {COMPANY}": False,
        "search weidenfels": False,
        "mentions": False,
    }
    assert "app-pass-word" not in str(found)


def test_the_check_says_what_a_wrong_password_means(server, company, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "falsch")
    found = findings(company)
    assert "RESONANZ_TOKEN_FEDIVERSE" in found[f"login as {COMPANY}"].problem
    assert "falsch" not in str(found)


def test_a_budget_ends_the_run_and_what_was_read_lands(server, source):
    source.options["budget"] = {"requests_per_day": 3}
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.LIMIT]
    assert len(server.asked) == 3
    assert len(source.by_id()) == 40
