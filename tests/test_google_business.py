"""Google Business Profile: reviews and replies as messages, and the extraction of locations that live."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from extraction import Source
from loopback import Asked, Reply, serve
from pydantic import ValidationError

from resonanz import http
from resonanz.errors import Kind, SourceError
from resonanz.platforms import Context, Window
from resonanz.platforms.google_business import Options, check, parse_review
from resonanz.privacy import Privacy

FIXTURE = Path(__file__).parent / "fixtures" / "platforms" / "google_business" / "reviews.json"
LOCATION = "accounts/1111/locations/2222"
TOKEN = "ya29.geheim"
START = datetime(2026, 3, 1, tzinfo=UTC)
PRIVACY = Privacy(b"0123456789abcdef")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)


def recorded() -> list[list[Any]]:
    context = Context("places", Path(), PRIVACY)
    items = json.loads(FIXTURE.read_text())["reviews"]
    return [parse_review(item, "locations/2222", "Laden Kiel", context) for item in items]


def test_a_review_and_its_reply_become_messages_with_all_their_fields():
    review, reply = recorded()[0]
    assert review.native_id == "locations/2222/reviews/AbFvOqlTranslated"
    assert (review.kind, review.rating, review.account) == ("review", 2.0, "Laden Kiel")
    assert review.text == "Die Reparatur hat vier Wochen gedauert. Flotte Distel", (
        "what was written, not its translation"
    )
    assert review.created_at == datetime(2026, 3, 2, 9, 15, 26, 123456, UTC)
    assert review.edited_at == datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert review.author_key == PRIVACY.author_key("google_business", "Flotte Distel")
    assert not review.is_company
    assert (reply.kind, reply.parent_native_id, reply.thread_native_id) == (
        "comment",
        review.native_id,
        review.native_id,
    )
    assert (reply.text, reply.is_company, reply.author_name) == ("Das tut uns leid.", True, "Laden Kiel")
    assert reply.created_at == datetime(2026, 3, 5, 8, 30, 0, 500_000, UTC)


def test_stars_without_words_and_people_without_names():
    (stars,), (nobody,) = recorded()[1:3]
    assert (stars.text, stars.rating, stars.edited_at) == (None, 5.0, None)
    assert (nobody.text, nobody.rating, nobody.author_key) == ("Ging so.", None, None)
    assert nobody.created_at == datetime(2026, 2, 27, 17, 45, tzinfo=UTC)


def test_nothing_private_is_left_in_payloads_and_broken_reviews_say_why():
    messages = [message for found in recorded() for message in found]
    written = json.dumps([message.payload for message in messages], ensure_ascii=False)
    assert "googleusercontent" not in written
    assert "Stiller Farn" not in written
    assert "Flotte Distel" not in written
    assert "Rauer Ginster" not in written
    assert "createTime" in str(messages[-1].parse_error)


class Places:
    """A location's reviews in pages, those that changed last first."""

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.reviews: dict[str, dict[str, Any]] = {}
        self.faults: list[Reply | None] = []
        self.every = 0
        self.count = 0

    def review(self, native_id: str, minute: int, **more: Any) -> None:
        at = (START + timedelta(minutes=minute)).isoformat()
        self.reviews[native_id] = {
            "name": f"{LOCATION}/reviews/{native_id}",
            "reviewId": native_id,
            "reviewer": {"displayName": f"Geheimname {native_id}", "profilePhotoUrl": f"https://x.example/{native_id}"},
            "starRating": "FOUR",
            "comment": f"Besuch {native_id}",
            "createTime": at,
            "updateTime": at,
            **more,
        }

    def __call__(self, asked: Asked) -> Reply | None:
        self.count += 1
        if self.faults and (not self.every or self.count % self.every == 0):
            return self.faults.pop(0)
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "UNAUTHENTICATED")
        match asked.path.strip("/").split("/"):
            case ["v1", "locations", "2222"]:
                return Reply({"title": "Laden Kiel"})
            case ["v4", "accounts", "1111", "locations", "2222", "reviews"]:
                return self._page(asked)
            case ["v4", "accounts", "1111", "locations", "2222", "reviews", native_id] if native_id in self.reviews:
                return Reply(self.reviews[native_id])
        return error(404, "NOT_FOUND")

    def _page(self, asked: Asked) -> Reply:
        assert asked.query.get("orderBy", "updateTime desc") == "updateTime desc"
        assert int(asked.query["pageSize"]) <= 50
        found = sorted(self.reviews.values(), key=lambda item: item["updateTime"], reverse=True)
        token = asked.query.get("pageToken", "")
        start = int(base64.b64decode(token)) if token else 0
        answer: dict[str, Any] = {"totalReviewCount": len(found)} if found else {}
        if found[start:]:
            answer["reviews"] = found[start : start + self.size]
        if start + self.size < len(found):
            answer["nextPageToken"] = base64.b64encode(str(start + self.size).encode()).decode()
        return Reply(answer)


def error(status: int, name: str, **headers: str) -> Reply:
    return Reply({"error": {"code": status, "message": "So nicht.", "status": name}}, status, headers)


@pytest.fixture
def places():
    found = Places(size=10)
    with serve(found) as server:
        found.server = server
        yield found


