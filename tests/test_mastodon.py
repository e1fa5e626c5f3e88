"""Statuses of the Mastodon API as messages, and the extraction of a server that grows, edits, deletes and fails."""

import json
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from extraction import Feed
from hypothesis import given
from hypothesis import strategies as st
from loopback import Reply, serve
from mastodon_server import COMPANY, DOMAIN, START, Mastodon
from pydantic import ValidationError

from resonanz import http
from resonanz.errors import Kind, SourceError
from resonanz.platforms.mastodon import Options
from resonanz.privacy import Privacy
from resonanz.social.mastodon import reader as mastodon_reader
from resonanz.social.mastodon.people import Instance, clean
from resonanz.social.mastodon.status import Thread, parse_status
from resonanz.social.plaintext import plaintext

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "mastodon"
PRIVACY = Privacy(b"a secret for tests only", ["@weidenfels@social.example"])
INSTANCE = Instance(DOMAIN, PRIVACY)
ANNA = PRIVACY.author_key("mastodon", "seglerin_anna@meer.example")
BERT = PRIVACY.author_key("mastodon", "bert.b@social.example")
PRIVATE = ("seglerin_anna", "bert.b", "Petersen", "Segelt", "109501", "109502", "avatars")


def fixture(name: str):
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


# ---------------------------------------------------------------- one status


def test_a_status_becomes_a_message_with_all_its_fields():
    message = parse_status(fixture("status_mention.json"), INSTANCE, origin="#waschmaschine")
    assert message.parse_error is None
    assert message.text == (
        f"Moin @weidenfels@social.example & @{BERT},\ndie Trommel klappert <laut> seit 3\u00a0Tagen :blobcat: 🙃\n\n"
        "Siehe https://www.example.org/forum/thread?id=4711&seite=2#klappern und #waschmaschine"
    )
    assert (message.platform, message.native_id, message.kind) == ("mastodon", "116158900000000001", "mention")
    assert (message.parent_native_id, message.thread_native_id) == (None, "116158900000000001")
    assert (message.author_key, message.author_name, message.is_company) == (ANNA, None, False)
    assert message.account == "weidenfels@social.example"
    assert message.created_at == datetime(2026, 3, 2, 17, 4, 5, 678000, tzinfo=UTC)
    assert (message.created_at_precision, message.edited_at) == ("second", None)
    assert message.declared_language == "de"
    assert message.metrics == {"reactions": 7, "shares": 1, "comments": 2, "quotes": 1}
    assert message.url == "https://social.example/statuses/116158900000000001"
    assert message.origin == "#waschmaschine"


def test_nothing_private_is_left_in_a_status_and_its_payload():
    message = parse_status(fixture("status_mention.json"), INSTANCE)
    landed = json.dumps([message.payload, message.text, message.url, message.native_id], ensure_ascii=False)
    assert not [name for name in PRIVATE if name in landed]
    assert message.payload["account"] == {"acct": ANNA, "bot": False}
    assert message.payload["mentions"][1] == {"acct": BERT}
    assert message.payload["media_attachments"][0]["description"] == f"Trommel, fotografiert von @{ANNA}"
    assert message.payload["card"]["title"] == "Klappern"
    assert f"@{BERT}" in message.payload["content"]


def test_the_companys_own_status_stays_readable():
    message = parse_status(fixture("status_company.json"), INSTANCE, Thread("116158900000000001"))
    assert message.is_company
    assert message.author_name == "Weidenfels Hausgeräte :weidenfels:"
    assert message.url == "https://social.example/@weidenfels/116158960000000002"
    assert message.account == "weidenfels@social.example"
    assert message.edited_at == datetime(2026, 3, 2, 17, 21, tzinfo=UTC)
    assert message.text == f"@{ANNA} Das tut uns leid! Schreib uns bitte die Gerätenummer."
    assert message.payload["account"]["acct"] == "weidenfels"
    assert "seglerin_anna" not in json.dumps(message.payload)


