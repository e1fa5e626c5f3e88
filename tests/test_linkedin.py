"""LinkedIn: what each field becomes, and runs against a small server that tests can change."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from extraction import Source
from linkedin_server import ORGANIZATION, PERSON, START, TOKEN, LinkedIn, refused, throttled
from loopback import Asked, Reply, serve
from pydantic import ValidationError

from resonanz import http
from resonanz.budget import until_next
from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context, Window
from resonanz.platforms.linkedin import Options, check
from resonanz.privacy import Privacy
from resonanz.social.linkedin.api import Api
from resonanz.social.linkedin.errors import explain
from resonanz.social.linkedin.items import Counted, parse_comment, parse_post
from resonanz.social.linkedin.metrics import Metrics, span
from resonanz.social.linkedin.people import People
from resonanz.social.notes import Notes

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "linkedin"
PRIVACY = Privacy(b"0123456789abcdef", ["@weidenfels"])
SHARE, UGC = "urn:li:share:7391234567890123776", "urn:li:ugcPost:7391234567890123777"
ACTIVITY = "urn:li:activity:7391234569000000000"
PRIVATE = (
    "Heitere",
    "Hummel",
    "hummel",
    "Satte",
    "Pflaume",
    "schraube",
    "Bi88BBrA9Z",
    "rboDhL7Xsf",
    "aD-mW",
    "zuR3cht",
)
DAY = 60 * 24


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def key(urn: str) -> str:
    return PRIVACY.author_key("linkedin", urn)


def comment_id(number: int) -> str:
    return f"urn:li:comment:({ACTIVITY},{number})"


@pytest.fixture
def people() -> People:
    people = People(PRIVACY)
    people.is_ours(ORGANIZATION, "Weidenfels Hausgeräte")
    return people


# --- answers as recorded ------------------------------------------------------------------------------------------


def test_every_field_of_a_post(people):
    counted = Counted(fixture("posts")["elements"][0], {"reactions": 27.0}, {"clicks": "not permitted"})
    message = parse_post(counted, people)
    assert message.parse_error is None
    assert (message.native_id, message.kind, message.thread_native_id, message.parent_native_id) == (
        *(SHARE, "post", SHARE, None),
    )
    hummel = key("urn:li:person:Bi88BBrA9Z")
    assert message.text == (
        f"Danke an @{hummel} (seit 20 Jahren in Fulda) und an Weidenfels Hausgeräte! #LeiseWäscht #jobs\n\n"
        f"2 * 3 < 7, mehr: https://www.linkedin.com/in/{key('heitere-hummel-1234')} von @{hummel}, "
        "Fragen an info@weidenfels.example"
    )
    assert message.created_at == datetime(2026, 10, 29, 10, 0, 0, 456_000, tzinfo=UTC)
    assert message.edited_at == datetime(2026, 10, 29, 11, 0, 0, 789_000, tzinfo=UTC)
    assert (message.is_company, message.author_name, message.account) == (True, *["Weidenfels Hausgeräte"] * 2)
    assert message.url == f"https://www.linkedin.com/feed/update/{SHARE}"
    assert (message.metrics, message.unavailable_metrics) == ({"reactions": 27.0}, {"clicks": "not permitted"})
    kept = json.dumps(message.payload, ensure_ascii=False)
    assert [name for name in PRIVATE if name in kept] == []
    assert message.payload["aNewField"] == {"of": ["tomorrow", 1, None]}
    assert message.payload["content"]["celebration"]["recipient"] == [f"urn:li:person:{hummel}"]
    assert f"@[{hummel}](urn:li:person:{hummel})" in message.payload["commentary"]


def test_a_post_without_words_a_draft_and_one_without_an_id(people):
    _, bare, draft, broken = [parse_post(Counted(post), people) for post in fixture("posts")["elements"]]
    assert (bare.native_id, bare.text, bare.edited_at, bare.parse_error) == (UGC, None, None, None)
    assert bare.created_at == datetime(2026, 10, 28, 10, 0, tzinfo=UTC)
    assert draft is None
    assert (broken.native_id, broken.parse_error) == (None, "id is missing")
    assert "Satte" not in json.dumps(broken.payload)


def test_every_field_of_a_comment_and_its_replies(people):
    first, other, nobodys = fixture("comments")["elements"]
    top = parse_comment(Counted(first), people, SHARE, "Weidenfels Hausgeräte", None)
    hummel, pflaume = key("urn:li:person:Bi88BBrA9Z"), key("urn:li:person:rboDhL7Xsf")
    assert top.parse_error is None
    assert (top.native_id, top.kind) == (comment_id(7391300000000000001), "comment")
    assert (top.parent_native_id, top.thread_native_id, top.account) == (SHARE, SHARE, "Weidenfels Hausgeräte")
    assert (top.author_key, top.author_name, top.is_company) == (pflaume, None, False)
    assert top.text == (f"🎺🎺 Weidenfels Hausgeräte super, @{hummel}! @{hummel} kennt @{key('zarte_schraube')} #Fulda")
    assert top.created_at == datetime.fromtimestamp(1793300000.5, UTC)
    assert top.edited_at == datetime.fromtimestamp(1793300600.5, UTC)
    assert top.metrics == {"reactions": 4.0, "comments": 2.0}
    assert top.url == (
        f"https://www.linkedin.com/feed/update/{ACTIVITY}"
        "?commentUrn=urn%3Ali%3Acomment%3A%28activity%3A7391234569000000000%2C7391300000000000001%29"
    )
    kept = json.dumps(top.payload, ensure_ascii=False)
    assert [name for name in PRIVATE if name in kept] == []
    assert "actor~" not in top.payload
    foreign = parse_comment(Counted(other, {"reactions": 6.0}), people, SHARE, None, None)
    assert foreign.native_id == comment_id(7391300000000000009)
    assert (foreign.author_key, foreign.is_company) == (key("urn:li:organization:99887766"), False)
    assert (foreign.metrics, foreign.edited_at) == ({"reactions": 6.0}, None)
    assert parse_comment(Counted(nobodys), people, SHARE, None, None).parse_error == "actor is missing"
    ours, theirs = (
        parse_comment(Counted(reply), people, SHARE, None, top.native_id) for reply in fixture("replies")["elements"]
    )
    assert (ours.kind, ours.parent_native_id, ours.thread_native_id) == ("reply", top.native_id, SHARE)
    assert (ours.is_company, ours.author_name) == (True, "Weidenfels Hausgeräte")
    assert (ours.text, ours.metrics) == (f"Danke, @{pflaume}!", {"reactions": 0.0, "comments": 0.0})
    assert "replyUrn=" in ours.url
    assert (theirs.parent_native_id, theirs.text, theirs.metrics) == (top.native_id, "Gern", {})
    assert "aD-mW" not in json.dumps(ours.payload)


@pytest.mark.parametrize("units", [True, False])
def test_mentions_are_found_whether_counted_in_utf16_or_in_characters(people, units):
    text = "Schön 🙂🙂 Anna Blüte, nicht wahr? 🙂"
    start = text.index("Anna")
    start = len(text[:start].encode("utf-16-le")) // 2 if units else start
    attributes = [{"start": start, "length": 10, "value": {"person": {"person": "urn:li:person:a"}}}]
    said, _ = people.comment_text({"text": text, "attributes": attributes})
    assert said == f"Schön 🙂🙂 @{key('urn:li:person:a')}, nicht wahr? 🙂"


def test_the_counts_of_recorded_answers():
    def answers(asked: Asked) -> Reply:
        if asked.path.endswith("/socialMetadata"):
            return Reply(fixture("socialMetadata"))
        if "timeIntervals" in asked.query:
            return Reply(fixture("days"))
        return Reply(fixture("shares") if "shares" in asked.query else {"elements": [], "paging": {}})

    with serve(answers) as server:
        context = Context("linkedin", Path(), PRIVACY)
        metrics = Metrics(Api(Client(server.address, source="linkedin"), Notes()), context, has_statistics=True)
        counted = metrics.posts(ORGANIZATION, fixture("posts")["elements"], is_first=True)
        assert counted[0].metrics == {
            **{"reactions": 27, "reactions_like": 10, "reactions_celebrate": 4, "reactions_love": 3},
            **{"reactions_insightful": 2, "reactions_support": 1, "reactions_haha": 0},
            **{"comments": 5, "shares": 6, "impressions": 1203, "reach": 901, "clicks": 17},
        }
        assert counted[0].missing == {}
        assert (counted[1].metrics["reactions"], counted[1].metrics["comments"]) == (0, 0)
        assert set(counted[1].missing) == {"impressions", "reach", "clicks", "shares"}
        assert list(metrics.days(ORGANIZATION, date(2026, 10, 29), date(2026, 10, 31))) == [
            (date(2026, 10, 29), {"impressions": 412, "reach": 300, "clicks": 12, "comments": 3, "shares": 1}),
            (date(2026, 10, 30), {"impressions": 0, "clicks": 0, "reactions": 0, "comments": 0, "shares": 0}),
        ]


# --- runs ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)


@pytest.fixture
def page():
    page = LinkedIn()
    with serve(page) as server:
        page.server = server
        yield page


def source_of(page: LinkedIn, folder: Path, **options: Any) -> Source:
    base = {"platform": "linkedin", "base_url": page.server.address, "organizations": [ORGANIZATION], "page_size": 10}
    return Source(folder, base | options, accounts=["@weidenfels"])


def messages(source: Source) -> dict[str, dict]:
    return {name: row for name, row in source.by_id().items() if row["kind"] != "account"}


def metrics(row: dict) -> dict[str, float]:
    return json.loads(row["metrics"] or "{}")


def fill(page: LinkedIn) -> tuple[str, str, str, str]:
    """Two posts, one with a comment, a reply to it and an answer of the company's."""
    post = page.post(100, 0, likes=3, praise=2)
    page.post(101, 60, kind="ugcPost")
    comment = page.comment(post, 1, 10, likes=4)
    reply = page.comment(post, 2, 20, comment, actor=ORGANIZATION)
    other = page.comment(post, 3, 30)
    return post, comment, reply, other


