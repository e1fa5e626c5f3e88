"""A stand-in for Instagram in Graph API (v25.0), filled with the demo's messages.

Served: the account, its media, stories (there are none), tags and insights; media with comments, children and insights,
comments with replies; several objects at once. Media of others show no comments, as on Instagram.
"""

import hashlib
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from demo import audience
from demo.company import DAYS, INSTAGRAM_USER_ID, START
from demo.graph import Edge, Edges, GraphStandIn, Node, entries, stamp
from demo.graph_fields import GraphError
from demo.messages import Message
from demo.web import Response
from demo.world import World

_CALIFORNIA = ZoneInfo("America/Los_Angeles")
_MEDIA_METRICS = {"views": "views", "reach": "reach", "saved": "saves", "shares": "shares", "likes": "favourites"}
_ACCOUNT_METRICS = {
    "views": "views",
    "reach": "reach",
    "total_interactions": "engagements",
    "profile_views": "profile_views",
    "accounts_engaged": "engagements",
}
_NO_STORIES = frozenset({"saved", "likes", "comments"})
_RETIRED = frozenset({"impressions", "plays", "video_views", "engagement", "clips_replays_count"})
_LONGEST = 30 * 86_400  # seconds between since and until
_COMMENTS = 50  # in one page
_LETTERS = string.ascii_letters + string.digits + "-_"


