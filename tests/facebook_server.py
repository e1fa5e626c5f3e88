"""A Graph API with one page, whose posts and comments a test decides. It gives more than was asked for."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from loopback import Asked, Reply

PAGE = "104928765432101"
TOKEN = "page-token-x-1234567890"
START = datetime(2026, 9, 1, tzinfo=UTC)
PEOPLE = {f"1111000000000000{n}": name for n, name in enumerate(("Flinke Kommode", "Leiser Quirl", "Kühle Klammer"), 1)}
COMPANY = {"id": PAGE, "name": "Weidenfels Hausgeräte"}


def failing(code: int, message: str = "No", status: int = 400, **more: Any) -> Reply:
    """One of Graph's errors."""
    headers = more.pop("headers", {})
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Abc", **more}
    return Reply({"error": error}, status, headers)


class PageServer:
    """Serves `posts`, `tagged` and `ratings` newest first, `comments` oldest first, `size` a page.

    :ivar retired: metrics that are refused; `forbidden`: metrics that need a permission that the token lacks.
    :ivar before: looks at each request first; its answer counts where it gives one.
    :ivar ignores_filter: comments come without replies, which stand below their comment alone.
    :ivar expands: whether edges that are asked for as fields are answered.
    """

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.posts: dict[str, dict[str, Any]] = {}
        self.tagged: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, dict[str, Any]] = {}
        self.first_of: dict[str, str] = {}
        self.ratings: list[dict[str, Any]] = []
        self.values = {"post_media_view": 100, "post_total_media_view_unique": 60, "post_clicks": 7}
        self.days: dict[str, dict[str, int]] = {}
        self.retired = {"post_impressions", "post_impressions_unique", "page_impressions", "page_impressions_unique"}
        self.forbidden: set[str] = set()
        self.before: Callable[[Asked], Reply | None] = lambda _: None
        self.ignores_filter = False
        self.expands = True
        self.largest = 1000
        self.asked: list[Asked] = []

    def post(self, number: int, minute: int, author: dict[str, str] = COMPANY, **more: Any) -> str:
        name = f"{PAGE}_{number:06}"
        self.posts[name] = {
            "id": name,
            "message": f"Post {number}",
            "created_time": _stamp(minute),
            "from": author,
            "is_published": True,
            **more,
        }
        return name

    def comment(self, first: str, number: int, minute: int, parent: str | None = None, who: int = 1) -> str:
        name = f"{first.partition('_')[2]}_{number:06}"
        person = f"1111000000000000{who}"
        self.comments[name] = {
            "id": name,
            "message": f"Comment {number}",
            "created_time": _stamp(minute),
            "from": {"id": person, "name": PEOPLE[person]},
            **({"parent": {"id": parent}} if parent else {}),
        }
        self.first_of[name] = first
        return name

    def alive(self) -> set[str]:
        return {*self.posts, *self.comments}

    def __call__(self, asked: Asked) -> Reply | None:
        self.asked.append(asked)
        if (reply := self.before(asked)) is not None:
            return reply
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return failing(190, f"Malformed access token {asked.headers.get('Authorization', '')[7:]}", 401)
        match asked.path.strip("/").split("/"):
            case ["v25.0"]:
                return self._several(asked.query["ids"].split(","), asked)
            case ["v25.0", ("weidenfels" | "104928765432101")]:
                return Reply({**COMPANY, "username": "weidenfels", "followers_count": 25927})
            case ["v25.0", "104928765432101", "feed"]:
                return self._page(sorted(self.posts.values(), key=_time, reverse=True), asked)
            case ["v25.0", "104928765432101", "tagged"]:
                return self._page(sorted(self.tagged.values(), key=_time, reverse=True), asked)
            case ["v25.0", "104928765432101", "ratings"]:
                return self._page(self.ratings, asked)
            case ["v25.0", "104928765432101", "insights"]:
                return self._insights(asked)
            case ["v25.0", _, "insights"]:
                return self._post_insights(asked)
            case ["v25.0", first, "comments"]:
                return self._below(first, asked)
            case ["v25.0", name]:
                found = self._one(name)
                words = f"Unsupported get request. Object with ID '{name}' does not exist, cannot be loaded due to ..."
                return Reply(self._shown(found, asked)) if found else failing(100, words, error_subcode=33)
        return failing(2500, "Unknown path components")

    def _one(self, name: str) -> dict[str, Any] | None:
        return self.posts.get(name) or self.comments.get(name)

    def _several(self, names: list[str], asked: Asked) -> Reply:
        gone = [name for name in names if self._one(name) is None]
        if gone:
            return failing(803, f"(#803) Some of the aliases you requested do not exist: {', '.join(gone)}", 404)
        return Reply({name: self._shown(self._one(name) or {}, asked) for name in names})

    def _below(self, first: str, asked: Asked) -> Reply:
        below = sorted((c for c in self.comments.values() if self._is_below(c, first)), key=_time)
        if first not in self.posts and first not in self.tagged and first not in self.comments:
            return failing(100, f"Object with ID '{first}' does not exist", error_subcode=33)
        return self._page(below, asked)

    def _is_below(self, comment: dict[str, Any], first: str) -> bool:
        parent = comment.get("parent", {}).get("id")
        if first in self.comments:
            return parent == first
        return self.first_of[comment["id"]] == first and not (self.ignores_filter and parent)

    def _shown(self, item: dict[str, Any], asked: Asked) -> dict[str, Any]:
        """A post or comment with its counts, and insights as far as they were asked for."""
        count = sum(1 for name in self.comments if self.first_of[name] == item.get("id"))
        replies = sum(1 for c in self.comments.values() if c.get("parent", {}).get("id") == item.get("id"))
        if not self.expands:
            return {**item, "like_count": 0}
        counts = {"comment_count": replies, "like_count": 0}
        if item.get("id") not in self.comments:
            counts = {"comments": {"data": [], "summary": {"total_count": count}}}
        names = _metrics(asked)
        known = [name for name in names if name in self.values]
        found = [{"name": name, "period": "lifetime", "values": [{"value": self.values[name]}]} for name in known]
        insights = {"insights": {"data": found}} if names and item.get("from") == COMPANY else {}
        return {**item, **counts, **insights, "reactions": {"data": [], "summary": {"total_count": 2}}}

    def _refused(self, names: list[str]) -> Reply | None:
        if self.forbidden & set(names):
            return failing(10, "(#10) This endpoint requires the 'read_insights' permission", 403)
        if self.retired & set(names):
            return failing(100, "(#100) The value must be a valid insights metric")
        return None

    def _page(self, items: list[dict[str, Any]], asked: Asked) -> Reply:
        if (refused := self._refused(_metrics(asked))) is not None:
            return refused
        limit = min(int(asked.query.get("limit", 25)), self.size)
        if int(asked.query.get("limit", 25)) > self.largest:
            return failing(1, "Please reduce the amount of data you're asking for, then retry your request", 500)
        if "since" in asked.query:
            items = [item for item in items if _time(item) >= datetime.fromtimestamp(int(asked.query["since"]), UTC)]
        start = int(asked.query.get("after", "0"))
        page: dict[str, Any] = {"data": [self._shown(item, asked) for item in items[start : start + limit]]}
        page["paging"] = {"cursors": {"before": str(start), "after": str(start + limit)}}
        if start + limit < len(items):
            address = f"https://graph.example{asked.path}?access_token={TOKEN}&limit={limit}&after={start + limit}"
            page["paging"]["next"] = address
        return Reply(page)

    def _post_insights(self, asked: Asked) -> Reply:
        names = asked.query.get("metric", "").split(",")
        found = [{"name": name, "values": [{"value": self.values[name]}]} for name in names if name in self.values]
        return self._refused(names) or Reply({"data": found})

    def _insights(self, asked: Asked) -> Reply:
        names = asked.query.get("metric", "").split(",")
        if (refused := self._refused(names)) is not None:
            return refused
        data = []
        for name in names:
            values = [{"value": v, "end_time": f"{day}T07:00:00+0000"} for day, v in self.days.get(name, {}).items()]
            data.append({"name": name, "period": "day", "values": values})
        return Reply({"data": data, "paging": {"next": f"https://graph.example/?access_token={TOKEN}"}})


def _metrics(asked: Asked) -> list[str]:
    _, found, rest = asked.query.get("fields", "").partition("insights.metric(")
    return rest.partition(")")[0].split(",") if found else []


def _stamp(minute: int) -> str:
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _time(item: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(item["created_time"])


def usage(minutes: int) -> dict[str, str]:
    """The header that says when access is regained."""
    entry = {"type": "pages", "call_count": 100, "estimated_time_to_regain_access": minutes}
    return {"X-Business-Use-Case-Usage": json.dumps({PAGE: [entry]})}