def test_a_whole_conversation_lands_once_and_then_nothing(page, tmp_path):
    post, comment, reply, other = fill(page)
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    rows = messages(source)
    assert sorted(rows) == page.ids()
    assert [(rows[name]["kind"], rows[name]["parent_native_id"]) for name in (post, comment, reply, other)] == [
        *(("post", None), ("comment", post), ("reply", comment), ("comment", post)),
    ]
    assert {row["thread_native_id"] for name, row in rows.items() if "comment" in name} == {post}
    assert {row["account"] for row in rows.values()} == {"Weidenfels 00"}
    assert (rows[reply]["is_company"], rows[reply]["author_name"]) == (True, "Weidenfels 00")
    assert metrics(rows[post]) == {
        **{"reactions": 5, "reactions_like": 3, "reactions_celebrate": 2, "comments": 3, "shares": 3},
        **dict.fromkeys(("reactions_love", "reactions_insightful", "reactions_support", "reactions_haha"), 0),
        **{"impressions": 100, "reach": 80, "clicks": 2},
    }
    assert metrics(rows[comment]) == {"reactions": 4, "comments": 1}
    account = source.by_id()["account/5192100"]
    assert (metrics(account), account["account"]) == ({"followers": 4711}, "Weidenfels 00")
    before = len(page.server.asked)
    source.run()
    assert source.rows == []
    assert len(page.server.asked) - before <= 11
    assert TOKEN not in source.written()
    assert PERSON not in source.written()
    assert set(source.quarantined().values()) == {0}


