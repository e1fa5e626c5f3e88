"""X's own JSON objects (Post, User) from the demo's messages, in the words that clients ask with."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from demo.messages import Message
from demo.native_ids import snowflake
from demo.people import Person
from demo.world import World

_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]")
_HANDLE = re.compile(r"(?<![\w@])@(\w+)")
_TAG = re.compile(r"(?<![\w&/])#(\w*[^\W\d]\w*)")
DEFAULT = ("id", "text", "edit_history_tweet_ids")
# What an expansion shows of the post itself, asked for or not.
EXPANDED = {
    "author_id": "author_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_tweets.id": "referenced_tweets",
    "referenced_tweets.id.author_id": "referenced_tweets",
    "edit_history_tweet_ids": "edit_history_tweet_ids",
    "entities.mentions.username": "entities",
}
# X's newest document has other words for some.
NEW_WORDS = {
    "tweet.fields": "post.fields",
    "referenced_tweets.id": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets": "referenced_posts",
    "note_tweet": "note_post",
    "retweet_count": "repost_count",
    "tweet_count": "post_count",
    "total_tweet_count": "total_post_count",
    "most_recent_tweet_id": "most_recent_post_id",
    "tweets": "posts",
}


def stamp(moment: datetime) -> str:
    """A timestamp as X writes it: UTC, whole seconds with `.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def versions(message: Message) -> list[str]:
    """The ids of a post's versions: an edited post has a new one."""
    ids = [message.native_id]
    if message.edited_at:
        ids.append(snowflake(message.edited_at, int(message.native_id) % 4_194_304))
    return ids


def text(message: Message) -> str:
    """What the API gives: an answer begins with the handles of those it goes to, who are all that were named above it;
    and &, < and > are escaped."""
    said, called = message.text, dict.fromkeys(_above(message))
    said = " ".join([*(name for name in called if name not in said and name != message.author.called), said])
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _above(message: Message) -> Iterator[str]:
    above = message.parent
    while above is not None:
        yield above.author.called
        yield from (found[0] for found in _HANDLE.finditer(above.text))
        above = above.parent


def post(message: Message, world: World, *, version: str | None = None) -> dict[str, Any]:
    """A Post object with all the fields that the stand-in knows."""
    ids = versions(message)
    native_id = version or ids[-1]
    is_latest = native_id == ids[-1]
    shown = text(message)
    references = [("replied_to", message.parent), ("quoted", message.quoted)]
    value: dict[str, Any] = {
        "id": native_id,
        "text": shown if is_latest else (message.old_text or shown),
        "author_id": message.author.native_id,
        "conversation_id": message.root.native_id,
        "created_at": stamp(message.edited_at if message.edited_at and native_id != ids[0] else message.created_at),
        "edit_history_tweet_ids": ids,
        "edit_controls": {"edits_remaining": 6 - len(ids), "is_edit_eligible": message.parent is None},
        "lang": message.language or "und",
        "possibly_sensitive": False,
        "reply_settings": "everyone",
        "public_metrics": {
            "retweet_count": message.shares,
            "reply_count": len(message.live_replies()),
            "like_count": message.favourites,
            "quote_count": message.quotes,
            "bookmark_count": message.saves or 0,
            "impression_count": message.impressions or 0,
        },
        "referenced_tweets": [{"type": kind, "id": other.native_id} for kind, other in references if other],
    }
    if message.parent is not None:
        value["in_reply_to_user_id"] = message.parent.author.native_id
    if len(shown) > 280:
        cut = shown[:279] + "…"
        value |= {"text": cut, "note_tweet": {"text": shown, **_entities(shown, world)}}
    value |= _entities(value["text"], world)
    return {name: item for name, item in value.items() if item != []}


def repost(message: Message, by: Person, native_id: str, moment: datetime) -> dict[str, Any]:
    """A post that only passes on another one."""
    return {
        "id": native_id,
        "text": f"RT @{message.author.handle}: {text(message)}"[:140],
        "author_id": by.native_id,
        "conversation_id": native_id,
        "created_at": stamp(moment),
        "edit_history_tweet_ids": [native_id],
        "lang": message.language or "und",
        "public_metrics": dict.fromkeys(
            ("retweet_count", "reply_count", "like_count", "quote_count", "bookmark_count", "impression_count"), 0
        ),
        "referenced_tweets": [{"type": "retweeted", "id": message.native_id}],
    }


def user(person: Person, posts: int) -> dict[str, Any]:
    """A User object."""
    return {
        "id": person.native_id,
        "name": person.name,
        "username": person.handle,
        "created_at": stamp(person.created_at),
        "description": person.note,
        "profile_image_url": f"https://pbs.twimg.com/profile_images/{person.native_id}/photo_normal.jpg",
        "protected": False,
        "verified": person.is_company,
        "public_metrics": {
            "followers_count": person.followers,
            "following_count": person.following,
            "tweet_count": posts,
            "listed_count": person.followers // 90,
            "like_count": posts * 3,
        },
    }


def in_new_words(value: Any) -> Any:
    """The same JSON as X's newest document calls it."""
    if isinstance(value, dict):
        return {NEW_WORDS.get(name, name): in_new_words(item) for name, item in value.items()}
    return [in_new_words(item) for item in value] if isinstance(value, list) else value


def _entities(said: str, world: World) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {"mentions": [], "hashtags": [], "urls": []}
    for place in _HANDLE.finditer(said):
        if person := world.by_handle["x"].get(place[1]):
            named = {"username": person.handle, "id": person.native_id}
            found["mentions"].append({"start": place.start(), "end": place.end(), **named})
    for tag in _TAG.finditer(said):
        found["hashtags"].append({"start": tag.start(), "end": tag.end(), "tag": tag[1]})
    for link in _LINK.finditer(said):
        shown = {"url": link[0], "expanded_url": link[0], "display_url": link[0].partition("//")[2][:30]}
        found["urls"].append({"start": link.start(), "end": link.end(), **shown})
    kept = {name: items for name, items in found.items() if items}
    return {"entities": kept} if kept else {}
