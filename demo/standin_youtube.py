"""A stand-in for the YouTube Data API v3, filled with the demo company's channel.

Served, each with the parameters, paging and errors of the original: channels, playlistItems, videos, commentThreads,
comments and search, as `list`. Searches have a quota of their own. A key goes into X-Goog-Api-Key, an access token into
Authorization; both are the demo's token.
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from demo import render_youtube as render
from demo.company import YOUTUBE_CHANNEL_ID, YOUTUBE_HANDLE
from demo.errors_youtube import ERRORS, Refused, refusal
from demo.faults import Fault
from demo.messages import Message
from demo.web import TOKEN, Limits, Request, Response, StandIn, dumps
from demo.world import World

_GENERAL = {"key", "access_token", "alt", "fields", "prettyPrint", "quotaUser", "part", "maxResults", "pageToken"}
# kind -> parts, filters of which exactly one must be given, other parameters, the default and the longest page
_METHODS = {
    "channels": ("snippet contentDetails statistics status", "id forHandle forUsername mine", "hl", 5, 50),
    "playlistItems": ("snippet contentDetails status", "id playlistId", "videoId", 5, 50),
    "videos": ("snippet contentDetails statistics status", "id", "hl", 5, 50),
    "commentThreads": (
        "snippet replies",
        "id videoId allThreadsRelatedToChannelId",
        "order textFormat searchTerms moderationStatus",
        20,
        100,
    ),
    "comments": ("snippet", "id parentId", "textFormat", 20, 100),
    "search": (
        "snippet",
        "",
        "q type order publishedAfter publishedBefore channelId safeSearch relevanceLanguage regionCode",
        5,
        50,
    ),
}


class YouTubeStandIn(StandIn):
    """The Data API, below /youtube.

    :param limit: units in `window` seconds; the real one gives a project 10,000 a day, and 100 searches.
    """

    prefix = "/youtube"

    def __init__(self, world: World, limit: int = 100_000, window: float = 300.0) -> None:
        self.limits = Limits(limit, window, lambda *_: {})
        self.searches = Limits(max(1, limit // 100), window, lambda *_: {})
        self._world = world
        self._messages = world.messages["youtube"]
        self._company = world.company("youtube")

    def spend(self, request: Request) -> tuple[bool, dict[str, str]]:
        """A search costs one of the searches, anything else one unit."""
        return (self.searches if request.path.endswith("/search") else self.limits).spend()

    def get(self, request: Request) -> Response:
        """Answer as the API does."""
        try:
            _check_caller(request)
            kind, parts = _checked(request)
            answer: Callable[[Request, set[str]], dict[str, Any]] = getattr(self, f"_{kind}")
            body = {"kind": f"youtube#{_singular(kind)}ListResponse", **answer(request, parts)}
            return Response(dumps({"kind": body.pop("kind"), "etag": render.etag(body), **body}))
        except Refused as refused:
            return refused.response

    def error(self, status: int) -> Response:
        """Google's error object. A spent quota is no 429 here."""
        known = {429: "quotaExceeded", 404: "notFound", 401: "authError", 400: "processingFailure", 403: "forbidden"}
        return refusal(known.get(status, "backendError"), status=status if status >= 500 else 0)

    def fault(self, fault: Fault) -> Response:
        """`fault.code` is Google's reason; a 429 is one of the newer kind, with a reset in Retry-After."""
        if fault.status == 429 and not fault.code:
            return refusal("rateLimitExceeded", status=429)
        return refusal(fault.code) if fault.code in ERRORS else self.error(fault.status)

    def _channels(self, request: Request, parts: set[str]) -> dict[str, Any]:
        handle = (request.one("forHandle") or "").lstrip("@").lower()
        ids = (request.one("id") or "").split(",")
        if YOUTUBE_CHANNEL_ID not in ids and YOUTUBE_HANDLE not in (handle, request.one("forUsername")):
            return {"pageInfo": {"totalResults": 0, "resultsPerPage": 5}}  # without items, as the original
        shown = [render.channel(self._company, self._videos_there(), parts)]
        return {"pageInfo": {"totalResults": 1, "resultsPerPage": 5}, "items": shown}

    def _playlistItems(self, request: Request, parts: set[str]) -> dict[str, Any]:
        if request.one("playlistId") != render.UPLOADS:
            raise Refused(
                "playlistNotFound",
                "The playlist identified with the request's playlistId parameter cannot be found.",
                404,
            )
        numbered = list(enumerate(self._videos_there()))
        return _page(request, "playlistItems", numbered, lambda one: render.playlist_item(one[1], one[0], parts))

    def _videos(self, request: Request, parts: set[str]) -> dict[str, Any]:
        there = {video.native_id: video for video in self._videos_there()}
        asked = dict.fromkeys((request.one("id") or "").split(","))
        shown = [render.video(there[number], parts) for number in asked if number in there]
        return {"items": shown, "pageInfo": {"totalResults": len(shown), "resultsPerPage": len(shown)}}

    def _commentThreads(self, request: Request, parts: set[str]) -> dict[str, Any]:
        text_format = request.one("textFormat") or "html"

        def shown(comment: Message) -> dict[str, Any]:
            return render.thread(comment, text_format, parts)

        roots = self._videos_there()
        if ids := request.one("id"):
            there = {comment.native_id: comment for root in roots for comment in root.live_replies()}
            found = [shown(there[number]) for number in ids.split(",") if number in there]
            return {"pageInfo": {"totalResults": len(found), "resultsPerPage": len(found)}, "items": found}
        if number := request.one("videoId"):
            roots = [root for root in roots if root.native_id == number]
            if not roots:
                raise Refused("videoNotFound", "The video identified by the videoId parameter could not be found.", 404)
        elif request.one("allThreadsRelatedToChannelId") != YOUTUBE_CHANNEL_ID:
            raise Refused("channelNotFound")
        comments = [comment for root in roots for comment in root.live_replies()]
        words = (request.one("searchTerms") or "").casefold()
        comments = [comment for comment in comments if words in comment.text.casefold()]
        if request.one("order") == "relevance":
            comments.sort(key=lambda comment: -comment.favourites)
        else:
            comments.sort(key=lambda comment: comment.created_at, reverse=True)
        return _page(request, "commentThreads", comments, shown)

    def _comments(self, request: Request, parts: set[str]) -> dict[str, Any]:
        text_format = request.one("textFormat") or "html"

        def shown(comment: Message) -> dict[str, Any]:
            return render.reply(comment, text_format)

        there = {m.native_id: m for root in self._videos_there() for m in render.live_below(root)}
        if ids := request.one("id"):
            found = [shown(there[number]) for number in ids.split(",") if number in there]
            return {"pageInfo": {"totalResults": len(found), "resultsPerPage": len(found)}, "items": found}
        parent = there.get(request.one("parentId") or "")
        if parent is None:
            raise Refused(
                "commentNotFound", "The comment identified by the parentId parameter could not be found.", 404
            )
        return _page(request, "comments", render.live_below(parent), shown)

    def _search(self, request: Request, parts: set[str]) -> dict[str, Any]:
        words = (request.one("q") or "").casefold().split()
        after, before = (_moment(request.one(name)) for name in ("publishedAfter", "publishedBefore"))
        found = [
            video
            for video in self._videos_there()
            if all(word in f"{video.title} {video.text}".casefold() for word in words)
            and (after is None or video.created_at >= after)
            and (before is None or video.created_at < before)
        ]
        return {"regionCode": "DE", **_page(request, "search", found, render.search_result)}

    def _videos_there(self) -> list[Message]:
        """The channel's videos, newest first."""
        there = [m for m in self._messages if m.parent is None and not m.is_deleted]
        return sorted(there, key=lambda video: video.created_at, reverse=True)