@pytest.mark.parametrize(
    ("status", "thread", "kind"),
    [
        ("status_mention.json", None, "mention"),
        ("status_quote.json", None, "post"),
        ("status_company.json", Thread("116158900000000001"), "comment"),
        ("status_company.json", Thread("1"), "reply"),
        ("status_company.json", None, "reply"),
    ],
)
def test_the_kind_follows_from_the_place_in_the_thread(status, thread, kind):
    message = parse_status(fixture(status), INSTANCE, thread)
    assert message.kind == kind
    if kind in ("comment", "reply"):
        assert message.parent_native_id == "116158900000000001"
        assert message.thread_native_id == (thread.first if thread else None)


def test_a_quote_keeps_its_warning_and_loses_what_only_stands_in_for_the_quoted_post():
    message = parse_status(fixture("status_quote.json"), INSTANCE)
    assert message.text == f"Bei mir auch! Mehr unter https://meer.example/@{ANNA}/1161589"
    assert message.payload["spoiler_text"] == "Haushalt, Ärger"
    only_warning = fixture("status_quote.json") | {"content": ""}
    assert parse_status(only_warning, INSTANCE).text == "Haushalt, Ärger"
    assert not [name for name in PRIVATE if name in json.dumps(message.payload, ensure_ascii=False)]
    assert message.payload["quote"]["quoted_status"]["account"] == {"acct": ANNA, "bot": False}


@pytest.mark.parametrize("configured", ["weidenfels", "@weidenfels@social.example", "WEIDENFELS@social.example"])
def test_the_company_is_known_by_its_short_and_its_full_name(configured):
    instance = Instance(DOMAIN, Privacy(b"a secret for tests only", [configured]))
    message = parse_status(fixture("status_mention.json"), instance)
    assert message.kind == "mention"
    assert message.text.startswith("Moin @weidenfels")
    assert parse_status(fixture("status_company.json"), instance).is_company


def test_the_companys_name_on_another_server_is_somebody_else():
    status = fixture("status_company.json")
    status["account"]["acct"] = "weidenfels@fake.example"
    message = parse_status(status, Instance(DOMAIN, Privacy(b"a secret for tests only", ["weidenfels"])))
    assert not message.is_company
    assert message.author_name is None


def test_the_same_person_has_one_key_as_author_in_links_and_in_plain_text():
    status = fixture("status_company.json")
    status["content"] = "<p>Hallo @seglerin_anna@meer.example und @bert.b@social.example</p>"
    assert parse_status(status, INSTANCE).text == f"Hallo @{ANNA} und @{BERT}"


def test_a_mention_that_the_status_does_not_list_is_keyed_by_its_address():
    status = fixture("status_company.json") | {"mentions": []}
    assert parse_status(status, INSTANCE).text.startswith(f"@{ANNA} Das tut")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": None}, "id is missing"),
        ({"created_at": "gestern"}, "created_at is no ISO 8601 time"),
        ({"created_at": None}, "created_at is missing"),
        ({"content": ["x"]}, "content should be str"),
        ({"account": None}, "account is missing"),
        ({"account": {"username": "seglerin_anna"}}, "acct is missing"),
        ({"favourites_count": "viele"}, "favourites_count should be int"),
        ({"mentions": "anna"}, "not built as promised"),
    ],
)
def test_a_status_that_cannot_be_read_says_why_and_keeps_what_is_not_private(changes, words):
    message = parse_status(fixture("status_mention.json") | changes, INSTANCE)
    assert words in message.parse_error
    assert message.payload["language"] == "de"
    assert not [name for name in PRIVATE if name in json.dumps([message.payload, message.parse_error])]


@pytest.mark.parametrize("payload", [None, 7, "text", ["x"], {}])
def test_what_is_no_status_at_all_is_a_row_with_a_reason(payload):
    assert parse_status(payload, INSTANCE).parse_error


