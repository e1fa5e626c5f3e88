"""X's API v2 as the extractor asks it: pages of posts that are paid for one by one, single posts, accounts, counts.

Posts are billed as they are returned ("Usage and billing" in X's documentation), so none is asked for before the budget
has room for it, and what came is written down at once.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context
from resonanz.social.fields import mappings
from resonanz.social.pages import CURSOR_EXPIRED, Page
from resonanz.social.x.errors import invalid, told
from resonanz.social.x.post import METRICS

Post = tuple[Any, Mapping[str, Any] | None]  # a post and its author, where X showed them
LOOKUP_SIZE = 100  # posts that can be asked for by id at once
_USER_FIELDS = "id,name,public_metrics,username"


class Fields:
    """What is asked for of each post.

    X's newest document says `post.fields` where clients have always said `tweet.fields`, and gives some of the fields
    by expansion only. The old words are used until a server does not know them.
    """

    def __init__(self) -> None:
        self.is_new = False
        self.is_settled = False  # an answer came that shows that the words are understood
        self._old = [
            *("attachments", "author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "entities"),
            *("in_reply_to_user_id", "lang", "note_tweet", "possibly_sensitive", "public_metrics", "referenced_tweets"),
        ]
        self._new = [
            *("attachments", "conversation_id", "created_at", "entities", "lang", "note_post", "possibly_sensitive"),
            "public_metrics",
        ]

    def params(self) -> dict[str, str]:
        """Query parameters."""
        if self.is_new:
            by_expansion = "author_id,edit_history_post_ids,in_reply_to_user_id,referenced_posts"
            return {"post.fields": ",".join(self._new), "expansions": by_expansion, "user.fields": _USER_FIELDS}
        return {"tweet.fields": ",".join(self._old), "expansions": "author_id", "user.fields": _USER_FIELDS}

    def switch(self) -> bool:
        """Try the new words, once."""
        if self.is_new or self.is_settled:
            return False
        self.is_new = True
        return True

    def drop(self, name: str) -> bool:
        """Ask no more for the field `name`; whether it was asked for."""
        wanted = self._new if self.is_new else self._old
        if name not in wanted:
            return False
        wanted.remove(name)
        return True


class Api:
    """One run's requests.

    :ivar refused: metric -> why X refused it.
    """

    def __init__(self, client: Client, context: Context, page_size: int) -> None:
        self.client = client
        self.context = context
        self.budget = context.budget
        self.fields = Fields()
        self.refused: dict[str, str] = {}
        self._page_size = page_size
        self._room = threading.Condition()
        self._reserved = 0
        self._users: dict[str, Mapping[str, Any] | SourceError] = {}

    def user(self, name: str) -> Mapping[str, Any]:
        """The account `name` (GET /2/users/by/username/:username); asked for once."""
        found = self._users.get(name)
        if found is None:
            try:
                path, what = f"/2/users/by/username/{name}", f"account @{name}"
                value = self.client.get(path, {"user.fields": _USER_FIELDS}, what=what, bucket="users").value
                found = value.get("data")
                if not isinstance(found, Mapping) or not isinstance(found.get("id"), str):
                    raise told(value, f"{what}: X")
            except SourceError as error:
                found = error
            self._users[name] = found
        if isinstance(found, SourceError):
            raise found
        return found

    def page(self, path: str, params: Mapping[str, Any], *, what: str, bucket: str, least: int) -> Page:
        """The posts at `path` with their authors, and the token of the next page.

        :param least: the smallest page that X gives there; every page is a whole one where the budget has room.
        """
        with self._reserve(least, self._page_size) as size:
            value = self._ask(path, {**params, "max_results": size}, what, bucket)
            posts = value.get("data")
            if posts is None and value.get("errors") and "meta" not in value:
                raise told(value, f"{what}: X")
            if posts is not None and not isinstance(posts, list):
                raise SourceError(Kind.CONTRACT, f"{what}: X gave data that is no list of posts")
            self._pay(len(posts or []))
        self._note_refusals(value)
        meta = value.get("meta")
        following = meta.get("next_token") if isinstance(meta, Mapping) else None
        return list(_with_authors(value)), str(following) if following else None

    def lookup(self, ids: Sequence[str], what: str) -> tuple[list[Post], Mapping[str, str] | None]:
        """Single posts (GET /2/tweets), and id -> type of problem for those that X does not show; None in its place
        where X speaks of problems without saying whose."""
        with self._reserve(1, len(ids)) as room:
            if room < len(ids):
                self._refuse()
            value = self._ask("/2/tweets", {"ids": ",".join(ids)}, what, "lookup")
            posts = [post for post in _with_authors(value) if isinstance(post[0], Mapping)]
            if not posts and not value.get("errors") and "data" not in value and "meta" not in value:
                raise SourceError(Kind.CONTRACT, f"{what}: X's answer has neither posts nor errors")
            self._pay(len(posts))
        self._note_refusals(value)
        problems = {}
        for problem in mappings(value.get("errors")):
            native_id = problem.get("resource_id") or problem.get("value")
            if not isinstance(native_id, str):
                return posts, None
            problems[native_id] = str(problem.get("type") or problem.get("title") or "").rsplit("/", 1)[-1]
        return posts, problems

    def count(self, query: str, bounds: Mapping[str, str]) -> int | None:
        """How many posts a search will find (GET /2/tweets/counts/recent); None where X does not tell."""
        params = {"query": query, "granularity": "day", **bounds}
        try:
            value = self.client.get("/2/tweets/counts/recent", params, what=f"count of {query}", bucket="counts").value
        except SourceError as error:
            if error.code == "budget" or error.kind is Kind.CREDENTIALS:
                raise
            return None
        meta = value.get("meta")
        counts = (
            [meta.get(name) for name in ("total_tweet_count", "total_post_count")] if isinstance(meta, dict) else []
        )
        return next((count for count in counts if isinstance(count, int)), None)

    def _ask(self, path: str, params: Mapping[str, Any], what: str, bucket: str) -> Mapping[str, Any]:
        while True:
            is_new = self.fields.is_new
            try:
                value = self.client.get(path, {**params, **self.fields.params()}, what=what, bucket=bucket).value
            except SourceError as error:
                if not self._adapt(error, is_new):
                    raise
                continue
            posts = value.get("data")
            if not self.fields.is_settled and isinstance(posts, list) and posts and isinstance(posts[0], Mapping):
                if "created_at" in posts[0] or not self.fields.switch():
                    self.fields.is_settled = True
                else:
                    self._pay(len(posts))
                    continue
            return value  # type: ignore[no-any-return]

    def _adapt(self, error: SourceError, was_new: bool) -> bool:
        """Whether to ask once more, otherwise: without a field that X does not offer, or in the new words."""
        parameter, value = invalid(error)
        if parameter is None or parameter not in ("", "tweet.fields", "post.fields", "expansions", "user.fields"):
            return False
        if value and self.fields.drop(value):
            self.context.notice(f"X does not offer the field {value} of posts any more; it is left out")
            if value == "public_metrics":
                self.refused |= dict.fromkeys(METRICS, "retired: X refuses the field public_metrics")
            return True
        return self.fields.is_new is not was_new or self.fields.switch()

    def _note_refusals(self, value: Mapping[str, Any]) -> None:
        """Counts that X refuses, in words, beside the posts that it gives."""
        for problem in mappings(value.get("errors")):
            name = str(problem.get("field") or "")
            if "public_metrics" not in name:
                continue
            why = str(problem.get("title") or "refused")
            for metric, keys in METRICS.items():
                if name.endswith(("public_metrics", *keys)) and metric not in self.refused:
                    self.refused[metric] = f"not permitted: {why}"
                    self.context.notice(f"X refuses the count of {metric}: {why}")

    @contextmanager
    def _reserve(self, least: int, most: int) -> Iterator[int]:
        """Room in the budget for at most `most` posts; raises the budget's error where not even `least` fit."""
        with self._room:
            while True:
                left = self.budget.left("posts")
                free = most if left is None else left - self._reserved
                if free >= least:
                    break
                if not self._reserved:
                    self._refuse()
                self._room.wait()
            size = min(most, free)
            self._reserved += size
        try:
            yield size
        finally:
            with self._room:
                self._reserved -= size
                self._room.notify_all()

    def _refuse(self) -> None:
        left = self.budget.left("posts")
        self.budget.take("posts", (left or 0) + 1)  # more than there is: raises, and spends nothing

    def _pay(self, count: int) -> None:
        left = self.budget.left("posts")
        self.budget.take("posts", count if left is None else min(count, left))