def test_statistics_by_day_land_as_rows_of_the_account(page, tmp_path):
    source = source_of(page, tmp_path)
    source.run()
    days = {name: row for name, row in source.by_id().items() if name.count("/") == 2}
    assert len(days) == 364
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    row = days[f"account/5192100/{yesterday}"]
    assert (row["created_at"].date(), row["created_at_precision"]) == (yesterday, "day")
    assert metrics(row) == {"impressions": 100, "reach": 80, "clicks": 2, "shares": 3, "reactions": 1, "comments": 0}
    before = len(page.server.asked)
    source.run()
    assert source.rows == []
    asked = [one.query["timeIntervals"] for one in page.server.asked[before:] if "timeIntervals" in one.query]
    assert len(asked) == 1
    since = datetime.now(UTC).date() - timedelta(days=20)
    again = source_of(page, tmp_path / "b", since=since)
    again.folder.mkdir()
    again.run()
    assert sum(name.count("/") == 2 for name in again.by_id()) == 20


def test_the_days_of_a_window():
    today = datetime.now(UTC).date()
    noon = datetime.now(UTC).replace(hour=12)
    window = Window(noon - timedelta(days=9), noon - timedelta(days=7))
    assert span(None, None, 14, window) == (today - timedelta(days=9), today - timedelta(days=6))
    assert span(today - timedelta(days=2), None, 14, None) == (today - timedelta(days=16), today)
    assert span(None, date(2020, 1, 1), 14, None) == (today - timedelta(days=364), today)


