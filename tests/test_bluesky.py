"""Posts of the AT Protocol as messages, and the extraction of an AppView that grows, deletes, blocks and fails."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from bluesky_server import COMPANY, START, Bluesky, did
from extraction import Feed
from loopback import Reply, serve
from pydantic import ValidationError

from resonanz import http
from resonanz.errors import Kind, SourceError
from resonanz.platforms.bluesky import Options
from resonanz.privacy import Privacy
from resonanz.social.bluesky import reader as bluesky_reader
from resonanz.social.bluesky.people import People, clean
from resonanz.social.bluesky.post import parse_post, sort_at

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "bluesky"
PRIVACY = Privacy(b"a secret for tests only", [COMPANY])
ANNA = PRIVACY.author_key("bluesky", did("seglerin-anna.bsky.social"))
BERT = PRIVACY.author_key("bluesky", did("bert.example.org"))
PRIVATE = (
    *("seglerin-anna", "bert.example.org", "Petersen", "unbekannt", "avatar"),
    *(did("seglerin-anna.bsky.social"), did("bert.example.org")),
)


def fixture(name: str):
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def people() -> People:
    return People(PRIVACY, {did(COMPANY): COMPANY})


# ---------------------------------------------------------------- one post


def test_a_post_becomes_a_message_with_all_its_fields():
    message = parse_post(fixture("post_mention.json"), people(), "search weidenfels")
    stranger = PRIVACY.author_key("bluesky", "unbekannt.bsky.social")
    by_handle = PRIVACY.author_key("bluesky", "bert.example.org")
    assert message.parse_error is None
    assert message.text == (
        f"Grüße 🙃 @weidenfels.test und @{BERT}, die Trommel klappert! @{stranger} "
        f"siehe bsky.app/profile/{by_handle}/post/3k2 und example.org/forum/…"
    )
    assert message.native_id == f"at://{ANNA}/app.bsky.feed.post/3mg5mtv4gkk2t"
    assert (message.kind, message.parent_native_id, message.thread_native_id) == ("mention", None, message.native_id)
    assert (message.author_key, message.author_name, message.is_company) == (ANNA, None, False)
    assert (message.account, message.url) == (COMPANY, None)
    assert message.created_at == datetime(2026, 3, 2, 17, 4, 5, 678000, tzinfo=UTC)
    assert message.declared_language == "de"
    assert message.metrics == {"reactions": 7, "shares": 1, "comments": 2, "quotes": 3}


def test_nothing_private_is_left_in_a_post_and_its_payload():
    message = parse_post(fixture("post_mention.json"), people())
    landed = json.dumps([message.payload, message.text, message.native_id, message.url], ensure_ascii=False)
    assert not [name for name in PRIVATE if name in landed]
    assert message.payload["author"] == {"did": ANNA}
    assert message.payload["record"]["text"] == message.text
    assert message.payload["record"]["facets"][1]["features"][0]["did"] == BERT
    assert message.payload["embed"]["record"]["value"]["text"].startswith("Frag doch @")
    assert message.payload["record"]["facets"][3]["features"][0]["uri"] == "https://example.org/forum/thread?id=4711"


def test_the_companys_own_post_stays_readable():
    message = parse_post(fixture("post_company.json"), people())
    assert message.is_company
    assert message.author_name == "Weidenfels Hausgeräte"
    assert message.native_id == f"at://{did(COMPANY)}/app.bsky.feed.post/3mg5nzzzzzz2t"
    assert message.url == "https://bsky.app/profile/weidenfels.test/post/3mg5nzzzzzz2t"
    assert message.kind == "comment"
    assert message.parent_native_id == message.thread_native_id == f"at://{ANNA}/app.bsky.feed.post/3mg5mtv4gkk2t"
    assert message.text == f"@{ANNA} Das tut uns leid!", "the mention has the key of the author it means"
    assert message.payload["author"]["handle"] == COMPANY


def test_the_company_is_known_by_its_did_alone_once_it_was_met():
    known = People(PRIVACY, {})
    address = f"at://{did(COMPANY)}/app.bsky.feed.post/3k"
    assert known.native_id(address) != address
    known.meet(fixture("thread.json"))
    assert known.native_id(address) == address
    assert set(known.companies) == {did(COMPANY)}


@pytest.mark.parametrize(
    ("created", "indexed", "expected"),
    [
        ("2026-03-02T17:04:05.678Z", "2026-03-02T17:04:07Z", "2026-03-02T17:04:05.678000+00:00"),
        ("2031-01-01T00:00:00Z", "2026-03-02T17:04:07Z", "2026-03-02T17:04:07+00:00"),
        ("gestern", "2026-03-02T17:04:07Z", "2026-03-02T17:04:07+00:00"),
        ("2026-03-02T19:04:05+02:00", None, "2026-03-02T17:04:05+00:00"),
        ("2026-03-02T17:04:05.123456789Z", None, "2026-03-02T17:04:05.123456+00:00"),
        (None, None, None),
        ("0000-01-01T00:00:00Z", None, None),
    ],
)
def test_a_date_set_by_the_author_is_bounded_by_the_moment_of_indexing(created, indexed, expected):
    found = sort_at(created, indexed, "self")
    assert (found.isoformat() if found else None) == expected


def test_the_record_key_stands_in_for_a_date_that_is_missing_or_ahead():
    network = Bluesky()
    key = network.say("a.test", "x", 0).rsplit("/", 1)[1]
    assert sort_at(None, None, key) == START
    assert sort_at("2099-01-01T00:00:00Z", None, key) == START
    assert sort_at("2026-02-01T00:00:00Z", None, key) == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("uri",), None, "uri is missing"),
        (("uri",), "https://x.example", "no at:// address"),
        (("author",), None, "author is missing"),
        (("author", "did"), 7, "did should be str"),
        (("record",), "text", "record should be"),
        (("record", "text"), None, "text is missing"),
        (("record", "reply"), {"root": {}}, "uri is missing"),
        (("record", "reply"), "x", "root is missing"),
        (("likeCount",), "viele", "likeCount should be int"),
        (("record", "langs"), 7, "not built as promised"),
    ],
)
def test_a_post_that_cannot_be_read_says_why_and_keeps_what_is_not_private(place, value, words):
    post = fixture("post_mention.json")
    target = post
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    message = parse_post(post, people())
    assert words in message.parse_error
    assert message.payload["cid"] == "bafyreia1"
    landed = json.dumps([message.payload, message.parse_error, message.native_id], ensure_ascii=False)
    assert not [name for name in PRIVATE[5:] + PRIVATE[2:3] if name in landed]


@pytest.mark.parametrize("post", [None, 7, "text", ["x"], {}])
def test_what_is_no_post_at_all_is_a_row_with_a_reason(post):
    assert parse_post(post, people()).parse_error


@pytest.mark.parametrize(
    "index",
    [{"byteStart": 0, "byteEnd": 999}, {"byteStart": 5, "byteEnd": 2}, {"byteStart": 4, "byteEnd": 9}, {}, None, "x"],
)
def test_a_facet_that_points_nowhere_is_passed_over_and_the_mention_keyed_by_its_handle(index):
    text = "Grüß dich @anna.test"
    facets = [{"index": index, "features": [{"did": did("anna.test")}]}]
    post = fixture("post_company.json")
    post["record"] |= {"text": text, "facets": [*facets, 7, {"features": "x"}, {"features": [7]}]}
    assert parse_post(post, people()).text == f"Grüß dich @{PRIVACY.author_key('bluesky', 'anna.test')}"


def test_halves_of_broken_characters_are_flagged_and_can_be_written():
    post = fixture("post_company.json")
    post["record"] |= {"text": "kaputt \ud83d hier", "facets": []}
    message = parse_post(post, people())
    assert (message.text, message.text_is_repaired) == ("kaputt � hier", True)
    json.dumps(message.payload, ensure_ascii=False).encode("utf-8")


def test_the_cleaned_payload_of_a_thread_shows_nobody():
    cleaned = json.dumps(clean(fixture("thread.json"), people()), ensure_ascii=False)
    assert not [name for name in PRIVATE if name in cleaned]


# ---------------------------------------------------------------- an AppView that lives


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


def texts(source) -> set[str]:
    return {row["text"] for row in source.rows}


def keyed(uri: str) -> str:
    """The native id of a private author's post."""
    authority = uri.split("/")[2]
    return uri.replace(authority, PRIVACY.author_key("bluesky", authority))