def after(token: str | None, posts: Sequence[Post]) -> str | None:
    """A cursor: the token of the next page, and the oldest post before it, from where to go on without the token."""
    ids = [int(post["id"]) for post, _ in posts if isinstance(post, Mapping) and str(post.get("id")).isdigit()]
    return f"{token} {min(ids)}" if token and ids else token


def from_cursor(
    cursor: str | None, named: str, bounds: Mapping[str, str], ask: Callable[[Mapping[str, str]], Page]
) -> Page:
    """The page at `cursor`, also where its token has expired: then the posts before the last one that was seen.

    :param named: the parameter for the token.
    :raises SourceError: with the code CURSOR_EXPIRED where only reading from the top helps.
    """
    token, _, oldest = (cursor or "").partition(" ")
    try:
        return ask({**bounds, named: token} if token else bounds)
    except SourceError as error:
        if not token or invalid(error)[0] not in ("", "pagination_token", "next_token"):
            raise
        if oldest and not {"start_time", "end_time"} & bounds.keys():
            posts, following = ask({**bounds, "until_id": oldest})
            if all(int(post["id"]) < int(oldest) for post, _ in posts):
                return posts, following
        raise SourceError(error.kind, error.message, code=CURSOR_EXPIRED) from None


def _with_authors(value: Mapping[str, Any]) -> Iterator[Post]:
    includes = value.get("includes")
    users = {user.get("id"): user for user in mappings(includes.get("users"))} if isinstance(includes, Mapping) else {}
    for post in value.get("data") or ():
        yield post, users.get(post.get("author_id")) if isinstance(post, Mapping) else None