@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 45])
def test_every_post_arrives_at_each_edge_of_paging(page, tmp_path, count, has_links):
    page.has_links = has_links
    for number in range(count):
        page.post(number, number)
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert sorted(messages(source)) == page.ids()
    source.run()
    assert source.rows == []


def test_a_hundred_comments_of_one_second_land_once_on_two_pages(page, tmp_path):
    post = page.post(1, 0)
    for number in range(120):
        page.comment(post, number, 5)
    first = page.comment(post, 500, 4)
    for number in range(600, 730):
        page.comment(post, number, 6, first)
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert sorted(messages(source)) == page.ids()


def test_an_empty_page_with_a_next_one_is_followed(page, tmp_path):
    page.post(1, 0)
    href = "/rest/posts?author=urn%3Ali%3Aorganization%3A5192100&q=author&start=10&count=10"
    links = [{"rel": "prev", "href": "/rest/posts?start=0"}, {"rel": "next", "type": "application/json", "href": href}]
    empty = Reply({"paging": {"start": 0, "count": 10, "links": links}, "elements": []})
    item = page.shown("urn:li:share:1")
    last = Reply({"paging": {"start": 10, "count": 10, "links": []}, "elements": [item]})
    page.instead["posts"] = lambda asked: empty if asked.query["start"] == "0" else last
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == {"urn:li:share:1"}


def test_a_page_that_repeats_for_ever_is_a_fault_and_what_it_showed_lands(page, tmp_path):
    for number in range(30):
        page.post(number, number)

    def again(asked: Asked) -> Reply:
        start = int(asked.query["start"])
        asked.query["start"] = "0"
        answer = page.found(asked, "posts")
        answer.body["paging"]["links"] = [{"rel": "next", "href": f"/rest/posts?start={start + 10}"}]
        return answer

    page.instead["posts"] = again
    source = source_of(page, tmp_path)
    (problem,) = source.run().problems
    assert problem.kind is Kind.CONTRACT
    assert len(messages(source)) == 10


def test_posts_that_slip_onto_the_next_page_land_once(page, tmp_path):
    for number in range(25):
        page.post(number, number)
    asked_before: list[Asked] = []

    def growing(asked: Asked) -> Reply:
        if asked.query.get("start") == "10" and not asked_before:
            asked_before.append(asked)
            page.post(900, 900)
        return page.found(asked, "posts")

    page.instead["posts"] = growing
    source = source_of(page, tmp_path)
    source.run()
    assert len(messages(source)) == 25
    source.run()
    assert set(messages(source)) == {"urn:li:share:900"}


def test_late_comments_edits_and_new_counts(page, tmp_path):
    post, comment, _, other = fill(page)
    source = source_of(page, tmp_path)
    source.run()
    late = page.comment(post, 9, 500, other)
    page.posts[post] |= {"text": "Beitrag, geändert", "edited": 400, "likes": 8}
    page.comments[comment] |= {"text": "Kommentar, geändert", "edited": 401}
    source.run()
    rows = messages(source)
    assert set(rows) == {post, comment, other, late}
    assert (rows[post]["text"], metrics(rows[post])["comments"]) == ("Beitrag, geändert", 4)
    assert rows[post]["edited_at"] == START + timedelta(minutes=400)
    assert (rows[comment]["text"], rows[comment]["edited_at"]) == (
        *("Kommentar, geändert", START + timedelta(minutes=401)),
    )
    assert (rows[late]["kind"], rows[late]["parent_native_id"]) == ("reply", other)
    source.run()
    assert source.rows == []