def test_the_first_run_reads_all_pages_and_the_second_one_nothing(server, source):
    assert source.run().problems == []
    assert len(source.by_id()) == 45
    server.asked.clear()
    assert source.run().problems == []
    assert source.rows == []
    assert len(server.asked) <= 6


def test_new_posts_over_several_pages_are_all_found(server, source):
    source.run()
    for number in range(45):
        server.network.say(COMPANY, f"neu {number}", 60 * 45 + number)
    source.run()
    assert texts(source) == {f"neu {number}" for number in range(45)}


def test_new_counts_land_once_more_and_deletions_once(server, source):
    source.run()
    first, second = sorted(server.network.posts)[30:32]
    server.network.posts[first]["likeCount"] = 99
    server.network.delete(second)
    source.run()
    rows = source.by_id()
    assert set(rows) == {first, second}
    assert json.loads(rows[first]["metrics"])["reactions"] == 99
    assert rows[second]["is_deleted"]
    assert rows[second]["text"] is None
    source.run()
    assert source.rows == []


def test_reposts_are_no_utterances(server, source):
    other = server.network.say("fan.test", "Tolle Maschine", 5000)
    server.network.reposts.append((COMPANY, other, START + timedelta(minutes=6000)))
    source.run()
    assert "Tolle Maschine" not in texts(source)
    assert len(source.by_id()) == 45


