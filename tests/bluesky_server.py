"""A small AppView for tests: the XRPC queries that the extractor uses, with the original's shapes and errors."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from loopback import Asked, Reply

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
COMPANY = "weidenfels.test"
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_TID = "234567abcdefghijklmnopqrstuvwxyz"


def did(handle: str) -> str:
    """The DID of whoever has `handle`."""
    digest = sha256(handle.encode()).digest()
    return "did:plc:" + "".join(_LETTERS[byte % 32] for byte in digest[:24])


def author(handle: str) -> dict[str, Any]:
    """A view of an account as it stands in feeds and threads."""
    return {
        "did": did(handle),
        "handle": handle,
        "displayName": f"{handle.split('.')[0].title()} Klarname",
        "avatar": f"https://cdn.bsky.example/img/avatar/plain/{did(handle)}/bafkreiaaaa@jpeg",
        "associated": {"chat": {"allowIncoming": "all"}},
        "viewer": {"muted": False},
        "labels": [{"src": did(handle), "uri": did(handle), "val": "!no-unauthenticated"}],
        "createdAt": "2023-07-01T10:00:00.000Z",
    }


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Bluesky:
    """The server's content and, in `faults`, what goes wrong: method -> replies to give first (None: hang up)."""

    def __init__(self, page: int = 100) -> None:
        self.page = page
        self.posts: dict[str, dict[str, Any]] = {}
        self.reposts: list[tuple[str, str, datetime]] = []
        self.blocked: set[str] = set()
        self.faults: dict[str, list[Reply | None]] = {}
        self.notifications: list[dict[str, Any]] = []
        self.lost: set[str] = set()  # what a search for everything passes over
        self.followers = 10
        self.logins = 0
        self.search_needs_login = False
        self.depth = 1000

    def say(self, handle: str, text: str, minute: float, reply_to: str | None = None, **more: Any) -> str:
        """A new post, `minute` minutes after START; returns its at:// address."""
        moment = START + timedelta(minutes=minute)
        number, rkey = int(moment.timestamp() * 1_000_000) << 10, ""
        for _ in range(13):
            rkey, number = _TID[number & 31] + rkey, number >> 5
        uri = f"at://{did(handle)}/app.bsky.feed.post/{rkey}"
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post",
            "text": text,
            "langs": ["de"],
            "createdAt": stamp(moment),
        }
        if reply_to:
            parent = self.posts[reply_to]
            above = parent["record"].get("reply")
            strong = {"uri": reply_to, "cid": "bafyreiparent"}
            record["reply"] = {"root": above["root"] if above else strong, "parent": strong}
            parent["replyCount"] += 1
        self.posts[uri] = {
            "uri": uri,
            "cid": "bafyrei" + sha256(uri.encode()).hexdigest(),
            "author": author(handle),
            "record": record | more,
            "bookmarkCount": 0,
            "replyCount": 0,
            "repostCount": 0,
            "likeCount": 0,
            "quoteCount": 0,
            "indexedAt": stamp(moment + timedelta(seconds=1)),
            "labels": [],
        }
        return uri

    def notify(self, uri: str, reason: str = "mention") -> None:
        """Tell the company of a post."""
        post = self.posts[uri]
        kept = {name: post[name] for name in ("uri", "cid", "author", "record", "indexedAt", "labels")}
        self.notifications.append({**kept, "reason": reason, "isRead": False})

    def delete(self, uri: str) -> None:
        """The record goes; answers keep their references to it."""
        gone = self.posts.pop(uri)
        self.notifications = [item for item in self.notifications if item["uri"] != uri]
        parent = (gone["record"].get("reply") or {}).get("parent", {}).get("uri")
        if parent in self.posts:
            self.posts[parent]["replyCount"] -= 1

    def __call__(self, asked: Asked) -> Reply | None:
        method = asked.path.removeprefix("/xrpc/")
        if self.faults.get(method):
            return self.faults[method].pop(0)
        query = asked.query
        match method:
            case "app.bsky.actor.getProfile" | "com.atproto.identity.resolveHandle":
                known = {COMPANY} | {post["author"]["handle"] for post in self.posts.values()}
                name = query.get("actor") or query["handle"]
                name = next((handle for handle in known if did(handle) == name), name)
                if name not in known:
                    words = "Profile not found" if "actor" in query else "Unable to resolve handle"
                    return Reply({"error": "InvalidRequest", "message": words}, 400)
                profile = {**author(name), "followersCount": self.followers, "postsCount": len(self._by(did(name)))}
                return Reply(profile if "actor" in query else {"did": did(name)})
            case "app.bsky.feed.getAuthorFeed":
                entries = [(post["indexedAt"], {"post": post}) for post in self._by(query["actor"])]
                for who, uri, moment in self.reposts:
                    reason = {"$type": "app.bsky.feed.defs#reasonRepost", "by": author(who), "indexedAt": stamp(moment)}
                    if did(who) == query["actor"] and uri in self.posts:
                        entries.append((stamp(moment), {"post": self.posts[uri], "reason": reason}))
                return self._paged(entries, query, "feed")
            case "app.bsky.feed.searchPosts":
                if self.search_needs_login and asked.headers.get("Authorization") != "Bearer session-token":
                    return Reply(b"<html><h1>403 Forbidden</h1></html>", 403, {"Content-Type": "text/html"})
                found = [p for p in self.posts.values() if query["q"].casefold() in p["record"]["text"].casefold()]
                since, until = query.get("since", ""), query.get("until", "9")
                found = [p for p in found if since <= p["indexedAt"] < until and (since or p["uri"] not in self.lost)]
                return self._paged([(post["indexedAt"], post) for post in found], query, "posts")
            case "app.bsky.feed.getPosts":
                assert 0 < len(asked.many["uris"]) <= 25
                return Reply({"posts": [self.posts[uri] for uri in asked.many["uris"] if uri in self.posts]})
            case "app.bsky.notification.listNotifications":
                if asked.headers.get("Authorization") != "Bearer session-token":
                    return Reply({"error": "AuthMissing", "message": "Authentication Required"}, 401)
                told = [item for item in self.notifications if item["reason"] in asked.many["reasons"]]
                return self._paged([(item["indexedAt"], item) for item in told], query, "notifications")
            case "app.bsky.feed.getPostThread":
                return self._thread(query)
            case "com.atproto.repo.listRecords":
                records = [{"uri": p["uri"], "cid": p["cid"], "value": p["record"]} for p in self._by(query["repo"])]
                return self._paged([(item["uri"].rsplit("/")[-1], item) for item in records], query, "records")
            case "com.atproto.server.createSession":
                self.logins += 1
                given = json.loads(asked.body)
                if given["password"] == "app-pass-word":
                    who = given["identifier"]
                    return Reply({"accessJwt": "session-token", "refreshJwt": "x", "did": did(who), "handle": who})
                return Reply({"error": "AuthenticationRequired", "message": "Invalid identifier or password"}, 401)
        return Reply({"error": "MethodNotImplemented", "message": "Method Not Implemented"}, 501)

    def _by(self, who: str) -> list[dict[str, Any]]:
        return [post for post in self.posts.values() if post["author"]["did"] == who]

    def _paged(self, entries: list[tuple[str, Any]], query: dict[str, str], name: str) -> Reply:
        limit = min(int(query.get("limit", 50)), self.page)
        entries = sorted(entries, key=lambda entry: entry[0], reverse=True)
        if cursor := query.get("cursor"):
            entries = [entry for entry in entries if entry[0] < cursor]
        page = entries[:limit]
        answer: dict[str, Any] = {name: [item for _, item in page]}
        if page:
            answer["cursor"] = page[-1][0]
        return Reply(answer)

    def _thread(self, query: dict[str, str]) -> Reply:
        uri = query["uri"]
        if uri not in self.posts:
            return Reply({"error": "NotFound", "message": f"Post not found: {uri}"}, 400)
        depth = min(int(query.get("depth", 6)), self.depth)
        return Reply({"thread": self._node(uri, depth, int(query.get("parentHeight", 80)))})

    def _node(self, uri: str, depth: int, height: int) -> dict[str, Any]:
        if uri not in self.posts:
            return {"$type": "app.bsky.feed.defs#notFoundPost", "uri": uri, "notFound": True}
        if uri in self.blocked:
            blocked = {"did": uri.split("/")[2], "viewer": {"blockedBy": True}}
            return {"$type": "app.bsky.feed.defs#blockedPost", "uri": uri, "blocked": True, "author": blocked}
        post = self.posts[uri]
        node: dict[str, Any] = {"$type": "app.bsky.feed.defs#threadViewPost", "post": post, "threadContext": {}}
        if height > 0 and "reply" in post["record"]:
            node["parent"] = self._node(post["record"]["reply"]["parent"]["uri"], 0, height - 1)
        if depth > 0:
            children = [
                other
                for other, found in self.posts.items()
                if found["record"].get("reply", {}).get("parent", {}).get("uri") == uri
            ]
            node["replies"] = [self._node(child, depth - 1, 0) for child in children]
        return node
