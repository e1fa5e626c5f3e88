"""A stand-in for LinkedIn's Community Management APIs, filled with the demo company's organisation.

Served, each with the parameters, paging and errors of the original: posts (by author, by ids, one), comments of a post
and of a comment (lists and single ones), social metadata, share statistics (all, by post, by day), the number of
followers, the organisation, and the roles of the token's owner. Queries must be spelt as Rest.li 2.0 wants them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import unquote

from demo import audience
from demo import render_linkedin as render
from demo.company import DAYS, LEGAL_NAME, LINKEDIN_ORGANIZATION, LINKEDIN_ORGANIZATION_ID, START, day_of
from demo.errors_linkedin import ERRORS, Refused, refusal
from demo.faults import Fault
from demo.messages import Message
from demo.native_ids import milliseconds
from demo.web import TOKEN, Limits, Request, Response, StandIn, dumps
from demo.world import World

OLDEST_VERSION = "202511"
_BY_STATUS = {401: "INVALID_ACCESS_TOKEN", 403: "ACCESS_DENIED", 404: "RESOURCE_NOT_FOUND", 429: "TOO_MANY_REQUESTS"}
_INTERVALS = re.compile(r"\(timeRange:\(start:(\d{13}),end:(\d{13})\),timeGranularityType:DAY\)")
_KNOWN = {
    "posts": {"author", "q", "isDsc", "sortBy", "viewContext", "ids", "start", "count"},
    "socialActions": {"ids", "start", "count"},
    "socialMetadata": {"ids"},
    "organizationalEntityShareStatistics": {
        *("q", "organizationalEntity", "timeIntervals", "shares", "ugcPosts", "start", "count"),
    },
    "networkSizes": {"edgeType"},
    "organizations": set[str](),
    "organizationAcls": {"q", "role", "state", "organization", "start", "count"},
}


class LinkedInStandIn(StandIn):
    """The versioned API, below /linkedin. The token is demo.web.TOKEN.

    :param limit: requests in `window` seconds; the real one has a number for each resource and day, and announces none.
    """

    prefix = "/linkedin"

    def __init__(self, world: World, limit: int = 100_000, window: float = 300.0) -> None:
        self.limits = Limits(limit, window, lambda *_: {})
        self._world = world
        self._messages = {message.native_id: message for message in world.messages["linkedin"]}
        self._threads = {m.details["activity"]: m for m in world.messages["linkedin"] if m.parent is None}

    def get(self, request: Request) -> Response:
        """Answer as the API does."""
        try:
            return Response(dumps(self._answer(request)))
        except Refused as refused:
            return refused.response

    def error(self, status: int) -> Response:
        """LinkedIn's error object."""
        code = "METHOD_NOT_ALLOWED" if status == 405 else _BY_STATUS.get(status, "INTERNAL_SERVER_ERROR")
        return refusal(code, status=status)

    def fault(self, fault: Fault) -> Response:
        """`fault.code` is LinkedIn's own ("REVOKED_ACCESS_TOKEN")."""
        return refusal(fault.code) if fault.code in ERRORS else self.error(fault.status)

    def _answer(self, request: Request) -> Any:
        _check_caller(request)
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        if len(parts) < 2 or parts[0] != "rest" or parts[1] not in _KNOWN:
            raise Refused("RESOURCE_NOT_FOUND", "No virtual resource found")
        if unknown := set(request.query) - _KNOWN[parts[1]]:
            raise Refused("ILLEGAL_ARGUMENT", f"Query parameter '{min(unknown)}' is not known to this resource")
        match parts[1:]:
            case ["posts"]:
                return self._posts(request)
            case ["posts", urn]:
                return self._post(self._live(urn))
            case ["socialActions", entity]:
                shown = render.comment(self._live(entity), ())
                return {name: shown[name] for name in ("commentsSummary", "likesSummary")} | {"target": entity}
            case ["socialActions", entity, "comments"]:
                message = self._live(entity)
                found = [self._comment(reply) for reply in message.replies if render.is_live(reply)]
                return _paged(request, found)
            case ["socialActions", entity, "comments", number]:
                for reply in render.below(self._live(entity).root):
                    if render.number(reply) == number:
                        return self._comment(reply)
                raise Refused("RESOURCE_NOT_FOUND")
            case ["socialMetadata"]:
                return self._batch(request, render.metadata)
            case ["socialMetadata", urn]:
                return render.metadata(self._live(urn))
            case ["organizationalEntityShareStatistics"]:
                return self._statistics(request)
            case ["networkSizes", urn] if request.one("edgeType") == "COMPANY_FOLLOWED_BY_MEMBER":
                _check_organization(urn)
                return {"firstDegreeSize": self._world.company("linkedin").followers}
            case ["organizations", number]:
                _check_organization(f"urn:li:organization:{number}")
                name = {"localized": {"de_DE": LEGAL_NAME}, "preferredLocale": {"country": "DE", "language": "de"}}
                known = {"$URN": LINKEDIN_ORGANIZATION, "localizedName": LEGAL_NAME, "vanityName": "weidenfels"}
                return {"id": int(LINKEDIN_ORGANIZATION_ID), **known, "name": name}
            case ["organizationAcls"]:
                role = {"role": "ADMINISTRATOR", "roleAssignee": render.ADMIN, "state": "APPROVED"}
                return _paged(request, [{**role, "organization": LINKEDIN_ORGANIZATION}])
        raise Refused("ILLEGAL_ARGUMENT")

    def _posts(self, request: Request) -> Any:
        if "ids" in request.query:
            return self._batch(request, self._post, is_post=True)
        if request.one("q") != "author" or not request.one("author"):
            raise Refused("ILLEGAL_ARGUMENT")
        _check_organization(request.one("author") or "")
        posts = [m for m in self._messages.values() if m.parent is None and render.is_live(m)]
        by_creation = request.one("sortBy") == "CREATED"
        posts.sort(key=lambda m: m.created_at if by_creation else m.edited_at or m.created_at, reverse=True)
        return _paged(request, [self._post(post) for post in posts])

    def _batch(self, request: Request, shown: Callable[[Message], dict[str, Any]], is_post: bool = False) -> Any:
        """What stands under each of `ids`, and an error for what does not."""
        results: dict[str, Any] = {}
        statuses: dict[str, int] = {}
        errors: dict[str, Any] = {}
        for urn in listed(request, "ids"):
            try:
                message = self._live(urn)
            except Refused:
                statuses[urn] = 404
                errors[urn] = {"status": 404, "code": "RESOURCE_NOT_FOUND", "message": f"{urn} could not be found"}
                continue
            if is_post and message.parent is not None:
                raise Refused("ILLEGAL_ARGUMENT", f"{urn} is no post")
            statuses[urn], results[urn] = 200, shown(message)
        return {"results": results, "statuses": statuses, "errors": errors}

    def _statistics(self, request: Request) -> Any:
        if request.one("q") != "organizationalEntity":
            raise Refused("ILLEGAL_ARGUMENT")
        _check_organization(request.one("organizationalEntity") or "")
        if "timeIntervals" in request.query:
            return _paged(request, self._days(raw(request, "timeIntervals")))
        for name, key in (("shares", "share"), ("ugcPosts", "ugcPost")):
            if name in request.query:
                asked = [self._messages.get(urn) for urn in listed(request, name)]
                if None in asked:
                    raise Refused("ACCESS_DENIED", f"Unpermitted fields present in PARAMETER: [/{name}[0]]")
                seen = [m for m in asked if m is not None and render.is_live(m) and m.impressions]
                return _paged(request, [render.statistics(render.of_post(m), **{key: m.native_id}) for m in seen])
        posts = [m for m in self._messages.values() if m.parent is None and render.is_live(m)]
        return _paged(request, [render.statistics(_sum([render.of_post(post) for post in posts]))])

    def _days(self, interval: str) -> list[dict[str, Any]]:
        found = _INTERVALS.fullmatch(interval)
        if found is None:
            raise Refused("ILLEGAL_ARGUMENT", "timeIntervals is not in the required format")
        first, end = int(found[1]), int(found[2])
        shown = []
        for day in range(DAYS):
            start = datetime.combine(START + timedelta(days=day), time.min, UTC)
            if not first <= milliseconds(start) < end:
                continue
            said = [m for m in self._messages.values() if day_of(m.created_at) == day and render.is_live(m)]
            counts: dict[str, int | None] = {**audience.daily(self._world, "linkedin", day)}
            counts["likes"] = sum(m.favourites for m in said if m.parent is None)
            counts["comments"] = sum(1 for m in said if m.parent is not None)
            counts["shares"] = sum(m.shares for m in said if m.parent is None)
            span = {"start": milliseconds(start), "end": milliseconds(start + timedelta(days=1))}
            shown.append(render.statistics(counts, timeRange=span))
        return shown

    def _live(self, urn: str) -> Message:
        message = self._messages.get(urn) or self._threads.get(urn)
        if message is None or not render.is_live(message):
            raise Refused("RESOURCE_NOT_FOUND", f"Could not find {urn}")
        return message

    def _post(self, message: Message) -> dict[str, Any]:
        return render.post(message, self._world.mentions(message))

    def _comment(self, message: Message) -> dict[str, Any]:
        return render.comment(message, self._world.mentions(message))