@pytest.mark.parametrize(
    ("limit", "landed"),
    [({"max_pages": 1}, 20), ({"since": date(2026, 3, 2)}, 45 - 16), ({"since": date(2026, 3, 2), "max_pages": 1}, 20)],
)
def test_the_first_load_can_be_limited_and_the_look_back_stays_within(server, source, limit, landed):
    source.options |= limit
    source.run()
    assert len(source.by_id()) == landed
    source.run()
    assert source.rows == []


def test_a_date_in_the_future_moves_no_window(server, source):
    ahead = server.network.say(COMPANY, "aus der Zukunft", 2800, createdAt="2060-01-01T00:00:00Z")
    source.run()
    assert source.by_id()[ahead]["created_at"] == START + timedelta(minutes=2800, seconds=1)
    server.network.say(COMPANY, "danach", 2900)
    source.run()
    assert texts(source) == {"danach"}


# ---------------------------------------------------------------- threads and searches


def test_a_thread_lands_whole_with_its_kinds_and_the_account_it_stands_under(server, source):
    say = server.network.say
    post = say(COMPANY, "Neue Waschmaschine!", 5000)
    comment = say("anna.test", "Wie laut ist sie?", 5001, post)
    answer = say(COMPANY, "50 dB", 5002, comment)
    thanks = say("anna.test", "Danke", 5003, answer)
    source.run()
    rows = source.by_id()
    thread = [rows[post], rows[keyed(comment)], rows[answer], rows[keyed(thanks)]]
    assert [row["kind"] for row in thread] == ["post", "comment", "reply", "reply"]
    assert {row["thread_native_id"] for row in thread} == {post}
    assert {row["account"] for row in thread} == {COMPANY}
    assert [row["parent_native_id"] for row in thread] == [None, post, keyed(comment), answer]
    source.run()
    assert source.rows == []


def test_a_question_that_only_the_companys_answer_leads_to_is_found(server, source):
    say = server.network.say
    question = say("anna.test", "Ofen wird nicht heiß", 5000)
    answer = say(COMPANY, "Welches Modell?", 5001, question)
    source.run()
    rows = source.by_id()
    assert rows[keyed(question)]["stream"] == "threads"
    assert rows[answer]["thread_native_id"] == keyed(question)
    thanks = say("anna.test", "HX 300", 5002, answer)
    source.run()
    rows = source.by_id()
    assert rows[keyed(thanks)]["kind"] == "reply"
    assert set(rows) == {answer, keyed(thanks)}


def test_threads_are_asked_for_only_where_something_changed(server, source):
    source.options["recheck_threads"] = 0
    posts = sorted(server.network.posts)[:30]
    for number, post in enumerate(posts):
        server.network.say("anna.test", f"Antwort {number}", 5000 + number, post)
    source.run()
    assert sum("getPostThread" in path for path in server.paths()) == 30
    server.asked.clear()
    server.network.say("anna.test", "noch eine", 6000, posts[3])
    source.run()
    assert [asked.query["uri"] for asked in server.asked if "getPostThread" in asked.path] == [posts[3]]
    assert texts(source) == {"Nummer 3", "noch eine"}