def test_halves_of_broken_characters_are_flagged_and_can_be_written():
    message = parse_status(fixture("status_company.json") | {"content": "<p>kaputt \ud83d hier</p>"}, INSTANCE)
    assert (message.text, message.text_is_repaired) == ("kaputt � hier", True)
    json.dumps(message.payload, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>eins</p><p>zwei</p>", "eins\n\nzwei"),
        ("<p>eins<br>zwei<br /><br/>drei</p>", "eins\nzwei\n\ndrei"),
        ("<p>a</p>\n<p>b</p>\n", "a\n\nb"),
        ("nur Text", "nur Text"),
        ("3 &lt; 4 &amp;&amp; 5 &gt; 4 &quot;ja&quot; &#39;so&#39; &euro;", "3 < 4 && 5 > 4 \"ja\" 'so' €"),
        ("<p>Liste:</p><ul><li>eins</li><li>zwei</li></ul><p>Ende</p>", "Liste:\n\neins\nzwei\n\nEnde"),
        ("<p>offen <b>fett", "offen fett"),
        ("<p>a  b\tc</p>", "a  b\tc"),
        ("<script>alert(1)</script><p>da</p>", "da"),
        ("", ""),
        ("<p></p>", ""),
    ],
)
def test_html_becomes_plain_text(html, text):
    assert plaintext(html) == text


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\x00")))
def test_no_word_is_lost_or_changed_on_the_way_through_html(text):
    import html

    assert plaintext(f"<p>{html.escape(text)}</p>").strip() == text.strip()


_TAGS = ["<br>", "<br />", '<a href="https://x.example/?a=1">', "</a>", "<span>", "</span>"]
_PIECES = st.lists(st.sampled_from(["Wort", " ", "\n", "&amp;", "&nbsp;", "ä", "@", *_TAGS]), max_size=6)


@given(st.lists(_PIECES, min_size=1, max_size=4))
def test_simple_html_gives_the_same_text_with_and_without_the_parser(paragraphs):
    html = "".join(f"<p>{''.join(pieces)}</p>" for pieces in paragraphs)
    assert plaintext(html) == plaintext(html + "<!-- no simple HTML -->")


# ---------------------------------------------------------------- a server that lives


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


def texts(source) -> set[str]:
    return {row["text"] for row in source.rows}


def test_the_first_run_reads_all_pages_and_the_second_one_nothing(server, source):
    assert source.run().problems == []
    assert len(source.by_id()) == 45
    server.asked.clear()
    assert source.run().problems == []
    assert source.rows == []
    assert len(server.asked) <= 6


def test_new_statuses_over_several_pages_are_all_found(server, source):
    """With min_id the API gives the page right after the cursor: only rel=prev leads to the newest ones."""
    source.run()
    for number in range(45):
        server.mastodon.say("viel@anderswo.example", f"neu {number}", 60 * 45 + number, tags=("weidenfels",))
    source.run()
    assert texts(source) == {f"neu {number}" for number in range(45)}


def test_paging_works_without_link_headers(server, source):
    server.mastodon.link_headers = False
    source.run()
    assert len(source.by_id()) == 45
    for number in range(45):
        server.mastodon.say("viel@anderswo.example", f"neu {number}", 60 * 45 + number, tags=("weidenfels",))
    source.run()
    assert len(source.by_id()) == 45


def test_statuses_that_arrive_while_pages_are_read_are_not_lost(server, source):
    def arrive(page: int) -> None:
        if page <= 3:
            server.mastodon.say("eilig@anderswo.example", f"dazwischen {page}", 60 * 45 + page, tags=("weidenfels",))

    server.mastodon.before_page = arrive
    source.run()
    landed = texts(source)
    source.run()
    landed |= texts(source)
    assert {f"Nummer {number}" for number in range(45)} <= landed
    assert {f"dazwischen {number}" for number in (1, 2, 3)} <= landed


def test_a_status_that_reaches_the_server_late_gets_an_old_id_and_is_still_found(server, source):
    source.run()
    server.mastodon.say("fern@anderswo.example", "kam spät an", 60 * 40 + 7, tags=("weidenfels",))
    source.run()
    assert texts(source) == {"kam spät an"}


