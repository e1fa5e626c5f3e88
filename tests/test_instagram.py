"""Instagram: what an account's media, mentions, comments and insights hold lands once, with nobody private in it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from extraction import Source
from facebook_server import failing, usage
from instagram_server import ACCOUNT, PEOPLE, START, TOKEN, AccountServer
from loopback import Asked, Reply, serve

from resonanz import http, settings
from resonanz.errors import Kind
from resonanz.extract import connect
from resonanz.platforms import Window, instagram
from resonanz.privacy import Privacy

FIXTURES = Path(__file__).parent / "fixtures" / "platforms" / "instagram"
ALBUM, REEL, BARE = "18027531189004401", "18027531189004402", "18027531189004403"
TOP = "17912345678901201"
KEYS = Privacy(b"0123456789abcdef0123456789abcdef")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    monkeypatch.setenv("RESONANZ_AUTHOR_KEY_SECRET", "0123456789abcdef0123456789abcdef")


@pytest.fixture
def account():
    account = AccountServer()
    with serve(account) as server:
        account.server = server
        yield account


def source_of(account: AccountServer, folder: Path, **options) -> Source:
    options = {"platform": "instagram", "base_url": account.server.address, "accounts": [ACCOUNT], **options}
    return Source(folder, options)


def messages(source: Source) -> dict[str, dict]:
    return {name: row for name, row in source.by_id().items() if row["kind"] != "account"}


def metrics(row: dict) -> dict:
    return json.loads(row["metrics"] or "{}")


def missing(row: dict) -> dict:
    return json.loads(row["unavailable_metrics"] or "{}")


def key(person: str) -> str:
    return KEYS.author_key("instagram", person)


# --- answers as recorded ----------------------------------------------------------------------------------------


@pytest.fixture
def recorded(account):
    def answers(asked: Asked) -> Reply | None:
        path = asked.path.removeprefix("/v25.0/")
        if path == f"{ACCOUNT}/insights":
            is_it = datetime.fromtimestamp(int(asked.query["since"]), UTC).date() == date(2026, 9, 2)
            return Reply((FIXTURES / "account_insights.json").read_bytes()) if is_it else Reply({"data": []})
        files = {ACCOUNT: "account", f"{ALBUM}/comments": "comments", f"{TOP}/replies": "replies"}
        files |= {f"{ACCOUNT}/{edge}": edge for edge in ("media", "tags")}
        if path in files:
            return Reply((FIXTURES / f"{files[path]}.json").read_bytes())
        return failing(10, "(#10) Application does not have permission for this action", 403)

    account.server.answers = answers
    return account


def test_every_field_of_recorded_media_arrives(recorded, tmp_path):
    source = source_of(recorded, tmp_path)
    assert source.run().problems == []
    rows = source.by_id()
    album = rows[ALBUM]
    assert (album["stream"], album["kind"], album["is_company"]) == ("media", "post", True)
    assert (album["author_name"], album["account"]) == ("weidenfels", "weidenfels")
    assert (album["thread_native_id"], album["parent_native_id"], album["edited_at"]) == (ALBUM, None, None)
    assert (album["created_at"], album["created_at_precision"]) == (datetime(2026, 9, 1, 8, 30, tzinfo=UTC), "second")
    assert album["url"] == "https://www.instagram.com/p/DPu7Bx1jKqL/"
    assert album["text"] == (
        f"Neu im Herbst: die Lavia 7 \U0001f9fa aus Zwickau & Fulda. Danke an @{key('leiser.quirl_42')} und "
        "@weidenfels für das Foto! #LeiseWäscht"
    )
    assert metrics(album) == {
        "views": 4211,
        "reach": 2977,
        "saves": 12,
        "shares": 7,
        "engagements": 156,
        "reactions": 131,
        "comments": 6,
    }
    assert album["unavailable_metrics"] is None
    payload = json.loads(album["payload"])
    assert payload["children"]["data"][1] == {"id": "17990011223344557", "media_type": "VIDEO"}
    assert payload["a_field_of_tomorrow"]["deep"] == [1, {"id": key("flinke.kommode")}]
    assert "media_url" not in payload
    reel = rows[REEL]
    assert reel["created_at"] == datetime(2026, 8, 30, 15, 5, 10, tzinfo=UTC)
    assert reel["text"] is None
    assert metrics(reel) == {"views": 900, "reactions": 41, "comments": 0}, "likes are hidden, and counted by insights"
    bare = rows[BARE]
    assert (bare["is_company"], bare["account"], bare["url"], metrics(bare)) == (True, "weidenfels", None, {})
    assert [row["parse_error"] for row in source.rows if row["parse_error"]] == ["id is missing"]


def test_recorded_comments_and_replies_stand_below_what_they_answer(recorded, tmp_path):
    source = source_of(recorded, tmp_path)
    source.run()
    rows = {row["native_id"][-3:]: row for row in source.rows if row["stream"] == "comments"}
    assert {name: (row["kind"], row["parent_native_id"], row["thread_native_id"]) for name, row in rows.items()} == {
        "203": ("comment", ALBUM, ALBUM),
        "201": ("comment", ALBUM, ALBUM),
        "211": ("reply", TOP, ALBUM),
        "212": ("reply", TOP, ALBUM),
        "213": ("reply", TOP, ALBUM),
        "209": ("comment", ALBUM, ALBUM),
    }
    assert rows["203"]["text"] == "Wie laut ist sie beim Schleudern? \U0001f914 @weidenfels"
    assert rows["203"]["author_key"] == key("kuehle.klammer")
    assert json.loads(rows["203"]["payload"])["hidden"] is True
    assert json.loads(rows["203"]["payload"])["from"] == {"id": key("kuehle.klammer")}
    assert rows["201"]["text"] == f"Endlich! @{key('kuehle.klammer')} schau mal. Half a character: \ufffd"
    assert rows["201"]["text_is_repaired"]
    assert (metrics(rows["201"]), metrics(rows["203"])) == ({"reactions": 4}, {"reactions": 0})
    assert rows["201"]["url"] == "https://www.instagram.com/p/DPu7Bx1jKqL/"
    assert "replies" not in json.loads(rows["201"]["payload"])
    assert (rows["211"]["is_company"], rows["211"]["author_name"]) == (True, "weidenfels")
    assert rows["211"]["text"] == f"@{key('flinke.kommode')} Das freut uns!"
    assert rows["212"]["author_key"] == key("1313131313131313"), "nothing but an id is known"
    assert rows["213"]["text"] == f"Und ist sie leise, @{key('leiser.quirl_42')}?"
    assert (rows["209"]["text"], rows["209"]["created_at"], rows["209"]["metrics"]) == (None, None, None)
    assert rows["209"]["created_at_precision"] == "unknown"


def test_recorded_mentions_arrive_without_their_authors(recorded, tmp_path):
    source = source_of(recorded, tmp_path)
    source.run()
    [mention] = [row for row in source.rows if row["kind"] == "mention"]
    assert (mention["stream"], mention["account"], mention["is_company"]) == ("mentions", "weidenfels", False)
    assert (mention["author_key"], mention["author_name"]) == (key("flinke.kommode"), None)
    assert mention["text"] == (
        f"Meine neue @weidenfels ist da, danke @{key('leiser.quirl_42')}! Mehr unter "
        f"https://www.instagram.com/{key('flinke.kommode')}/ und https://www.instagram.com/p/DPu7Bx1jKqL/"
    )
    assert mention["url"] == "https://www.instagram.com/p/DPvTagged01/"
    assert metrics(mention) == {"comments": 3}
    assert json.loads(mention["payload"])["owner"] == {"id": key("1010101010101010")}


def test_an_accounts_figures_arrive_now_and_by_day(recorded, tmp_path):
    source = source_of(recorded, tmp_path, since=date(2026, 9, 1))
    assert source.run().problems == []
    rows = {row["native_id"]: row for row in source.rows if row["kind"] == "account"}
    assert {name: metrics(row) for name, row in rows.items()} == {
        f"account/{ACCOUNT}": {"followers": 25258},
        f"account/{ACCOUNT}/2026-09-02": {
            "views": 4100,
            "reach": 2210,
            "engagements": 96,
            "clicks": 3,
            "reactions": 71,
        },
    }
    assert rows[f"account/{ACCOUNT}/2026-09-02"]["created_at"] == datetime(2026, 9, 2, tzinfo=UTC)
    assert json.loads(rows[f"account/{ACCOUNT}"]["payload"])["media_count"] == 3


def test_nothing_private_is_written(recorded, tmp_path, caplog):
    source = source_of(recorded, tmp_path)
    with caplog.at_level("DEBUG", logger="resonanz"):
        source.run()
    written = (source.written() + caplog.text).casefold()
    private = ["flinke.kommode", "leiser.quirl", "kuehle.klammer", "1010101010101010", "1212121212121212"]
    private += ["1313131313131313", "cdninstagram", "scontent", TOKEN, "access_token", "self_ig_scoped"]
    assert [word for word in private if word in written] == []
    assert "weidenfels" in written
    kept_out = {name.split("/")[1]: count for name, count in source.quarantined().items()}
    assert kept_out == {"accounts": 0, "media": 2, "mentions": 0, "comments": 1}, "one cannot be read, two say nothing"


# --- an account that changes --------------------------------------------------------------------------------------


def fill(account: AccountServer, count: int = 25) -> list[str]:
    return [account.post(number, 10 * number) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 45])
def test_every_medium_lands_once_and_the_second_run_lands_nothing(account, tmp_path, count):
    source = source_of(account, tmp_path)
    fill(account, count)
    account.tag(1, 5)
    assert source.run().problems == []
    assert set(messages(source)) == account.alive()
    asked = len(account.asked)
    assert source.run().problems == []
    assert source.rows == []
    assert len(account.asked) - asked <= 7 + count // account.size


def test_replies_are_paged_below_their_comment(account, tmp_path):
    first = account.post(1, 0)
    tops = [account.comment(first, number, number) for number in range(23)]
    for number in range(35):
        account.comment(first, 100 + number, 50 + number, parent=tops[7], who=number % 3)
    account.comment(first, 200, 99, parent=tops[22])
    source = source_of(account, tmp_path)
    assert source.run().problems == []
    rows = messages(source)
    assert set(rows) == account.alive()
    below = {row["parent_native_id"] for row in rows.values() if row["kind"] == "reply"}
    assert below == {tops[7], tops[22]}
    assert {row["thread_native_id"] for row in rows.values()} == {first}


def test_replies_that_do_not_come_along_are_asked_for_below_their_comment(account, tmp_path):
    account.expands = False
    first = account.post(1, 0)
    for number in range(12):
        top = account.comment(first, number, number)
        for below in range(number % 3):
            account.comment(first, 100 + 10 * number + below, 50, parent=top)
    source = source_of(account, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == account.alive()
    assert metrics(messages(source)[first])["views"] == 100, "insights are asked for alone as well"
    assert source.run().problems == []
    assert source.rows == []


def test_edits_new_comments_and_deletions_of_young_messages_arrive(account, tmp_path):
    media = fill(account)
    comments = [account.comment(media[3], number, 40 + number) for number in range(12)]
    below = account.comment(media[3], 50, 60, parent=comments[7])
    account.comment(media[10], 60, 130)
    source = source_of(account, tmp_path, recheck_threads=0)
    source.run()
    account.media[media[20]]["caption"] = "changed"
    account.remove(media[10])
    account.remove(comments[7])
    new = account.comment(media[5], 99, 500)
    assert source.run().problems == []
    rows = messages(source)
    assert rows[media[20]]["text"] == "changed"
    assert rows[new]["parent_native_id"] == media[5]
    deleted = {name for name, row in rows.items() if row["is_deleted"]}
    assert deleted == {media[10], comments[7], below, "17000000000000060"}
    assert {rows[name]["text"] for name in deleted} == {None}
    assert set(rows) - deleted == {media[20], new, media[5], media[3]}, "two more media with other numbers of comments"
    source.run()
    assert source.rows == []


def test_comments_that_only_left_the_list_live_on_with_the_same_parents(account, tmp_path):
    first = account.post(1, 0)
    top = account.comment(first, 1, 1)
    account.comment(first, 2, 2, parent=top)
    source = source_of(account, tmp_path)
    source.run()
    below = f"{first}/comments"
    account.before = lambda asked: Reply({"data": []}) if asked.path.endswith(below) else None
    account.comment(first, 3, 3)
    assert source.run().problems == []
    assert {name for name, row in messages(source).items() if row["is_deleted"]} == set()
    assert set(messages(source)) == {first}, "its number of comments has changed"


def test_a_changed_comment_is_found_in_turn(account, tmp_path):
    first = account.post(1, 0)
    name = account.comment(first, 1, 1)
    source = source_of(account, tmp_path)
    source.run()
    account.comments[name]["text"] = "changed"
    source.run()
    assert {name: row["text"] for name, row in messages(source).items()} == {name: "changed"}


def test_media_of_others_that_left_the_list_are_gone_and_their_comments_are_not_to_be_seen(account, tmp_path):
    stays, goes = account.tag(1, 5, comments_count=3), account.tag(2, 6)
    source = source_of(account, tmp_path)
    extraction = source.run()
    assert extraction.problems == []
    assert any("below media of others" in words for words in extraction.notices)
    assert set(messages(source)) == {stays, goes}
    account.remove(goes)
    assert source.run().problems == []
    assert {name: row["is_deleted"] for name, row in messages(source).items()} == {goes: True}


def test_media_that_tag_two_accounts_stay_with_the_first(account, tmp_path):
    other = "17841400000000002"

    def answers(asked: Asked) -> Reply | None:
        path = asked.path.removeprefix("/v25.0/")
        if path == other:
            return Reply({"id": other, "username": "weidenfels.service", "followers_count": 3})
        if path == f"{other}/media":
            return Reply({"data": []})
        return account(Asked(asked.method, asked.path.replace(other, ACCOUNT), asked.query, asked.headers))

    account.server.answers = answers
    name = account.tag(1, 5, caption="@weidenfels.service @weidenfels")
    account.tag(2, 6, username="weidenfels.service")
    source = source_of(account, tmp_path, accounts=[ACCOUNT, other])
    assert source.run().problems == []
    assert messages(source)[name]["account"] == "weidenfels"
    assert messages(source)[name]["text"] == "@weidenfels.service @weidenfels"
    assert len(messages(source)) == 1, "what an own account posts stands in its own list"
    assert source.run().problems == []
    assert source.rows == []


def test_stories_land_with_their_metrics_and_are_not_deleted_when_their_day_is_over(account, tmp_path):
    story = {"media_type": "IMAGE", "media_product_type": "STORY", "username": "weidenfels"}
    account.stories["18900000000000001"] = {"id": "18900000000000001", "timestamp": "2026-09-01T10:00:00+0000", **story}
    account.not_for = {"saved": {"STORY"}}
    source = source_of(account, tmp_path, stories=True)
    assert source.run().problems == []
    row = messages(source)["18900000000000001"]
    assert (row["stream"], row["kind"]) == ("stories", "post")
    assert metrics(row) == {"views": 100, "reach": 60, "shares": 2, "engagements": 9}
    account.stories.clear()
    account.stories["18900000000000002"] = {"id": "18900000000000002", "timestamp": "2026-09-02T10:00:00+0000", **story}
    assert source.run().problems == []
    assert set(messages(source)) == {"18900000000000002"}


def test_a_hundred_media_of_one_moment_land_once(account, tmp_path):
    for number in range(100):
        account.post(number, 0)
    source = source_of(account, tmp_path)
    source.run()
    assert set(messages(source)) == account.alive()
    new = account.post(100, 0)
    source.run()
    assert set(messages(source)) == {new}


# --- paging ------------------------------------------------------------------------------------------------------


def page_of(items: list, cursor: str | None) -> Reply:
    paging = {"cursors": {"after": cursor}, "next": f"https://graph.example/?after={cursor}"} if cursor else {}
    return Reply({"data": items, "paging": paging})


@pytest.mark.parametrize("mode", ["empty", "overlap"])
@pytest.mark.parametrize("edge", ["media", "comments"])
def test_empty_pages_and_items_that_stand_on_two_pages_do_no_harm(account, tmp_path, mode, edge):
    first = account.post(1, 0)
    if edge == "media":
        fill(account, 8)
        items = sorted(account.media.values(), key=lambda item: item["timestamp"], reverse=True)
    else:
        items = [account.comments[account.comment(first, number, number)] for number in range(8)]
    half = len(items) // 2
    pages = {
        "empty": {None: ([], "1"), "1": (items[:half], "2"), "2": ([], "3"), "3": (items[half:], None)},
        "overlap": {None: (items[:5], "1"), "1": (items[3:7], "2"), "2": (items[6:], "3"), "3": ([], None)},
    }[mode]
    account.before = lambda asked: (
        page_of(*pages[asked.query.get("after")]) if asked.path.endswith(f"/{edge}") else None
    )
    source = source_of(account, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == account.alive()


def test_a_page_that_repeats_for_ever_stops_with_an_error_and_the_rest_lands(account, tmp_path):
    items = [account.media[name] for name in reversed(fill(account, 5))]
    account.tag(1, 5)
    turn = iter(range(10_000))
    account.before = lambda asked: page_of(items, str(next(turn))) if asked.path.endswith("/media") else None
    source = source_of(account, tmp_path)
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.CONTRACT]
    assert "again and again" in problems[0].message
    assert len(messages(source)) == 6


@pytest.mark.parametrize("edge", ["media", "comments", "replies"])
def test_a_cursor_that_expires_in_the_middle_loses_nothing(account, tmp_path, edge):
    first = fill(account, 45)[0]
    top = account.comment(first, 0, 0)
    for number in range(1, 45):
        account.comment(first, number, number, parent=top if edge == "replies" else None)
    state = {"is_expired": True}

    def expired(asked: Asked) -> Reply | None:
        is_it = asked.path.endswith(f"/{edge}") and asked.query.get("after") == "20" and state.pop("is_expired", False)
        return failing(100, "(#100) Invalid cursor") if is_it else None

    account.before = expired
    source = source_of(account, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == account.alive()
    assert not state


# --- faults ------------------------------------------------------------------------------------------------------

FAULTS = {
    "500": lambda: Reply(b"", 500),
    "graph 2": lambda: failing(2, "Service temporarily unavailable", 503, is_transient=True),
    "graph 4": lambda: failing(4, "(#4) Application request limit reached", is_transient=True),
    "graph 80002": lambda: failing(80002, "(#80002) There have been too many calls", headers=usage(4)),
    "429 seconds": lambda: Reply({"error": {"message": "slow", "code": 4}}, 429, {"Retry-After": "1"}),
    "cut": lambda: Reply({"data": [{"id": "1"}]}, cut=12),
    "hangup": lambda: None,
    "truncated": lambda: Reply(b'{"data": [{"id": "178'),
    "html": lambda: Reply(b"<html><body>Maintenance</body></html>", headers={"Content-Type": "text/html"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_after_faults_end_everything_has_landed(account, tmp_path, name):
    media = fill(account)
    for number in range(24):
        top = account.comment(media[number // 2], number, 300 + number)
        account.comment(media[number // 2], 100 + number, 400 + number, parent=top)
    count = {"all": 0, "failed": 0}

    def answers(asked: Asked) -> Reply | None:
        count["all"] += 1
        if count["all"] % 5 == 0 and count["failed"] < 12:
            count["failed"] += 1
            return FAULTS[name]()
        return account(asked)

    account.server.answers = answers
    source = source_of(account, tmp_path, concurrency=2, insights=name in ("500", "graph 4"))
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
    assert landed == account.alive()


def test_a_wrong_token_is_asked_with_once_and_stands_in_no_words(account, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "wrong-token-987654321")
    source = source_of(account, tmp_path)
    problems = source.run().problems
    assert {problem.kind for problem in problems} == {Kind.CREDENTIALS}
    assert "RESONANZ_TOKEN_FEDIVERSE" in problems[0].message
    assert len(account.asked) == 1
    assert "wrong-token" not in source.written() + str([problem.message for problem in problems])


def test_without_a_token_nothing_is_asked(account, tmp_path, monkeypatch):
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    with pytest.raises(Exception, match="resonanz_fediverse") as raised:
        source_of(account, tmp_path).run()
    assert raised.value.kind is Kind.CREDENTIALS
    assert account.asked == []


def test_one_failing_account_and_thread_are_named_while_the_rest_lands(account, tmp_path):
    media = fill(account, 5)
    for number in range(3):
        account.comment(media[number], number, 100 + number)
    broken = {"left": http.ATTEMPTS}

    def before(asked: Asked) -> Reply | None:
        if asked.path.endswith(f"{media[1]}/comments") and broken["left"]:
            broken["left"] -= 1
            return failing(2, "Service temporarily unavailable", 503)
        return None

    account.before = before
    source = source_of(account, tmp_path, accounts=["17841400000000009", ACCOUNT])
    problems = source.run().problems
    assert [problem.kind for problem in problems] == [Kind.GONE, Kind.TRANSIENT]
    assert "17841400000000009" in problems[0].message
    assert account.alive() - set(messages(source)) == {"17000000000000001"}
    assert [problem.kind for problem in source.run().problems] == [Kind.GONE]
    assert set(messages(source)) == {"17000000000000001"}


# --- metrics and backfills -----------------------------------------------------------------------------------------


def test_a_metric_that_retires_is_missing_with_a_reason_and_the_sync_goes_on(account, tmp_path):
    picture, reel = account.post(1, 0), account.post(2, 1, "VIDEO")
    fill(account, 0)
    source = source_of(account, tmp_path)
    source.run()
    assert metrics(messages(source)[picture])["saves"] == 5
    del account.values["saved"]
    extraction = source.run()
    assert extraction.problems == []
    assert [words for words in extraction.notices if "saved" in words]
    for name in (picture, reel):
        row = messages(source)[name]
        assert "saves" not in metrics(row)
        assert metrics(row)["views"] == 100
        assert missing(row) == {"saves": "retired: the platform refuses saved"}
    asked = len(account.asked)
    again = source.run()
    assert (source.rows, again.problems, again.notices) == ([], [], [])
    assert not [a for a in account.asked[asked:] if "saved" in a.query.get("fields", "")]


def test_a_metric_that_one_kind_of_media_lacks_is_kept_for_the_others(account, tmp_path):
    account.not_for = {"shares": {"IMAGE"}, "views": {"CAROUSEL_ALBUM"}}
    pictures = [account.post(number, number) for number in range(12)]
    albums = [account.post(20 + number, 20 + number, "CAROUSEL_ALBUM") for number in range(12)]
    reels = [account.post(40 + number, 40 + number, "VIDEO") for number in range(12)]
    source = source_of(account, tmp_path)
    assert source.run().problems == []
    rows = messages(source)
    assert {tuple(sorted(missing(rows[name]))) for name in pictures} == {("shares",)}
    assert {tuple(sorted(missing(rows[name]))) for name in albums} == {("views",)}
    assert {tuple(sorted(missing(rows[name]))) for name in reels} == {()}
    assert {metrics(rows[name])["shares"] for name in albums + reels} == {2}
    assert {metrics(rows[name])["views"] for name in pictures + reels} == {100}
    asked = len(account.asked)
    assert source.run().problems == []
    assert source.rows == []
    assert len(account.asked) - asked <= 7 + 3 * 4


def test_media_without_insights_cost_the_others_nothing(account, tmp_path):
    media = fill(account, 30)
    old = failing(100, "Invalid parameter", error_subcode=2108006, error_user_title="Media posted before ...")
    account.no_insights = dict.fromkeys(media[:12], old)
    account.no_insights[media[25]] = failing(10, "(#10) Not enough viewers for the media to show insights")
    source = source_of(account, tmp_path)
    extraction = source.run()
    assert (extraction.problems, extraction.notices) == ([], [])
    rows = messages(source)
    reasons = {missing(rows[name])["views"] for name in media[:12]}
    assert reasons == {"not given: posted before the account became one of a business"}
    assert missing(rows[media[25]])["views"] == "not given: too few viewers"
    assert {"views" in metrics(rows[name]) for name in (*media[12:25], *media[26:])} == {True}
    assert len([a for a in account.asked if a.path != f"/v25.0/{ACCOUNT}/insights"]) < 30
    assert source.run().problems == []
    assert source.rows == []


def test_metrics_without_permission_cost_nothing_else(account, tmp_path):
    account.forbidden = {*account.values, *account.account_values}
    media = fill(account, 12)
    source = source_of(account, tmp_path)
    extraction = source.run()
    assert extraction.problems == []
    assert any("insights of FEED IMAGE" in words for words in extraction.notices)
    row = messages(source)[media[0]]
    assert metrics(row) == {"reactions": 2, "comments": 0}
    assert missing(row)["views"] == "not permitted: views needs another permission"
    now = source.by_id()[f"account/{ACCOUNT}"]
    assert metrics(now) == {"followers": 25258}
    assert missing(now)["reach"] == "not permitted: reach needs another permission"
    asked = len(account.asked)
    assert source.run().problems == []
    assert source.rows == []
    assert len(account.asked) - asked <= 6


def test_servers_that_know_no_insights_at_all_are_not_asked_for_ever(account, tmp_path):
    account.values, account.expands, account.has_ids = {}, False, False
    fill(account, 40)
    source = source_of(account, tmp_path)
    assert source.run().problems == []
    assert set(messages(source)) == account.alive()
    asked = len(account.asked)
    assert source.run().problems == []
    assert len(account.asked) - asked < 20


def test_insights_that_nobody_wants_are_not_asked_for(account, tmp_path):
    first = account.post(1, 0)
    source = source_of(account, tmp_path, insights=False)
    source.run()
    assert metrics(messages(source)[first]) == {"reactions": 2, "comments": 0}
    assert not [a for a in account.asked if "insights" in a.path + a.query.get("fields", "")]


def test_days_are_read_once_and_the_last_ones_again(account, tmp_path):
    today = datetime.now(UTC).date()
    account.days = {(today - timedelta(days=n)).isoformat() for n in range(1, 11)}
    source = source_of(account, tmp_path)
    source.run()
    days = {row["created_at"].date().isoformat() for row in source.rows if row["created_at_precision"] == "day"}
    assert days == account.days
    asked = len(account.asked)
    account.account_values["views"] = 501
    source.run()
    assert len([a for a in account.asked[asked:] if a.path.endswith(f"{ACCOUNT}/insights")]) <= 4
    changed = [row for row in source.rows if row["kind"] == "account"]
    assert {metrics(row)["views"] for row in changed} == {501}
    assert len(changed) == 4


def test_a_backfill_reads_its_range_and_leaves_the_running_state(account, tmp_path):
    media = fill(account, 40)
    for number in range(40):
        account.comment(media[number], number, 10 * number + 5)
    source = source_of(account, tmp_path)
    source.run()
    before = len(account.asked)
    window = Window(START + timedelta(minutes=100), START + timedelta(minutes=200))
    assert source.run(window).problems == []
    rows = messages(source)
    assert {name for name, row in rows.items() if row["kind"] == "post"} == set(media[10:20])
    assert {row["parent_native_id"] for row in rows.values() if row["kind"] == "comment"} == set(media[10:20])
    spans = [a.query for a in account.asked[before:] if a.path.endswith("/media")]
    assert {int(span["since"]) for span in spans} == {int(window.since.timestamp())}
    assert source.run().problems == []
    assert source.rows == []


def test_servers_that_refuse_a_range_of_time_are_asked_without(account, tmp_path):
    media = fill(account, 25)
    refusal = failing(100, "(#100) Param since is not allowed")
    account.before = lambda asked: refusal if asked.path.endswith("/media") and "since" in asked.query else None
    source = source_of(account, tmp_path, since=date(2026, 9, 1))
    assert source.run().problems == []
    assert set(messages(source)) == set(media)


# --- checks --------------------------------------------------------------------------------------------------------


def checks(source: Source) -> dict[str, bool]:
    source.run()
    loaded = settings.load(source.folder / "sources.toml", source.folder / "var")
    options, context = connect(loaded, loaded.source("fediverse"))
    context.memory = None
    return {check.subject: check.problem is None for check in instagram.check(options, context)}


def test_the_check_names_each_account_and_permission(account, tmp_path):
    account.comment(account.post(1, 0), 1, 1)
    account.before = lambda asked: failing(10, "(#10) needs it", 403) if asked.path.endswith("/tags") else None
    source = source_of(account, tmp_path, accounts=[ACCOUNT, "17841400000000009"])
    assert checks(source) == {
        f"account {ACCOUNT}": True,
        "permission instagram_manage_comments": True,
        "permission media that tag the account": False,
        "permission instagram_manage_insights": True,
        "account 17841400000000009": False,
    }


def test_people_are_keyed_wherever_they_stand(account, tmp_path):
    first = account.post(1, 0, caption="Danke @Flinke.Kommode! Siehe instagram.com/leiser.quirl_42?igsh=1")
    account.comment(first, 1, 1)
    account.comments[account.comment(first, 2, 2, who=2)]["note"] = {"seen_by": ["kuehle.klammer", "@leiser.quirl_42"]}
    source = source_of(account, tmp_path)
    source.run()
    written = source.written().casefold()
    assert [word for word in (*PEOPLE, *PEOPLE.values()) if word in written] == []
    rows = messages(source)
    assert rows[first]["text"] == (
        f"Danke @{key('flinke.kommode')}! Siehe instagram.com/{key('leiser.quirl_42')}?igsh=1"
    )
    assert json.loads(rows["17000000000000002"]["payload"])["note"]["seen_by"][0] == key("kuehle.klammer")
