"""A stand-in for Bluesky's public AppView and the company's own server (XRPC over HTTP), with the demo's messages.

Served: app.bsky.actor.getProfile, app.bsky.feed.getAuthorFeed, getPostThread, getPosts, searchPosts,
com.atproto.identity.resolveHandle, and for the company's account com.atproto.server.createSession and
app.bsky.notification.listNotifications, with the paging, headers and errors of the original.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from demo.bluesky_account import OwnAccount
from demo.finish import hashtags
from demo.messages import Message
from demo.people import Person
from demo.render_bluesky import post_view, profile_basic, profile_detailed, record, ref, stamp, uri
from demo.web import Limits, Request, Response, StandIn, dumps
from demo.world import World

_NOT_FOUND = "app.bsky.feed.defs#notFoundPost"
_METHODS = {
    "com.atproto.identity.resolveHandle": "_resolve",
    "app.bsky.actor.getProfile": "_profile",
    "app.bsky.feed.getAuthorFeed": "_author_feed",
    "app.bsky.feed.getPostThread": "_thread",
    "app.bsky.feed.getPosts": "_posts",
    "app.bsky.feed.searchPosts": "_search",
    "app.bsky.notification.listNotifications": "_notifications",
}


class Problem(Exception):
    """An XRPC error: its name and its words."""


class BlueskyStandIn(StandIn):
    """Bluesky's AppView, below /bluesky.

    :param limit: requests in `window` seconds; the real one allows 3,000 in 5 minutes.
    """

    prefix = "/bluesky"

    def __init__(self, world: World, limit: int = 100_000, window: float = 300.0) -> None:
        self.limits = Limits(limit, window, _headers)
        everything = world.messages["bluesky"]
        people = world.people["bluesky"]
        self._people = {name: person for person in people for name in (person.handle, person.native_id)}
        dids = {person.handle: person.native_id for person in people}
        refs: dict[Message, dict[str, str]] = {}
        self._views: dict[Message, bytes] = {}
        for message in everything:  # parents come before their replies
            value = record(message, dids, refs)
            refs[message] = ref(message, value)
            if not message.is_deleted:
                self._views[message] = dumps(post_view(message, value, refs[message]))
        self._alive = [message for message in everything if not message.is_deleted]
        self._by_uri = {uri(message): message for message in self._alive}
        self._authored: dict[Person, list[Message]] = {}
        for message in reversed(self._alive):
            self._authored.setdefault(message.author, []).append(message)
        company = world.company("bluesky")
        praise = [m for m in self._alive if m.topic == "story_campaign_praise" and m.parent is None]
        self._reposts = {company: praise[::9]}
        self._own = OwnAccount(company, {m: self._views[m] for m in self._alive})
        self._searches: dict[tuple[tuple[str, tuple[str, ...]], ...], list[Message]] = {}

    def get(self, request: Request) -> Response:
        """Answer as the AppView does; unknown methods give its 501, bad parameters its 400."""
        name = request.path.removeprefix("/xrpc/")
        if name == "_health":
            return Response(b'{"version":"demo"}')
        if name not in _METHODS:
            return Response(dumps({"error": "MethodNotImplemented", "message": "Method Not Implemented"}), 501)
        answer: Callable[[Request], Response] = getattr(self, _METHODS[name])
        try:
            return answer(request)
        except Problem as problem:
            error, message = problem.args
            return Response(dumps({"error": error, "message": message}), 400)

    def post(self, request: Request) -> Response:
        """A login of the company's account; other methods do not exist."""
        if request.path == "/xrpc/com.atproto.server.createSession":
            return self._own.login(request)
        return Response(dumps({"error": "MethodNotImplemented", "message": "Method Not Implemented"}), 501)

    def error(self, status: int) -> Response:
        """The XRPC error object."""
        names = {429: ("RateLimitExceeded", "Rate Limit Exceeded"), 502: ("UpstreamFailure", "Upstream Failure")}
        error, message = names.get(status, ("InternalServerError", "Internal Server Error"))
        return Response(dumps({"error": error, "message": message}), status)

    def _resolve(self, request: Request) -> Response:
        person = self._people.get((request.one("handle") or "").lower())
        if person is None:
            raise Problem("InvalidRequest", "Unable to resolve handle")
        return Response(dumps({"did": person.native_id}))

    def _profile(self, request: Request) -> Response:
        person = self._actor(request)
        return Response(dumps(profile_detailed(person, len(self._authored.get(person, [])))))

    def _author_feed(self, request: Request) -> Response:
        person, limit = self._actor(request), _limit(request, 50)
        chosen = request.one("filter") or "posts_with_replies"
        entries = [(m.created_at, m, False) for m in self._authored.get(person, [])]
        if chosen == "posts_no_replies":
            entries = [entry for entry in entries if entry[1].parent is None]
        elif chosen == "posts_and_author_threads":
            entries = [entry for entry in entries if _is_own_thread(entry[1])]
        elif chosen == "posts_with_media":
            entries = [entry for entry in entries if entry[1].has_picture]
        elif chosen == "posts_with_video":
            entries = []
        if chosen not in ("posts_with_media", "posts_with_video"):
            entries += [(m.created_at + timedelta(hours=2, seconds=7), m, True) for m in self._reposts.get(person, [])]
        entries.sort(key=lambda entry: entry[0], reverse=True)
        if cursor := request.one("cursor"):
            entries = [entry for entry in entries if stamp(entry[0]) < cursor]
        page = entries[:limit]
        feed = [self._feed_item(person, m, stamp(at) if is_repost else None) for at, m, is_repost in page]
        body = b'{"feed":[' + b",".join(feed) + b"]"
        if len(page) == limit:
            body += b',"cursor":' + dumps(stamp(page[-1][0]))
        return Response(body + b"}")

    def _feed_item(self, person: Person, message: Message, reposted_at: str | None) -> bytes:
        body = b'{"post":' + self._views[message]
        if message.parent is not None:
            body += (
                b',"reply":{"root":'
                + self._or_missing(message.root)
                + b',"parent":'
                + self._or_missing(message.parent)
                + b"}"
            )
        if reposted_at is not None:
            reason = {"$type": "app.bsky.feed.defs#reasonRepost", "by": profile_basic(person), "indexedAt": reposted_at}
            body += b',"reason":' + dumps(reason)
        return body + b"}"

    def _or_missing(self, message: Message) -> bytes:
        if view := self._views.get(message):
            return b'{"$type":"app.bsky.feed.defs#postView",' + view[1:]
        return dumps({"$type": _NOT_FOUND, "uri": uri(message), "notFound": True})

    def _thread(self, request: Request) -> Response:
        message = self._find(request.one("uri") or "")
        if message is None:
            raise Problem("NotFound", f"Post not found: {request.one('uri')}")
        depth, height = _number(request, "depth", 6, 1000), _number(request, "parentHeight", 80, 1000)
        return Response(b'{"thread":' + self._thread_view(message, depth, height) + b"}")

    def _thread_view(self, message: Message, depth: int, height: int) -> bytes:
        if message.is_deleted:
            return dumps({"$type": _NOT_FOUND, "uri": uri(message), "notFound": True})
        body = b'{"$type":"app.bsky.feed.defs#threadViewPost","post":' + self._views[message]
        if message.parent is not None and height > 0:
            body += b',"parent":' + self._thread_view(message.parent, -1, height - 1)
        if depth > 0:
            replies = sorted(message.live_replies(), key=lambda reply: reply.created_at, reverse=True)
            body += b',"replies":[' + b",".join(self._thread_view(r, depth - 1, 0) for r in replies) + b"]"
        return body + b',"threadContext":{}}'

    def _posts(self, request: Request) -> Response:
        uris = request.query.get("uris", [])
        if not 0 < len(uris) <= 25:
            raise Problem(
                "InvalidRequest",
                "Error: uris must not have more than 25 elements"
                if uris
                else 'Error: Params must have the property "uris"',
            )
        found = [self._find(address) for address in uris]
        return Response(b'{"posts":[' + b",".join(self._views[m] for m in found if m) + b"]}")

    def _notifications(self, request: Request) -> Response:
        return self._own.notifications(request, _limit(request, 50))

    def _search(self, request: Request) -> Response:
        if not request.one("q"):
            raise Problem("InvalidRequest", 'Error: Params must have the property "q"')
        limit = _limit(request, 25)
        key = tuple(sorted((n, tuple(v)) for n, v in request.query.items() if n not in ("cursor", "limit")))
        if key not in self._searches:
            self._searches[key] = [m for m in reversed(self._alive) if self._matches(m, request)]
        hits = self._searches[key]
        start = int(request.one("cursor") or 0)
        page = hits[start : start + limit]
        body = b'{"posts":[' + b",".join(self._views[m] for m in page) + b'],"hitsTotal":' + str(len(hits)).encode()
        if start + limit < len(hits):
            body += b',"cursor":"' + str(start + limit).encode() + b'"'
        return Response(body + b"}")

    def _matches(self, message: Message, request: Request) -> bool:
        """All words of `q` (and phrases in quotes) stand in the text; the other parameters narrow it down."""
        text, tags = self._folded[message]
        for phrase, word in re.findall(r'"([^"]+)"|(\S+)', (request.one("q") or "").casefold()):
            term = phrase or word
            if term.startswith("#"):
                if term[1:] not in tags:
                    return False
            elif term.startswith("from:"):
                if message.author.handle != term[5:].lstrip("@"):
                    return False
            elif not re.search(rf"\b{re.escape(term)}", text):
                return False
        when = stamp(message.created_at)
        author, language = request.one("author"), request.one("lang")
        return (
            (request.one("since") or "") <= when < (request.one("until") or "9")
            and (not author or self._people.get(author) is message.author)
            and (not language or message.language == language)
            and all(tag.casefold() in tags for tag in request.query.get("tag", []))
        )

    @cached_property
    def _folded(self) -> dict[Message, tuple[str, list[str]]]:
        return {m: (m.text.casefold(), [tag.casefold() for tag in hashtags(m.text)]) for m in self._alive}

    def _actor(self, request: Request) -> Person:
        name = request.one("actor")
        if not name:
            raise Problem("InvalidRequest", 'Error: Params must have the property "actor"')
        person = self._people.get(name.lower())
        if person is None:
            raise Problem("InvalidRequest", "Profile not found")
        return person

    def _find(self, address: str) -> Message | None:
        """The message at an at:// address, whether it names its author by DID or by handle."""
        if match := re.fullmatch(r"at://([^/]+)/app\.bsky\.feed\.post/(\w+)", address):
            person = self._people.get(match[1].lower())
            address = f"at://{person.native_id}/app.bsky.feed.post/{match[2]}" if person else address
        return self._by_uri.get(address)


def _is_own_thread(message: Message) -> bool:
    return message.parent is None or (message.parent.author is message.author and _is_own_thread(message.parent))


def _limit(request: Request, default: int) -> int:
    limit = _number(request, "limit", default, 1_000_000)
    if not 1 <= limit <= 100:
        raise Problem(
            "InvalidRequest", "Error: limit can not be " + ("less than 1" if limit < 1 else "greater than 100")
        )
    return limit


def _number(request: Request, name: str, default: int, most: int) -> int:
    value = request.one(name)
    if value is None:
        return default
    if not value.isdecimal() or int(value) > most:
        raise Problem("InvalidRequest", f"Error: {name} must be an integer up to {most}")
    return int(value)


def _headers(limit: int, left: int, reset: float) -> dict[str, str]:
    policy = f"{limit};w=300"
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(left),
        "RateLimit-Reset": str(int(reset) + 1),
        "RateLimit-Policy": policy,
    }