def test_an_edit_and_new_metrics_land_once_more(server, source):
    source.run()
    first, second = sorted(server.mastodon.statuses)[30:32]
    server.mastodon.edit(first, content="<p>überlegt</p>", edited_at="2026-03-03T10:00:00.000Z")
    server.mastodon.edit(second, favourites_count=99)
    source.run()
    rows = source.by_id()
    assert set(rows) == {str(first), str(second)}
    assert rows[str(first)]["text"] == "überlegt"
    assert rows[str(first)]["edited_at"] == datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert json.loads(rows[str(second)]["metrics"])["reactions"] == 99
    source.run()
    assert source.rows == []


def test_a_deleted_status_lands_as_deleted_once(server, source):
    source.run()
    gone = sorted(server.mastodon.statuses)[20]
    before = source.by_id()[str(gone)]
    server.mastodon.delete(gone)
    source.run()
    row = source.by_id()[str(gone)]
    assert row["is_deleted"]
    assert row["text"] is None
    assert [row[name] for name in ("author_key", "created_at", "kind")] == [
        before[name] for name in ("author_key", "created_at", "kind")
    ]
    source.run()
    assert source.rows == []


def test_a_status_that_lost_the_hashtag_is_not_taken_for_deleted(server, source):
    source.run()
    changed = sorted(server.mastodon.statuses)[20]
    server.mastodon.edit(changed, tags=[], content="<p>ohne Schlagwort</p>", edited_at="2026-03-03T10:00:00.000Z")
    source.run()
    row = source.by_id()[str(changed)]
    assert (row["text"], row["is_deleted"]) == ("ohne Schlagwort", False)


def test_boosts_and_statuses_that_are_not_public_do_not_land(server, source):
    boosted = next(iter(server.mastodon.statuses.values()))
    server.mastodon.say("fan@x.example", "", 9000, tags=("weidenfels",), reblog=boosted)
    server.mastodon.say("scheu@x.example", "nur für Freunde", 9001, tags=("weidenfels",), visibility="private")
    server.mastodon.say("leise@x.example", "leise", 9002, tags=("weidenfels",), visibility="unlisted")
    source.run()
    assert len(source.by_id()) == 46
    assert "leise" in texts(source)


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


def test_the_look_back_ends_with_its_window(server, source):
    source.options["lookback_days"] = 1
    source.run()
    old, young = sorted(server.mastodon.statuses)[0], sorted(server.mastodon.statuses)[-2]
    server.mastodon.edit(old, favourites_count=5)
    server.mastodon.edit(young, favourites_count=6)
    source.run()
    assert set(source.by_id()) == {str(young)}


def test_a_date_in_the_future_moves_no_window(server, source):
    server.mastodon.say("morgen@x.example", "aus der Zukunft", 60 * 24 * 365 * 50, tags=("weidenfels",))
    source.run()
    young = sorted(server.mastodon.statuses)[-2]
    server.mastodon.edit(young, favourites_count=6)
    source.run()
    assert set(source.by_id()) == {str(young)}


# ---------------------------------------------------------------- conversations


def test_a_thread_lands_whole_with_its_kinds_and_the_account_it_stands_under(server, source):
    say = server.mastodon.say
    source.options["accounts"] = ["@weidenfels@social.example"]
    post = say(COMPANY, "Neue Waschmaschine!", 5000)
    comment = say("kunde@x.example", "Wie laut ist sie?", 5001, post)
    answer = say(COMPANY, "50 dB", 5002, comment)
    thanks = say("kunde@x.example", "Danke", 5003, answer)
    source.run()
    rows = {row["native_id"]: row for row in source.rows if int(row["native_id"]) in (post, comment, answer, thanks)}
    assert [rows[str(number)]["kind"] for number in (post, comment, answer, thanks)] == [
        "post",
        "comment",
        "reply",
        "reply",
    ]
    assert {row["thread_native_id"] for row in rows.values()} == {str(post)}
    assert {row["account"] for row in rows.values()} == {"weidenfels@social.example"}
    assert [rows[str(number)]["is_company"] for number in (post, comment, answer, thanks)] == [True, False, True, False]
    source.run()
    assert source.rows == []


