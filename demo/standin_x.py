"""A stand-in for X's API v2, filled with the demo's messages.

Served: users by username, a user's posts and mentions, posts by id, recent search and its counts, usage, and batch
compliance jobs. Its clock stands at the end of the demo's time: recent search reaches back seven days from there.
"""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from demo import render_x as render
from demo import x_query
from demo.company import last_moment
from demo.compliance_x import Jobs
from demo.errors_x import Refused, invalid, not_found
from demo.messages import Message
from demo.native_ids import snowflake
from demo.web import TOKEN, Limits, Request, Response, StandIn, dumps
from demo.world import World

_ROUTES = (
    (re.compile(r"/2/users/by/username/(\w+)"), "_user", "user.fields expansions tweet.fields"),
    (re.compile(r"/2/users/(\d+)/tweets"), "_own", "exclude pages posts"),
    (re.compile(r"/2/users/(\d+)/mentions"), "_mentions", "pages posts"),
    (re.compile(r"/2/tweets"), "_lookup", "ids posts"),
    (re.compile(r"/2/tweets/search/recent"), "_search", "query sort_order next_token pages posts"),
    (re.compile(r"/2/tweets/counts/recent"), "_counts", "query granularity next_token pages"),
    (re.compile(r"/2/usage/tweets"), "_usage", "days usage.fields"),
    (re.compile(r"/2/compliance/jobs"), "_compliance", "type status compliance_job.fields"),
    (re.compile(r"/2/compliance/jobs/(\d+)"), "_compliance", "compliance_job.fields"),
    (re.compile(r"/_files/(\d+)/(\w+)"), "_file", "X-Goog-Signature"),
)
_PARAMETERS = {
    "pages": "max_results pagination_token start_time end_time since_id until_id",
    "posts": "tweet.fields expansions user.fields media.fields poll.fields place.fields",
}
_TITLES = {401: "Unauthorized", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


class XStandIn(StandIn):
    """X, below /x. The token is demo.web.TOKEN.

    :param limit: requests to each endpoint in `window` seconds; the real one allows 450 searches in 15 minutes.
    :ivar recent: how far back search and counts reach.
    :ivar paid: posts that were returned so far.
    """

    prefix = "/x"

    def __init__(self, world: World, limit: int = 100_000, window: float = 900.0) -> None:
        self.limits = Limits(limit, window, _headers)
        self.recent = timedelta(days=7)
        self.paid = 0
        self._limits = {name: Limits(limit, window, _headers) for _, name, _ in _ROUTES}
        self._world = world
        self._messages = world.messages["x"]
        self._people = {person.native_id: person for person in world.people["x"]}
        self._jobs = Jobs()

    def spend(self, request: Request) -> tuple[bool, dict[str, str]]:
        """Each endpoint has a window of its own."""
        name = next((name for pattern, name, _ in _ROUTES if pattern.fullmatch(request.path)), "")
        return self._limits.get(name, self.limits).spend()

    def get(self, request: Request) -> Response:
        """Answer as X does: 401 without the token, 400 for what it does not know."""
        try:
            return self._answer(request)
        except Refused as refused:
            return Response(dumps(refused.body), refused.status)

    def post(self, request: Request) -> Response:
        """Compliance jobs, and the files that are sent to them."""
        if not request.path.startswith(("/2/compliance/jobs", "/_files/")):
            return self.error(405)
        return self.get(request)

    def error(self, status: int) -> Response:
        """X's problem object."""
        title = _TITLES.get(status, "Not Found" if status == 404 else "Error")
        return Response(dumps({"title": title, "detail": title, "type": "about:blank", "status": status}), status)

    def _answer(self, request: Request) -> Response:
        is_file = request.path.startswith("/_files/")
        if not is_file and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.error(401)
        for pattern, name, parameters in _ROUTES:
            if match := pattern.fullmatch(request.path):
                self._known(request, parameters)
                answer: Callable[..., Response] = getattr(self, name)
                return answer(request, *match.groups())
        return self.error(404)

    def _known(self, request: Request, parameters: str) -> None:
        """Refuse parameters that the endpoint does not have; new words are taken as the old ones."""
        known = set(parameters.split())
        for group, names in _PARAMETERS.items():
            if group in known:
                known |= set(names.split())
        for name, values in request.query.items():
            if {"post.fields": "tweet.fields"}.get(name, name) not in known:
                words = f"The query parameter [{name}] is not one of [{','.join(sorted(known))}]"
                raise invalid(name, values[-1], words)

    def _user(self, request: Request, handle: str) -> Response:
        person = next((one for one in self._people.values() if one.handle.casefold() == handle.casefold()), None)
        if person is None:
            words = f"Could not find user with username: [{handle}]."
            return Response(dumps({"errors": [not_found(handle, words, "user", "username")]}))
        return self._show({"data": self._shown_user(person.native_id, request)}, request)

    def _own(self, request: Request, native_id: str) -> Response:
        posts = [(m, self._post(m)) for m in self._alive() if m.author.native_id == native_id]
        if "retweets" not in _listed(request, "exclude") and native_id == self._world.company("x").native_id:
            posts += self._reposts()
        if "replies" in _listed(request, "exclude"):
            posts = [(m, post) for m, post in posts if m.parent is None]
        return self._page(request, [post for _, post in posts], "pagination_token", least=5)

    def _mentions(self, request: Request, native_id: str) -> Response:
        posts = [self._post(m) for m in self._alive() if m.author.native_id != native_id]
        named = [post for post in posts if native_id in _mentioned(post)]
        return self._page(request, named, "pagination_token", least=5)

    def _lookup(self, request: Request) -> Response:
        ids = _listed(request, "ids")
        if not 1 <= len(ids) <= 100 or not all(re.fullmatch(r"\d{1,19}", one) for one in ids):
            raise invalid("ids", ",".join(ids), "The number of values in the `ids` query parameter list is not valid")
        by_version = {version: m for m in self._alive() for version in render.versions(m)}
        posts = [self._post(by_version[one], one) for one in ids if one in by_version]
        missing = [not_found(one, f"Could not find tweet with ids: [{one}].") for one in ids if one not in by_version]
        return self._show(self._data(posts, request) | ({"errors": missing} if missing else {}), request)

    def _search(self, request: Request) -> Response:
        return self._page(request, self._found(request), "next_token", least=10)

    def _counts(self, request: Request) -> Response:
        days: dict[str, int] = {}
        for post in self._bounded(request, self._found(request)):
            days[post["created_at"][:10]] = days.get(post["created_at"][:10], 0) + 1
        begin = last_moment() - self.recent
        data = []
        for number in range(self.recent.days):
            start = begin + timedelta(days=number)
            ends = render.stamp(start + timedelta(days=1))
            count = days.get(start.strftime("%Y-%m-%d"), 0)
            data.append({"start": render.stamp(start), "end": ends, "tweet_count": count})
        return self._show({"data": data, "meta": {"total_tweet_count": sum(days.values())}}, request)

    def _usage(self, _: Request) -> Response:
        company = self._world.company("x")
        used = {
            "project_cap": "2000000",
            "project_usage": str(self.paid),
            "cap_reset_day": 1,
            "project_id": company.native_id,
        }
        return Response(dumps({"data": used}))

    def _compliance(self, request: Request, number: str = "") -> Response:
        return self._jobs.job(request, number) if number else self._jobs.jobs(request)

    def _file(self, request: Request, number: str, way: str) -> Response:
        alive = {version for message in self._alive() for version in render.versions(message)}
        return self._jobs.file(request, number, way, alive)

    def _alive(self) -> list[Message]:
        return [message for message in self._messages if not message.is_deleted]

    def _post(self, message: Message, version: str | None = None) -> dict[str, Any]:
        return render.post(message, self._world, version=version)

    def _reposts(self) -> list[tuple[Message, dict[str, Any]]]:
        """The company passes on what pleases it."""
        found = []
        company = self._world.company("x")
        for message in [m for m in self._alive() if m.topic == "story_campaign_praise" and m.parent is None][::4]:
            moment = message.created_at + timedelta(hours=2)
            found.append((message, render.repost(message, company, snowflake(moment, 77), moment)))
        return found

    def _found(self, request: Request) -> list[dict[str, Any]]:
        """What a search finds, of the last days."""
        query = request.one("query") or ""
        if not 1 <= len(query) <= 512:
            raise invalid("query", query[:80], "The `query` query parameter must have 1 to 512 characters")
        try:
            test = x_query.parse(query)
        except x_query.QueryError as error:
            raise invalid("query", query[:80], str(error)) from None
        first = last_moment() - self.recent
        for name in ("since_id", "start_time"):
            self._reachable(name, request.one(name), first)
        found = []
        for message in self._alive():
            if message.created_at < first:
                continue
            post = self._post(message)
            seen = {
                **post,
                "username": message.author.handle,
                "to": message.parent.author.handle if message.parent else "",
                "kinds": [reference["type"] for reference in post.get("referenced_tweets", ())],
            }
            if test(seen):
                found.append(post)
        return found

    def _reachable(self, name: str, value: str | None, first: datetime) -> None:
        if name == "since_id" and value and int(value) < int(snowflake(first, 0)):
            words = f"'since_id' must be a tweet id created after [{first:%Y-%m-%dT%H:%MZ}]"
            raise invalid(name, value, f"{words}. Please use a 'since_id' that is larger than {snowflake(first, 0)}")

    def _page(self, request: Request, posts: list[dict[str, Any]], named: str, *, least: int) -> Response:
        """Newest first; the token holds where the next page begins."""
        size = request.one("max_results") or "10"
        if not size.isdigit() or not least <= int(size) <= 100:
            words = f"The `max_results` query parameter value [{size}] is not between {least} and 100"
            raise invalid("max_results", size, words)
        posts = sorted(self._bounded(request, posts), key=lambda post: int(post["id"]), reverse=True)
        token = request.one(named) or request.one("pagination_token")
        if token:
            before = _decoded(token, named)
            posts = [post for post in posts if int(post["id"]) < before]
        page = posts[: int(size)]
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if len(posts) > len(page):
            meta["next_token"] = _encoded(page[-1]["id"])
        return self._show(self._data(page, request) | {"meta": meta}, request)

    def _bounded(self, request: Request, posts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        after, before = request.one("since_id"), request.one("until_id")
        start, end = request.one("start_time"), request.one("end_time")
        if request.path.endswith("/recent") and (after or before) and (start or end):
            raise invalid(
                "since_id", after or "", "Invalid use of 'since_id' or 'until_id' with 'start_time' or 'end_time'"
            )
        for name, value in (("since_id", after), ("until_id", before)):
            if value and not re.fullmatch(r"\d{1,19}", value):
                raise invalid(name, value, f"The `{name}` query parameter value [{value}] is not a valid id")
        low, high = int(after or 0), int(before or 1 << 63)
        posts = [post for post in posts if low < int(post["id"]) < high]
        return [
            post
            for post in posts
            if (not start or post["created_at"] >= start) and (not end or post["created_at"] < end)
        ]

    def _data(self, posts: list[dict[str, Any]], request: Request) -> dict[str, Any]:
        """The posts as far as their fields were asked for, and what was expanded beside them."""
        self.paid += len(posts)
        if not posts:
            return {}
        old = {new: word for word, new in render.NEW_WORDS.items() if word != "referenced_tweets"}
        expansions = [old.get(one, one) for one in _listed(request, "expansions")]
        fields = [old.get(one, one) for one in _listed(request, "tweet.fields") + _listed(request, "post.fields")]
        wanted = {*render.DEFAULT, *fields, *(render.EXPANDED[one] for one in expansions if one in render.EXPANDED)}
        value: dict[str, Any] = {"data": [{name: post[name] for name in post if name in wanted} for post in posts]}
        shown = {"author_id": "author_id", "in_reply_to_user_id": "in_reply_to_user_id"}
        people = [post.get(shown[one]) for post in posts for one in expansions if one in shown]
        users = [self._shown_user(one, request) for one in dict.fromkeys(people) if one in self._people]
        if users:
            value["includes"] = {"users": users}
        return value

    def _shown_user(self, native_id: str, request: Request) -> dict[str, Any]:
        person = self._people[native_id]
        value = render.user(person, sum(m.author is person for m in self._alive()))
        wanted = {"id", "name", "username", *_listed(request, "user.fields")}
        return {name: item for name, item in value.items() if name in wanted}

    def _show(self, value: dict[str, Any], request: Request) -> Response:
        return Response(dumps(render.in_new_words(value) if "post.fields" in request.query else value))


def _listed(request: Request, name: str) -> list[str]:
    return [one for value in request.query.get(name, ()) for one in value.split(",") if one]


def _mentioned(post: Mapping[str, Any]) -> list[str]:
    return [person["id"] for person in post.get("entities", {}).get("mentions", ())]


def _encoded(native_id: str) -> str:
    return base64.b32hexencode(f"v1:{native_id}".encode()).decode().rstrip("=").lower()


def _decoded(token: str, named: str) -> int:
    try:
        text = base64.b32hexdecode(token.upper() + "=" * (-len(token) % 8)).decode()
        return int(text.removeprefix("v1:"))
    except ValueError:
        raise invalid(named, token, f"The `{named}` query parameter value [{token}] is not valid") from None


def _headers(limit: int, left: int, reset: float) -> dict[str, str]:
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(left),
        "x-rate-limit-reset": str(int(reset)),
    }
