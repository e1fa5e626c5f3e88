"""A small LinkedIn for tests: one or more organisations' posts with comments and replies, counted as LinkedIn does."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlencode

from loopback import Asked, Reply, Server

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
ORGANIZATION = "urn:li:organization:5192100"
TOKEN = "AQX-access-token-of-the-test"
PERSON = "urn:li:person:dK-kurbel_1"


def thousandths(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def refused(status: int, code: str, message: str = "", number: int | None = None, **headers: str) -> Reply:
    body = {"status": status, "code": code, "message": message or code}
    return Reply({**body, **({"serviceErrorCode": number} if number else {})}, status, headers)


def throttled(message: str = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."):
    return refused(429, "TOO_MANY_REQUESTS", message, 101)


class LinkedIn:
    """The server's answers. `posts` and `comments`: id -> what a test put there; edit or delete them as you like.

    :ivar instead: resource -> what is answered instead of what stands there.
    """

    def __init__(self) -> None:
        self.posts: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, dict[str, Any]] = {}
        self.instead: dict[str, Any] = {}
        self.tells_replies = self.tells_likes = self.has_links = True
        self.unseen: set[str] = set()  # posts of which there are no statistics
        self.foreign: set[str] = set()  # posts with which a request for statistics is refused
        self.server: Server

    def post(self, number: int, minute: float, of: str = ORGANIZATION, **more: Any) -> str:
        urn = f"urn:li:{more.pop('kind', 'share')}:{number}"
        self.posts[urn] = {"number": number, "minute": minute, "of": of, "text": f"Beitrag {number}"} | more
        return urn

    def comment(self, post: str, number: int, minute: float, parent: str | None = None, **more: Any) -> str:
        place = f"urn:li:activity:{self.posts[post]['number'] + 1_000_000}"
        urn = f"urn:li:comment:({place},{number})"
        said = {"post": post, "minute": minute, "parent": parent, "actor": PERSON, "text": f"Kommentar {number}"}
        self.comments[urn] = said | {"place": place, "number": number} | more
        return urn

    def delete(self, urn: str) -> None:
        """A post or comment with all that stands below it."""
        self.posts.pop(urn, None)
        self.comments.pop(urn, None)
        for name, comment in list(self.comments.items()):
            if urn in (comment["post"], comment["parent"]):
                self.delete(name)

    def ids(self) -> list[str]:
        return sorted([*self.posts, *self.comments])

    def asked(self, since: int = 0) -> list[str]:
        """The resources that were asked for."""
        return [path.split("/")[2] for path in self.server.paths()[since:]]

    def __call__(self, asked: Asked) -> Reply | None:
        parts = [unquote(part) for part in asked.path.strip("/").split("/")]
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return refused(
                401, "INVALID_ACCESS_TOKEN", f"Invalid access token {asked.headers.get('Authorization')}", 65600
            )
        if asked.headers.get("LinkedIn-Version", "") < "202511":
            return refused(426, "NONEXISTENT_VERSION", "Requested version 20230101 is not active")
        if asked.headers.get("X-Restli-Protocol-Version") != "2.0.0":
            return refused(400, "ILLEGAL_ARGUMENT")
        found = self.instead.get("/".join(parts[1:]), self.instead.get(parts[1]))
        if isinstance(found, list):
            found = found.pop(0) if found else None
            if found is None:
                return None
        if found is not None:
            return found(asked) if callable(found) else found
        return self.found(asked, *parts[1:])

    def found(self, asked: Asked, *parts: str) -> Reply:
        """What stands at `/rest/<parts>`."""
        query = asked.query
        match list(parts):
            case ["posts"] if "ids" in query:
                return self._batch(query, {urn: self.shown(urn) for urn in self.posts})
            case ["posts"]:
                own = [urn for urn, post in self.posts.items() if post["of"] == query["author"]]
                own.sort(key=lambda urn: (self.posts[urn]["minute"], urn), reverse=True)
                return self._page(asked, [self.shown(urn) for urn in own])
            case ["posts", urn]:
                return Reply(self.shown(urn)) if urn in self.posts else refused(404, "RESOURCE_NOT_FOUND", "no post")
            case ["socialMetadata", urn]:
                return Reply(self._metadata(urn)) if urn in self.ids() else refused(404, "RESOURCE_NOT_FOUND", "none")
            case ["socialMetadata"]:
                return self._batch(query, {urn: self._metadata(urn) for urn in self.ids()})
            case ["socialActions", entity, "comments", *number]:
                if entity not in self.posts and entity not in self.comments:
                    return refused(404, "RESOURCE_NOT_FOUND", f"Could not find {entity}")
                shown = [self._comment(urn) for urn in self._below(entity)]
                if number:
                    one = [comment for comment in shown if comment["id"] == number[0]]
                    return Reply(one[0]) if one else refused(404, "RESOURCE_NOT_FOUND", "Comment not found")
                return self._page(asked, shown)
            case ["organizationalEntityShareStatistics"]:
                return self._statistics(asked)
            case ["networkSizes", _]:
                return Reply({"firstDegreeSize": 4711})
            case ["organizations", number]:
                return Reply({"id": int(number), "localizedName": f"Weidenfels {number[-2:]}", "vanityName": "w"})
            case ["organizationAcls"]:
                role = {"role": "ADMINISTRATOR", "state": "APPROVED", "roleAssignee": PERSON}
                return self._page(asked, [{**role, "organization": ORGANIZATION}])
        return refused(404, "RESOURCE_NOT_FOUND", "No virtual resource found")

    def shown(self, urn: str) -> dict[str, Any]:
        """A post as the API gives it."""
        post = self.posts[urn]
        at = START + timedelta(minutes=post["minute"])
        changed = START + timedelta(minutes=post.get("edited", post["minute"]))
        return {
            **{"id": urn, "author": post["of"], "commentary": post["text"], "visibility": "PUBLIC"},
            **{"lifecycleState": "PUBLISHED", "lifecycleStateInfo": {"isEditedByAuthor": "edited" in post}},
            **{"createdAt": thousandths(at), "publishedAt": thousandths(at), "lastModifiedAt": thousandths(changed)},
        }

    def _comment(self, urn: str) -> dict[str, Any]:
        comment = self.comments[urn]
        stamp = {"actor": comment["actor"], "time": thousandths(START + timedelta(minutes=comment["minute"]))}
        changed = thousandths(START + timedelta(minutes=comment.get("edited", comment["minute"])))
        below = len(self._below(urn))
        shown = {
            **{"actor": comment["actor"], "created": stamp, "lastModified": {**stamp, "time": changed}},
            **{"id": str(comment["number"]), "$URN": urn, "object": comment["place"]},
            "message": {"text": comment["text"], "attributes": comment.get("attributes", [])},
        }
        if self.tells_replies:
            shown["commentsSummary"] = {"totalFirstLevelComments": below, "aggregatedTotalComments": below}
        if self.tells_likes:
            shown["likesSummary"] = {"totalLikes": comment.get("likes", 0)}
        if comment["parent"]:
            shown["parentComment"] = comment["parent"]
        return shown

    def _below(self, urn: str) -> list[str]:
        """Comments of a post, replies to a comment."""
        of_post = urn in self.posts
        found = [
            (c["minute"], name) for name, c in self.comments.items() if (c["post"] if of_post else c["parent"]) == urn
        ]
        return [name for _, name in sorted(found) if not of_post or not self.comments[name]["parent"]]

    def _metadata(self, urn: str) -> dict[str, Any]:
        said = self.posts.get(urn) or self.comments[urn]
        count = sum(1 for comment in self.comments.values() if urn in (comment["post"], comment["parent"]))
        kinds = {"LIKE": said.get("likes", 0), "PRAISE": said.get("praise", 0)}
        return {
            "entity": urn,
            "commentSummary": {"count": count, "topLevelCount": len(self._below(urn))},
            "reactionSummaries": {kind: {"reactionType": kind, "count": n} for kind, n in kinds.items() if n},
        }

    def _statistics(self, asked: Asked) -> Reply:
        query, shown = asked.query, []
        totals = {"clickCount": 2, "likeCount": 1, "commentCount": 0, "shareCount": 3, "impressionCount": 100}
        totals["uniqueImpressionsCount"] = 80
        organization = query["organizationalEntity"]
        for name, key in (("shares", "share"), ("ugcPosts", "ugcPost")):
            if name in query:
                urns = _listed(query[name])
                if self.foreign & set(urns):
                    return refused(403, "ACCESS_DENIED", f"Unpermitted fields present in PARAMETER: [/{name}[0]]", 100)
                shown = [{key: urn} for urn in urns if urn in self.posts and urn not in self.unseen]
        if "timeIntervals" in query:
            first, end = map(int, re.findall(r"\d{13}", query["timeIntervals"]))
            shown = [{"timeRange": {"start": at, "end": at + 86_400_000}} for at in range(first, end, 86_400_000)]
        elif not {"shares", "ugcPosts"} & query.keys():
            shown = [{}]
        return self._page(
            asked, [{"organizationalEntity": organization, "totalShareStatistics": totals, **one} for one in shown]
        )

    def _batch(self, query: dict[str, str], there: dict[str, Any]) -> Reply:
        asked = _listed(query["ids"])
        results = {urn: there[urn] for urn in asked if urn in there}
        errors = {urn: {"status": 404, "message": "not found"} for urn in asked if urn not in there}
        statuses = {urn: 200 if urn in there else 404 for urn in asked}
        return Reply({"results": results, "statuses": statuses, "errors": errors})

    def _page(self, asked: Asked, items: list[Any]) -> Reply:
        start, count = int(asked.query.get("start", 0)), int(asked.query.get("count", 10))
        links = []
        if self.has_links and start + count < len(items):
            query = urlencode({**asked.query, "start": start + count})
            links.append({"type": "application/json", "rel": "next", "href": f"{asked.path}?{query}"})
        return Reply(
            {"paging": {"start": start, "count": count, "links": links}, "elements": items[start : start + count]}
        )


def _listed(value: str) -> list[str]:
    assert value.startswith("List("), value
    return re.findall(r"urn:li:comment:\([^)]*\)|[^,()]+", value[5:-1])
