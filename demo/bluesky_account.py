"""The company's own account on the Bluesky stand-in: its login, and what it is told of."""

import json
from collections.abc import Mapping
from typing import Any

from demo.messages import Message
from demo.people import Person
from demo.render_bluesky import notification, session, stamp
from demo.web import TOKEN, Request, Response, dumps

_SESSION = "demo-session"  # what a login with the demo's token gives


class OwnAccount:
    """What only whoever is logged in may ask.

    :param views: every message that is there, oldest first, as `post_view` shows it.
    """

    def __init__(self, company: Person, views: Mapping[Message, bytes]) -> None:
        self._company = company
        self._told: list[tuple[str, str, bytes]] = []  # when, why, what; newest first
        for message, body in reversed(views.items()):
            view = json.loads(body)
            if reason := _reason(message, view, company):
                told = dumps(notification(message, view, reason))
                self._told.append((stamp(message.created_at), reason, told))

    def login(self, request: Request) -> Response:
        """com.atproto.server.createSession, with the demo's token as app password."""
        try:
            given = json.loads(request.body)
            identifier, password = given["identifier"], given["password"]
        except (ValueError, KeyError, TypeError):
            return Response(dumps({"error": "InvalidRequest", "message": "Input must be valid"}), 400)
        if identifier not in (self._company.handle, self._company.native_id) or password != TOKEN:
            words = {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
            return Response(dumps(words), 401)
        return Response(dumps({**session(self._company), "accessJwt": _SESSION, "refreshJwt": _SESSION}))

    def notifications(self, request: Request, limit: int) -> Response:
        """app.bsky.notification.listNotifications."""
        if request.headers.get("authorization") != f"Bearer {_SESSION}":
            return Response(dumps({"error": "AuthMissing", "message": "Authentication Required"}), 401)
        reasons, cursor = request.query.get("reasons"), request.one("cursor") or "9"
        told = [(at, body) for at, reason, body in self._told if at < cursor and (not reasons or reason in reasons)]
        page = told[:limit]
        answer = b'{"notifications":[' + b",".join(body for _, body in page) + b'],"priority":false'
        if len(page) == limit:
            answer += b',"cursor":' + dumps(page[-1][0])
        return Response(answer + b"}")


def _reason(message: Message, view: Mapping[str, Any], company: Person) -> str | None:
    """Why Bluesky tells the company of a message; None where it does not."""
    if message.author is company:
        return None
    if message.parent is not None and company in (message.parent.author, message.root.author):
        return "reply"
    features = [feature for facet in view["record"].get("facets", ()) for feature in facet["features"]]
    return "mention" if company.native_id in [feature.get("did") for feature in features] else None
