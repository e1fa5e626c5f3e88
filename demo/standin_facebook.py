"""A stand-in for Facebook Pages in Graph API (v25.0), filled with the demo's messages.

Served: the page, its feed, published_posts, tagged, insights and ratings; posts and comments with comments, reactions,
insights; several objects at once. Ratings are refused with error 12, unless `ratings` holds some.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from demo import audience
from demo.company import DAYS, END, FACEBOOK_PAGE_ID, FACEBOOK_PAGE_NAME, START
from demo.graph import Edge, Edges, GraphStandIn, Node, entries, invalid_metric, stamp
from demo.graph_fields import GraphError
from demo.messages import Message
from demo.world import World

_CALIFORNIA = ZoneInfo("America/Los_Angeles")
_POST_METRICS = {"post_media_view": "views", "post_total_media_view_unique": "reach", "post_clicks": "clicks"}
_PAGE_METRICS = {
    "page_media_view": "views",
    "page_total_media_view_unique": "reach",
    "page_post_engagements": "engagements",
    "page_views_total": "profile_views",
    "page_daily_follows_unique": "new_followers",
}
_LONGEST = 90 * 86_400  # seconds between since and until
_PAGE = "https://www.facebook.com/weidenfels"


class FacebookStandIn(GraphStandIn):
    """Facebook Pages, below /facebook. The token is demo.web.TOKEN.

    :ivar ratings: recommendations as Graph gives them, newest first; None: refused.
    """

    prefix = "/facebook"

    def __init__(self, world: World, limit: int = 100_000, window: float = 300.0) -> None:
        super().__init__("pages", FACEBOOK_PAGE_ID, limit, window)
        self.ratings: list[dict[str, Any]] | None = None
        self._world = world
        self._messages = {message.native_id: message for message in world.messages["facebook"]}

    def node(self, name: str) -> Node | None:
        """The page, a post or a comment."""
        if name in (FACEBOOK_PAGE_ID, "weidenfels", "me"):
            return self._page()
        message = self._messages.get(name)
        if message is None or message.is_deleted:
            return None
        return self._post(message) if message.parent is None else self._comment(message)

    def _page(self) -> Node:
        company = self._world.company("facebook")
        values = {
            "id": FACEBOOK_PAGE_ID,
            "name": FACEBOOK_PAGE_NAME,
            "username": company.handle,
            "about": company.note,
            "link": _PAGE,
            "followers_count": company.followers,
            "fan_count": company.followers - 412,
            "is_published": True,
        }
        edges: Edges = {
            "feed": partial(self._posts, ("own", "visitor")),
            "published_posts": partial(self._posts, ("own",)),
            "posts": partial(self._posts, ("own",)),
            "visitor_posts": partial(self._posts, ("visitor",)),
            "tagged": partial(self._posts, ("mention",)),
            "insights": self._page_insights,
            "ratings": self._ratings,
        }
        return Node("Page", values, edges, default=("name", "id"))

    def _posts(self, places: tuple[str, ...], asked: Mapping[str, str]) -> Edge:
        messages = [m for m in self._messages.values() if m.parent is None and m.place in places and not m.is_deleted]
        since, until = _moment(asked.get("since")), _moment(asked.get("until"))
        messages = [m for m in messages if (not since or m.created_at >= since) and (not until or m.created_at < until)]
        return Edge([self._post(m) for m in sorted(messages, key=lambda m: m.created_at, reverse=True)])

    def _post(self, message: Message) -> Node:
        is_own = message.author.is_company
        own = message.native_id.partition("_")[2]
        owner = message.author.handle if message.place == "mention" else "weidenfels"
        kind = "added_photos" if message.has_picture else "mobile_status_update"
        latest = [m.created_at for m in message.below() if not m.is_deleted]
        values = {
            **self._said(message),
            "updated_time": stamp(max([message.created_at, *latest])),
            "permalink_url": f"https://www.facebook.com/{owner}/posts/{own}",
            "status_type": kind if is_own else "wall_post",
            "is_published": True,
            "is_hidden": False,
            "shares": {"count": message.shares} if message.shares else None,
        }
        if message.place == "mention":  # "Page Tagged": of people's own posts, the author is not shown
            values["from"] = None
        edges = {**self._answered(message), "insights": partial(self._post_insights, message)}
        pictures = [Node("Attachment", _picture(own))] if message.has_picture else []
        return Node(
            "Post",
            values,
            {**edges, "attachments": lambda _: Edge(pictures, has_paging=False)},
            message.created_at,
            ("created_time", "message", "id"),
        )

    def _comment(self, message: Message) -> Node:
        own = message.native_id.partition("_")[2]
        parent = message.parent if message.parent is not message.root else None
        values = {
            **self._said(message),
            "permalink_url": f"{_PAGE}/posts/{message.root.native_id.partition('_')[2]}?comment_id={own}",
            "parent": self._comment(parent) if parent else None,
            "like_count": message.favourites,
            "comment_count": sum(1 for reply in message.below() if not reply.is_deleted),
            "is_hidden": False,
            "attachment": {"type": "photo", "title": ""} if message.has_picture else None,
        }
        default = ("created_time", "from", "message", "id")
        return Node("Comment", values, self._answered(message), message.created_at, default)

    def _said(self, message: Message) -> dict[str, Any]:
        """What posts and comments have in common."""
        tags = [
            {
                "id": person.native_id,
                "name": person.name,
                "type": "page" if person.is_company else "user",
                "offset": start,
                "length": length,
            }
            for start, length, person in self._world.mentions(message)
        ]
        return {
            "id": message.native_id,
            "message": message.text,
            "message_tags": tags or None,
            "created_time": stamp(message.created_at),
            "from": {"name": message.author.name, "id": message.author.native_id},
        }

    def _answered(self, message: Message) -> dict[str, Any]:
        return {"comments": partial(self._comments, message), "reactions": partial(_reactions, message)}

    def _comments(self, message: Message, asked: Mapping[str, str]) -> Edge:
        everything = [reply for reply in message.below() if not reply.is_deleted]
        is_flat = asked.get("filter") == "stream"
        shown = sorted(everything if is_flat else message.live_replies(), key=lambda m: m.created_at)
        if asked.get("order") == "reverse_chronological":
            shown.reverse()
        summary = {"order": "chronological", "total_count": len(shown), "can_comment": True}
        return Edge([self._comment(reply) for reply in shown], summary)

    def _post_insights(self, message: Message, asked: Mapping[str, str]) -> Edge:
        names = _metrics(asked, {*_POST_METRICS, "post_reactions_by_type_total"})
        if not message.author.is_company:
            return Edge([], has_paging=False)

        def values() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
            for name in names:
                count = getattr(message, _POST_METRICS[name]) if name in _POST_METRICS else dict(message.reactions)
                if count is not None:
                    yield name, "lifetime", [{"value": count}]

        return entries(values(), message.native_id)

    def _page_insights(self, asked: Mapping[str, str]) -> Edge:
        names = _metrics(asked, {*_PAGE_METRICS, "page_follows"})
        until = _moment(asked.get("until")) or datetime.combine(END + timedelta(days=1), time.min, UTC)
        since = _moment(asked.get("since")) or until - timedelta(days=2)
        if (until - since).total_seconds() > _LONGEST:
            words = f"(#100) There cannot be more than 90 days ({_LONGEST} s) between since and until"
            raise GraphError(100, words)
        if asked.get("period", "day") != "day":
            raise GraphError(100, "(#100) The stand-in knows the period day only")
        days = [(number, START + timedelta(days=number)) for number in range(DAYS)]
        days = [(number, day) for number, day in days if since < _end(day) <= until + timedelta(hours=12)]
        counts = {number: audience.daily(self._world, "facebook", number) for number, _ in days}

        def values() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
            for name in names:
                found = []
                for number, day in days:
                    count = (
                        audience.followers(self._world, "facebook", number)
                        if name == "page_follows"
                        else counts[number][_PAGE_METRICS[name]]
                    )
                    found.append({"value": count, "end_time": stamp(_end(day))})
                if found:
                    yield name, "day", found

        return entries(values(), FACEBOOK_PAGE_ID)

    def _ratings(self, asked: Mapping[str, str]) -> Edge:
        if self.ratings is None:
            raise GraphError(12, "(#12) ratings edge is deprecated for versions v22.0 and higher")
        names = ("created_time", "recommendation_type", "has_rating", "rating", "has_review", "review_text", "reviewer")
        blank: dict[str, Any] = dict.fromkeys((*names, "open_graph_story"))
        return Edge([Node("Recommendation", {**blank, **item}, default=names) for item in self.ratings])


def _reactions(message: Message, asked: Mapping[str, str]) -> Edge:
    kind = asked.get("type", "").lower()
    count = message.reactions.get(kind, 0) if kind else message.favourites
    return Edge([], {"total_count": count, "viewer_reaction": "NONE"})


def _metrics(asked: Mapping[str, str], known: set[str]) -> list[str]:
    names = [name for name in asked.get("metric", "").split(",") if name]
    if not names:
        words = "No metric was specified to be fetched. Please specify one or more metrics to be fetched and try again."
        raise GraphError(3001, words, subcode=1504028)
    if set(names) - known:
        raise invalid_metric()
    return names


def _end(day: date) -> datetime:
    """When a day's values end: at midnight in California."""
    return datetime.combine(day + timedelta(days=1), time.min, _CALIFORNIA).astimezone(UTC)


def _moment(value: str | None) -> datetime | None:
    if not value:
        return None
    if value.isdigit():
        return datetime.fromtimestamp(int(value), UTC)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise GraphError(100, "(#100) Param since/until must be a UNIX timestamp or a date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _picture(own: str) -> dict[str, Any]:
    return {
        "media_type": "photo",
        "type": "photo",
        "title": None,
        "unshimmed_url": f"{_PAGE}/photos/{own}",
    }