def test_deletions_of_a_reply_a_comment_and_a_post(page, tmp_path):
    _, comment, reply, _ = fill(page)
    gone = page.post(102, 70)
    page.comment(gone, 40, 80)
    source = source_of(page, tmp_path)
    source.run()
    page.delete(reply)
    page.delete(gone)
    source.run()
    rows = messages(source)
    deleted = {name for name, row in rows.items() if row["is_deleted"]}
    assert deleted == {reply, gone, f"urn:li:comment:(urn:li:activity:{1_000_102},40)"}
    assert {rows[name]["text"] for name in deleted} == {None}
    page.delete(comment)
    source.run()
    assert {name for name, row in messages(source).items() if row["is_deleted"]} == {comment}
    source.run()
    assert source.rows == []


def test_a_comment_that_the_list_leaves_out_but_is_there_stays(page, tmp_path):
    post, _, _, other = fill(page)
    source = source_of(page, tmp_path)
    source.run()

    def without(asked: Asked) -> Reply:
        answer = page.found(asked, "socialActions", post, "comments")
        answer.body["elements"] = [one for one in answer.body["elements"] if one["$URN"] != other]
        return answer

    page.instead[f"socialActions/{post}/comments"] = without
    source.run()
    assert source.rows == []


def test_replies_and_likes_are_asked_for_where_comments_do_not_tell_them(page, tmp_path):
    _, comment, reply, _ = fill(page)
    page.tells_replies = page.tells_likes = False
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    rows = messages(source)
    assert sorted(rows) == page.ids()
    assert metrics(rows[comment])["reactions"] == 4
    assert rows[reply]["parent_native_id"] == comment
    source.run()
    assert source.rows == []


def test_a_post_of_which_only_the_comments_are_gone_stays(page, tmp_path):
    post, comment, *_ = fill(page)
    source = source_of(page, tmp_path)
    source.run()
    page.instead["socialActions"] = refused(404, "RESOURCE_NOT_FOUND", "Entity not found")
    page.comment(post, 77, 300)
    source.run()
    rows = messages(source)
    assert not rows[post]["is_deleted"]
    assert rows[comment]["is_deleted"]


# --- faults -------------------------------------------------------------------------------------------------------

BROKEN = [
    Reply({"message": "Internal Server Error", "status": 500}, 500),
    Reply(b"<html><body>Back soon</body></html>", 200, {"Content-Type": "text/html"}),
    Reply(b'{"elements": [{"id": "urn:li:sh'),
    Reply(b'{"elements": []}', cut=5),
    throttled("Too many requests"),
    refused(429, "TOO_MANY_REQUESTS", "Slow down", **{"Retry-After": "1"}),
    None,
]


@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: str(fault and fault.status))
def test_faults_now_and_then_keep_nothing_from_landing(page, tmp_path, fault, monkeypatch):
    monkeypatch.setattr(http, "PATIENCE", 10_000.0)
    fill(page)
    for number in range(25):
        page.post(1000 + number, 100 + number)
    spoilt = 0

    def answers(asked: Asked) -> Reply | None:
        nonlocal spoilt
        spoilt += 1
        return fault if spoilt % 5 == 0 and spoilt < 30 else page(asked)

    page.server.answers = answers
    source = source_of(page, tmp_path)
    source.run()
    landed = set(messages(source))
    page.server.answers = page
    source.run()
    assert sorted(landed | set(messages(source))) == page.ids()


def test_a_spent_quota_waits_until_midnight_and_stops_one_resource_only(page, tmp_path):
    fill(page)
    page.instead["socialActions"] = throttled()
    source = source_of(page, tmp_path)
    (problem,) = source.run().problems
    assert problem.kind is Kind.LIMIT
    assert problem.retry_after == pytest.approx(until_next("day", datetime.now(UTC)), abs=30)
    assert set(messages(source)) == set(page.posts)
    page.instead.clear()
    source.run()
    assert sorted(messages(source)) == sorted(page.comments)