def test_answers_that_vanish_or_are_blocked_land_as_deleted(server, source):
    say = server.network.say
    post = sorted(server.network.posts)[-1]
    kept, gone = say("a.test", "bleibt", 5000, post), say("b.test", "geht", 5001, post)
    blocked = say("c.test", "wird blockiert", 5002, post)
    source.run()
    server.network.delete(gone)
    server.network.blocked.add(blocked)
    source.run()
    rows = source.by_id()
    assert rows[keyed(gone)]["is_deleted"]
    assert rows[keyed(blocked)]["is_deleted"]
    assert keyed(kept) not in rows
    source.run()
    assert source.rows == []


def test_what_stands_below_a_deleted_answer_is_still_followed(server, source):
    say = server.network.say
    post = sorted(server.network.posts)[-1]
    comment = say("anna.test", "Frage", 5000, post)
    answer = say(COMPANY, "Antwort", 5001, comment)
    server.network.delete(comment)
    thanks = say("bert.test", "Gilt das auch für mich?", 5002, answer)
    source.run()
    rows = source.by_id()
    assert rows[keyed(thanks)]["thread_native_id"] == post
    assert rows[answer]["parent_native_id"] == keyed(comment)
    source.run()
    assert source.rows == []


def test_an_answer_that_is_only_kept_back_is_not_taken_for_deleted(server, source):
    post = sorted(server.network.posts)[-1]
    hidden = server.network.say("a.test", "wird versteckt", 5000, post)
    source.run()
    server.network.posts.pop(hidden)  # the count above it still speaks of it
    source.run()
    assert source.rows == []


def test_threads_deeper_than_a_server_shows_are_read_on(server, source):
    server.network.depth = 10
    parent = sorted(server.network.posts)[-1]
    for number in range(35):
        parent = server.network.say("anna.test", f"Stufe {number}", 5000 + number, parent)
    source.run()
    assert {f"Stufe {number}" for number in range(35)} <= texts(source)
    source.run()
    assert source.rows == []


def test_a_search_finds_what_others_say_and_its_threads(server, source):
    say = server.network.say
    source.options["search"] = ["weidenfels"]
    hit = say("anna.test", "Meine Weidenfels tropft", 5000)
    answer = say("bert.test", "Meine auch", 5001, hit)
    source.run()
    rows = source.by_id()
    assert rows[keyed(hit)]["stream"] == "search_posts"
    assert rows[keyed(answer)]["stream"] == "threads"
    assert len(rows) == 47
    source.run()
    assert source.rows == []


def test_a_private_post_that_a_search_loses_is_not_taken_for_deleted(server, source):
    source.options |= {"search": ["weidenfels"], "replies": False}
    hit = server.network.say("anna.test", "Meine Weidenfels tropft", 5000)
    source.run()
    server.network.lost.add(hit)
    source.run()
    assert source.rows == []


def test_a_private_post_that_no_search_finds_any_more_is_deleted(server, source):
    source.options |= {"search": ["weidenfels"], "replies": False}
    hit = server.network.say("anna.test", "Meine Weidenfels tropft", 5000)
    source.run()
    server.network.delete(hit)
    source.run()
    assert source.by_id()[keyed(hit)]["is_deleted"]
    source.run()
    assert source.rows == []


def test_a_search_without_login_says_what_to_do_and_the_rest_lands(server, source):
    server.network.search_needs_login = True
    source.options["search"] = ["weidenfels", "ofen"]
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.PERMISSION]
    assert "RESONANZ_TOKEN_FEDIVERSE" in problems[0].message
    assert "identifier" in problems[0].message
    assert len(source.by_id()) == 45


@pytest.mark.parametrize(
    ("password", "kind", "words"),
    [
        ("app-pass-word", None, ""),
        ("falsch", Kind.CREDENTIALS, "Invalid identifier or password"),
        (None, Kind.CREDENTIALS, "app password"),
    ],
)
def test_a_search_logs_in_at_the_accounts_own_server(server, source, monkeypatch, password, kind, words):
    server.network.search_needs_login = True
    server.network.say("anna.test", "Meine Weidenfels tropft", 5000)
    source.options |= {"search": ["weidenfels"], "identifier": "suche.test", "auth_service": server.address}
    if password:
        monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", password)
    problems = source.run().problems
    assert [problem.kind for problem in problems] == ([kind] if kind else [])
    assert all(words in problem.message for problem in problems)
    assert ("Meine Weidenfels tropft" in texts(source)) is (kind is None)
    assert {asked.headers.get("Authorization") for asked in server.asked if "search" not in asked.path} == {None}
    assert "app-pass-word" not in source.written()
    assert "session-token" not in source.written()


