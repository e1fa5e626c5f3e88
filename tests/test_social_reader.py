"""The reader that all social platforms share, on a toy platform whose server a test decides."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Asked, Reply, serve

from resonanz import http
from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.landing import Message, account_metrics
from resonanz.platforms import Context, Window
from resonanz.privacy import Privacy
from resonanz.social.conversations import Conversations
from resonanz.social.network import Network, Timeline
from resonanz.social.options import SocialOptions
from resonanz.social.pages import CURSOR_EXPIRED, ahead, paged
from resonanz.social.reader import Reader

START = datetime(2026, 3, 1, tzinfo=UTC)


class Wall:
    """A server with one wall of posts, newest first, `size` a page, and comments below them."""

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.posts: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, list[dict[str, Any]]] = {}
        self.faults: dict[str, list[Reply | None]] = {}
        self.expired: set[str] = set()

    def post(self, name: str, minute: int, **more: Any) -> None:
        self.posts[name] = {
            "id": name,
            "text": f"Post {name}",
            "at": (START + timedelta(minutes=minute)).isoformat(),
            **more,
        }

    def comment(self, first: str, name: str, minute: int) -> None:
        at = (START + timedelta(minutes=minute)).isoformat()
        self.comments.setdefault(first, []).append({"id": name, "text": f"Comment {name}", "at": at})

    def __call__(self, asked: Asked) -> Reply | None:
        if self.faults.get(asked.path):
            return self.faults[asked.path].pop(0)
        match asked.path.strip("/").split("/"):
            case ["wall"]:
                items = sorted(self.posts.values(), key=lambda post: post["at"], reverse=True)
                return self._page([self._shown(post) for post in items], asked)
            case ["posts", ids]:
                found = [self._shown(self.posts[name]) for name in ids.split(",") if name in self.posts]
                return Reply({"items": found})
            case ["comments", first]:
                return self._page(self.comments.get(first, []), asked)
        return Reply({"error": "not there"}, 404)

    def _shown(self, post: dict[str, Any]) -> dict[str, Any]:
        return {**post, "comments": len(self.comments.get(post["id"], []))}

    def _page(self, items: list[Any], asked: Asked) -> Reply:
        cursor = asked.query.get("cursor", "0")
        if cursor in self.expired:
            return Reply({"error": "expired"}, 400)
        start = int(cursor)
        following = str(start + self.size) if start + self.size < len(items) else None
        return Reply({"items": items[start : start + self.size], "next": following})


class Toy(Network):
    platform = "toy"
    has_accounts = True
    rereads = "walk"
    fetch_ahead = True

    def timelines(self):
        more = {"rereads": self.rereads, "fetch_ahead": self.fetch_ahead}
        return {"posts": [Timeline(name="wall", page=self._wall, parse=self.parse, **more)]}

    def accounts(self):
        return {"shop": lambda: iter([account_metrics("toy", "1", "shop", {"followers": 5.0})])}

    def _wall(self, cursor, newest):
        return self._page("/wall", cursor, "wall")

    def _page(self, path, cursor, what):
        try:
            value = self.client.get(path, {"cursor": cursor} if cursor else {}, what=what).value
        except SourceError as error:
            if error.code == "expired":
                raise SourceError(error.kind, error.message, code=CURSOR_EXPIRED) from None
            raise
        return value["items"], value["next"]

    def parse(self, item, first=None):
        return Message(
            platform="toy",
            native_id=item["id"],
            kind="comment" if first else "post",
            parent_native_id=first,
            thread_native_id=first or item["id"],
            created_at=datetime.fromisoformat(item["at"]),
            created_at_precision="second",
            text=item["text"],
            metrics={"comments": float(item["comments"])} if "comments" in item else {},
            payload=item,
        )

    def lookup(self, native_ids):
        found = self.client.get(f"/posts/{','.join(native_ids)}", what="posts").value["items"]
        return {**dict.fromkeys(native_ids), **{item["id"]: self.parse(item) for item in found}}

    def thread_page(self, first, cursor):
        return self._page(f"/comments/{first}", cursor, f"thread {first}")

    def answers(self, first, item):
        yield self.parse(item, first)


class Asks(Toy):
    lookup_size = 3


class AsksOnly(Asks):
    rereads = "lookup"


class PaysForEach(Asks):
    rereads = "none"
    fetch_ahead = False


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)


@pytest.fixture
def wall():
    wall = Wall()
    with serve(wall) as server:
        wall.server = server
        yield wall


class Source:
    """Runs one after the other, with what a pipeline would keep between them."""

    def __init__(self, wall: Wall, folder: Path, network: type[Network] = Toy, **options: Any) -> None:
        self.wall, self.file, self.network, self.options = wall, folder / "memory.sqlite", network, options
        self.state: dict[str, Any] = {}
        self.problems: list[SourceError] = []

    def run(self, window: Window | None = None, crash: bool = False) -> list[Message]:
        context = Context(
            "toy", Path(), Privacy(b"0123456789abcdef"), window=window, memory=None if window else self.file
        )
        client = Client(self.wall.server.address, source="toy")
        reader = Reader(self.network(SocialOptions(**self.options), context, client))
        state = {} if window else self.state
        landed = []
        for name, timelines in reader.network.timelines().items():
            landed += list(reader.timelines(timelines, state.setdefault(name, {})))
        landed += list(Conversations(reader).read())
        landed += list(reader.accounts(state.setdefault("accounts", {})))
        reader.finish()
        if not crash:
            for landing in context.on_landed:
                landing()
        for ended in context.on_ended:
            ended()
        self.problems = context.problems
        return landed


def ids(messages: list[Message]) -> list[str]:
    return sorted(str(message.native_id) for message in messages if message.kind != "account")


def fill(wall: Wall, count: int = 45) -> list[str]:
    for number in range(count):
        wall.post(f"p{number:03}", number)
    return sorted(wall.posts)


@pytest.mark.parametrize("network", [Toy, Asks, AsksOnly])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 45])
def test_every_post_lands_once_and_the_second_run_lands_nothing(wall, tmp_path, network, count):
    source = Source(wall, tmp_path, network)
    expected = fill(wall, count)
    assert ids(source.run()) == expected
    assert source.run() == []
    wall.post("new", 100)
    assert ids(source.run()) == ["new"]
    assert source.problems == []


def test_a_rerun_with_nothing_new_asks_little(wall, tmp_path):
    source = Source(wall, tmp_path, AsksOnly)
    fill(wall, 40)
    source.run()
    before = len(wall.server.asked)
    source.run()
    assert len(wall.server.asked) - before == 1 + 10, "one page, and the 30 others by id, three at a time"


@pytest.mark.parametrize("network", [Toy, Asks, AsksOnly])
def test_edits_land_once_more_and_deletions_as_deleted(wall, tmp_path, network):
    source = Source(wall, tmp_path, network)
    fill(wall)
    source.run()
    wall.posts["p020"]["text"] = "changed"
    del wall.posts["p010"], wall.posts["p044"]
    landed = {message.native_id: message for message in source.run()}
    assert landed["p020"].text == "changed"
    if network is Toy:
        assert set(landed) == {"p020"}, "a list that may hide messages proves no deletion"
    else:
        assert set(landed) == {"p020", "p010", "p044"}
        assert landed["p010"].is_deleted
        assert landed["p044"].is_deleted
        assert landed["p010"].text is None
    assert source.run() == []


def test_a_list_that_is_paid_for_is_read_no_further_than_asked_and_its_young_posts_are_left_to_others(wall, tmp_path):
    source = Source(wall, tmp_path, PaysForEach, max_pages=1)
    fill(wall, 45)
    assert len(ids(source.run())) == 10
    assert wall.server.paths().count("/wall") == 1
    del wall.posts["p040"]
    assert source.run() == []
    assert not [path for path in wall.server.paths() if path.startswith("/posts")]


@pytest.mark.parametrize("network", [Toy, Asks])
def test_comments_are_read_where_their_number_changed_and_lost_ones_are_deleted(wall, tmp_path, network):
    source = Source(wall, tmp_path, network, recheck_threads=0)
    fill(wall, 5)
    for number in range(25):
        wall.comment("p001", f"c{number:02}", number + 10)
    assert len(ids(source.run())) == 30
    before = len(wall.server.asked)
    assert source.run() == []
    assert not [path for path in wall.server.paths()[before:] if path.startswith("/comments")]
    wall.comments["p001"].pop(7)
    landed = {message.native_id: message for message in source.run()}
    if network is Toy:
        assert landed["c07"].is_deleted
        assert landed["c07"].parent_native_id == "p001"
        assert set(landed) == {"c07", "p001"}


def test_with_a_deleted_post_its_comments_are_deleted(wall, tmp_path):
    source = Source(wall, tmp_path, Asks)
    fill(wall, 5)
    wall.comment("p001", "c1", 20)
    source.run()
    del wall.posts["p001"]
    assert {(message.native_id, message.is_deleted) for message in source.run()} == {("p001", True), ("c1", True)}


def test_conversations_are_read_although_nobody_counts_their_answers(wall, tmp_path):
    class Uncounted(Toy):
        reads_uncounted = True

        def parse(self, item, first=None):
            message = super().parse(item, first)
            message.metrics = {}
            return message

    source = Source(wall, tmp_path, Uncounted, recheck_threads=0)
    fill(wall, 3)
    wall.comment("p001", "c1", 20)
    assert ids(source.run()) == ["c1", "p000", "p001", "p002"]
    wall.comment("p002", "c2", 21)
    assert ids(source.run()) == ["c2"]


def test_an_edited_comment_is_found_in_turn(wall, tmp_path):
    source = Source(wall, tmp_path)
    fill(wall, 3)
    wall.comment("p001", "c1", 20)
    source.run()
    wall.comments["p001"][0]["text"] = "changed"
    assert [message.text for message in source.run()] == ["changed"]


def test_a_hundred_posts_of_one_moment_land_once(wall, tmp_path):
    source = Source(wall, tmp_path)
    for number in range(100):
        wall.post(f"p{number:03}", 0)
    assert len(ids(source.run())) == 100
    wall.post("p100", 0)
    assert ids(source.run()) == ["p100"]


def test_a_first_load_that_is_cut_off_goes_on_where_it_was(wall, tmp_path):
    source = Source(wall, tmp_path)
    expected = fill(wall, 45)
    asked = []

    def answers(request: Asked) -> Reply | None:
        asked.append(request)
        if request.path == "/wall" and 3 <= len(asked) < 10:
            return Reply({"error": "no"}, 500)
        return wall(request)

    wall.server.answers = answers
    first = ids(source.run())
    assert len(first) == 20
    assert [problem.kind for problem in source.problems] == [Kind.TRANSIENT]
    wall.server.answers = wall
    assert sorted(first + ids(source.run())) == expected


def test_an_expired_cursor_starts_from_the_top_and_loses_nothing(wall, tmp_path):
    source = Source(wall, tmp_path)
    expected = fill(wall, 45)
    wall.expired = {"20"}
    landed = ids(source.run())
    assert len(landed) == 20
    assert source.problems
    wall.expired = set()
    assert sorted(landed + ids(source.run())) == expected


def test_a_crash_before_landing_is_committed_forgets_nothing(wall, tmp_path):
    source = Source(wall, tmp_path)
    expected = fill(wall, 15)
    source.run(crash=True)
    source.state = {}
    assert ids(source.run()) == expected


def test_a_backfill_reads_its_window_alone_and_leaves_the_running_source_as_it_was(wall, tmp_path):
    source = Source(wall, tmp_path)
    fill(wall, 45)
    wall.comment("p012", "c1", 200)
    source.run()
    state = str(source.state)
    window = Window(START + timedelta(minutes=10), START + timedelta(minutes=20))
    assert ids(source.run(window)) == ["c1", *(f"p{number:03}" for number in range(10, 20))]
    assert str(source.state) == state
    assert source.run() == []


def test_since_and_max_pages_bound_the_first_load(wall, tmp_path):
    fill(wall, 45)
    assert len(ids(Source(wall, tmp_path / "a", max_pages=2).run())) == 20
    for number in range(3):
        wall.post(f"old{number}", -3000 - number)
    assert len(ids(Source(wall, tmp_path / "b", since=START.date()).run())) == 45


def test_one_failing_thread_is_named_and_read_later_while_the_rest_lands(wall, tmp_path):
    source = Source(wall, tmp_path)
    fill(wall, 3)
    for first in ("p000", "p001", "p002"):
        wall.comment(first, f"c-{first}", 20)
    wall.faults["/comments/p001"] = [Reply({"error": "no"}, 500)] * http.ATTEMPTS
    assert ids(source.run()) == ["c-p000", "c-p002", "p000", "p001", "p002"]
    assert ["p001" in problem.message for problem in source.problems] == [True]
    assert ids(source.run()) == ["c-p001"]


def test_unchanged_account_metrics_land_once(wall, tmp_path):
    source = Source(wall, tmp_path)
    assert [message.metrics for message in source.run()] == [{"followers": 5.0}]
    assert source.run() == []


def test_pages_in_a_circle_end_with_an_error():
    with pytest.raises(SourceError, match="again and again") as raised:
        list(paged(lambda cursor: (["a"], str(int(cursor or 0) + 1)), None, "wall"))
    assert raised.value.kind is Kind.CONTRACT
    with pytest.raises(SourceError, match="read already"):
        list(paged(lambda cursor: ([str(cursor)], {None: "1", "1": "2", "2": "1"}[cursor]), None, "wall"))
    with pytest.raises(SourceError, match="empty pages"):
        list(paged(lambda cursor: ([], str(int(cursor or 0) + 1)), None, "wall"))


def test_an_empty_page_with_a_next_one_is_followed():
    answers = {None: ([], "1"), "1": (["a"], "2"), "2": ([], None)}
    assert [items for items, _ in paged(answers.__getitem__, None, "wall")] == [[], ["a"], []]


def test_pages_fetched_ahead_are_the_same_and_their_faults_arrive_in_place():
    def pages():
        yield ["a"], "1"
        yield ["b"], "2"
        raise SourceError(Kind.TRANSIENT, "broken")

    got = []
    with pytest.raises(SourceError, match="broken"):
        got.extend(items for items, _ in ahead(pages()))
    iterator = ahead(iter([(["a"], "1")] * 100))
    next(iterator)
    iterator.close()
    assert [items for items, _ in ahead(iter([(["a"], "1"), (["b"], None)]))] == [["a"], ["b"]]


def test_the_last_comment_that_goes_is_found(wall, tmp_path):
    source = Source(wall, tmp_path, recheck_threads=0)
    fill(wall, 3)
    wall.comment("p001", "c1", 20)
    source.run()
    del wall.comments["p001"]
    assert [(m.native_id, m.is_deleted) for m in source.run()] == [("p001", False), ("c1", True)]


def test_a_cursor_that_expires_in_a_thread_starts_it_once_more(wall, tmp_path):
    fill(wall, 1)
    for number in range(25):
        wall.comment("p000", f"c{number:02}", number)
    expired = {"10"}

    def answers(asked: Asked) -> Reply | None:
        if asked.path == "/comments/p000" and asked.query.get("cursor") in expired:
            expired.clear()
            return Reply({"error": "expired"}, 400)
        return wall(asked)

    wall.server.answers = answers
    source = Source(wall, tmp_path)
    assert len(ids(source.run())) == 26
    assert source.problems == []


class Nested(Toy):
    """Comments have replies, asked for comment by comment; the newest comments stand in a list of their own."""

    has_accounts = False

    def timelines(self):
        recent = Timeline(name="recent", page=self._recent, parse=lambda item: self.parse(item, item["first"]))
        return {**super().timelines(), "recent": [recent]}

    def thread_of(self, message):
        return message.native_id

    def _recent(self, cursor, newest):
        return self._page("/recent", cursor, "recent")

    def thread_page(self, first, cursor):
        known = self.known(first)
        if known and known.kind == "comment":
            return [{"id": first, "first": known.thread}], None
        return super().thread_page(first, cursor)

    def answers(self, first, item):
        if first == item.get("first") or "text" in item:
            yield self.parse(item, first)
        if item.get("comments") or "text" not in item:
            replies, _ = self._page(f"/comments/{item['id']}", None, f"replies to {item['id']}")
            for reply in replies:
                message = self.parse(reply, item.get("first") or first)
                message.kind, message.parent_native_id = "reply", item["id"]
                yield message


class NestedWall(Wall):
    def __call__(self, asked: Asked) -> Reply | None:
        if asked.path == "/recent":
            items = [self._shown(c) | {"first": first} for first in self.posts for c in self.comments.get(first, [])]
            return self._page(sorted(items, key=lambda comment: comment["at"], reverse=True), asked)
        reply = super().__call__(asked)
        if asked.path.startswith("/comments/") and reply and reply.status == 200:
            reply.body["items"] = [self._shown(item) for item in reply.body["items"]]
        return reply


@pytest.fixture
def nested():
    wall = NestedWall()
    with serve(wall) as server:
        wall.server = server
        yield wall


def test_a_reply_to_one_comment_of_an_old_post_is_read_without_the_whole_thread(nested, tmp_path):
    source = Source(nested, tmp_path, Nested, recheck_threads=0, lookback_days=1)
    nested.post("old", 0)
    nested.post("young", 60 * 24 * 30)
    nested.comment("old", "c-old", 1)
    nested.comment("young", "c-young", 60 * 24 * 30)
    assert ids(source.run()) == ["c-old", "c-young", "old", "young"]
    assert source.run() == []
    nested.comment("old", "c-new", 60 * 24 * 30)
    assert ids(source.run()) == ["c-new"]
    nested.comment("c-new", "r1", 60 * 24 * 30 + 5)
    before = len(nested.server.asked)
    landed = {message.native_id: message for message in source.run()}
    assert set(landed) == {"c-new", "r1"}, "the comment, whose count has changed, and its reply"
    assert landed["r1"].parent_native_id == "c-new"
    assert landed["r1"].thread_native_id == "old"
    assert "/comments/old" not in nested.server.paths()[before:]
    assert source.run() == []
    nested.comments["c-new"].clear()
    assert [(m.native_id, m.is_deleted) for m in source.run()] == [("c-new", False), ("r1", True)]
    assert source.run() == []


def test_one_comment_whose_replies_fail_leaves_the_rest_of_its_thread(nested, tmp_path):
    source = Source(nested, tmp_path, Nested)
    nested.post("p", 0)
    for number in range(4):
        nested.comment("p", f"c{number}", number)
        nested.comment(f"c{number}", f"r{number}", number + 10)
    nested.faults["/comments/c1"] = [Reply({"error": "no"}, 500)] * http.ATTEMPTS
    assert ids(source.run()) == ["c0", "c1", "c2", "c3", "p", "r0", "r2", "r3"]
    assert ["c1" in problem.message for problem in source.problems] == [True]
    assert ids(source.run()) == ["r1"]