def test_statistics_that_fail_keep_no_new_post_from_landing(page, tmp_path):
    fill(page)
    source = source_of(page, tmp_path)
    source.run()
    page.instead["organizationalEntityShareStatistics"] = refused(500, "INTERNAL_SERVER_ERROR")
    new = page.post(200, 300)
    problems = source.run().problems
    assert {problem.kind for problem in problems} == {Kind.TRANSIENT}
    assert metrics(messages(source)[new])["reactions"] == 0
    page.instead.clear()
    source.run()
    assert metrics(messages(source)[new])["impressions"] == 100


def test_refused_statistics_are_unavailable_and_a_notice(page, tmp_path):
    post, *_ = fill(page)
    page.instead["organizationalEntityShareStatistics"] = refused(403, "ACCESS_DENIED", "Not enough permissions", 100)
    source = source_of(page, tmp_path)
    extraction = source.run()
    assert extraction.problems == []
    assert len([words for words in extraction.notices if "rw_organization_admin" in words]) == 1
    row = source.by_id()[post]
    reasons = json.loads(row["unavailable_metrics"])
    assert set(reasons) == {"impressions", "reach", "clicks", "shares"}
    assert all(reason.startswith("not permitted") for reason in reasons.values())
    assert not set(reasons) & set(metrics(row))
    assert set(json.loads(source.by_id()["account/5192100"]["unavailable_metrics"])) == set(reasons)
    source.run()
    assert source.rows == []


def test_refused_social_metadata_are_made_up_for_by_the_statistics(page, tmp_path):
    post, *_ = fill(page)
    page.instead["socialMetadata"] = refused(403, "ACCESS_DENIED")
    source = source_of(page, tmp_path)
    extraction = source.run()
    assert extraction.problems == []
    row = messages(source)[post]
    assert metrics(row)["reactions"] == 1
    assert json.loads(row["unavailable_metrics"])["reactions_like"].startswith("not permitted")


def test_in_the_development_tier_which_allows_no_batches_posts_are_asked_for_one_by_one(page, tmp_path):
    post, *_ = fill(page)
    source = source_of(page, tmp_path)

    def no_batches(asked: Asked) -> Reply | None:
        return refused(403, "ACCESS_DENIED", "Not enough permissions") if "ids" in asked.query else page(asked)

    page.server.answers = no_batches
    extraction = source.run()
    assert (extraction.problems, extraction.notices) == ([], [])
    assert metrics(messages(source)[post])["reactions_celebrate"] == 2
    page.delete(post)
    source.run()
    assert {name for name, row in messages(source).items() if row["is_deleted"]} >= {post}


def test_one_post_that_is_not_the_organisations_does_not_hide_the_counts_of_others(page, tmp_path):
    for number in range(8):
        page.post(number, number)
    page.foreign = {"urn:li:share:3"}
    page.unseen = {"urn:li:share:4"}
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    rows = messages(source)
    counted = {name for name, row in rows.items() if "impressions" in metrics(row)}
    assert counted == set(page.posts) - page.foreign - page.unseen
    assert "nobody has seen it" in json.loads(rows["urn:li:share:4"]["unavailable_metrics"])["impressions"]


def test_one_thread_that_is_refused_or_broken_is_named_and_the_others_land(page, tmp_path):
    posts = [page.post(number, number) for number in range(4)]
    comments = [page.comment(post, 10 + number, 100) for number, post in enumerate(posts)]
    reply = page.comment(posts[0], 50, 110, comments[0])
    page.instead[f"socialActions/{posts[1]}/comments"] = refused(403, "ACCESS_DENIED")
    page.instead[f"socialActions/{comments[0]}/comments"] = refused(400, "ILLEGAL_ARGUMENT")
    source = source_of(page, tmp_path)
    problems = source.run().problems
    assert sorted(problem.kind for problem in problems) == [Kind.CONTRACT, Kind.PERMISSION]
    assert set(messages(source)) == {*posts, comments[0], *comments[2:]}
    page.instead.clear()
    source.run()
    assert set(messages(source)) == {comments[1], reply}


