"""Facebook Pages: what a page's feed, mentions, comments and insights hold lands once, with nobody private in it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from extraction import Source
from facebook_server import PAGE, PEOPLE, START, TOKEN, PageServer, failing, usage
from loopback import Asked, Reply, serve

from resonanz import http, settings
from resonanz.errors import Kind
from resonanz.extract import connect, extract
from resonanz.platforms import Window, facebook
from resonanz.privacy import Privacy

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "facebook"
POST, REPLIED = f"{PAGE}_798388715342337483", "798388715342337483_626345632700318218"
KEYS = Privacy(b"0123456789abcdef0123456789abcdef")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    monkeypatch.setenv("RESONANZ_AUTHOR_KEY_SECRET", "0123456789abcdef0123456789abcdef")


@pytest.fixture
def page():
    page = PageServer()
    with serve(page) as server:
        page.server = server
        yield page


def source_of(page: PageServer, folder: Path, **options) -> Source:
    options = {"platform": "facebook", "base_url": page.server.address, "pages": [PAGE], **options}
    return Source(folder, options, accounts=["weidenfels"])


def messages(source: Source) -> dict[str, dict]:
    return {name: row for name, row in source.by_id().items() if row["kind"] != "account"}


def key(person: str) -> str:
    return KEYS.author_key("facebook", person)


# --- answers as recorded ----------------------------------------------------------------------------------------


@pytest.fixture
def recorded(page):
    def answers(asked: Asked) -> Reply | None:
        name = {"feed": "feed", "tagged": "tagged", "ratings": "ratings", "insights": "page_insights"}.get(
            asked.path.rpartition("/")[2], "page" if asked.path.endswith(f"/{PAGE}") else None
        )
        if asked.path.endswith(f"/{POST}/comments"):
            name = "comments"
        elif asked.path.endswith("/comments"):
            return Reply({"data": []})
        metrics = asked.query.get("metric", "") + asked.query.get("fields", "").partition("insights.metric")[2]
        if "impressions" in metrics:
            return failing(100, "(#100) The value must be a valid insights metric")
        return Reply((FIXTURES / f"{name}.json").read_bytes()) if name else None

    page.server.answers = answers
    return page


def test_every_field_of_recorded_answers_arrives(recorded, tmp_path):
    source = source_of(recorded, tmp_path, recommendations=True, since=START.date() - timedelta(days=30))
    assert source.run().problems == []
    rows = source.by_id()
    post = rows[POST]
    assert (post["stream"], post["kind"], post["is_company"]) == ("posts", "post", True)
    assert (post["author_name"], post["account"]) == ("Weidenfels Hausgeräte", "Weidenfels Hausgeräte")
    assert (post["thread_native_id"], post["parent_native_id"]) == (POST, None)
    assert (post["created_at"], post["created_at_precision"]) == (datetime(2026, 9, 1, 8, 30, tzinfo=UTC), "second")
    assert post["url"] == "https://www.facebook.com/weidenfels/posts/798388715342337483"
    assert post["text"] == (
        f"Neu im Herbst: die Lavia 7 \U0001f9fa mit Türdichtung aus Fulda. Danke an @{key('67847621199600256')} "
        "für das Foto!"
    )
    assert json.loads(post["metrics"]) == {
        "views": 4211,
        "reach": 2977,
        "clicks": 83,
        "comments": 4,
        "shares": 7,
        "reactions": 131,
        "reactions_like": 101,
        "reactions_love": 20,
        "reactions_wow": 4,
        "reactions_haha": 3,
        "reactions_sad": 0,
        "reactions_angry": 1,
        "reactions_care": 2,
    }
    assert json.loads(post["unavailable_metrics"]) == {
        "impressions": "retired on 2025-11-15: the platform refuses post_impressions"
    }
    visitor = rows[f"{PAGE}_961329969060641562"]
    assert (visitor["kind"], visitor["is_company"], visitor["author_name"]) == ("post", False, None)
    assert visitor["author_key"] == key("12316299422107204")
    assert visitor["created_at"] == datetime(2026, 8, 30, 15, 5, 10, tzinfo=UTC)
    assert visitor["url"] == f"https://www.facebook.com/{PAGE}_961329969060641562"
    assert (json.loads(visitor["metrics"]), visitor["unavailable_metrics"]) == ({"comments": 0}, None)
    bare = rows[f"{PAGE}_447540784420279017"]
    assert (bare["text"], bare["metrics"], bare["is_company"]) == (None, None, True)
    assert [row["parse_error"] for row in source.rows if row["parse_error"]] == ["id is missing"]


def test_recorded_comments_stand_below_what_they_answer(recorded, tmp_path):
    source = source_of(recorded, tmp_path)
    source.run()
    rows = [row for row in source.rows if row["stream"] == "comments"]
    assert [(row["kind"], row["parent_native_id"], row["thread_native_id"]) for row in rows] == [
        ("comment", POST, POST),
        ("reply", REPLIED, POST),
        ("reply", "798388715342337483_918298199896051438", POST),
        ("comment", POST, POST),
    ]
    first, second, third, fourth = rows
    assert first["text"] == f"Meine steht seit gestern \U0001f60d @{key('13086347119533496')} schau mal"
    assert json.loads(first["metrics"]) == {"reactions": 3, "reactions_love": 1, "comments": 2}
    assert second["text"] == f"Gefällt mir, @{key('67847621199600256')}!", "who spoke before is found without a tag"
    assert (third["is_company"], third["text"]) == (True, "Danke euch beiden! @weidenfels")
    assert (fourth["author_key"], fourth["text"]) == (None, None)


def test_recorded_mentions_and_recommendations_arrive_without_their_authors(recorded, tmp_path):
    source = source_of(recorded, tmp_path, recommendations=True)
    source.run()
    rows = source.by_id()
    mention = rows[f"{key('31659922531346088')}_868154173356608839"]
    assert (mention["kind"], mention["stream"]) == ("mention", "mentions")
    assert (mention["account"], mention["author_key"]) == ("Weidenfels Hausgeräte", key("31659922531346088"))
    assert mention["text"].endswith("War er nicht. Weidenfels Hausgeräte")
    assert mention["url"] == "https://www.facebook.com/868154173356608839"
    reviews = [row for row in source.rows if row["kind"] == "review"]
    assert [(r["rating"], json.loads(r["payload"])["recommendation_type"]) for r in reviews] == [
        (None, "positive"),
        (2.0, "negative"),
    ]
    assert reviews[0]["native_id"] == f"{PAGE}/ratings/555000111222333"
    assert reviews[0]["author_key"] == key("31659922531346088")


def test_a_pages_metrics_arrive_now_and_by_day(recorded, tmp_path):
    source = source_of(recorded, tmp_path, since=START.date() - timedelta(days=30))
    source.run()
    rows = {row["native_id"]: row for row in source.rows if row["kind"] == "account"}
    assert {name: json.loads(row["metrics"]) for name, row in rows.items()} == {
        f"account/{PAGE}": {"followers": 25927},
        f"account/{PAGE}/2026-09-01": {"views": 5120, "followers": 25901},
        f"account/{PAGE}/2026-09-02": {"views": 4807},
    }
    assert rows[f"account/{PAGE}/2026-09-02"]["created_at"] == datetime(2026, 9, 2, tzinfo=UTC)
    assert "impressions" in json.loads(rows[f"account/{PAGE}/2026-09-02"]["unavailable_metrics"])


def test_nothing_private_is_written(recorded, tmp_path, caplog):
    source = source_of(recorded, tmp_path, recommendations=True)
    with caplog.at_level("DEBUG", logger="resonanz"):
        source.run()
    written = source.written() + caplog.text
    private = ["Flinke Kommode", "Leiser Quirl", "Kühle Klammer", "Milde Laterne", "leiser_quirl", "leiser.quirl"]
    private += ["67847621199600256", "13086347119533496", "12316299422107204", "31659922531346088", "milde.laterne"]
    private += ["kuehle.klammer", "flinke.kommode", "leiser.jpg", TOKEN, "page-token-x", "access_token"]
    assert [word for word in private if word in written] == []
    assert "Weidenfels Hausgeräte" in written
    assert source.quarantined() == dict.fromkeys(source.quarantined(), 0) | {
        name: 1 for name in source.quarantined() if "/posts/" in name
    }


# --- a page that changes ----------------------------------------------------------------------------------------


def fill(page: PageServer, count: int = 25) -> list[str]:
    return [page.post(number, 10 * number) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 45])
def test_every_post_lands_once_and_the_second_run_lands_nothing(page, tmp_path, count):
    source = source_of(page, tmp_path)
    fill(page, count)
    assert source.run().problems == []
    assert set(messages(source)) == page.alive()
    asked = len(page.asked)
    assert source.run().problems == []
    assert source.rows == []
    assert len(page.asked) - asked <= 4 + count // page.size


def test_a_server_that_counts_nothing_and_expands_nothing_is_read_all_the_same(page, tmp_path):
    posts = fill(page, 12)
    page.comment(posts[3], 1, 500)
    page.expands = False
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == page.alive()
    assert json.loads(messages(source)[posts[3]]["metrics"])["views"] == 100
    new = page.comment(posts[4], 2, 501)
    assert source.run().problems == []
    assert set(messages(source)) == {new}


def test_nested_replies_have_the_right_parents(page, tmp_path):
    first = page.post(1, 0)
    top = page.comment(first, 1, 1)
    reply = page.comment(first, 2, 2, parent=top)
    page.comment(first, 3, 3, parent=reply)
    page.comment(first, 4, 4)
    source = source_of(page, tmp_path)
    source.run()
    assert {
        name: (row["kind"], row["parent_native_id"], row["thread_native_id"]) for name, row in messages(source).items()
    } == {
        first: ("post", None, first),
        top: ("comment", first, first),
        reply: ("reply", top, first),
        "000001_000003": ("reply", reply, first),
        "000001_000004": ("comment", first, first),
    }


def test_replies_that_a_list_leaves_out_are_asked_for_below_their_comment(page, tmp_path):
    page.ignores_filter = True
    first = page.post(1, 0)
    for number in range(15):
        top = page.comment(first, number, number)
        for below in range(number % 3):
            page.comment(first, 100 + 10 * number + below, 50, parent=top)
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == page.alive()
    assert source.run().problems == []
    assert source.rows == []


def test_edits_new_comments_and_deletions_of_young_messages_arrive(page, tmp_path):
    posts = fill(page)
    for number in range(12):
        page.comment(posts[3], number, 40 + number)
    source = source_of(page, tmp_path, recheck_threads=0)
    source.run()
    page.posts[posts[20]]["message"] = "changed"
    page.posts[posts[21]]["is_published"] = False
    del page.posts[posts[10]]
    del page.comments["000003_000007"]
    new = page.comment(posts[5], 99, 500)
    assert source.run().problems == []
    rows = messages(source)
    assert rows[posts[20]]["text"] == "changed"
    assert rows[new]["parent_native_id"] == posts[5]
    deleted = {name for name, row in rows.items() if row["is_deleted"]}
    assert deleted == {posts[10], posts[21], "000003_000007"}
    assert {rows[name]["text"] for name in deleted} == {None}
    assert set(rows) - deleted == {posts[20], new, posts[5], posts[3]}, "two more posts with other numbers of comments"
    source.run()
    assert source.rows == []


def test_with_a_deleted_post_its_comments_are_deleted(page, tmp_path):
    posts = fill(page, 3)
    page.comment(posts[1], 1, 50)
    source = source_of(page, tmp_path)
    source.run()
    del page.posts[posts[1]], page.comments["000001_000001"]
    source.run()
    assert {(name, row["is_deleted"]) for name, row in messages(source).items()} == {
        (posts[1], True),
        ("000001_000001", True),
    }


def test_a_comment_that_is_hidden_for_a_while_lives_again(page, tmp_path):
    first = page.post(1, 0)
    name = page.comment(first, 1, 1)
    source = source_of(page, tmp_path)
    source.run()
    hidden = page.comments.pop(name)
    source.run()
    assert messages(source)[name]["is_deleted"]
    page.comments[name] = hidden
    source.run()
    assert messages(source)[name]["text"] == "Comment 1"


def tag(page: PageServer, number: int, minute: int) -> str:
    owner = "11110000000000002"
    name = f"{owner}_{number:06}"
    stamp = (START + timedelta(minutes=minute)).isoformat()
    page.tagged[name] = {"id": name, "message": f"Mention {number}", "created_time": stamp}
    return name


def test_comments_below_a_mention_arrive_and_a_mention_that_left_the_list_is_gone(page, tmp_path):
    raw, other = tag(page, 1, 5), tag(page, 2, 6)
    page.comment(raw, 1, 7)
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    owner = key("11110000000000002")
    assert set(messages(source)) == {f"{owner}_000001", f"{owner}_000002", "000001_000001"}
    assert messages(source)["000001_000001"]["parent_native_id"] == f"{owner}_000001"
    del page.tagged[other]
    page.comment(raw, 2, 8)
    assert source.run().problems == []
    assert {name: row["is_deleted"] for name, row in messages(source).items()} == {
        f"{owner}_000002": True,
        f"{owner}_000001": False,
        "000001_000002": False,
    }
    assert "11110000000000002" not in source.written()


def test_comments_that_the_token_may_not_see_below_a_mention_are_a_notice(page, tmp_path):
    raw = tag(page, 1, 5)
    page.comment(raw, 1, 7)
    own = page.post(1, 1)
    page.comment(own, 3, 8)
    page.before = lambda asked: failing(10, "No", 403) if asked.path.endswith(f"{raw}/comments") else None
    source = source_of(page, tmp_path)
    extraction = source.run()
    assert extraction.problems == []
    assert any("below some posts of others" in words for words in extraction.notices)
    assert len(messages(source)) == 3


def test_a_hundred_posts_of_one_moment_land_once(page, tmp_path):
    for number in range(100):
        page.post(number, 0)
    source = source_of(page, tmp_path)
    source.run()
    assert set(messages(source)) == page.alive()
    new = page.post(100, 0)
    source.run()
    assert set(messages(source)) == {new}


# --- paging ------------------------------------------------------------------------------------------------------


def page_of(items: list, cursor: str | None) -> Reply:
    paging = {"cursors": {"after": cursor}, "next": f"https://graph.example/?after={cursor}"} if cursor else {}
    return Reply({"data": items, "paging": paging})


@pytest.mark.parametrize("mode", ["empty", "overlap"])
def test_empty_pages_and_items_that_stand_on_two_pages_do_no_harm(page, tmp_path, mode):
    fill(page, 8)
    items = sorted(page.posts.values(), key=lambda item: item["created_time"], reverse=True)
    pages = {
        "empty": {None: ([], "1"), "1": (items[:4], "2"), "2": ([], "3"), "3": (items[4:], None)},
        "overlap": {None: (items[:5], "1"), "1": (items[3:7], "2"), "2": (items[6:], "3"), "3": ([], None)},
    }[mode]
    page.before = lambda asked: page_of(*pages[asked.query.get("after")]) if asked.path.endswith("/feed") else None
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == page.alive()


def test_a_page_that_repeats_for_ever_stops_with_an_error_and_the_rest_lands(page, tmp_path):
    fill(page, 5)
    tag(page, 1, 5)
    items = [page.posts[name] for name in sorted(page.posts, reverse=True)]
    turn = iter(range(10_000))
    page.before = lambda asked: page_of(items, str(next(turn))) if asked.path.endswith("/feed") else None
    source = source_of(page, tmp_path)
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert "again and again" in problems[0].message
    assert len(messages(source)) == 6


def test_a_cursor_that_expires_in_the_middle_loses_nothing(page, tmp_path):
    fill(page, 45)
    state = {"is_expired": True}

    def expired(asked: Asked) -> Reply | None:
        is_it = asked.path.endswith("/feed") and asked.query.get("after") == "20" and state.pop("is_expired", False)
        return failing(100, "(#100) Invalid cursor") if is_it else None

    page.before = expired
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == page.alive()


def test_answers_that_would_be_too_large_are_asked_for_in_smaller_pages(page, tmp_path):
    posts = fill(page, 30)
    for number in range(30):
        page.comment(posts[0], number, number)
    page.largest = 7
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == page.alive()


# --- faults ------------------------------------------------------------------------------------------------------

FAULTS = {
    "500": lambda: Reply(b"", 500),
    "graph 1": lambda: failing(1, "An unknown error has occurred.", 500),
    "graph 2": lambda: failing(2, "Service temporarily unavailable", 503, is_transient=True),
    "graph 4": lambda: failing(4, "(#4) Application request limit reached", is_transient=True),
    "graph 17": lambda: failing(17, "(#17) User request limit reached", 403),
    "graph 80001": lambda: failing(80001, "(#80001) There have been too many calls", headers=usage(4)),
    "graph 613": lambda: failing(613, "(#613) Calls to this api have exceeded the rate limit.", headers=usage(2)),
    "429 seconds": lambda: Reply({"error": {"message": "slow", "code": 4}}, 429, {"Retry-After": "1"}),
    "cut": lambda: Reply({"data": [{"id": "1"}]}, cut=12),
    "hangup": lambda: None,
    "truncated": lambda: Reply(b'{"data": [{"id": "104'),
    "html": lambda: Reply(b"<html><body>Maintenance</body></html>", headers={"Content-Type": "text/html"}),
    "empty": lambda: Reply(b""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_after_faults_end_everything_has_landed(page, tmp_path, name):
    posts = fill(page)
    for number in range(24):
        page.comment(posts[number // 2], number, 300 + number)
    count = {"all": 0, "failed": 0}

    def answers(asked: Asked) -> Reply | None:
        count["all"] += 1
        if count["all"] % 5 == 0 and count["failed"] < 12:
            count["failed"] += 1
            return FAULTS[name]()
        return page(asked)

    page.server.answers = answers
    source = source_of(page, tmp_path, concurrency=2)
    landed: set[str] = set()
    for _ in range(20):
        try:
            problems = source.run().problems
        except Exception as error:
            assert getattr(error, "is_retryable", False), error  # noqa: PT017
            continue
        landed |= set(messages(source))
        if not problems:
            break
    assert landed == page.alive()


def test_a_wrong_token_is_asked_with_once_and_stands_in_no_words(page, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "wrong-token-987654321")
    source = source_of(page, tmp_path)
    problems = source.run().problems
    assert {problem.kind for problem in problems} == {Kind.CREDENTIALS}
    assert "RESONANZ_TOKEN_FEDIVERSE" in problems[0].message
    assert len(page.asked) == 1
    assert "wrong-token" not in source.written() + str([problem.message for problem in problems])


def test_without_a_token_nothing_is_asked(page, tmp_path, monkeypatch):
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    with pytest.raises(Exception, match="resonanz_fediverse") as raised:
        source_of(page, tmp_path).run()
    assert raised.value.kind is Kind.CREDENTIALS
    assert page.asked == []


def test_the_proof_of_the_app_secret_is_sent_and_never_written(page, tmp_path, monkeypatch):
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    connection = {"conn_type": "generic", "password": TOKEN, "extra": {"app_secret": "the-secret-of-the-app"}}
    monkeypatch.setenv("AIRFLOW_CONN_RESONANZ_FEDIVERSE", json.dumps(connection))
    posts = fill(page, 3)
    page.comment(posts[0], 1, 1)
    source = source_of(page, tmp_path)
    source.run()
    proof = hmac.new(b"the-secret-of-the-app", TOKEN.encode(), hashlib.sha256).hexdigest()
    assert {asked.query.get("appsecret_proof") for asked in page.asked} == {proof}
    assert [word for word in (proof, TOKEN, "the-secret") if word in source.written()] == []


def test_one_failing_thread_is_named_while_the_rest_lands_and_is_read_later(page, tmp_path):
    posts = fill(page, 5)
    for number in range(3):
        page.comment(posts[number], number, 100 + number)
    broken = {"left": http.ATTEMPTS}

    def before(asked: Asked) -> Reply | None:
        if asked.path.endswith(f"{posts[1]}/comments") and broken["left"]:
            broken["left"] -= 1
            return failing(2, "Service temporarily unavailable", 503)
        return None

    page.before = before
    source = source_of(page, tmp_path)
    assert [posts[1] in problem.message for problem in source.run().problems] == [True]
    assert page.alive() - set(messages(source)) == {"000001_000001"}
    assert source.run().problems == []
    assert set(messages(source)) == {"000001_000001"}


# --- metrics, recommendations, backfills -------------------------------------------------------------------------


def test_a_metric_that_retires_is_missing_with_a_reason_and_the_sync_goes_on(page, tmp_path):
    first = page.post(1, 0)
    source = source_of(page, tmp_path)
    source.run()
    assert json.loads(messages(source)[first]["metrics"])["clicks"] == 7
    page.retired.add("post_clicks")
    page.posts[first]["message"] = "changed"
    extraction = source.run()
    assert extraction.problems == []
    assert [words for words in extraction.notices if "post_clicks" in words]
    row = messages(source)[first]
    assert "clicks" not in json.loads(row["metrics"])
    assert json.loads(row["metrics"])["views"] == 100
    assert json.loads(row["unavailable_metrics"])["clicks"] == "retired: the platform refuses post_clicks"
    asked = len(page.asked)
    again = source.run()
    assert (source.rows, again.problems, again.notices) == ([], [], [])
    assert not [a for a in page.asked[asked:] if "post_clicks" in a.query.get("fields", "")]


def test_metrics_without_permission_cost_nothing_else(page, tmp_path):
    page.forbidden = {"post_media_view", "post_total_media_view_unique", "post_clicks", "page_media_view"}
    page.retired = set()
    first = page.post(1, 0)
    source = source_of(page, tmp_path)
    assert source.run().problems == []
    row = messages(source)[first]
    assert "views" not in json.loads(row["metrics"])
    assert json.loads(row["unavailable_metrics"])["views"].startswith("not permitted")


def test_recommendations_that_are_refused_are_a_notice(page, tmp_path):
    page.post(1, 0)
    created = "2026-09-01T10:00:00+0000"
    page.ratings = [{"created_time": created, "recommendation_type": "positive", "review_text": "Gut"}]
    source = source_of(page, tmp_path, recommendations=True)
    source.run()
    assert [row["text"] for row in source.rows if row["kind"] == "review"] == ["Gut"]
    page.before = lambda asked: failing(12, "(#12) deprecated") if asked.path.endswith("/ratings") else None
    extraction = source.run()
    assert (extraction.problems, source.rows) == ([], []), "refused is not deleted"
    assert [words for words in extraction.notices if "recommendations are refused" in words]
    page.before, page.ratings = lambda _: None, []
    source.run()
    assert [(row["kind"], row["is_deleted"]) for row in source.rows] == [("review", True)]


def test_days_are_read_again_only_within_the_look_back(page, tmp_path):
    today = datetime.now(UTC).date()
    days = {(today - timedelta(days=n)).isoformat(): 100 + n for n in range(40)}
    page.days = {"page_media_view": days}
    source = source_of(page, tmp_path, lookback_days=5)
    source.run()
    assert len([row for row in source.rows if row["kind"] == "account"]) == 1 + 40
    page.days["page_media_view"][(today - timedelta(days=3)).isoformat()] = 999
    asked = len(page.asked)
    source.run()
    assert [json.loads(row["metrics"]) for row in source.rows] == [{"views": 999}]
    (again,) = [a for a in page.asked[asked:] if a.path.endswith("/insights")]
    assert int(again.query["until"]) - int(again.query["since"]) <= 7 * 86_400


def test_a_backfill_reads_its_window_alone_and_moves_nothing(page, tmp_path):
    posts = [page.post(number, 60 * 24 * number) for number in range(20)]
    page.comment(posts[7], 1, 60 * 24 * 7 + 5)
    page.days = {"page_media_view": {f"2026-09-{day:02}": day for day in range(2, 20)}}
    source = source_of(page, tmp_path)
    source.run()
    window = Window(START + timedelta(days=5), START + timedelta(days=10))
    loaded = settings.load(tmp_path / "sources.toml", tmp_path / "var")
    known = set(loaded.lake.batches("fediverse"))
    assert extract(loaded, "fediverse", window).problems == []
    source.rows = []
    import pyarrow.parquet as pq

    for batch in set(loaded.lake.batches("fediverse")) - known:
        source.rows += [row for file in batch.files for row in pq.read_table(file).to_pylist()]
    assert set(messages(source)) == {*posts[5:10], "000007_000001"}
    assert sorted(row["native_id"] for row in source.rows if row["kind"] == "account") == [
        f"account/{PAGE}/2026-09-{day:02}" for day in range(6, 11)
    ]
    source.run()
    assert source.rows == []


def test_the_check_names_each_permission(page, tmp_path):
    page.before = lambda asked: failing(10, "(#10) needs it", 403) if asked.path.endswith("/tagged") else None
    source = source_of(page, tmp_path, recommendations=True)
    source.run()
    loaded = settings.load(tmp_path / "sources.toml", tmp_path / "var")
    options, context = connect(loaded, loaded.source("fediverse"))
    context.memory = None
    found = {check.subject: check.problem is None for check in facebook.check(options, context)}
    assert found == {
        f"page {PAGE}": True,
        "permission pages_read_engagement": True,
        "permission pages_read_user_content": False,
        "permission read_insights": True,
        "permission recommendations": True,
    }


def test_people_who_are_named_are_keyed_wherever_they_stand(page, tmp_path):
    first = page.post(1, 0, {"id": "11110000000000003", "name": "Kühle Klammer"})
    page.comment(first, 1, 1)
    for who, text in ((2, "Kühle Klammer hat recht"), (3, "Flinke Kommode, Leiser Quirl: ja. Kühle Klammer")):
        page.comments[page.comment(first, 8 + who, who, who=who)]["message"] = text
    source = source_of(page, tmp_path)
    source.run()
    assert [name for name in PEOPLE.values() if name in source.written()] == []
    assert messages(source)["000001_000010"]["text"] == f"@{key('11110000000000003')} hat recht"
