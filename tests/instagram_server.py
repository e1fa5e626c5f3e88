"""A Graph API with one Instagram account, whose media and comments a test decides. It gives more than was asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from facebook_server import failing
from loopback import Asked, Reply

ACCOUNT = "17841405309211844"
TOKEN = "page-token-x-1234567890"
START = datetime(2026, 9, 1, tzinfo=UTC)
PEOPLE = {
    f"1010101010101{n:03}": name for n, name in enumerate(("flinke.kommode", "leiser.quirl_42", "kuehle.klammer"))
}


class AccountServer:
    """Serves `media`, `tags`, `stories` and comments newest first, replies oldest first, `size` a page.

    :ivar values: metric -> its value for every medium; others are refused. `account_values`: the same for each day.
    :ivar not_for: metric -> media types for which it is refused; `forbidden`: metrics that need a permission.
    :ivar no_insights: ids of media -> the error with which theirs are refused.
    :ivar expands: insights and replies come inside their objects where they are asked for so.
    :ivar before: looks at each request first; its answer counts where it gives one.
    """

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.media: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, Any]] = {}
        self.stories: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, dict[str, Any]] = {}
        self.values = {"views": 100, "reach": 60, "saved": 5, "shares": 2, "total_interactions": 9, "likes": 3}
        self.account_values = {"views": 500, "reach": 300, "total_interactions": 20, "likes": 12, "comments": 4}
        self.account_values |= {"shares": 2, "saves": 1, "profile_links_taps": 6, "profile_views": 8}
        self.days: set[str] = set()
        self.not_for: dict[str, set[str]] = {}
        self.forbidden: set[str] = set()
        self.no_insights: dict[str, Reply] = {}
        self.expands = True
        self.has_ids = True
        self.followers = 25258
        self.before: Callable[[Asked], Reply | None] = lambda _: None
        self.asked: list[Asked] = []

    def post(self, number: int, minute: int, kind: str = "IMAGE", **more: Any) -> str:
        name = f"18{number:015}"
        product = "REELS" if kind == "VIDEO" else "FEED"
        item = {"id": name, "caption": f"Medium {number}", "media_type": kind, "media_product_type": product}
        address = f"https://www.instagram.com/p/C{number}/"
        self.media[name] = {
            **item,
            "permalink": address,
            "timestamp": _stamp(minute),
            "username": "weidenfels",
            "like_count": 2,
            **more,
        }
        return name

    def comment(self, first: str, number: int, minute: int, parent: str | None = None, who: int = 1) -> str:
        name, person = f"17{number:015}", f"1010101010101{who:03}"
        self.comments[name] = {
            "id": name,
            "text": f"Comment {number}",
            "timestamp": _stamp(minute),
            "username": PEOPLE[person],
            "from": {"id": person, "username": PEOPLE[person]},
            "like_count": 0,
            "hidden": False,
            "below": first,
            **({"parent_id": parent} if parent else {}),
        }
        return name

    def tag(self, number: int, minute: int, who: int = 0, **more: Any) -> str:
        name = f"19{number:015}"
        text = {
            "caption": f"Tagged {number} @weidenfels",
            "media_type": "IMAGE",
            "username": PEOPLE[f"1010101010101{who:03}"],
        }
        self.tags[name] = {"id": name, **text, "timestamp": _stamp(minute), "comments_count": 0, **more}
        return name

    def remove(self, name: str) -> None:
        """Delete a medium or a comment, and all below it."""
        for below in [c["id"] for c in self.comments.values() if name in (c["below"], c.get("parent_id"))]:
            self.comments.pop(below, None)
        for holder in (self.media, self.comments, self.tags, self.stories):
            holder.pop(name, None)

    def alive(self) -> set[str]:
        return {*self.media, *self.comments, *self.tags}

    def __call__(self, asked: Asked) -> Reply | None:
        self.asked.append(asked)
        if (reply := self.before(asked)) is not None:
            return reply
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return failing(190, f"Malformed access token {asked.headers.get('Authorization', '')[7:]}", 401)
        match asked.path.strip("/").split("/"):
            case ["v25.0"] if self.has_ids:
                return self._several(asked.query["ids"].split(","), asked)
            case ["v25.0", "17841405309211844"]:
                figures = {"followers_count": self.followers, "follows_count": 32, "media_count": len(self.media)}
                return Reply({"id": ACCOUNT, "username": "weidenfels", **figures})
            case ["v25.0", "17841405309211844", ("media" | "tags" | "stories") as edge]:
                items = {"media": self.media, "tags": self.tags, "stories": self.stories}[edge]
                return self._page(sorted(items.values(), key=_time, reverse=True), asked)
            case ["v25.0", "17841405309211844", "insights"]:
                return self._account_insights(asked)
            case ["v25.0", name, "insights"] if name in self.media or name in self.stories:
                return self._media_insights(self.media.get(name) or self.stories[name], asked)
            case ["v25.0", name, "comments"] if name in self.media:
                below = [c for c in self.comments.values() if c["below"] == name and "parent_id" not in c]
                return self._page(sorted(below, key=_time, reverse=True), asked)
            case ["v25.0", name, "replies"] if name in self.comments:
                below = [c for c in self.comments.values() if c.get("parent_id") == name]
                return self._page(sorted(below, key=_time), asked)
            case ["v25.0", name] if self._one(name):
                item = self._one(name)
                return self._refused(_metrics(asked), [item]) or Reply(self._shown(item, asked))
        words = f"Unsupported get request. Object with ID '{asked.path}' does not exist, cannot be loaded due to ..."
        return failing(100, words, error_subcode=33)

    def _one(self, name: str) -> dict[str, Any]:
        return self.media.get(name) or self.comments.get(name) or {}

    def _several(self, names: list[str], asked: Asked) -> Reply:
        items = [self._one(name) for name in names]
        if not all(items):
            return failing(803, "(#803) Some of the aliases you requested do not exist", 404)
        refused = self._refused(_metrics(asked), items)
        return refused or Reply({item["id"]: self._shown(item, asked) for item in items})

    def _page(self, items: list[dict[str, Any]], asked: Asked) -> Reply:
        for name, keep in (("since", lambda a, b: a >= b), ("until", lambda a, b: a <= b)):
            if name in asked.query:
                limit = datetime.fromtimestamp(int(asked.query[name]), UTC)
                items = [item for item in items if keep(_time(item), limit)]
        size = min(int(asked.query.get("limit", 25)), self.size)
        start = int(asked.query.get("after", "0"))
        shown = items[start : start + size]
        if (refused := self._refused(_metrics(asked), shown)) is not None:
            return refused
        page: dict[str, Any] = {"data": [self._shown(item, asked) for item in shown]}
        page["paging"] = self._paging(asked.path, start, size, len(items))
        return Reply(page)

    def _paging(self, path: str, start: int, size: int, count: int) -> dict[str, Any]:
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + size)}}
        if start + size < count:
            paging["next"] = f"https://graph.example{path}?access_token={TOKEN}&limit={size}&after={start + size}"
        return paging

    def _shown(self, item: dict[str, Any], asked: Asked) -> dict[str, Any]:
        """A medium or comment with its counts, and insights and replies as far as they were asked for."""
        shown = {name: value for name, value in item.items() if name != "below"}
        if item["id"] in self.media:
            shown["comments_count"] = sum(1 for c in self.comments.values() if c["below"] == item["id"])
        if self.expands and (names := _metrics(asked)):
            shown["insights"] = {"data": self._values(names)}
        replies = sorted((c for c in self.comments.values() if c.get("parent_id") == item["id"]), key=_time)
        if self.expands and replies and "replies" in asked.query.get("fields", ""):
            paging = self._paging(f"/v25.0/{item['id']}/replies", 0, self.size, len(replies))
            shown["replies"] = {"data": [self._shown(c, asked) for c in replies[: self.size]], "paging": paging}
        return shown

    def _values(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"name": name, "period": "lifetime", "values": [{"value": self.values[name]}]} for name in names]

    def _refused(self, names: list[str], items: list[dict[str, Any]]) -> Reply | None:
        if not names or not items:
            return None
        if self.forbidden & set(names):
            return failing(10, "(#10) Application does not have permission for this action", 403)
        for name in names:
            if name not in self.values:
                words = f"(#100) Starting from version 22 and above, the {name} metric is no longer supported"
                return failing(100, f"{words} for the queried media.")
            if any(item.get("media_type") in self.not_for.get(name, ()) for item in items):
                words = f"(#100) The Media Insights API does not support the {name} metric for this media product type."
                return failing(100, words)
        return next((self.no_insights[i["id"]] for i in items if i["id"] in self.no_insights), None)

    def _media_insights(self, item: dict[str, Any], asked: Asked) -> Reply:
        names = asked.query.get("metric", "").split(",")
        return self._refused(names, [item]) or Reply({"data": self._values(names)})

    def _account_insights(self, asked: Asked) -> Reply:
        names = asked.query.get("metric", "").split(",")
        if self.forbidden & set(names):
            return failing(10, "(#10) Application does not have permission for this action", 403)
        if any(name not in self.account_values for name in names):
            return failing(100, "(#100) metric[0] must be one of the following values: ...")
        assert (asked.query["metric_type"], asked.query["period"]) == ("total_value", "day")
        day = datetime.fromtimestamp(int(asked.query.get("since", "0")), UTC).date().isoformat()
        shown = names if day in self.days else []
        data = [{"name": n, "period": "day", "total_value": {"value": self.account_values[n]}} for n in shown]
        return Reply({"data": data, "paging": {"next": f"https://graph.example/?access_token={TOKEN}"}})


def _metrics(asked: Asked) -> list[str]:
    _, found, rest = asked.query.get("fields", "").partition("insights.metric(")
    return rest.partition(")")[0].split(",") if found else []


def _stamp(minute: int) -> str:
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _time(item: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(item["timestamp"])
