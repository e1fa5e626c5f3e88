"""A small X for tests: the subset of API v2 that the extractor uses, with the real one's paging and errors.

Lists stand newest first; ids hold the time; `pagination_token` and `next_token` lead to older posts; what cannot be
shown stands in `errors` beside the data. Every post that is returned is counted in `paid`.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from loopback import Asked, Reply

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
COMPANY, COMPANY_ID = "weidenfels", "2244994953"
TOKEN = "AAAA-bearer-of-the-app"
PROBLEMS = "https://api.x.com/2/problems"
FIRST_MILLISECOND = 1_288_834_974_657


def snowflake(minute: float, low: int = 0) -> int:
    """The id of a post written `minute` minutes after START."""
    return (int((START + timedelta(minutes=minute)).timestamp() * 1000) - FIRST_MILLISECOND) << 22 | low


def invalid(parameter: str, value: str, words: str) -> Reply:
    """X's 400 for a parameter."""
    error = {"parameters": {parameter: [value]}, "message": words}
    title = {"title": "Invalid Request", "detail": "One or more parameters to your request was invalid."}
    return Reply({"errors": [error], **title, "type": f"{PROBLEMS}/invalid-request"}, 400)


def user(handle: str) -> dict[str, Any]:
    """An account as the API shows it."""
    native_id = COMPANY_ID if handle == COMPANY else str(700_000_000_000 + sum(map(ord, handle)))
    return {
        "id": native_id,
        "username": handle,
        "name": "Weidenfels Hausgeräte" if handle == COMPANY else f"{handle.title()} Geheimname",
        "profile_image_url": f"https://pbs.twimg.com/profile_images/{handle}.png",
        "description": f"Ich bin {handle} aus Kiel",
        "public_metrics": {"followers_count": 1200, "following_count": 3, "tweet_count": 4100, "listed_count": 7},
    }