def test_a_question_that_only_the_companys_answer_leads_to_is_found(server, source):
    """Customer, company, customer: nothing but the company's reply shows in any timeline."""
    say = server.mastodon.say
    source.options["accounts"] = ["weidenfels"]
    question = say("kunde@x.example", "Ofen wird nicht heiß", 5000)
    answer = say(COMPANY, "Welches Modell?", 5001, question)
    source.run()
    rows = source.by_id()
    assert rows[str(question)]["stream"] == "replies"
    assert rows[str(answer)]["kind"] == "comment"
    assert rows[str(answer)]["thread_native_id"] == str(question)
    thanks = say("kunde@x.example", "HX 300", 5002, answer)
    source.run()
    rows = source.by_id()
    assert rows[str(thanks)]["kind"] == "reply"
    assert rows[str(thanks)]["thread_native_id"] == str(question)
    assert set(rows) == {str(answer), str(thanks)}, "the answer has a comment more now, the rest is as it was"


def test_new_answers_deep_in_a_thread_are_found_in_turn(server, source):
    say = server.mastodon.say
    post = sorted(server.mastodon.statuses)[-1]
    first = say("eins@x.example", "erste Antwort", 5000, post)
    source.run()
    deep = say("zwei@x.example", "Antwort auf die Antwort", 5001, first)
    source.run()
    assert str(deep) in source.by_id()


def test_contexts_are_asked_for_only_where_something_changed(server, source):
    say = server.mastodon.say
    source.options["recheck_threads"] = 0
    posts = sorted(server.mastodon.statuses)[:30]
    for number, post in enumerate(posts):
        say("wer@x.example", f"Antwort {number}", 5000 + number, post)
    source.run()
    assert sum("/context" in path for path in server.paths()) == 30
    server.asked.clear()
    say("wer@x.example", "noch eine", 6000, posts[3])
    source.run()
    assert [path for path in server.paths() if "/context" in path] == [f"/api/v1/statuses/{posts[3]}/context"]
    assert texts(source) == {"Nummer 3", "noch eine"}


def test_an_answer_that_vanished_from_its_thread_lands_as_deleted(server, source):
    say = server.mastodon.say
    post = sorted(server.mastodon.statuses)[-1]
    kept, gone = say("a@x.example", "bleibt", 5000, post), say("b@x.example", "geht", 5001, post)
    source.run()
    server.mastodon.delete(gone)
    source.run()
    rows = source.by_id()
    assert rows[str(gone)]["is_deleted"]
    assert str(kept) not in rows


def test_when_the_first_message_goes_its_answers_keep_their_thread(server, source):
    say = server.mastodon.say
    source.options["accounts"] = ["weidenfels"]
    post = sorted(server.mastodon.statuses)[-1]
    answer = say(COMPANY, "Antwort", 5000, post)
    source.run()
    server.mastodon.delete(post)
    source.run()
    rows = source.by_id()
    assert rows[str(post)]["is_deleted"]
    assert str(answer) not in rows, "nothing about the answer itself changed"


def test_what_stands_below_a_deleted_answer_is_still_followed(server, source):
    """The deleted status cuts the thread; the company's answer below it goes on, and so does its thread."""
    say = server.mastodon.say
    source.options |= {"accounts": ["weidenfels"], "recheck_threads": 0}
    post = sorted(server.mastodon.statuses)[-1]
    comment = say("kunde@x.example", "Frage", 5000, post)
    answer = say(COMPANY, "Antwort", 5001, comment)
    source.run()
    server.mastodon.delete(comment)
    thanks = say("anders@x.example", "Gilt das auch für mich?", 5002, answer)
    source.run()
    rows = source.by_id()
    assert rows[str(thanks)]["thread_native_id"] == str(post)
    assert rows[str(answer)]["parent_native_id"] == str(comment)
    assert rows[str(answer)]["kind"] == "reply"