def raw(request: Request, name: str) -> str:
    """A parameter as it was sent. Rest.li's brackets must not be encoded, and what stands between them must."""
    for part in request.raw_query.split("&"):
        key, _, value = part.partition("=")
        if key == name:
            return value
    raise Refused("ILLEGAL_ARGUMENT", f"Query parameter '{name}' is missing")


def listed(request: Request, name: str) -> list[str]:
    """The members of `List(...)`."""
    found = re.fullmatch(r"List\(([^()]+)\)", raw(request, name))
    if found is None or ":" in found[1]:
        raise Refused("ILLEGAL_ARGUMENT", f"Bad syntax in query parameter '{name}'")
    return [unquote(value) for value in found[1].split(",")]


def _check_caller(request: Request) -> None:
    given, version = request.headers.get("authorization"), request.headers.get("linkedin-version")
    if given is None:
        raise Refused("EMPTY_ACCESS_TOKEN")
    if given != f"Bearer {TOKEN}":
        raise Refused("INVALID_ACCESS_TOKEN")
    if version is None:
        raise Refused("VERSION_MISSING")
    if not re.fullmatch(r"20\d{4}", version) or version < OLDEST_VERSION:
        raise Refused("NONEXISTENT_VERSION", f"Requested version {version} is not active")
    if request.headers.get("x-restli-protocol-version") != "2.0.0":
        raise Refused("ILLEGAL_ARGUMENT", "X-Restli-Protocol-Version must be 2.0.0")


