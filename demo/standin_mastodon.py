"""A stand-in for one Mastodon server's public REST API (4.5), filled with the demo's messages.

Served: accounts/lookup, accounts/:id, accounts/:id/statuses, statuses, statuses/:id, statuses/:id/context,
timelines/tag/:hashtag and api/v2/instance, and for the company's account, which holds the token, notifications and both
verify_credentials; each with the paging, headers and errors of the original.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode

from demo.company import MASTODON_DOMAIN, last_moment
from demo.mastodon_instance import APP, INSTANCE
from demo.messages import Message
from demo.people import Person
from demo.render_mastodon import account, credential_account, normalized, notification, stamp, status, status_url
from demo.web import TOKEN, Limits, Request, Response, StandIn, dumps
from demo.world import World

_DEFAULT_LIMIT, _MAXIMUM_LIMIT = 20, 40
_MOST_NOTIFICATIONS, _MOST_AT_ONCE = 80, 20
_DESCENDANTS = 60  # replies that a context gives without a login
_ROUTES = (
    (re.compile(r"/api/v1/accounts/lookup"), "_lookup"),
    (re.compile(r"/api/v1/accounts/verify_credentials"), "_own_account"),
    (re.compile(r"/api/v1/apps/verify_credentials"), "_app"),
    (re.compile(r"/api/v1/notifications"), "_notifications"),
    (re.compile(r"/api/v1/accounts/(\d+)"), "_account"),
    (re.compile(r"/api/v1/accounts/(\d+)/statuses"), "_account_statuses"),
    (re.compile(r"/api/v1/statuses"), "_statuses_by_id"),
    (re.compile(r"/api/v1/statuses/(\d+)"), "_status"),
    (re.compile(r"/api/v1/statuses/(\d+)/context"), "_context"),
    (re.compile(r"/api/v1/timelines/tag/([^/]+)"), "_tag"),
    (re.compile(r"/api/v2/instance"), "_instance"),
)


class MastodonStandIn(StandIn):
    """Mastodon, below /mastodon.

    :param limit: requests in `window` seconds; the real one allows 300 in 5 minutes without a login.
    """

    prefix = "/mastodon"

    def __init__(self, world: World, limit: int = 100_000, window: float = 300.0) -> None:
        self.limits = Limits(limit, window, _headers)
        messages = [message for message in world.messages["mastodon"] if not message.is_deleted]
        self._messages = {int(message.native_id): message for message in messages}
        self._people = {person.handle: person for person in world.people["mastodon"]}
        self._by_id = {person.native_id: person for person in world.people["mastodon"]}
        last: dict[Person, datetime] = {message.author: message.created_at for message in messages}
        count: dict[Person, int] = {}
        for message in messages:
            count[message.author] = count.get(message.author, 0) + 1
        accounts = {p: account(p, count.get(p, 0), last.get(p)) for p in self._people.values()}
        self._accounts = {person.native_id: dumps(value) for person, value in accounts.items()}
        rendered = {number: status(m, accounts[m.author], self._people) for number, m in self._messages.items()}
        self._statuses = {number: dumps(value) for number, value in rendered.items()}
        self._tags: dict[str, list[int]] = {}
        self._timelines: dict[str, list[int]] = {}
        for number, value in rendered.items():
            self._timelines.setdefault(value["account"]["id"], []).append(number)
            for tag in value["tags"]:
                self._tags.setdefault(tag["name"], []).append(number)
        company = world.company("mastodon")
        self._boosts = self._add_boosts(company, messages, rendered, accounts)
        self._me = dumps(credential_account(accounts[company]))
        told = [number for number, value in rendered.items() if _names(value, company)]
        self._told = {n: dumps(notification(n, rendered[number])) for n, number in enumerate(sorted(told), 1)}

    def get(self, request: Request) -> Response:
        """Answer as Mastodon does; unknown paths and records give its 404, a wrong token its 401."""
        given = request.headers.get("authorization")
        if given is not None and given != f"Bearer {TOKEN}":
            return _refused("The access token is invalid")
        for pattern, name in _ROUTES:
            if match := pattern.fullmatch(request.path):
                answer: Callable[..., Response] = getattr(self, name)
                return answer(request, *match.groups())
        return self.error(404)

    def error(self, status: int) -> Response:
        """Mastodon's error object."""
        words = {404: "Record not found", 429: "Too many requests", 503: "Service Unavailable"}
        return Response(dumps({"error": words.get(status, "This action could not be completed")}), status)

    def _lookup(self, request: Request) -> Response:
        acct = (request.one("acct") or "").lstrip("@").removesuffix(f"@{MASTODON_DOMAIN}").lower()
        person = self._people.get(acct)
        return Response(self._accounts[person.native_id]) if person else self.error(404)

    def _own_account(self, request: Request) -> Response:
        return Response(self._me) if "authorization" in request.headers else _refused(_NEEDS_USER)

    def _app(self, request: Request) -> Response:
        return Response(dumps(APP)) if "authorization" in request.headers else _refused("The access token is invalid")

    def _notifications(self, request: Request) -> Response:
        if "authorization" not in request.headers:
            return _refused(_NEEDS_USER)
        wanted = request.query.get("types[]", ["mention"])
        ids = list(self._told) if "mention" in wanted else []
        return self._page(request, ids, self._told, 40, _MOST_NOTIFICATIONS)

    def _statuses_by_id(self, request: Request) -> Response:
        ids = request.query.get("id[]", [])
        if len(ids) > _MOST_AT_ONCE:
            return Response(dumps({"error": "Validation failed: Too many statuses"}), 422)
        found = [body for i in ids if i.isdecimal() and (body := self._statuses.get(int(i)))]
        return Response(b"[" + b",".join(found) + b"]")

    def _account(self, request: Request, number: str) -> Response:
        return Response(self._accounts[number]) if number in self._accounts else self.error(404)

    def _account_statuses(self, request: Request, number: str) -> Response:
        if number not in self._by_id:
            return self.error(404)
        if request.one("pinned") in ("true", "1"):
            return Response(b"[]")
        ids = self._timelines.get(number, [])
        if request.one("exclude_reblogs") in ("true", "1"):
            ids = [i for i in ids if i not in self._boosts]
        if request.one("exclude_replies") in ("true", "1"):
            ids = [i for i in ids if i in self._boosts or not self._is_reply_to_others(self._messages[i])]
        if tag := request.one("tagged"):
            wanted = set(self._tags.get(normalized(tag), []))
            ids = [i for i in ids if i in wanted]
        return self._page(request, ids)

    def _status(self, request: Request, number: str) -> Response:
        body = self._statuses.get(int(number))
        return Response(body) if body else self.error(404)

    def _context(self, request: Request, number: str) -> Response:
        message = self._messages.get(int(number))
        if message is None:
            return self.error(404)
        above: list[Message] = []
        parent = message.parent
        while parent is not None and not parent.is_deleted:
            above.insert(0, parent)
            parent = parent.parent
        ancestors = b",".join(self._statuses[int(m.native_id)] for m in above)
        descendants = b",".join(self._statuses[int(m.native_id)] for m in _below(message)[:_DESCENDANTS])
        return Response(b'{"ancestors":[' + ancestors + b'],"descendants":[' + descendants + b"]}")

    def _tag(self, request: Request, tag: str) -> Response:
        return self._page(request, self._tags.get(normalized(unquote(tag)), []))

    def _instance(self, request: Request) -> Response:
        return Response(dumps(INSTANCE))

    def _page(
        self,
        request: Request,
        ids: list[int],
        items: Mapping[int, bytes] | None = None,
        default: int = _DEFAULT_LIMIT,
        most: int = _MAXIMUM_LIMIT,
    ) -> Response:
        """One page, newest first: `max_id` older than it, `since_id` the newest down to it, `min_id` the next newer."""
        items = self._statuses if items is None else items
        try:
            limit = min(int(request.one("limit") or default), most)
            bounds = {name: int(value) for name in ("max_id", "since_id", "min_id") if (value := request.one(name))}
        except ValueError:
            return self.error(400)
        start = bisect_right(ids, max(bounds.get("since_id", 0), bounds.get("min_id", 0)))
        end = bisect_left(ids, bounds["max_id"]) if "max_id" in bounds else len(ids)
        window = ids[start : start + limit] if "min_id" in bounds else ids[start:end][-limit:] if limit > 0 else []
        if "min_id" in bounds:
            window = [i for i in window if i < bounds.get("max_id", i + 1)]
        page = window[::-1]
        headers = {}
        if page:
            headers["Link"] = self._link(request, page, limit)
        return Response(b"[" + b",".join(items[i] for i in page) + b"]", headers=headers)

    def _link(self, request: Request, page: list[int], limit: int) -> str:
        kept = [
            (n, v) for n, values in request.query.items() if n not in ("max_id", "since_id", "min_id") for v in values
        ]
        address = f"{request.base}{request.path}"
        older = f'<{address}?{urlencode([*kept, ("max_id", page[-1])])}>; rel="next"'
        newer = f'<{address}?{urlencode([*kept, ("min_id", page[0])])}>; rel="prev"'
        return f"{older}, {newer}" if len(page) == limit else newer

    def _is_reply_to_others(self, message: Message) -> bool:
        return message.parent is not None and message.parent.author is not message.author

    def _add_boosts(
        self,
        company: Person,
        messages: list[Message],
        rendered: dict[int, dict[str, Any]],
        accounts: dict[Person, dict[str, Any]],
    ) -> set[int]:
        """The company boosts what pleases it; a boost is a status of its own in its timeline."""
        praise = [m for m in messages if m.topic in ("story_campaign_praise", "praise_service") and m.parent is None]
        boosts = set()
        for message in praise[::9]:
            original = int(message.native_id)
            number = original + (7_400_000 << 16)  # about two hours later
            if number >> 16 >= last_moment().timestamp() * 1000 or number in self._statuses:
                continue
            moment = datetime.fromtimestamp((number >> 16) / 1000, UTC)
            value = {
                **rendered[original],
                "id": str(number),
                "created_at": stamp(moment),
                "account": accounts[company],
                "uri": f"https://{MASTODON_DOMAIN}/users/{company.handle}/statuses/{number}/activity",
                "url": status_url(message),
                "reblog": rendered[original],
            }
            self._statuses[number] = dumps(value)
            boosts.add(number)
        self._timelines[company.native_id] = sorted([*self._timelines[company.native_id], *boosts])
        return boosts


def _names(value: dict[str, Any], company: Person) -> bool:
    """Whether Mastodon tells the company of a status: it is mentioned in somebody else's."""
    own = company.native_id
    return value["account"]["id"] != own and own in [person["id"] for person in value["mentions"]]


def _refused(words: str) -> Response:
    return Response(dumps({"error": words}), 401)


def _below(message: Message) -> list[Message]:
    """All replies below `message`, depth first; nothing below a deleted one, as on the original."""
    found = []
    for reply in message.live_replies():
        found += [reply, *_below(reply)]
    return found


def _headers(limit: int, left: int, reset: float) -> dict[str, str]:
    moment = datetime.fromtimestamp(reset, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": moment}


_NEEDS_USER = "This method requires an authenticated user"
