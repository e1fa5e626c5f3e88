"""Lists of posts: feeds, searches, notifications, and what of an entry can be told before it is parsed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from resonanz.social.bluesky.post import sort_at
from resonanz.social.pages import Page


@dataclass(frozen=True)
class Timeline:
    """A list of posts, newest first.

    :param page: cursor -> the posts or feed entries there, and the cursor of the page after.
    :param kind: `feed`, `search` or `mentions`.
    :param query: of a search.
    """

    name: str
    page: Callable[[str | None], Page]
    kind: str = "feed"
    query: str = ""


def when(item: Any) -> datetime | None:
    """What a page is sorted by: when a post was written, or reposted."""
    if not isinstance(item, Mapping):
        return None
    reason = item.get("reason")
    if isinstance(reason, Mapping):
        return sort_at(None, reason.get("indexedAt"), "")
    post = item.get("post", item)
    record = post.get("record") if isinstance(post, Mapping) else None
    if not isinstance(record, Mapping):
        return None
    return sort_at(record.get("createdAt"), post.get("indexedAt"), str(post.get("uri")).rsplit("/", 1)[-1])


def is_repost(item: Any) -> bool:
    """Whether a feed entry is a repost: no utterance of its own."""
    reason = item.get("reason") if isinstance(item, Mapping) else None
    return isinstance(reason, Mapping) and str(reason.get("$type", "")).endswith("#reasonRepost")


def addresses(page: list[Any]) -> list[Any]:
    """By what a page is known again."""
    posts = [item.get("post", item) if isinstance(item, dict) else None for item in page]
    return [post.get("uri") if isinstance(post, dict) else None for post in posts]


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