class X:
    """The server's content and, in `faults`, what goes wrong: path -> replies to give first (None: hang up)."""

    def __init__(self) -> None:
        self.posts: dict[int, dict[str, Any]] = {}
        self.people: dict[str, dict[str, Any]] = {COMPANY_ID: user(COMPANY)}
        self.protected: set[int] = set()
        self.faults: dict[str, list[Reply | None]] = {}
        self.expired: set[str] = set()
        self.words = "tweet"  # or post: which vocabulary the server knows
        self.withheld: set[str] = set()  # fields of public_metrics that are refused
        self.oldest_since = 0
        self.paid = 0
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, list[str]] = {}
        self.slow_jobs = 0  # so many looks at a job before it is complete
        self.address = ""

    def say(self, handle: str, text: str, minute: float, reply_to: int | None = None, **more: Any) -> int:
        """A new post, `minute` minutes after START; returns its id."""
        number = snowflake(minute)
        while number in self.posts:
            number += 1
        author = user(handle)
        self.people[author["id"]] = author
        above = self.posts.get(reply_to) if reply_to else None
        mentions = re.findall(r"(?<!\w)@(\w+)", text)
        post = {
            "id": str(number),
            "text": text,
            "author_id": author["id"],
            "created_at": (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "conversation_id": above["conversation_id"] if above else str(number),
            "edit_history_tweet_ids": [str(number)],
            "lang": "de",
            "public_metrics": {
                **{"retweet_count": 1, "reply_count": 0, "like_count": 5, "quote_count": 2},
                **{"bookmark_count": 3, "impression_count": 400},
            },
            **more,
        }
        if mentions:
            post["entities"] = {
                "mentions": [
                    {"start": 0, "end": len(name) + 1, "username": name, "id": user(name)["id"]} for name in mentions
                ]
            }
        if above:
            post["referenced_tweets"] = [{"type": "replied_to", "id": above["id"]}]
            post["in_reply_to_user_id"] = above["author_id"]
            above["public_metrics"]["reply_count"] += 1
        self.posts[number] = post
        return number

    def edit(self, number: int, text: str, minute: float) -> int:
        """The post under a new id, as X has it; the old version can still be asked for by its own."""
        old = self.posts[number]
        latest = snowflake(minute)
        ids = [*old["edit_history_tweet_ids"], str(latest)]
        written = (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        old["edit_history_tweet_ids"] = ids
        self.posts[latest] = {**old, "id": str(latest), "text": text, "created_at": written}
        return latest

    def delete(self, number: int) -> None:
        """A post with all its versions; the answers stay."""
        gone = self.posts[number]
        for version in gone["edit_history_tweet_ids"]:
            self.posts.pop(int(version), None)
        for reference in gone.get("referenced_tweets", ()):
            if int(reference["id"]) in self.posts:
                self.posts[int(reference["id"])]["public_metrics"]["reply_count"] -= 1

    def __call__(self, asked: Asked) -> Reply | None:
        path = asked.path
        if self.faults.get(path):
            return self.faults[path].pop(0)
        if path.startswith("/files/"):
            return self._file(asked)
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}, 401)
        match path.strip("/").split("/")[1:]:
            case ["usage", "tweets"]:
                usage = {"project_cap": "2000000", "project_usage": str(self.paid), "cap_reset_day": 4}
                return Reply({"data": usage})
            case ["users", "by", "username", name]:
                found = next((person for person in self.people.values() if person["username"] == name), None)
                return Reply({"data": found} if found else self._no_user(name))
            case ["users", native_id, "tweets"]:
                return self._list(asked, lambda post: post["author_id"] == native_id, "pagination_token")
            case ["users", native_id, "mentions"]:
                return self._list(asked, lambda post: native_id in self._mentioned(post), "pagination_token")
            case ["tweets", "search", "recent"]:
                return self._list(asked, lambda post: self._matches(asked.query["query"], post), "next_token")
            case ["tweets", "counts", "recent"]:
                count = sum(self._matches(asked.query["query"], post) for post in self._latest())
                return Reply({"data": [], "meta": {"total_tweet_count": count}})
            case ["tweets"]:
                return self._lookup(asked)
            case ["compliance", "jobs", *rest]:
                return self._job(asked, *rest)
        return Reply({"title": "Not Found", "type": "about:blank", "status": 404, "detail": "Not Found"}, 404)

    def _list(self, asked: Asked, chosen: Any, token: str) -> Reply:
        query = asked.query
        if (refusal := self._refused(asked)) is not None:
            return refusal
        since, until = int(query.get("since_id", 0)), int(query.get("until_id", 1 << 63))
        if since and since < self.oldest_since and token == "next_token":
            words = f"'since_id' must be a tweet id created after [2026-03-01T08:00Z]. larger than {self.oldest_since}"
            return invalid("since_id", query["since_id"], words)
        if query.get(token) in self.expired:
            return invalid(token, query[token], f"The `{token}` query parameter value [{query[token]}] is not valid")
        if token in query:
            until = min(until, int(query[token][1:]))
        size = int(query.get("max_results", 10))
        found = [post for post in self._latest() if chosen(post) and since < int(post["id"]) < until]
        found = [post for post in found if self._in_time(post, query)]
        page = found[:size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if len(found) > size:
            meta["next_token"] = f"t{page[-1]['id']}"
        return self._answer(page, meta)

    def _lookup(self, asked: Asked) -> Reply:
        if (refusal := self._refused(asked)) is not None:
            return refusal
        found, errors = [], []
        for native_id in asked.query["ids"].split(","):
            number = int(native_id)
            if number in self.protected:
                errors.append(self._problem("not-authorized-for-resource", "Authorization Error", native_id))
            elif number in self.posts:
                found.append(self.posts[number])
            else:
                errors.append(self._problem("resource-not-found", "Not Found Error", native_id))
        return self._answer(found, None, errors)

    def _answer(self, posts: list[dict[str, Any]], meta: Any, errors: list[Any] | None = None) -> Reply:
        self.paid += len(posts)
        errors = list(errors or [])
        shown = [{**post, "public_metrics": dict(post["public_metrics"])} for post in posts]
        for name in self.withheld:
            for post in shown:
                post["public_metrics"].pop(name, None)
            field = {"field": f"public_metrics.{name}", "title": "Field Authorization Error", "section": "data"}
            errors.append({**field, "type": f"{PROBLEMS}/not-authorized-for-field", "detail": "Sorry, not authorized"})
        value: dict[str, Any] = {}
        if shown:
            people = {post["author_id"]: self.people[post["author_id"]] for post in shown}
            value = {"data": shown, "includes": {"users": list(people.values())}}
        if errors:
            value["errors"] = errors
        if meta is not None:
            value["meta"] = meta
        text = json.dumps(value)
        return Reply(_renamed(text).encode() if self.words == "post" else value)

    def _job(self, asked: Asked, number: str | None = None) -> Reply:
        if asked.method == "POST":
            number = str(len(self.jobs) + 1)
            files = f"{self.address}/files/{number}"
            urls = {"upload_url": f"{files}/up?X-Goog-Signature=geheim", "download_url": f"{files}/down?sig=geheim"}
            self.jobs[number] = {"id": number, "type": "tweets", "status": "created", **urls}
        elif number in self.uploads:
            self.slow_jobs -= 1
            self.jobs[number]["status"] = "in_progress" if self.slow_jobs >= 0 else "complete"
        return Reply({"data": self.jobs[number]} if number in self.jobs else self._no_user("job"))

    def _file(self, asked: Asked) -> Reply:
        assert "Authorization" not in asked.headers, "the token belongs to X alone"
        assert asked.query, "an address is signed"
        number, way = asked.path.split("/")[2:]
        if way == "up":
            self.uploads[number] = asked.body.decode().split()
            return Reply(b"")
        lines = []
        for native_id in self.uploads[number]:
            gone = int(native_id) not in self.posts or int(native_id) in self.protected
            result = {
                "id": native_id,
                "action": "delete",
                "created_at": "2026-03-01T08:00:00.000Z",
                "reason": "deleted",
            }
            scrubbed = {"id": native_id, "action": "delete", "reason": "scrub_geo"}
            lines.append(json.dumps(result if gone else scrubbed))
        return Reply("\n".join(lines).encode(), headers={"Content-Type": "application/x-ndjson"})

    def _refused(self, asked: Asked) -> Reply | None:
        """The server knows one vocabulary."""
        name = "post.fields" if self.words == "tweet" else "tweet.fields"
        if name in asked.query:
            return invalid(name, asked.query[name], f"The query parameter [{name}] is not one of [max_results,...]")
        return None

    def _latest(self) -> list[dict[str, Any]]:
        latest = [post for number, post in self.posts.items() if post["edit_history_tweet_ids"][-1] == str(number)]
        return sorted(latest, key=lambda post: int(post["id"]), reverse=True)

    def _matches(self, query: str, post: dict[str, Any]) -> bool:
        if found := re.findall(r"conversation_id:(\d+)", query):
            return post["conversation_id"] in found
        words = [word for word in query.replace("-is:retweet", "").split(" OR ") if word.strip()]
        return any(word.strip().casefold() in post["text"].casefold() for word in words)

    def _in_time(self, post: dict[str, Any], query: dict[str, str]) -> bool:
        start, end = query.get("start_time", "2010-11-06T00:00:00Z"), query.get("end_time", "2999-01-01T00:00:00Z")
        return datetime.fromisoformat(start) <= datetime.fromisoformat(post["created_at"]) < datetime.fromisoformat(end)

    def _mentioned(self, post: dict[str, Any]) -> list[str]:
        return [person["id"] for person in post.get("entities", {}).get("mentions", ())]

    def _problem(self, sort: str, title: str, native_id: str) -> dict[str, Any]:
        place = {"resource_id": native_id, "value": native_id, "parameter": "ids", "resource_type": "tweet"}
        return {**place, "title": title, "detail": f"{title}: [{native_id}].", "type": f"{PROBLEMS}/{sort}"}

    def _no_user(self, name: str) -> dict[str, Any]:
        words = {"title": "Not Found Error", "detail": f"Could not find user with username: [{name}]."}
        return {"errors": [{**words, "value": name, "type": f"{PROBLEMS}/resource-not-found"}]}


def _renamed(text: str) -> str:
    """The same answer in the words of X's newest document."""
    for old, new in (
        *(("edit_history_tweet_ids", "edit_history_post_ids"), ("referenced_tweets", "referenced_posts")),
        *(("retweet_count", "repost_count"), ("note_tweet", "note_post"), ("tweet_count", "post_count")),
    ):
        text = text.replace(f'"{old}"', f'"{new}"')
    return text