def test_without_replies_answers_land_where_they_are_met(server, source):
    source.options |= {"accounts": ["weidenfels"], "replies": False}
    question = server.mastodon.say("kunde@x.example", "Frage", 5000, tags=("weidenfels",))
    answer = server.mastodon.say(COMPANY, "Antwort", 5001, question)
    source.run()
    row = source.by_id()[str(answer)]
    assert (row["stream"], row["kind"], row["thread_native_id"]) == ("account_statuses", "comment", str(question))
    assert not [path for path in server.paths() if "context" in path]


def test_more_answers_than_a_server_shows_at_once_are_all_found(server, source):
    """Logged out, Mastodon shows 60 descendants and 20 levels."""
    say = server.mastodon.say
    post = sorted(server.mastodon.statuses)[-1]
    parent = post
    for number in range(90):
        parent = say("wer@x.example", f"Stufe {number}", 5000 + number, parent)
    source.run()
    assert {f"Stufe {number}" for number in range(90)} <= texts(source)


# ---------------------------------------------------------------- faults


def test_one_failing_thread_is_named_and_read_later_while_the_rest_lands(server, source):
    say = server.mastodon.say
    posts = sorted(server.mastodon.statuses)[-3:]
    for number, post in enumerate(posts):
        say("wer@x.example", f"Antwort {number}", 5000 + number, post)
    path = f"/api/v1/statuses/{posts[1]}/context"
    server.mastodon.faults[path] = [Reply({"error": "Kaputt"}, 500)] * http.ATTEMPTS
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.TRANSIENT]
    assert str(posts[1]) in problems[0].message
    assert {"Antwort 0", "Antwort 2"} <= texts(source)
    assert "Antwort 1" not in texts(source)
    assert source.run().problems == []
    assert texts(source) == {"Antwort 1"}


def test_an_answer_whose_thread_cannot_be_read_lands_without_it_and_gets_it_later(server, source):
    source.options["accounts"] = ["weidenfels"]
    question = server.mastodon.say("kunde@x.example", "Frage", 5000)
    answer = server.mastodon.say(COMPANY, "Antwort", 5001, question)
    server.mastodon.faults[f"/api/v1/statuses/{answer}/context"] = [Reply(b"<html>", 200)] * http.ATTEMPTS
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    row = source.by_id()[str(answer)]
    assert (row["parent_native_id"], row["thread_native_id"]) == (str(question), None)
    source.run()
    rows = source.by_id()
    assert rows[str(answer)]["thread_native_id"] == str(question)
    assert set(rows) == {str(question), str(answer)}


def test_one_failing_hashtag_does_not_stop_the_others(server, source):
    server.mastodon.say("x@x.example", "anderes", 5000, tags=("anderes",))
    source.options["hashtags"] = ["weidenfels", "anderes"]
    server.mastodon.faults["/api/v1/timelines/tag/weidenfels"] = [Reply(b"<html>Wartung</html>", 200)] * http.ATTEMPTS
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert "HTML instead of JSON" in problems[0].message
    assert texts(source) == {"anderes"}
    source.run()
    assert len(source.by_id()) == 45


def test_a_first_load_that_is_cut_off_goes_on_where_it_was(server, source):
    path = "/api/v1/timelines/tag/weidenfels"
    real, turns = server.answers, []

    def second_page_fails(asked):
        if asked.path == path:
            turns.append(asked)
            if len(turns) == 2:
                return Reply({"error": "Zu viel"}, 429, {"X-RateLimit-Reset": "2099-01-01T00:00:00.000000Z"})
        return real(asked)

    server.answers = second_page_fails
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.LIMIT]
    assert problems[0].retry_after > 60
    assert len(source.by_id()) == 20
    server.mastodon.say("neu@x.example", "inzwischen", 5000, tags=("weidenfels",))
    assert source.run().problems == []
    assert len(source.by_id()) == 26
    source.run()
    assert source.rows == []