def test_without_an_appview_the_accounts_own_records_are_read(server, source):
    source.options["via"] = "repo"
    late = server.network.say(COMPANY, "aus der Zukunft", 2800, createdAt="2060-01-01T00:00:00Z")
    source.run()
    rows = source.by_id()
    assert len(rows) == 46
    assert {row["stream"] for row in rows.values()} == {"author_feed"}
    assert rows[late]["created_at"] == START + timedelta(minutes=2800)
    assert rows[late]["metrics"] is None, "a repository counts nothing"
    server.network.delete(sorted(server.network.posts)[20])
    server.network.say(COMPANY, "neu", 2900)
    source.run()
    assert sorted((row["text"] or "", row["is_deleted"]) for row in source.rows) == [("", True), ("neu", False)]


# ---------------------------------------------------------------- faults


def test_one_failing_thread_is_named_and_read_later_while_the_rest_lands(server, source):
    posts = sorted(server.network.posts)[-3:]
    for number, post in enumerate(posts):
        server.network.say("anna.test", f"Antwort {number}", 5000 + number, post)
    real = server.answers
    server.answers = lambda asked: Reply({}, 500) if asked.query.get("uri") == posts[1] else real(asked)
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.TRANSIENT]
    assert {"Antwort 0", "Antwort 2"} <= texts(source)
    server.answers = real
    assert source.run().problems == []
    assert texts(source) == {"Antwort 1"}


def test_an_old_private_thread_that_failed_is_read_when_its_search_comes_to_it_again(server, source):
    say = server.network.say
    source.options["search"] = ["weidenfels"]
    hit = say("anna.test", "Meine Weidenfels tropft", -60 * 24 * 40)
    say("bert.test", "Meine auch", -60 * 24 * 40 + 1, hit)
    say("carl.test", "Weidenfels läuft", 3000)
    real = server.answers
    server.answers = lambda asked: Reply({}, 500) if asked.query.get("uri") == hit else real(asked)
    assert [problem.kind for problem in source.run().problems] == [Kind.TRANSIENT]
    assert "Meine Weidenfels tropft" in texts(source)
    server.answers = real
    assert source.run().problems == []
    assert "Meine auch" in texts(source)
    source.run()
    assert source.rows == []


def test_a_first_load_that_is_cut_off_goes_on_where_it_was(server, source):
    real, turns = server.answers, count()

    def second_page_is_too_much(asked):
        if "getAuthorFeed" in asked.path and next(turns) == 1:
            far = str(int((datetime.now(UTC) + timedelta(hours=1)).timestamp()))
            return Reply(
                {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, 429, {"RateLimit-Reset": far}
            )
        return real(asked)

    server.answers = second_page_is_too_much
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.LIMIT]
    assert len(source.by_id()) == 20
    server.network.say(COMPANY, "inzwischen", 5000)
    assert source.run().problems == []
    assert len(source.by_id()) == 26
    source.run()
    assert source.rows == []


def test_a_later_run_that_is_cut_off_loses_nothing(server, source):
    source.run()
    for number in range(45):
        server.network.say(COMPANY, f"neu {number}", 60 * 45 + number)
    real, turns = server.answers, count()
    server.answers = lambda asked: (
        None if "getAuthorFeed" in asked.path and 1 <= next(turns) <= http.ATTEMPTS else real(asked)
    )
    assert [problem.kind for problem in source.run().problems] == [Kind.TRANSIENT]
    landed = texts(source)
    assert len(landed) == 20
    assert source.run().problems == []
    assert landed | texts(source) == {f"neu {number}" for number in range(45)}
    assert not landed & texts(source)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply({"error": "InternalServerError"}, 500), Kind.TRANSIENT),
        (None, Kind.TRANSIENT),
        (Reply({}, 429, {"Retry-After": "900"}), Kind.LIMIT),
    ],
)
def test_a_server_that_gives_nothing_fails_the_source_with_one_clear_error(server, source, reply, kind):
    server.answers = lambda _: reply
    with pytest.raises(SourceError) as raised:
        source.run()
    assert raised.value.kind is kind
    assert server.address in raised.value.message
    assert not list((source.folder / "var" / "landing").glob("fediverse/*/*/*.parquet"))


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"<html>Hallo</html>", "HTML instead of JSON"), (b"", "empty answer"), (b'{"feed": [{"po', "breaks off")],
)
def test_an_answer_that_is_not_json_is_told_in_words(server, source, body, words):
    server.network.faults["app.bsky.feed.getAuthorFeed"] = [Reply(body)] * http.ATTEMPTS
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert words in problems[0].message
    assert source.run().problems == []
    assert len(source.by_id()) == 45


