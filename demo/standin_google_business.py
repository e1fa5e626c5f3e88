"""A stand-in for Google Business Profile, filled with the demo's reviews.

Served, as three hosts do it in Google's place: reviews of a location and single ones (v4), an account's locations and
their titles (Business Information API, v1), with an access token.
"""

import base64
import re
from datetime import datetime
from typing import Any

from demo.company import GOOGLE_ACCOUNT, LOCATIONS
from demo.messages import Message
from demo.web import TOKEN, Limits, Request, Response, StandIn, dumps
from demo.world import World

_STARS = ("STAR_RATING_UNSPECIFIED", "ONE", "TWO", "THREE", "FOUR", "FIVE")
_REVIEWS = re.compile(r"/v4/(?P<location>accounts/[^/]+/locations/[^/]+)/reviews(?:/(?P<review>[^/]+))?")
_LISTING = re.compile(r"/v1/(?P<account>accounts/[^/]+)/locations")
_ONE = re.compile(r"/v1/locations/(?P<id>[^/]+)")
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GoogleBusinessStandIn(StandIn):
    """Google Business Profile, below /google_business. The token is demo.web.TOKEN."""

    prefix = "/google_business"

    def __init__(self, world: World, limit: int = 100_000, window: float = 300.0) -> None:
        self.limits = Limits(limit, window, lambda *_: {})  # Google announces nothing
        self._reviews = [message for message in world.messages["google_business"] if message.parent is None]

    def get(self, request: Request) -> Response:
        """Answer as Google does."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.error(401)
        if found := _REVIEWS.fullmatch(request.path):
            if found["location"] not in {location.name for location in LOCATIONS}:
                return self.error(404)
            alive = [m for m in self._reviews if m.details["location"] == found["location"] and not m.is_deleted]
            return self._one(alive, found["review"]) if found["review"] else self._list(alive, request)
        if not request.one("readMask"):
            return self.error(400)
        if (found := _LISTING.fullmatch(request.path)) and found["account"] == GOOGLE_ACCOUNT:
            return Response(dumps({"locations": [_location(place.id, place.title) for place in LOCATIONS]}))
        titles = {location.id: location.title for location in LOCATIONS}
        if (found := _ONE.fullmatch(request.path)) and found["id"] in titles:
            return Response(dumps(_location(found["id"], titles[found["id"]])))
        return self.error(404)

    def error(self, status: int) -> Response:
        """The error object of Google's APIs."""
        said = {"code": status, "message": "Demo.", "status": _STATUS.get(status, "UNKNOWN")}
        return Response(dumps({"error": said}), status)

    def _list(self, reviews: list[Message], request: Request) -> Response:
        size = int(request.one("pageSize") or 50)
        order = request.one("orderBy") or "updateTime desc"
        if not 1 <= size <= 50:
            return self.error(400)
        if order.startswith("rating"):
            chosen = sorted(reviews, key=lambda m: m.rating or 0, reverse=order.endswith("desc"))
        else:
            chosen = sorted(reviews, key=_updated, reverse=True)
        start = _start(request.one("pageToken"))
        if start is None:
            return self.error(400)
        answer: dict[str, Any] = {"reviews": [review(m) for m in chosen[start : start + size]]} if chosen else {}
        if chosen:
            answer["averageRating"] = round(sum(m.rating or 0 for m in chosen) / len(chosen), 1)
            answer["totalReviewCount"] = len(chosen)
        if start + size < len(chosen):
            answer["nextPageToken"] = base64.urlsafe_b64encode(f"reviews:{start + size}".encode()).decode()
        return Response(dumps(answer))

    def _one(self, reviews: list[Message], native_id: str) -> Response:
        found = next((message for message in reviews if message.native_id == native_id), None)
        return Response(dumps(review(found))) if found else self.error(404)


def review(message: Message) -> dict[str, Any]:
    """A Review resource; people who write without a name are called as Google calls them."""
    is_anonymous = message.details.get("anonymous") == "true"
    reviewer: dict[str, Any] = {"displayName": "A Google User" if is_anonymous else message.author.called}
    if is_anonymous:
        reviewer["isAnonymous"] = True
    else:
        reviewer["profilePhotoUrl"] = f"https://lh3.googleusercontent.example/a/{message.author.native_id}"
    value: dict[str, Any] = {
        "name": f"{message.details['location']}/reviews/{message.native_id}",
        "reviewId": message.native_id,
        "reviewer": reviewer,
        "starRating": _STARS[int(message.rating or 0)],
        "createTime": _stamp(message.created_at),
        "updateTime": _stamp(_updated(message)),
    }
    if message.text:
        value["comment"] = message.text
    for reply in message.live_replies():
        value["reviewReply"] = {"comment": reply.text, "updateTime": _stamp(reply.edited_at or reply.created_at)}
    return value


def _location(native_id: str, title: str) -> dict[str, str]:
    return {"name": f"locations/{native_id}", "title": title}


def _updated(message: Message) -> datetime:
    return message.edited_at or message.created_at


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _start(token: str | None) -> int | None:
    """Where a page begins; None for a token that was never given."""
    if token is None:
        return 0
    try:
        kind, number = base64.urlsafe_b64decode(token).decode().split(":")
    except ValueError:
        return None
    return int(number) if kind == "reviews" and number.isdigit() else None