def test_a_forward_run_that_is_cut_off_loses_nothing(server, source):
    source.run()
    for number in range(45):
        server.mastodon.say("viel@anderswo.example", f"neu {number}", 60 * 45 + number, tags=("weidenfels",))
    real, turns = server.answers, []

    def second_page_hangs_up(asked):
        if "min_id" in asked.query:
            turns.append(asked)
            if 2 <= len(turns) < 2 + http.ATTEMPTS:
                return None
        return real(asked)

    server.answers = second_page_hangs_up
    assert [problem.kind for problem in source.run().problems] == [Kind.TRANSIENT]
    assert texts(source) == {f"neu {number}" for number in range(20)}
    assert source.run().problems == []
    assert texts(source) == {f"neu {number}" for number in range(20, 45)}


def test_a_near_limit_is_waited_for_in_the_middle_of_a_run(server, source):
    reset = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    server.mastodon.faults["/api/v1/timelines/tag/weidenfels"] = [Reply({}, 429, {"X-RateLimit-Reset": reset})]
    started = time.monotonic()
    assert source.run().problems == []
    assert time.monotonic() - started > 0.5
    assert len(source.by_id()) == 45


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply({"error": "Kaputt"}, 500), Kind.TRANSIENT),
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


@pytest.mark.parametrize(("body", "words"), [(b"<html>Hallo</html>", "HTML instead of JSON"), (b"", "empty answer")])
def test_a_server_that_talks_something_else_is_told_in_words(server, source, body, words):
    server.answers = lambda _: Reply(body)
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert words in problems[0].message


def test_a_server_that_cannot_tell_its_domain_for_once_keeps_the_one_it_told(server, source):
    server.mastodon.say("hier", "von hier", 5000, tags=("weidenfels",))
    source.run()
    server.mastodon.faults["/api/v2/instance"] = [Reply(b"<html>Wartung</html>")] * http.ATTEMPTS
    assert source.run().problems == []
    assert source.rows == [], "another domain would make other people of those who live here"


def test_a_server_without_a_description_goes_by_its_address(server, source):
    server.mastodon.faults["/api/v2/instance"] = [Reply({"error": "Not found"}, 404)] * 2
    server.mastodon.say("hier", "von hier", 5000, tags=("weidenfels",))
    assert source.run().problems == []
    row = next(row for row in source.rows if row["text"] == "von hier")
    host = server.address.removeprefix("http://")
    assert row["author_key"] == PRIVACY.author_key("mastodon", f"hier@{host}")


def test_an_account_that_does_not_exist_is_named_and_the_rest_lands(server, source):
    source.options["accounts"] = ["weidenfelz"]
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.GONE]
    assert "@weidenfelz" in problems[0].message
    assert len(source.by_id()) == 45


def test_a_server_that_wants_a_login_says_where_to_put_the_token(server, source):
    words = {"error": "This method requires an authenticated user"}
    server.mastodon.faults["/api/v1/timelines/tag/weidenfels"] = [Reply(words, 422)]
    problem = source.run().problems[0]
    assert problem.kind is Kind.CREDENTIALS
    assert "RESONANZ_TOKEN_FEDIVERSE" in problem.message


def test_items_that_cannot_be_read_land_once_with_their_reason(server, source):
    broken = server.mastodon.say("kaputt@x.example", "ohne Zeit", 5000, tags=("weidenfels",))
    server.mastodon.edit(broken, created_at="neulich")
    source.run()
    rows = [row for row in source.rows if row["parse_error"]]
    assert [row["native_id"] for row in rows] == [str(broken)]
    assert "created_at" in rows[0]["parse_error"]
    assert len(source.rows) == 46
    source.run()
    assert source.rows == []


