"""YouTube: what each field becomes, and runs against a small Data API that tests can change."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from extraction import Source
from loopback import Asked, Reply, serve
from youtube_server import CHANNEL, KEY, START, Tube, refused

from resonanz import http
from resonanz.errors import Kind, SourceError
from resonanz.extract import extract
from resonanz.platforms import Context, Window
from resonanz.platforms.youtube import Options, check
from resonanz.privacy import Privacy
from resonanz.settings import load
from resonanz.social.google_errors import explain, until_midnight
from resonanz.social.pages import CURSOR_EXPIRED
from resonanz.social.youtube.items import inline_replies, is_public, parse_comment, parse_thread, parse_video
from resonanz.social.youtube.people import People

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "youtube"
COMPANY = "UCwdnFls1921HausgeraeteQ"
DAY = 60 * 24
PRIVACY = Privacy(b"0123456789abcdef", ["@weidenfels"])


def fixture(kind: str) -> list[Any]:
    return json.loads((FIXTURES / f"{kind}.json").read_text(encoding="utf-8"))["items"]


@pytest.fixture
def people() -> People:
    people = People(PRIVACY)
    people.is_ours(COMPANY, "weidenfels", "@weidenfels")
    return people


def key(name: str) -> str:
    return PRIVACY.author_key("youtube", name)


def test_every_field_of_a_video(people):
    message = parse_video(fixture("videos")[0], people)
    assert message.parse_error is None
    assert (message.native_id, message.kind, message.thread_native_id) == ("aB3_dE-fG7h", "post", "aB3_dE-fG7h")
    assert message.parent_native_id is None
    assert message.text == (
        "Die Tür der Lavia 7 & was danach kam\n\nWas wir tun.\n\nFragen? @weidenfels antwortet. "
        f"Danke an @{key('dunkle_kurbel')} und https://www.youtube.com/channel/{key('UCprivateperson000000001')} !"
    )
    assert message.created_at == datetime(2026, 11, 2, 7, 30, tzinfo=UTC)
    assert (message.is_company, message.author_name, message.account) == (True, "Weidenfels Hausgeräte", "weidenfels")
    assert message.author_key == key(COMPANY)
    assert message.metrics == {"views": 15023.0, "reactions": 311.0, "comments": 42.0}
    assert message.unavailable_metrics == {}
    assert message.declared_language == "de"
    assert message.url == "https://www.youtube.com/watch?v=aB3_dE-fG7h"
    assert message.payload["contentDetails"]["newField"] is True
    assert message.payload["snippet"]["channelId"] == COMPANY


def test_what_a_channel_hides_is_left_out_with_its_reason(people):
    message = parse_video(fixture("videos")[1], people)
    assert message.metrics == {"views": 7.0}
    assert message.unavailable_metrics == {"reactions": "hidden by the channel", "comments": "comments are disabled"}


def test_missing_optional_parts_do_no_harm(people):
    message = parse_video(fixture("videos")[2], people)
    assert message.parse_error is None
    assert (message.text, message.metrics, message.unavailable_metrics) == ("Nur ein Titel", {}, {})
    assert message.created_at == datetime(2026, 11, 2, 7, 30, tzinfo=UTC)


def test_a_private_video_is_not_public_and_an_unknown_status_does_no_harm():
    assert [is_public(video) for video in fixture("videos")] == [True, True, True, False, True, True]
    assert is_public({"id": "x", "status": {"privacyStatus": "somethingNew"}})
    assert not is_public({"id": "x", "status": {"uploadStatus": "rejected"}})


def test_somebody_elses_video_is_a_mention_without_its_author(people):
    message = parse_video(fixture("videos")[4], people)
    assert (message.kind, message.is_company, message.author_name, message.account) == ("mention", False, None, None)
    assert message.author_key == key("UCnimblewren0000000000001")
    kept = json.dumps(message.payload)
    assert not any(name in kept for name in ("Nimble", "UCnimblewren0000000000001"))
    assert message.payload["snippet"]["channelId"] == message.author_key
    assert message.text == f"Lavia 7: an honest review\n\nBought it myself. @{key('nimble.wren')} on everything"


def test_every_field_of_a_comment(people):
    message = parse_thread(fixture("commentThreads")[0], people)
    assert message.parse_error is None
    assert (message.native_id, message.kind) == ("UgxTop1AaABAg", "comment")
    assert (message.parent_native_id, message.thread_native_id) == ("aB3_dE-fG7h", "aB3_dE-fG7h")
    assert message.text == (
        f"Wasser & Schaum auf dem Boden…\n@weidenfels was nun? Frag @{key('ferne.wolke')} oder @{key('ä·wolke')}"
    )
    assert message.author_key == key("UCdunklekurbel00000000001")
    assert (message.author_name, message.is_company, message.account) == (None, False, "weidenfels")
    assert message.created_at == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert message.edited_at == datetime(2026, 11, 3, 11, 30, tzinfo=UTC)
    assert message.metrics == {"reactions": 3.0, "comments": 2.0}
    assert message.url == "https://www.youtube.com/watch?v=aB3_dE-fG7h&lc=UgxTop1AaABAg"
    assert message.payload["snippet"]["brandNew"] == "?"
    kept = json.dumps(message.payload)
    assert not any(name in kept for name in ("dunkle_kurbel", "UCdunklekurbel", "ggpht", "replies"))


def test_replies_have_their_comment_as_parent_and_its_video_as_thread(people):
    company, private = (parse_comment(reply, people, "aB3_dE-fG7h") for reply in fixture("comments"))
    assert (company.kind, company.parent_native_id, company.thread_native_id) == (
        "reply",
        "UgxTop1AaABAg",
        "aB3_dE-fG7h",
    )
    assert (company.is_company, company.author_name) == (True, "@weidenfels")
    assert company.text == f"@{key('dunkle_kurbel')} Das tut uns leid."
    assert company.payload["snippet"]["authorDisplayName"] == "@weidenfels"
    assert company.edited_at is None
    assert private.metrics == {"reactions": 0.0}
    shown, is_all = inline_replies(fixture("commentThreads")[0])
    assert ([reply["id"] for reply in shown], is_all) == (["UgxTop1AaABAg.9r2"], False)


def test_an_author_whose_channel_is_gone_and_a_text_that_comes_in_one_form(people):
    message = parse_thread(fixture("commentThreads")[1], people)
    assert message.author_key == key("@nimble_wren")
    assert message.text == "First! 1 < 2"
    assert message.created_at == datetime(2026, 11, 3, 22, tzinfo=UTC)
    assert "nimble_wren" not in json.dumps(message.payload)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"id": "a"}, "snippet is missing"),
        ({"id": "a", "snippet": {"channelId": COMPANY, "publishedAt": 7}}, "publishedAt should be str"),
        ({"snippet": {"channelId": COMPANY, "publishedAt": "2026-01-01T00:00:00Z"}}, "id is missing"),
        ("nonsense", "id is missing"),
    ],
)
def test_a_video_that_is_not_as_promised_is_a_row_that_says_so(people, item, words):
    assert words in (parse_video(item, people).parse_error or "")


def test_a_comment_that_is_not_as_promised_keeps_its_rest_without_its_author(people):
    message = parse_thread(fixture("commentThreads")[2], people)
    assert message.native_id == "UgxTop3AaABAg"
    assert "publishedAt is missing" in (message.parse_error or "")
    kept = json.dumps(message.payload, ensure_ascii=False)
    assert "Ohne Datum" in kept
    assert not any(name in kept for name in ("ferne_wolke", "UCfernewolke"))
    for thread in ({"id": "t"}, {"snippet": {}}, None, {"snippet": {"topLevelComment": []}}):
        assert parse_thread(thread, people).parse_error


def test_broken_characters_are_flagged_and_do_not_stop_anything(people):
    comment = fixture("comments")[1]
    comment["snippet"]["textOriginal"] = "kaputt \ud83d @dunkle_kurbel"
    message = parse_comment(comment, people, "v")
    assert message.text_is_repaired
    assert message.text == f"kaputt \ufffd @{key('dunkle_kurbel')}"
    json.dumps(message.payload).encode("utf-8")
    assert "\\ud83d" not in json.dumps(message.payload)


def test_a_namesake_of_the_company_is_not_the_company(people):
    comment = fixture("comments")[1]
    comment["snippet"] |= {"authorDisplayName": "weidenfels", "authorChannelId": {"value": "UCimpostor"}}
    assert not parse_comment(comment, people, "v").is_company


# --- Refusals ---------------------------------------------------------------------------------------------------------


def google(code: int, reason: str = "", message: str = "words", **error: Any) -> Any:
    errors = [{"reason": reason, "message": message, "domain": "x"}] if reason else []
    return explain(code, {"error": {"code": code, "message": message, "errors": errors, **error}}, {})


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "keyInvalid", Kind.CREDENTIALS),
        (401, "authError", Kind.CREDENTIALS),
        (403, "quotaExceeded", Kind.LIMIT),
        (403, "dailyLimitExceeded", Kind.LIMIT),
        (403, "rateLimitExceeded", Kind.LIMIT),
        (403, "userRateLimitExceeded", Kind.LIMIT),
        (429, "rateLimitExceeded", Kind.LIMIT),
        (403, "forbidden", Kind.PERMISSION),
        (403, "accessNotConfigured", Kind.PERMISSION),
        (403, "commentsDisabled", Kind.PERMISSION),
        (400, "processingFailure", Kind.TRANSIENT),
        (400, "invalidFilters", Kind.CONTRACT),
        (400, "required", Kind.CONTRACT),
        (404, "videoNotFound", None),  # the status says it
        (503, "backendError", Kind.TRANSIENT),
    ],
)
def test_googles_reasons_have_their_kind(status, reason, kind):
    told = google(status, reason)
    assert (told.kind, told.code) == (kind, reason)


def test_newer_bodies_are_understood_too():
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    assert google(400, "badRequest", status="INVALID_ARGUMENT", details=[info]).kind is Kind.CREDENTIALS
    words = "Method doesn't allow unregistered callers (callers without established identity)."
    assert google(403, "forbidden", words).kind is Kind.CREDENTIALS
    daily = {"reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit": "SearchQueriesPerDayPerProject"}}
    told = google(429, "rateLimitExceeded", status="RESOURCE_EXHAUSTED", details=[daily])
    assert told.kind is Kind.LIMIT
    assert 0 < told.retry_after <= 25 * 3600
    assert google(403, "rateLimitExceeded", "Queries per minute").retry_after is None
    assert google(429, "x", details=[{"retryDelay": "12.5s"}], status="RESOURCE_EXHAUSTED").retry_after == 12.5
    assert google(400, "invalidPageToken").code == CURSOR_EXPIRED
    assert google(403, "quotaExceeded", 'over your <a href="/x">quota</a>.').words == "over your quota."
    assert explain(404, {"error": "no"}, {}) is None
    assert explain(404, None, {}) is None


def test_the_quota_begins_anew_at_midnight_on_the_pacific_coast():
    assert until_midnight({"Date": "Mon, 23 Nov 2026 07:00:00 GMT"}) == 3600
    assert until_midnight({"Date": "Mon, 23 Nov 2026 09:00:00 GMT"}) == 23 * 3600


# --- Runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", KEY)


@pytest.fixture
def tube():
    tube = Tube()
    with serve(tube) as server:
        tube.server = server
        yield tube


def source(tube: Tube, folder: Path, **options: Any) -> Source:
    base = {"platform": "youtube", "base_url": tube.server.address, "channels": ["@shop"]}
    return Source(folder, base | options)


def messages(found: Source) -> dict[str, dict[str, Any]]:
    return {name: row for name, row in found.by_id().items() if row["kind"] != "account"}


def fill(tube: Tube, videos: int = 3, comments: int = 4) -> None:
    for number in range(videos):
        tube.video(f"v{number}", number)
        for other in range(comments):
            tube.comment(f"v{number}", f"c{number}-{other}", 10 + number + other)


@pytest.mark.parametrize(("videos", "size"), [(0, 50), (1, 50), (49, 50), (50, 50), (51, 50), (7, 2), (8, 2)])
def test_all_lands_once_and_the_second_run_lands_nothing(tube, tmp_path, videos, size):
    tube.size = size
    fill(tube, videos, 3)
    found = source(tube, tmp_path)
    assert found.run().problems == []
    assert sorted(messages(found)) == tube.ids()
    assert found.run().problems == []
    assert found.rows == []


def test_nested_replies_have_the_right_parents_even_where_not_all_come_with_the_thread(tube, tmp_path):
    fill(tube, 1, 1)
    for number in range(5):
        tube.comment("v0", f"c0-0.r{number}", 20 + number, parent="c0-0")
    found = source(tube, tmp_path)
    found.run()
    rows = messages(found)
    assert sorted(rows) == tube.ids()
    for number in range(5):
        row = rows[f"c0-0.r{number}"]
        assert (row["kind"], row["parent_native_id"], row["thread_native_id"]) == ("reply", "c0-0", "v0")
    assert rows["c0-0"]["parent_native_id"] == "v0"


def test_a_hundred_comments_of_one_moment_land_once(tube, tmp_path):
    tube.video("v", 0)
    for number in range(100):
        tube.comment("v", f"c{number:03}", 5)
    tube.size = 30
    found = source(tube, tmp_path)
    found.run()
    assert len(messages(found)) == 101
    tube.comment("v", "one-more", 5)
    found.run()
    assert sorted(messages(found)) == ["one-more", "v"], "the video, whose count has changed"


def test_a_new_comment_below_a_video_of_two_years_ago_is_found_without_reading_the_video_again(tube, tmp_path):
    tube.video("old", -730 * DAY)
    for number in range(5):
        tube.comment("old", f"c{number}", number - 730 * DAY)
    tube.video("young", 0)
    tube.comment("young", "c-young", 1)
    found = source(tube, tmp_path, recheck_threads=0)
    found.run()
    assert len(messages(found)) == 8
    tube.comment("old", "late", DAY)
    since = len(tube.server.asked)
    found.run()
    assert sorted(messages(found)) == ["late"]
    assert tube.asked(since).count("commentThreads") == 1
    tube.comment("old", "late.answer", DAY + 5, parent="late")
    found.run()
    rows = messages(found)
    assert sorted(rows) == ["late", "late.answer"]
    assert rows["late.answer"]["thread_native_id"] == "old"
    del tube.comments["late.answer"], tube.comments["late"]
    found.run()
    assert {name: row["is_deleted"] for name, row in messages(found).items()} == {"late": True, "late.answer": True}
    found.run()
    assert found.rows == []


def test_edits_and_deletions_are_found(tube, tmp_path):
    fill(tube)
    tube.comment("v1", "c1-0.r", 30, parent="c1-0")
    found = source(tube, tmp_path, recheck_threads=0)
    found.run()
    tube.comments["c0-1"] |= {"text": "anders", "edited": 99}
    tube.videos["v2"]["title"] = "Neuer Titel"
    del tube.comments["c1-0"], tube.comments["c1-0.r"]
    found.run()
    rows = messages(found)
    assert rows["c0-1"]["text"] == "anders"
    assert rows["c0-1"]["edited_at"] == START + timedelta(minutes=99)
    assert rows["v2"]["text"] == "Neuer Titel"
    gone = {name for name, row in rows.items() if row["is_deleted"]}
    assert gone == {"c1-0", "c1-0.r"}
    assert rows["c1-0.r"]["parent_native_id"] == "c1-0"
    assert set(rows) == {"c0-1", "v2", "v1"} | gone
    found.run()
    assert found.rows == []


@pytest.mark.parametrize("how", ["deleted", "private"])
def test_a_video_that_is_gone_takes_its_comments_with_it(tube, tmp_path, how):
    fill(tube, 2, 2)
    found = source(tube, tmp_path, recheck_threads=0)
    found.run()
    if how == "deleted":
        del tube.videos["v1"]
    else:
        tube.videos["v1"]["privacy"] = "private"
    tube.comments = {name: comment for name, comment in tube.comments.items() if comment["video"] != "v1"}
    found.run()
    assert {name: row["is_deleted"] for name, row in messages(found).items()} == dict.fromkeys(
        ["v1", "c1-0", "c1-1"], True
    )


def test_disabled_comments_are_no_failure(tube, tmp_path):
    fill(tube, 2, 2)
    found = source(tube, tmp_path)
    found.run()
    tube.closed.add("v1")
    assert found.run().problems == []
    rows = messages(found)
    assert json.loads(rows["v1"]["unavailable_metrics"]) == {"comments": "comments are disabled"}
    assert "comments" not in json.loads(rows["v1"]["metrics"])


def test_an_expired_page_token_in_the_middle_starts_the_list_again(tube, tmp_path):
    tube.size = 2
    fill(tube, 5, 5)
    tube.expired = {"2"}

    def answers(asked: Asked) -> Reply | None:
        reply = tube(asked)
        if asked.query.get("pageToken") in tube.expired:
            tube.expired = set()
        return reply

    tube.server.answers = answers
    found = source(tube, tmp_path)
    landed: list[str] = []
    for _ in range(2):
        found.run()
        landed += messages(found)
    assert sorted(landed) == tube.ids()


def test_empty_pages_with_a_next_one_and_duplicates_across_pages(tube, tmp_path):
    fill(tube, 4, 1)
    ids = list(tube.videos)
    lists = {"0": [], "1": ids[:2], "2": ids[1:], "3": []}

    def answers(asked: Asked) -> Reply | None:
        if asked.path.endswith("playlistItems"):
            place = asked.query.get("pageToken", "0")
            following = {"nextPageToken": str(int(place) + 1)} if place != "3" else {}
            items = [{"contentDetails": {"videoId": name}} for name in lists[place]]
            return Reply({"items": items, **following} if items else following)
        return tube(asked)

    tube.server.answers = answers
    found = source(tube, tmp_path)
    assert found.run().problems == []
    assert sorted(messages(found)) == tube.ids()


@pytest.mark.parametrize("token", ["same", "counting"])
def test_a_page_that_repeats_for_ever_ends_with_an_error(tube, tmp_path, token):
    fill(tube, 2, 1)

    def answers(asked: Asked) -> Reply | None:
        reply = tube(asked)
        if asked.path.endswith("playlistItems") and reply:
            place = int(asked.query.get("pageToken", "1"))
            reply.body["nextPageToken"] = str(place if token == "same" else place + 1)
        return reply

    def first(asked: Asked) -> Reply | None:
        return answers(Asked(asked.method, asked.path, {**asked.query, "pageToken": "0"}, asked.headers, asked.body))

    tube.server.answers = (
        first
        if token == "same"
        else lambda asked: answers(asked) if "playlistItems" not in asked.path else _repeated(tube, asked)
    )
    found = source(tube, tmp_path)
    problems = found.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert "stopped" in problems[0].message
    assert sorted(messages(found)) == tube.ids()


def _repeated(tube: Tube, asked: Asked) -> Reply:
    place = int(asked.query.get("pageToken", "0"))
    return Reply(
        {"items": [{"contentDetails": {"videoId": name}} for name in tube.videos], "nextPageToken": str(place + 1)}
    )


def test_the_key_stands_in_a_header_alone_and_nobody_private_is_written(tube, tmp_path):
    fill(tube)
    found = source(tube, tmp_path)
    found.run()
    assert all("key" not in asked.query for asked in tube.server.asked)
    written = found.written()
    assert not any(name in written for name in (KEY, "dunkle_kurbel", "UCdunklekurbel"))
    assert sum(found.quarantined().values()) == 0


def test_a_wrong_key_is_asked_for_once(tube, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "AIzaWrong")
    fill(tube)
    found = source(tube, tmp_path)
    problems = found.run().problems
    assert {problem.kind for problem in problems} == {Kind.CREDENTIALS}
    assert len(tube.server.asked) == 1
    assert "RESONANZ_TOKEN_FEDIVERSE" in problems[0].message
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    with pytest.raises(SourceError, match="RESONANZ_TOKEN_FEDIVERSE") as raised:
        found.run()
    assert raised.value.kind is Kind.CREDENTIALS


def test_a_spent_quota_waits_until_midnight_and_the_rest_lands_later(tube, tmp_path):
    fill(tube, 3, 2)
    tube.replies["commentThreads"] = refused("quotaExceeded", 403)
    found = source(tube, tmp_path)
    problems = found.run().problems
    assert {problem.kind for problem in problems} == {Kind.LIMIT}
    assert all(0 < problem.retry_after <= 25 * 3600 for problem in problems)
    assert tube.asked().count("commentThreads") == 1, "no request is spent on a spent quota"
    assert sorted(messages(found)) == ["v0", "v1", "v2"]
    tube.replies.clear()
    landed = list(messages(found))
    found.run()
    assert sorted([*landed, *messages(found)]) == tube.ids()


def test_the_budget_of_units_ends_a_run_before_the_quota_does(tube, tmp_path):
    fill(tube, 5, 2)
    found = source(tube, tmp_path, budget={"units_per_day": 5})
    problems = found.run().problems
    assert {problem.code for problem in problems} == {"budget"}
    assert len(tube.server.asked) == 5


def test_a_channel_that_is_not_there_and_one_thread_that_is_forbidden_leave_the_rest(tube, tmp_path):
    fill(tube, 3, 2)
    broken = {"v1"}

    def answers(asked: Asked) -> Reply | None:
        return refused("forbidden", 403) if asked.query.get("videoId") in broken else tube(asked)

    tube.server.answers = answers
    found = source(tube, tmp_path, channels=["@shop", "@nobody"])
    problems = found.run().problems
    assert sorted(problem.kind for problem in problems) == [Kind.GONE, Kind.PERMISSION]
    assert {"v0", "v1", "v2", "c0-0", "c2-1"} <= set(messages(found))


def test_a_right_that_is_missing_is_asked_for_once(tube, tmp_path):
    fill(tube, 3, 2)
    tube.replies["commentThreads"] = refused("insufficientPermissions", 403)
    found = source(tube, tmp_path, concurrency=1)
    problems = found.run().problems
    assert [problem.kind for problem in problems] == [Kind.PERMISSION]
    assert tube.asked().count("commentThreads") == 1
    assert sorted(messages(found)) == ["v0", "v1", "v2"]


def test_without_the_channels_list_of_comments_each_videos_own_bring_them(tube, tmp_path):
    tube.can_list_a_channel = False
    fill(tube)
    found = source(tube, tmp_path)
    extraction = found.run()
    assert extraction.problems == []
    assert any("lookback_days" in notice for notice in extraction.notices)
    assert sorted(messages(found)) == tube.ids()
    tube.comment("v1", "new", 50)
    found.run()
    assert sorted(messages(found)) == ["new", "v1"]


def test_a_search_lands_mentions_and_is_not_repeated_at_once(tube, tmp_path):
    fill(tube, 1, 0)
    tube.video("m1", 20, channel="UCnimblewren", channel_title="Nimble Wren")
    tube.comment("m1", "below", 30)
    tube.found = ["m1", "v0"]
    found = source(tube, tmp_path, search=["Weidenfels"])
    spent = found.run().spent
    rows = messages(found)
    assert sorted(rows) == ["m1", "v0"], "its comments are read only where that is wanted"
    assert (rows["m1"]["kind"], rows["m1"]["stream"]) == ("mention", "search")
    assert "searches: 1 now, 99 left" in spent
    assert "Nimble" not in found.written()
    since = len(tube.server.asked)
    del tube.videos["m1"]
    found.run()
    assert "search" not in tube.asked(since)
    assert {name: row["is_deleted"] for name, row in messages(found).items()} == {"m1": True}


def test_comments_below_mentions_are_read_where_that_is_wanted(tube, tmp_path):
    tube.video("m1", 20, channel="UCnimblewren", channel_title="Nimble Wren")
    tube.comment("m1", "below", 30)
    tube.found = ["m1"]
    found = source(tube, tmp_path, search=["Weidenfels"], search_comments=True)
    found.run()
    assert sorted(messages(found)) == ["below", "m1"]


def test_a_backfill_reads_its_window_alone_old_videos_comments_too(tube, tmp_path):
    tube.video("old", 0)
    tube.comment("old", "early", 1)
    for day in range(1, 6):
        tube.video(f"day{day}", day * DAY)
        tube.comment("old", f"on{day}", day * DAY + 10)
    found = source(tube, tmp_path)
    found.run()
    window = Window(START + timedelta(days=2), START + timedelta(days=4))
    settings = load(tmp_path / "sources.toml", tmp_path / "var")
    import pyarrow.parquet as pq

    batches = extract(settings, "fediverse", window).batches
    rows = [row for batch in batches for file in batch.files for row in pq.read_table(file).to_pylist()]
    landed = sorted(row["native_id"] for row in rows if row["kind"] != "account")
    assert landed == ["day2", "day3", "on2", "on3"]
    found.run()
    assert found.rows == []


def test_account_metrics_and_what_a_channel_hides(tube, tmp_path):
    found = source(tube, tmp_path)
    found.run()
    row = found.by_id()[f"account/{CHANNEL}"]
    assert (row["kind"], row["account"], row["stream"]) == ("account", "shop", "accounts")
    assert json.loads(row["metrics"]) == {"followers": 77.0, "views": 900.0}

    def answers(asked: Asked) -> Reply | None:
        reply = tube(asked)
        if asked.path.endswith("channels") and reply:
            reply.body["items"][0]["statistics"] |= {"hiddenSubscriberCount": True, "subscriberCount": "0"}
        return reply

    tube.server.answers = answers
    extraction = found.run()
    row = found.by_id()[f"account/{CHANNEL}"]
    assert json.loads(row["metrics"]) == {"views": 900.0}
    assert json.loads(row["unavailable_metrics"]) == {"followers": "hidden by the channel"}
    assert extraction.notices == ["channel @shop: followers are hidden by the channel"]


def test_oauth_sends_a_bearer_token_and_renews_it_once(tube, tmp_path, monkeypatch):
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    extra = {"client_id": "app.example", "client_secret": "hush-hush-hush", "refresh_token": "1//renewal-token"}
    monkeypatch.setenv("AIRFLOW_CONN_RESONANZ_FEDIVERSE", json.dumps({"conn_type": "generic", "extra": extra}))
    fill(tube)
    given: list[str] = []

    def answers(asked: Asked) -> Reply | None:
        if asked.path == "/token":
            given.append(f"ya29.access-{len(given)}")
            return Reply({"access_token": given[-1], "expires_in": 3599})
        if asked.headers.get("Authorization") != "Bearer ya29.access-1":
            return refused("authError", 401)
        return tube(Asked(asked.method, asked.path, asked.query, {"X-Goog-Api-Key": KEY}, asked.body))

    tube.server.answers = answers
    found = source(tube, tmp_path, auth_url=f"{tube.server.address}/token")
    assert found.run().problems == []
    assert sorted(messages(found)) == tube.ids()
    assert len(given) == 2
    assert not any(secret in found.written() for secret in (*extra.values(), *given))


def test_check_says_what_can_be_read(tube):
    fill(tube)
    context = Context("tube", Path(), PRIVACY, token=KEY)
    options = {"base_url": tube.server.address, "search": ["Laden"]}
    found = list(check(Options(channels=["@shop", "UCnobody"], **options), context))
    assert [(one.subject, one.problem is None) for one in found] == [
        ("channel @shop", True),
        ("comments on channel @shop", True),
        ("channel UCnobody", False),
        ("search Laden", True),
    ]
    assert "search" not in tube.asked()
    with pytest.raises(SourceError) as raised:
        list(check(Options(channels=["@shop"], **options), Context("tube", Path(), PRIVACY, token="AIzaWrong")))
    assert raised.value.kind is Kind.CREDENTIALS


@pytest.mark.parametrize(
    "options", [{}, {"channels": [""]}, {"channels": ["a"], "base_url": "ftp://x"}, {"version": "3"}]
)
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError):  # noqa: PT011  pydantic's own
        Options(**options)


@pytest.mark.parametrize("reset", [{"Retry-After": "1"}, {}])
def test_a_short_limit_is_waited_for(tube, tmp_path, reset):
    fill(tube)
    left = [1]

    def answers(asked: Asked) -> Reply | None:
        if asked.path.endswith("playlistItems") and left:
            left.pop()
            reply = refused("rateLimitExceeded", 429 if reset else 403)
            return Reply(reply.body, reply.status, reset)
        return tube(asked)

    tube.server.answers = answers
    found = source(tube, tmp_path)
    assert found.run().problems == []
    assert sorted(messages(found)) == tube.ids()