def test_where_no_comments_may_be_read_few_are_asked_for(page, tmp_path):
    for number in range(40):
        page.comment(page.post(number, number), 1000 + number, 100)
    page.instead["socialActions"] = refused(403, "ACCESS_DENIED")
    source = source_of(page, tmp_path)
    problems = source.run().problems
    assert {problem.kind for problem in problems} == {Kind.PERMISSION}
    assert page.asked().count("socialActions") <= 12
    assert len(messages(source)) == 40


def test_a_second_organisation_that_fails_is_named(page, tmp_path):
    other = "urn:li:organization:77"
    mine = page.post(1, 0)
    page.post(2, 0, of=other)
    page.instead["organizations/77"] = refused(403, "ACCESS_DENIED")
    page.instead["networkSizes/urn:li:organization:77"] = refused(404, "RESOURCE_NOT_FOUND", "Entity not found")
    theirs = page.posts.pop("urn:li:share:2")
    page.instead["posts"] = lambda asked: (
        refused(403, "ACCESS_DENIED", f"{PERSON} may not") if other in str(asked.query) else page.found(asked, "posts")
    )
    source = source_of(page, tmp_path, organizations=[ORGANIZATION, "77"])
    problems = source.run().problems
    assert sorted(problem.kind for problem in problems) == [Kind.GONE, Kind.PERMISSION]
    assert not [problem for problem in problems if PERSON in problem.message]
    assert set(messages(source)) == {mine}
    page.instead.pop("posts")
    page.posts["urn:li:share:2"] = theirs
    source.run()
    assert messages(source)["urn:li:share:2"]["account"] == "77", "its name may not be read"


@pytest.mark.parametrize(
    ("number", "code"),
    [(65600, "INVALID_ACCESS_TOKEN"), (65601, "REVOKED_ACCESS_TOKEN"), (65602, "EXPIRED_ACCESS_TOKEN")],
)
def test_a_refused_token_ends_the_run_and_is_never_tried_again(page, tmp_path, number, code):
    page.server.answers = lambda asked: refused(401, code, f"Bearer {TOKEN}", number)
    source = source_of(page, tmp_path)
    extraction = source.run()
    assert {problem.kind for problem in extraction.problems} == {Kind.CREDENTIALS}
    assert TOKEN not in "".join(problem.message for problem in extraction.problems)
    assert len(page.server.asked) <= 2


def test_an_outdated_version_says_what_to_set(page, tmp_path):
    source = source_of(page, tmp_path, version="202401")
    problems = source.run().problems
    assert {problem.kind for problem in problems} == {Kind.CONTRACT}
    assert "set version in sources.toml" in problems[0].message


def test_a_missing_token_names_its_place(page, tmp_path, monkeypatch):
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    with pytest.raises(SourceError, match="RESONANZ_TOKEN_FEDIVERSE") as raised:
        source_of(page, tmp_path).run()
    assert raised.value.kind is Kind.CREDENTIALS


def test_a_backfill_reads_its_window_alone(page, tmp_path):
    for number in range(40):
        page.post(number, number * DAY)
    page.comment("urn:li:share:12", 500, 12 * DAY + 5)
    page.comment("urn:li:share:12", 501, 30 * DAY)
    source = source_of(page, tmp_path)
    source.run()
    window = Window(START + timedelta(days=10), START + timedelta(days=15))
    source.run(window)
    assert {name for name in messages(source) if "share" in name} == {f"urn:li:share:{n}" for n in range(10, 15)}
    source.run()
    assert source.rows == []