def _check_caller(request: Request) -> None:
    given = request.headers.get("authorization")
    if given is not None:
        if given != f"Bearer {TOKEN}":
            raise Refused("authError")
        return
    key = request.headers.get("x-goog-api-key") or request.one("key")
    if key is None:
        raise Refused("forbidden")
    if key != TOKEN:
        raise Refused("badRequest")


def _checked(request: Request) -> tuple[str, set[str]]:
    """What is asked for, and its parts; refuses unknown parameters and parts, and filters that do not fit."""
    root, _, kind = request.path.removeprefix("/").rpartition("/")
    if root != "youtube/v3" or kind not in _METHODS:
        raise Refused("notFound")
    parts, filters, others, _, longest = _METHODS[kind]
    known = _GENERAL | set(filters.split()) | set(others.split())
    for name in request.query:
        if name not in known:
            raise Refused(
                "badRequest", f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
            )
    wanted = {part for value in request.query.get("part", []) for part in value.split(",")}
    if not wanted:
        raise Refused("missingRequiredParameter", "The request is missing a required parameter: part")
    if unknown := wanted - set(parts.split()) - {"id"}:
        raise Refused("unknownPart", f"{sorted(unknown)}", 400)
    given = [name for name in filters.split() if request.one(name)]
    if filters and len(given) != 1:
        raise Refused("missingRequiredParameter" if not given else "incompatibleParameters", "", 400)
    most = request.one("maxResults")
    if most is not None and not (most.isdigit() and 0 < int(most) <= longest):
        raise Refused(
            "invalidParameter", f"Invalid value '{most}'. Values must be within the range: [1, {longest}]", 400
        )
    if "id" in given and len((request.one("id") or "").split(",")) > 50:
        raise Refused("invalidFilters", "The request specifies an invalid filter parameter.", 400)
    return kind, wanted


def _page(
    request: Request, kind: str, everything: Sequence[Any], shown: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """One page of `everything`, with tokens for those around it where the kind of list gives them."""
    size = int(request.one("maxResults") or _METHODS[kind][3])
    start = _place(kind, request.one("pageToken"))
    answer: dict[str, Any] = {}
    if start + size < len(everything):
        answer["nextPageToken"] = _token(kind, start + size)
    if start and kind in ("playlistItems", "search"):
        answer["prevPageToken"] = _token(kind, max(0, start - size))
    page: Iterable[Any] = everything[start : start + size]
    answer["pageInfo"] = {"totalResults": len(everything), "resultsPerPage": size}
    return {**answer, "items": [shown(one) for one in page]}


def _token(kind: str, start: int) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{start}".encode()).decode().rstrip("=")


def _place(kind: str, token: str | None) -> int:
    if token is None:
        return 0
    try:
        made_for, _, start = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition(":")
    except ValueError:
        made_for, start = "", ""
    if made_for != kind or not start.isdigit():
        raise Refused("invalidPageToken")
    return int(start)


def _moment(value: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if value else None
    except ValueError:
        raise Refused("invalidParameter", f"Invalid value '{value}'.", 400) from None


def _singular(kind: str) -> str:
    return {"search": "search"}.get(kind, kind[:-1])