def test_an_account_that_does_not_exist_is_named_and_the_rest_lands(server, source):
    source.options |= {"actors": [COMPANY, "weidenfelz.test"], "company_accounts": [COMPANY]}
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.GONE]
    assert "@weidenfelz.test" in problems[0].message
    assert len(source.by_id()) == 45


def test_items_that_cannot_be_read_land_once_with_their_reason(server, source):
    broken = server.network.say(COMPANY, "x", 5000)
    server.network.posts[broken]["record"]["text"] = None
    source.run()
    rows = [row for row in source.rows if row["parse_error"]]
    assert [row["native_id"] for row in rows] == [broken]
    assert len(source.rows) == 46
    source.run()
    assert source.rows == []


def test_a_crash_in_the_middle_commits_nothing_and_the_next_run_gets_all(server, source, monkeypatch):
    source.run()
    for number in range(45):
        server.network.say(COMPANY, f"neu {number}", 60 * 45 + number)
    real, calls = bluesky_reader.parse_post, count(1)

    def crash(*arguments):
        if next(calls) == 30:
            raise RuntimeError
        return real(*arguments)

    monkeypatch.setattr(bluesky_reader, "parse_post", crash)
    landed = sorted((source.folder / "var" / "landing").rglob("*.parquet"))
    with pytest.raises(SourceError, match="RuntimeError"):
        source.run()
    assert sorted((source.folder / "var" / "landing").rglob("*.parquet")) == landed
    monkeypatch.setattr(bluesky_reader, "parse_post", real)
    source.run()
    assert texts(source) == {f"neu {number}" for number in range(45)}


# ---------------------------------------------------------------- privacy


def test_no_private_name_is_written_anywhere(server, source):
    say = server.network.say
    source.options["search"] = ["ofen"]
    question = say("karla.kundin.example", "Ofen kalt, wie bei bsky.app/profile/karla.kundin.example", 5000)
    facet = {"index": {"byteStart": 0, "byteEnd": 21}, "features": [{"did": did("karla.kundin.example")}]}
    answer = say(COMPANY, "@karla.kundin.example Welches Modell?", 5001, question, facets=[facet])
    say("karla.kundin.example", "@weidenfels.test HX 300, ruf @bert.privat.example an", 5002, answer)
    broken = say("pechvogel.example", "Ofen kaputt", 5003)
    server.network.posts[broken]["likeCount"] = "viele"
    server.network.faults["app.bsky.feed.getPostThread"] = [
        Reply({"error": "InternalServerError", "message": f"cannot read at://{did('karla.kundin.example')}/x"}, 501)
    ]
    problems = source.run().problems
    problems += source.run().problems
    assert problems
    written = source.written() + "".join(problem.message for problem in problems)
    handles = ("karla.kundin.example", "pechvogel.example", "bert.privat.example")
    for name in (*handles, *map(did, handles), "Karla", "Pechvogel", "Klarname aus"):
        assert name not in written, name
    assert COMPANY in written
    assert did(COMPANY) in written


def test_what_lands_passes_the_guard(server, source):
    post = sorted(server.network.posts)[-1]
    comment = server.network.say("anna.test", "Frage", 5000, post)
    source.run()
    server.network.delete(comment)
    server.network.delete(sorted(server.network.posts)[3])
    source.run()
    assert sum(row["is_deleted"] for row in source.rows) == 2
    assert len(source.quarantined()) == 5
    assert sum(source.quarantined().values()) == 0


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"service": "public.api.bsky.app", "actors": ["x.test"]}, "https://<host>"),
        ({}, "actors or search"),
        ({"actors": ["@"]}, "no empty ones"),
        ({"actors": ["x.test"], "handle": 1}, "Extra inputs"),
        ({"actors": ["x.test"], "search": ["y"], "via": "repo"}, "cannot be searched"),
        ({"search": ["y"], "identifier": "x.test", "auth_service": "http://pds.example"}, "https only"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValidationError, match=words):
        Options.model_validate(options)


def test_actors_are_the_companys_unless_said_otherwise():
    assert Options.model_validate({"actors": ["@weidenfels.test"]}).company_accounts == ["weidenfels.test"]
    assert Options.model_validate({"actors": ["x.test"], "company_accounts": []}).company_accounts == []