class InstagramStandIn(GraphStandIn):
    """Instagram, below /instagram. The token is demo.web.TOKEN.

    :ivar retired: metrics of media and account that are refused.
    :ivar before_conversion: ids of media that were posted before the account became one of a business.
    """

    prefix = "/instagram"

    def __init__(self, world: World, limit: int = 100_000, window: float = 300.0) -> None:
        super().__init__("instagram", INSTAGRAM_USER_ID, limit, window)
        self.retired = set(_RETIRED)
        self.before_conversion: set[str] = set()
        self._world = world
        self._messages = {message.native_id: message for message in world.messages["instagram"]}

    def error(self, status: int) -> Response:
        """Graph's error object; Instagram has a code of its own for too many calls."""
        if status == 429:
            words = "(#80002) There have been too many calls to this Instagram account."
            return GraphError(80002, words, status=400).response()
        return super().error(status)

    def node(self, name: str) -> Node | None:
        """The account, a medium or a comment."""
        if name in (INSTAGRAM_USER_ID, "me"):
            return self._account()
        message = self._messages.get(name)
        if message is None or message.is_deleted or _is_foreign(message):
            return None
        return self._medium(message) if message.parent is None else self._comment(message)

    def _account(self) -> Node:
        company = self._world.company("instagram")
        values = {
            "id": INSTAGRAM_USER_ID,
            "username": company.handle,
            "name": company.name,
            "biography": company.note,
            "website": "https://weidenfels.example",
            "followers_count": company.followers,
            "follows_count": company.following,
            "media_count": sum(1 for _ in self._list("own")),
        }
        edges: Edges = {
            "media": partial(self._media, "own"),
            "tags": partial(self._media, "mention"),
            "stories": lambda _: Edge([]),
            "insights": self._account_insights,
        }
        return Node("IGUser", values, edges, default=("id",))

    def _list(self, place: str) -> Iterator[Message]:
        return (m for m in self._messages.values() if m.parent is None and m.place == place and not m.is_deleted)

    def _media(self, place: str, asked: Mapping[str, str]) -> Edge:
        since, until = _moment(asked.get("since")), _moment(asked.get("until"))
        found = [m for m in self._list(place) if not since or m.created_at >= since]
        found = [m for m in found if not until or m.created_at <= until]
        return Edge([self._medium(m) for m in sorted(found, key=lambda m: m.created_at, reverse=True)])

    def _medium(self, message: Message) -> Node:
        code = _shortcode(message)
        is_reel = message.details.get("media_type") == "VIDEO"
        address = f"https://www.instagram.com/{'reel' if is_reel else 'p'}/{code}/"
        is_own = not _is_foreign(message)
        values = {
            "id": message.native_id,
            "caption": message.text,
            "media_type": message.details.get("media_type", "IMAGE"),
            "media_product_type": "REELS" if is_reel else "FEED",
            "media_url": f"https://scontent.example/v/t51/{code}.jpg?oh=00_{code}&oe=7F000000",
            "permalink": address,
            "shortcode": code if is_own else None,
            "timestamp": stamp(message.created_at),
            "username": message.author.handle,
            "like_count": message.favourites,
            "comments_count": sum(1 for reply in message.below() if not reply.is_deleted),
            "is_comment_enabled": True if is_own else None,
            "owner": {"id": message.author.native_id} if is_own else None,
        }
        edges: Edges = {
            "comments": partial(self._comments, message),
            "insights": partial(self._media_insights, message),
            "children": lambda _: Edge([]),
        }
        return Node("IGMedia", values, edges, message.created_at)

    def _comment(self, message: Message) -> Node:
        author, parent = message.author, message.parent
        values = {
            "id": message.native_id,
            "text": message.text,
            "timestamp": stamp(message.created_at),
            "username": author.handle,
            "from": {"id": author.native_id, "username": author.handle},
            "user": {"id": INSTAGRAM_USER_ID} if author.is_company else None,
            "like_count": message.favourites,
            "hidden": False,
            "parent_id": parent.native_id if parent is not None and parent is not message.root else None,
        }
        edges: Edges = {"replies": partial(self._replies, message)}
        return Node("IGComment", values, edges, message.created_at, ("timestamp", "text", "id"))

    def _comments(self, message: Message, _: Mapping[str, str]) -> Edge:
        if _is_foreign(message):
            raise GraphError(10, "(#10) Application does not have permission for this action", status=403)
        shown = sorted(message.live_replies(), key=lambda m: m.created_at, reverse=True)
        return Edge([self._comment(reply) for reply in shown], most=_COMMENTS)

    def _replies(self, message: Message, _: Mapping[str, str]) -> Edge:
        shown = sorted((reply for reply in message.below() if not reply.is_deleted), key=lambda m: m.created_at)
        return Edge([self._comment(reply) for reply in shown], most=_COMMENTS)

    def _media_insights(self, message: Message, asked: Mapping[str, str]) -> Edge:
        names = self._metrics(asked, {*_MEDIA_METRICS, "total_interactions", "comments"}, "media")
        if message.details.get("media_product_type") == "STORY" and _NO_STORIES & set(names):
            words = "(#100) The Media Insights API does not support the saved metric for this media product type."
            raise GraphError(100, words)
        if message.native_id in self.before_conversion:
            raise GraphError(100, "Invalid parameter", subcode=2108006)

        def values() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
            for name in names:
                if name == "total_interactions":
                    count = message.favourites + len(message.below()) + message.shares + (message.saves or 0)
                elif name == "comments":
                    count = len(message.below())
                else:
                    count = getattr(message, _MEDIA_METRICS[name])
                if count is not None:
                    yield name, "lifetime", [{"value": count}]

        return entries(values(), message.native_id)

    def _account_insights(self, asked: Mapping[str, str]) -> Edge:
        interactions = {"likes", "comments", "shares", "saves", "profile_links_taps"}
        names = self._metrics(asked, {*_ACCOUNT_METRICS, *interactions}, "user")
        if asked.get("period") != "day":
            raise GraphError(100, "(#100) The stand-in knows the period day only")
        if asked.get("metric_type") != "total_value":
            words = f"(#100) The following metrics ({', '.join(names)}) should be specified with parameter "
            raise GraphError(100, words + "metric_type=total_value")
        until = _moment(asked.get("until")) or datetime.now(UTC)
        since = _moment(asked.get("since")) or until - timedelta(days=1)
        if (until - since).total_seconds() > _LONGEST:
            words = f"(#100) There cannot be more than 30 days ({_LONGEST} s) between since and until"
            raise GraphError(100, words)
        days = [number for number in range(DAYS) if since <= _start(START + timedelta(days=number)) < until]
        if not days:
            return Edge([], has_paging=False)
        totals: dict[str, int] = dict.fromkeys(names, 0)
        for day in days:
            counts = audience.daily(self._world, "instagram", day) | self._interactions(day)
            for name in names:
                totals[name] += counts[_ACCOUNT_METRICS.get(name, name)]
        found = entries(((name, "day", []) for name in names), INSTAGRAM_USER_ID)
        items = [
            Node(
                item.kind,
                {**item.values, "values": None, "total_value": {"value": totals[item.values["name"]]}},
                default=(*item.default, "total_value"),
            )
            for item in found.items
        ]
        return Edge(items, has_paging=False)

    def _interactions(self, day: int) -> dict[str, int]:
        """What happened on the account's media of that day."""
        counts = dict.fromkeys(("likes", "comments", "shares", "saves"), 0)
        for message in self._list("own"):
            if _start(START + timedelta(days=day)) <= message.created_at < _start(START + timedelta(days=day + 1)):
                counts["likes"] += message.favourites
                counts["comments"] += len(message.below())
                counts["shares"] += message.shares
                counts["saves"] += message.saves or 0
        return {**counts, "profile_links_taps": counts["likes"] // 9}

    def _metrics(self, asked: Mapping[str, str], known: set[str], what: str) -> list[str]:
        names = [name for name in asked.get("metric", "").split(",") if name]
        if not names:
            raise GraphError(100, "(#100) The parameter metric is required")
        for name in names:
            if name in self.retired:
                words = f"Starting from version 22 and above, the {name} metric is no longer supported for the queried "
                raise GraphError(100, f"(#100) {words}{what}.")
        for number, name in enumerate(names):
            if name not in known:
                words = f"(#100) metric[{number}] must be one of the following values: {', '.join(sorted(known))}"
                raise GraphError(100, words)
        return names


def _is_foreign(message: Message) -> bool:
    """Whether it stands below, or is, a medium of somebody else."""
    return not message.root.author.is_company


def _shortcode(message: Message) -> str:
    number = int.from_bytes(hashlib.sha256(message.native_id.encode()).digest()[:8], "big")
    code = ""
    while len(code) < 11:
        number, rest = divmod(number, 64)
        code += _LETTERS[rest]
    return code


def _start(day: date) -> datetime:
    """When a day of the account's figures begins: at midnight in California."""
    return datetime.combine(day, time.min, _CALIFORNIA).astimezone(UTC)


def _moment(value: str | None) -> datetime | None:
    if not value:
        return None
    if not value.isdigit():
        raise GraphError(100, "(#100) Param since/until must be a UNIX timestamp")
    return datetime.fromtimestamp(int(value), UTC)