@pytest.fixture
def source(places, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", TOKEN)
    address = places.server.address
    options = {"platform": "google_business", "base_url": address, "locations_url": address, "locations": [LOCATION]}
    return Source(tmp_path, options)


def fill(places: Places, count: int = 25) -> set[str]:
    for number in range(count):
        places.review(f"r{number:02}", number)
    return {f"locations/2222/reviews/{name}" for name in places.reviews}


@pytest.mark.parametrize("count", [0, 1, 10, 20, 25])
def test_every_review_lands_once_and_the_second_run_lands_nothing(places, source, count):
    expected = fill(places, count)
    assert source.run().problems == []
    assert set(source.by_id()) == expected
    before = places.count
    assert source.run().problems == []
    assert source.rows == []
    assert places.count - before <= 4


def test_an_old_review_that_changed_a_reply_and_a_deletion_are_found(places, source):
    places.review("old", -60 * 24 * 90)
    fill(places)
    source.run()
    late = (START + timedelta(hours=3)).isoformat()
    places.reviews["old"] |= {"comment": "Doch nicht gut", "starRating": "ONE", "updateTime": late}
    places.reviews["r10"]["reviewReply"] = {"comment": "Danke!", "updateTime": late}
    places.reviews["r10"]["updateTime"] = late
    del places.reviews["r05"]
    source.run()
    found = source.by_id()
    assert set(found) == {f"locations/2222/reviews/{name}" for name in ("old", "r05", "r10", "r10/reply")}
    assert found["locations/2222/reviews/old"]["text"] == "Doch nicht gut"
    assert found["locations/2222/reviews/old"]["rating"] == 1.0
    assert found["locations/2222/reviews/r05"]["is_deleted"]
    assert found["locations/2222/reviews/r10/reply"]["parent_native_id"] == "locations/2222/reviews/r10"
    del places.reviews["r10"]["reviewReply"]
    source.run()
    assert [(row["native_id"], row["is_deleted"]) for row in source.rows] == [
        ("locations/2222/reviews/r10/reply", True)
    ]


def test_a_backfill_reads_its_days_alone(places, source):
    fill(places)
    places.review("old", -60 * 24 * 90)
    source.run()
    source.run(Window(START - timedelta(days=91), START - timedelta(days=89)))
    assert [row["native_id"] for row in source.rows] == ["locations/2222/reviews/old"]
    source.run()
    assert source.rows == []


@pytest.mark.parametrize(
    "fault",
    [
        error(500, "INTERNAL"),
        error(503, "UNAVAILABLE"),
        error(429, "RESOURCE_EXHAUSTED", **{"Retry-After": "1"}),
        Reply(b"<html>Sorry</html>", 502, {"Content-Type": "text/html"}),
        Reply(b"<html>Sorry</html>", 200, {"Content-Type": "text/html"}),
        Reply({"reviews": [{"name": "x" * 500}]}, cut=40),
        Reply(b'{"reviews": [{"na'),
        None,
    ],
)
def test_with_every_second_request_failing_nothing_is_lost(places, source, fault):
    expected = fill(places, 45)
    places.every, places.faults = 2, [fault] * 6
    source.run()
    landed = set(source.by_id())
    places.faults = []
    source.run()
    assert landed | set(source.by_id()) == expected


def test_a_refused_token_is_a_matter_of_credentials_and_asked_once(places, source, monkeypatch):
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "abgelaufen")
    fill(places)
    problems = source.run().problems
    assert {problem.kind for problem in problems} == {Kind.CREDENTIALS}
    assert "abgelaufen" not in str(problems)
    assert places.count <= 2


def test_without_a_token_it_says_where_to_put_one(places, source, monkeypatch):
    monkeypatch.delenv("RESONANZ_TOKEN_FEDIVERSE")
    with pytest.raises(SourceError, match="RESONANZ_TOKEN_FEDIVERSE") as raised:
        source.run()
    assert raised.value.kind is Kind.CREDENTIALS
    assert places.count == 0


def test_one_location_that_cannot_be_read_does_not_stop_the_others(places, source):
    expected = fill(places)
    source.options["locations"] = ["accounts/1111/locations/3333", LOCATION]
    problems = source.run().problems
    assert set(source.by_id()) == expected
    assert ["3333" in problem.message for problem in problems] == [True]


def test_no_token_and_no_name_is_written_and_what_lands_passes_the_guard(places, source):
    fill(places)
    source.run()
    written = source.written()
    assert "Besuch r03" in written
    assert "Geheimname" not in written
    assert "x.example" not in written
    assert TOKEN not in written
    assert sum(source.quarantined().values()) == 0


def test_check_tells_what_can_be_read(places):
    fill(places)
    context = Context("places", Path(), PRIVACY, token=TOKEN)
    options = Options(
        locations=[LOCATION, "accounts/1111/locations/3333"],
        base_url=places.server.address,
        locations_url=places.server.address,
    )
    good, bad = check(options, context)
    assert (good.problem, "25 reviews" in good.words) == (None, True)
    assert bad.problem is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either `locations` or one `account`"),
        ({"locations": ["2222"]}, "write accounts/"),
        ({"account": "1111"}, "write accounts/"),
        ({"locations": [LOCATION], "account": "accounts/1111"}, "either"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValidationError, match=words):
        Options(**options)
