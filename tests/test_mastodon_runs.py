"""Mastodon: notifications, backfills, accounts, re-reading at little cost, paging at its edges, checks, budgets."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from extraction import Feed
from loopback import Asked, Reply, serve
from mastodon_server import COMPANY, START, TOKEN, Mastodon

from resonanz import access, http, settings
from resonanz.errors import Kind
from resonanz.platforms import Window

TAG = "/api/v1/timelines/tag/weidenfels"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)


@pytest.fixture
def server():
    """45 statuses under one hashtag, an hour apart, in pages of 20."""
    mastodon = Mastodon(limit=20)
    for number in range(45):
        mastodon.say(f"leute{number}@anderswo.example", f"Nummer {number}", 60 * number, tags=("weidenfels",))
    with serve(mastodon) as running:
        running.mastodon = mastodon
        yield running


@pytest.fixture
def source(server, tmp_path):
    options = {"platform": "mastodon", "base_url": server.address, "hashtags": ["weidenfels"]}
    return Feed(tmp_path, options, ["weidenfels@social.example"])


@pytest.fixture
def company(source, monkeypatch):
    """The company logged in, and nothing read but what it is told about."""
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    source.options = {name: value for name, value in source.options.items() if name != "hashtags"} | {"mentions": True}
    return source


def texts(source) -> set[str]:
    return {row["text"] for row in source.rows}


# ---------------------------------------------------------------- notifications


def named(server, text, minute, **more):
    mentions = [{"id": "1", "username": COMPANY, "acct": COMPANY, "url": "https://social.example/@weidenfels"}]
    number = server.mastodon.say("anna@x.example", f"@weidenfels {text}", minute, mentions=mentions, **more)
    server.mastodon.notify(number)
    return number


def test_what_names_the_company_without_a_hashtag_lands_as_mention(server, company):
    numbers = [named(server, f"Frage {n}", 5000 + n) for n in range(45)]
    for kind in ("follow", "favourite", "something_new"):
        server.mastodon.notify(numbers[0], kind)
    assert company.run().problems == []
    rows = company.by_id()
    assert set(rows) == set(map(str, numbers))
    assert {(row["stream"], row["kind"], row["account"]) for row in rows.values()} == {
        ("mentions", "mention", "weidenfels@social.example")
    }
    server.asked.clear()
    company.run()
    assert (company.rows, company.figures) == ([], [])
    assert len(server.asked) <= 7, server.paths()
    late = named(server, "noch eine", 9000)
    company.run()
    assert set(company.by_id()) == {str(late)}


def test_direct_and_private_mentions_do_not_land(server, company):
    named(server, "unter uns", 5000, visibility="direct")
    named(server, "nur für Freunde", 5001, visibility="private")
    named(server, "leise", 5002, visibility="unlisted")
    company.run()
    assert texts(company) == {"@weidenfels leise"}
    assert "unter uns" not in company.written()
    assert "nur für Freunde" not in company.written()


def test_an_edited_and_a_deleted_mention_are_found(server, company):
    first, second = named(server, "erst", 5000), named(server, "weg", 5001)
    company.run()
    server.mastodon.edit(first, content="<p>später</p>", edited_at="2026-03-05T10:00:00.000Z")
    server.mastodon.delete(second)
    company.run()
    rows = company.by_id()
    assert (rows[str(first)]["text"], rows[str(second)]["is_deleted"]) == ("später", True)
    company.run()
    assert company.rows == []


def test_an_answer_in_a_strangers_thread_brings_its_thread(server, company):
    question = server.mastodon.say("bert@x.example", "Welche Waschmaschine?", 5000)
    answer = server.mastodon.say(
        "anna@x.example",
        "@weidenfels vielleicht",
        5001,
        question,
        mentions=[{"id": "1", "username": COMPANY, "acct": COMPANY, "url": "https://social.example/@weidenfels"}],
    )
    server.mastodon.notify(answer)
    company.run()
    rows = company.by_id()
    assert rows[str(answer)]["thread_native_id"] == str(question)
    assert rows[str(question)]["stream"] == "replies"


def test_a_quote_of_the_company_is_a_mention(server, company):
    own = server.mastodon.say(COMPANY, "Neu: die Lavia", 5000)
    quote = {"state": "accepted", "quoted_status": server.mastodon.statuses[own]}
    number = server.mastodon.say("anna@x.example", "endlich", 5001, quote=quote)
    server.mastodon.notify(number, "quote")
    company.run()
    row = company.by_id()[str(number)]
    assert (row["kind"], row["account"]) == ("mention", "weidenfels@social.example")


def test_mentions_without_a_token_are_named_and_the_rest_lands(server, source):
    source.options["mentions"] = True
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CREDENTIALS]
    assert "RESONANZ_TOKEN_FEDIVERSE" in problems[0].message
    assert len(source.by_id()) == 45


def test_a_wrong_token_is_never_tried_twice(server, company, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "wrong-token")
    assert {problem.kind for problem in company.run().problems} == {Kind.CREDENTIALS}
    assert len(server.paths()) == len(set(server.paths()))
    assert "wrong-token" not in company.written()


# ---------------------------------------------------------------- accounts


def test_followers_land_where_they_changed(server, source):
    source.options["accounts"] = [COMPANY]
    source.run()
    row = source.figures[0]
    assert (row["stream"], row["kind"], row["account"]) == ("accounts", "account", "weidenfels@social.example")
    assert json.loads(row["metrics"]) == {"followers": 10}
    source.run()
    assert source.figures == []
    server.mastodon.followers = 11
    source.run()
    assert [json.loads(row["metrics"]) for row in source.figures] == [{"followers": 11}]
    server.mastodon.followers = -1  # how servers hide it
    source.run()
    assert source.figures == []


def test_somebody_elses_account_has_no_figures(server, source):
    server.mastodon.say("andere", "hallo", 5000)
    source.options |= {"accounts": ["andere"], "company_accounts": []}
    source.run()
    assert source.figures == []


def test_the_tokens_account_has_figures_once(server, company):
    company.options["accounts"] = ["@weidenfels@social.example"]
    company.run()
    assert [row["account"] for row in company.figures] == ["weidenfels@social.example"]


# ---------------------------------------------------------------- backfills


def window(first: int, last: int) -> Window:
    """Hours after START."""
    return Window(START + timedelta(hours=first), START + timedelta(hours=last))


def test_a_backfill_reads_its_range_with_the_threads_and_moves_no_cursor(server, source):
    numbers = sorted(server.mastodon.statuses)
    answer = server.mastodon.say("b@x.example", "Antwort", 9000, numbers[11])
    source.run()
    server.asked.clear()
    source.run(window(10, 20))
    assert set(source.by_id()) == {str(answer), *map(str, numbers[10:20])}
    assert source.figures == []
    source.run()
    assert source.rows == []


def test_a_backfill_begins_near_its_end_where_ids_tell_the_time(server, source):
    for number in range(300):
        server.mastodon.say("viel@x.example", f"neu {number}", 60 * 24 * 60 + number, tags=("weidenfels",))
    source.run(window(0, 30))
    assert len(source.by_id()) == 30
    assert server.paths().count(TAG) <= 5


def test_a_backfill_walks_down_where_ids_tell_no_time(server, source):
    statuses = server.mastodon.statuses
    server.mastodon.statuses = {n: {**s, "id": str(n)} for n, s in enumerate(statuses.values(), 1)}
    source.run(window(3, 6))
    assert texts(source) == {"Nummer 3", "Nummer 4", "Nummer 5"}


def test_a_backfill_that_is_cut_short_goes_on_where_it_was(server, source):
    real, turns = server.answers, []

    def third_page_is_too_much(asked):
        if asked.path == TAG:
            turns.append(asked)
            if len(turns) == 3:
                return Reply({"error": "Zu viel"}, 429, {"X-RateLimit-Reset": "2099-01-01T00:00:00.000000Z"})
        return real(asked)

    server.answers = third_page_is_too_much
    assert [problem.kind for problem in source.run(window(0, 45)).problems] == [Kind.LIMIT]
    landed = texts(source)
    assert len(landed) == 20
    source.run(window(0, 45))
    assert not landed & texts(source)
    assert len(landed | texts(source)) == 45


def test_a_backfill_of_mentions_goes_by_their_own_dates(server, company):
    numbers = [named(server, f"Frage {n}", 60 * n + 1) for n in range(30)]
    company.run(window(10, 12))
    assert set(company.by_id()) == set(map(str, numbers[10:12]))


# ---------------------------------------------------------------- young messages once more


def test_comments_that_no_timeline_shows_are_read_again_many_at_once(server, source):
    say, post = server.mastodon.say, sorted(server.mastodon.statuses)[-1]
    comments = [say("a@x.example", f"Antwort {n}", 5000 + n, post) for n in range(50)]
    source.run()
    server.asked.clear()
    source.run()
    assert source.rows == []
    assert server.paths().count("/api/v1/statuses") == 3
    assert len(server.asked) <= 3 + 8, server.paths()
    server.mastodon.edit(comments[7], content="<p>überlegt</p>", edited_at="2026-03-05T10:00:00.000Z")
    server.mastodon.delete(comments[8])
    nested = say("b@x.example", "auf die Antwort", 6000, comments[9])
    source.run()
    rows = source.by_id()
    assert rows[str(comments[7])]["text"] == "überlegt"
    assert rows[str(comments[8])]["is_deleted"]
    assert rows[str(nested)]["parent_native_id"] == str(comments[9])
    assert rows[str(nested)]["thread_native_id"] == str(post)


def test_older_servers_are_asked_for_whole_conversations(server, source):
    server.mastodon.version = (4, 2)
    say, post = server.mastodon.say, sorted(server.mastodon.statuses)[-1]
    comments = [say("a@x.example", f"Antwort {n}", 5000 + n, post) for n in range(3)]
    source.run()
    nested = say("b@x.example", "auf die Antwort", 6000, comments[1])
    source.run()
    assert str(nested) in source.by_id()


def test_a_deleted_status_that_is_there_again_is_alive_again(server, source):
    number = sorted(server.mastodon.statuses)[20]
    source.run()
    gone = server.mastodon.statuses.pop(number)
    source.run()
    assert source.by_id()[str(number)]["is_deleted"]
    server.mastodon.statuses[number] = gone
    source.run()
    row = source.by_id()[str(number)]
    assert (row["is_deleted"], row["text"]) == (False, "Nummer 20")
    source.run()
    assert source.rows == []


# ---------------------------------------------------------------- pages


def test_an_empty_page_with_a_next_one_is_followed(server, source):
    real = server.answers
    top = real(Asked("GET", TAG, {"limit": "20"}, {}))

    def first_is_empty(asked):
        if asked.path == TAG and "max_id" not in asked.query and "min_id" not in asked.query:
            later = str(int(top.body[0]["id"]) + 1)
            return Reply([], headers={"Link": f'<https://x.example{TAG}?max_id={later}>; rel="next"'})
        return real(asked)

    server.answers = first_is_empty
    assert source.run().problems == []
    assert len(source.by_id()) == 45


@pytest.mark.parametrize("is_fresh", [True, False])
def test_a_page_that_repeats_for_ever_ends_with_an_error(server, source, is_fresh):
    real, turns = server.answers, []

    def repeating(asked):
        if asked.path != TAG:
            return real(asked)
        turns.append(asked)
        place = len(turns) if is_fresh else 7
        page = real(replace(asked, query={"limit": "20"})).body
        return Reply(page, headers={"Link": f'<https://x.example{TAG}?max_id={place}>; rel="next"'})

    server.answers = repeating
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert len(turns) <= 4
    assert len(source.by_id()) == 20


def test_empty_pages_without_an_end_end_with_an_error(server, source):
    real, turns = server.answers, []

    def empty(asked):
        if asked.path != TAG:
            return real(asked)
        turns.append(asked)
        return Reply([], headers={"Link": f'<https://x.example{TAG}?max_id={len(turns)}>; rel="next"'})

    server.answers = empty
    assert [problem.kind for problem in source.run().problems] == [Kind.CONTRACT]
    assert len(turns) < 60


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_place_that_expired_in_the_middle_starts_the_list_once_more(server, source, status):
    real, turns = server.answers, []

    def expired(asked):
        if asked.path == TAG and "max_id" in asked.query:
            turns.append(asked)
            if len(turns) == 2:
                return Reply({"error": "max_id is invalid"}, status)
        return real(asked)

    server.answers = expired
    assert source.run().problems == []
    assert len(source.by_id()) == 45


def test_a_cursor_that_expired_between_two_runs_loses_nothing(server, source):
    source.run()
    for number in range(45):
        server.mastodon.say("viel@anderswo.example", f"neu {number}", 60 * 45 + number, tags=("weidenfels",))
    real = server.answers
    refused = Reply({"error": "Record not found"}, 404)
    server.answers = lambda asked: refused if "min_id" in asked.query else real(asked)
    assert source.run().problems == []
    assert texts(source) == {f"neu {number}" for number in range(45)}
    server.answers = real
    source.run()
    assert source.rows == []


def test_items_that_stand_on_two_pages_and_a_hundred_of_one_moment_land_once(server, source):
    for number in range(100):
        server.mastodon.say("alle@x.example", f"zugleich {number}", 6000, tags=("weidenfels",))
    real = server.answers

    def overlapping(asked):
        if "max_id" in asked.query:
            asked = replace(asked, query={**asked.query, "max_id": str(int(asked.query["max_id"]) + 3)})
        return real(asked)

    server.answers = overlapping
    assert source.run().problems == []
    assert len(source.by_id()) == 145


# ---------------------------------------------------------------- checks and budgets


def findings(source):
    source.folder.joinpath("sources.toml").unlink(missing_ok=True)
    source.run()
    loaded = settings.load(source.folder / "sources.toml", source.folder / "var")
    return {found.subject: found for found in access.findings(loaded, loaded.sources[0])}


def test_the_check_names_token_scopes_hashtags_accounts_and_mentions(server, company):
    company.options |= {"hashtags": ["weidenfels"], "accounts": [COMPANY, "weidenfelz"]}
    found = findings(company)
    assert {name: bool(one.problem) for name, one in found.items() if not name.startswith("budget")} == {
        "server": False,
        "token": False,
        "scope read:notifications": False,
        "scope read:accounts": False,
        f"account @{COMPANY}": False,
        "account @weidenfelz": True,
        "hashtag #weidenfels": False,
        "mentions": False,
    }
    assert TOKEN not in str(found)


def test_the_check_says_what_a_wrong_or_missing_token_means(server, company, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "wrong-token")
    assert "RESONANZ_TOKEN_FEDIVERSE" in findings(company)["token"].problem
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    assert "RESONANZ_TOKEN_FEDIVERSE" in findings(company)["token"].problem


def test_a_budget_ends_the_run_and_what_was_read_lands(server, source):
    source.options["budget"] = {"requests_per_day": 3}
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.LIMIT]
    assert len(server.asked) == 3
    assert len(source.by_id()) == 40