def test_a_crash_in_the_middle_commits_nothing_and_the_next_run_gets_all(server, source, monkeypatch):
    source.run()
    for number in range(45):
        server.mastodon.say("viel@anderswo.example", f"neu {number}", 60 * 45 + number, tags=("weidenfels",))
    real, calls = mastodon_reader.parse_status, []

    def crash(*arguments):
        calls.append(arguments)
        if len(calls) == 30:
            raise RuntimeError
        return real(*arguments)

    monkeypatch.setattr(mastodon_reader, "parse_status", crash)
    landed = sorted((source.folder / "var" / "landing").rglob("*.parquet"))
    with pytest.raises(SourceError, match="RuntimeError"):
        source.run()
    assert sorted((source.folder / "var" / "landing").rglob("*.parquet")) == landed
    monkeypatch.setattr(mastodon_reader, "parse_status", real)
    source.run()
    assert texts(source) == {f"neu {number}" for number in range(45)}


# ---------------------------------------------------------------- privacy


def test_no_private_name_is_written_anywhere(server, source):
    say = server.mastodon.say
    source.options["accounts"] = ["weidenfels"]
    link = '<a href="https://x.example/@kundin_karla" class="u-url mention">@<span>kundin_karla</span></a>'
    question = say("kundin_karla@x.example", "Ofen kalt", 5000, tags=("weidenfels",))
    mentions = [
        {
            "id": "4711",
            "username": "kundin_karla",
            "acct": "kundin_karla@x.example",
            "url": "https://x.example/@kundin_karla",
        }
    ]
    answer = say(COMPANY, f"{link} Welches Modell?", 5001, question, mentions=mentions)
    say("kundin_karla@x.example", "@weidenfels@social.example HX 300", 5002, answer)
    broken = say("pechvogel@x.example", "x", 5003, tags=("weidenfels",))
    server.mastodon.edit(broken, created_at=None)
    server.mastodon.faults[f"/api/v1/statuses/{answer}/context"] = [Reply({"error": "nein"}, 403)]
    source.run()
    source.run()
    written = source.written()
    for name in ("kundin_karla", "pechvogel", "leute7", "Geheimname aus", "Karla", "Leute7", "4711", "aus Kiel"):
        assert name.casefold() not in written.casefold(), name
    assert "weidenfels@social.example" in written


def test_what_lands_passes_the_guard(server, source):
    source.options["accounts"] = ["weidenfels"]
    post = sorted(server.mastodon.statuses)[-1]
    answer = server.mastodon.say(COMPANY, "Antwort", 5000, post, replies_count=-1)
    server.mastodon.say("bild@x.example", "", 5001, answer)
    source.run()
    server.mastodon.delete(post)
    server.mastodon.delete(sorted(server.mastodon.statuses)[3])
    source.run()
    assert sum(row["is_deleted"] for row in source.rows) == 2
    assert len(source.quarantined()) == 4
    assert sum(source.quarantined().values()) == 0


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "social.example", "hashtags": ["x"]}, "https://<host>"),
        ({"base_url": "https://social.example"}, "hashtags or accounts"),
        ({"base_url": "https://social.example", "hashtags": ["#"]}, "no empty ones"),
        ({"base_url": "https://social.example", "hashtags": ["x"], "hashtag": 1}, "Extra inputs"),
        ({"base_url": "https://social.example", "hashtags": ["x"], "max_pages": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValidationError, match=words):
        Options.model_validate(options)


def test_accounts_are_the_companys_unless_said_otherwise():
    base = {"base_url": "https://social.example/", "accounts": ["@weidenfels"], "hashtags": ["#Ofen"]}
    assert Options.model_validate(base).company_accounts == ["weidenfels"]
    assert Options.model_validate(base | {"company_accounts": []}).company_accounts == []
    assert Options.model_validate(base).hashtags == ["Ofen"]
    assert Options.model_validate(base).base_url == "https://social.example"


def test_the_cleaned_payload_of_a_context_shows_nobody():
    cleaned = json.dumps(clean(fixture("context.json"), INSTANCE), ensure_ascii=False)
    assert not [name for name in PRIVATE if name in cleaned]
    assert START.year == 2026