def test_nothing_private_is_written(page, tmp_path):
    attributes = [{"start": 6, "length": 13, "value": {"person": {"person": "urn:li:person:p-L4um_E77"}}}]
    post = page.post(1, 0, text="Danke, @[Satte Pflaume](urn:li:person:p-L4um_E77)\\!")
    comment = page.comment(post, 2, 1, text="Hallo Satte Pflaume, frag @zarte_schraube", attributes=attributes)
    page.comment(post, 3, 2, comment, actor="urn:li:person:p-L4um_E77")
    page.instead["organizationAcls"] = refused(403, "ACCESS_DENIED")
    source = source_of(page, tmp_path)
    source.run()
    page.delete(comment)
    source.run()
    written = source.written()
    names = ("Satte", "Pflaume", "p-L4um_E77", "zarte_schraube", "dK-kurbel", TOKEN)
    assert [name for name in names if name in written] == []
    assert "Weidenfels 00" in written


# --- refusals, options, checks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "wait"),
    [
        (403, {"status": 403, "serviceErrorCode": 100, "message": "Not enough permissions"}, {}, None, None),
        (401, {"status": 401, "serviceErrorCode": 65604, "message": "Empty access token"}, {}, Kind.CREDENTIALS, None),
        (404, {"status": 404, "message": "No virtual resource found"}, {}, Kind.CONTRACT, None),
        (404, {"status": 404, "code": "RESOURCE_NOT_FOUND", "message": "gone"}, {}, Kind.GONE, None),
        (429, {"status": 429, "message": "Resource level throttle limit for calls is reached"},
         {"Date": "Mon, 02 Mar 2026 23:00:00 GMT"}, None, 3600.0),
        (429, {"status": 429, "message": "throttle MEMBER DAY limit"}, {"Retry-After": "7"}, None, None),
        (429, {"status": 429, "message": "APPLICATION MINUTE limit"}, {}, None, 60.0),
        (429, {"status": 429, "code": "TOO_MANY_REQUESTS", "message": "Too many requests"}, {}, Kind.LIMIT, None),
    ],
)  # fmt: skip
def test_what_refusals_mean(status, body, headers, kind, wait):
    told = explain(status, body, headers)
    assert (told.kind, told.retry_after) == (kind, wait)
    assert told.code


def test_a_body_that_is_not_linkedins_means_nothing():
    assert explain(500, None, {}) is None
    assert explain(404, {"detail": "nginx"}, {}) is None


def test_organizations_by_number_and_urn_and_nothing_else():
    assert Options(organizations=["5192100", " urn:li:organization:7 "]).organizations == [
        *("urn:li:organization:5192100", "urn:li:organization:7"),
    ]
    for wrong in ([], ["weidenfels"], ["urn:li:person:x"], [""]):
        with pytest.raises(ValidationError):
            Options(organizations=wrong)
    with pytest.raises(ValidationError):
        Options(organizations=["7"], version="v2")


def test_check_names_role_organisation_and_what_may_be_read(page):
    fill(page)
    page.instead["socialMetadata"] = refused(403, "ACCESS_DENIED")
    context = Context("fediverse", Path(), PRIVACY, token=TOKEN)
    options = Options(organizations=[ORGANIZATION, "77"], base_url=page.server.address)
    found = {one.subject: one for one in check(options, context)}
    assert found["token"].problem is None
    assert found[f"role on {ORGANIZATION}"].words == "ADMINISTRATOR"
    assert "ADMINISTRATOR" in found["role on urn:li:organization:77"].problem
    assert found[f"organization {ORGANIZATION}"].words == "Weidenfels 00, posts can be read"
    assert found["comments of Weidenfels 00"].problem is None
    assert found["reactions of Weidenfels 00"].problem
    assert found["statistics of Weidenfels 00"].problem is None
    context.token = "wrong"
    (refusal,) = check(options, context)
    assert "RESONANZ_TOKEN_FEDIVERSE" in refusal.problem


def test_a_refresh_token_signs_in(page, tmp_path):
    fill(page)
    page.server.answers = lambda asked: (
        Reply({"access_token": TOKEN, "expires_in": 5184000}) if asked.path == "/oauth" else page(asked)
    )
    secrets = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
    context = Context("fediverse", Path(), PRIVACY, secrets=secrets)
    url = page.server.address
    found = list(check(Options(organizations=["5192100"], base_url=url, auth_url=f"{url}/oauth"), context))
    assert [one.problem for one in found] == [None] * len(found)