def _check_organization(urn: str) -> None:
    if urn != LINKEDIN_ORGANIZATION:
        raise Refused("ACCESS_DENIED", f"Not enough permissions to access {urn}")


def _paged(request: Request, everything: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One page, with links to those around it."""
    try:
        start, count = int(request.one("start") or 0), int(request.one("count") or 10)
    except ValueError:
        raise Refused("ILLEGAL_ARGUMENT") from None
    if start < 0 or not 1 <= count <= 100:
        raise Refused("ILLEGAL_ARGUMENT", "count must be between 1 and 100")
    kept = [part for part in request.raw_query.split("&") if part.partition("=")[0] not in ("start", "count", "")]
    links = []
    for rel, place in (("prev", start - count), ("next", start + count)):
        if 0 <= place < len(everything) or (rel == "prev" and start > 0):
            asked = "&".join([*kept, f"count={count}", f"start={max(0, place)}"])
            links.append({"type": "application/json", "rel": rel, "href": f"{request.path}?{asked}"})
    return {"paging": {"start": start, "count": count, "links": links}, "elements": everything[start : start + count]}


def _sum(counts: Sequence[Mapping[str, int | None]]) -> dict[str, int | None]:
    names = ("impressions", "reach", "clicks", "likes", "comments", "shares")
    return {name: sum(one[name] or 0 for one in counts) for name in names}
