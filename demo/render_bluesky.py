"""AT Protocol's own JSON objects (profileView, postView) from the demo's messages, with facets and content ids."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from demo.finish import cid
from demo.messages import Message
from demo.people import Person

_ENTITY = re.compile(
    r"(?P<link>https?://[^\s<>\"]*[^\s<>\".,;:!?)])"
    r"|(?<![\w/@.])@(?P<mention>[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w&/])#(?P<tag>\w*[^\W\d]\w*)"
)


def uri(message: Message) -> str:
    """The at:// address of a message's record."""
    return f"at://{message.author.native_id}/app.bsky.feed.post/{message.native_id}"


def profile_basic(person: Person) -> dict[str, Any]:
    """app.bsky.actor.defs#profileViewBasic."""
    return {
        "did": person.native_id,
        "handle": person.handle,
        "displayName": person.name,
        "avatar": f"https://cdn.bsky.test/img/avatar/plain/{person.native_id}/{cid(person.handle.encode())}@jpeg",
        "associated": {"chat": {"allowIncoming": "following"}},
        "labels": [],
        "createdAt": stamp(person.created_at),
    }


def profile_detailed(person: Person, posts: int) -> dict[str, Any]:
    """app.bsky.actor.defs#profileViewDetailed."""
    return {
        **profile_basic(person),
        "description": person.note,
        "indexedAt": stamp(person.created_at),
        "followersCount": person.followers,
        "followsCount": person.following,
        "postsCount": posts,
    }


def record(message: Message, dids: Mapping[str, str], refs: Mapping[Message, Mapping[str, str]]) -> dict[str, Any]:
    """app.bsky.feed.post: what the author wrote, with byte positions of mentions, links and hashtags.

    :param dids: handle -> DID of everybody who can be mentioned.
    :param refs: message -> strongRef (uri, cid) of every message written before, deleted ones too.
    """
    value: dict[str, Any] = {"$type": "app.bsky.feed.post", "createdAt": stamp(message.created_at)}
    if message.has_picture:
        value["embed"] = {"$type": "app.bsky.embed.images", "images": [_image(message)]}
    if facets := _facets(message.text, dids):
        value["facets"] = facets
    if message.language:
        value["langs"] = [message.language]
    if message.parent is not None:
        value["reply"] = {"parent": refs[message.parent], "root": refs[message.root]}
    value["text"] = message.text
    return value


def ref(message: Message, value: Mapping[str, Any]) -> dict[str, str]:
    """com.atproto.repo.strongRef of a message with this record."""
    return {"cid": cid(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()), "uri": uri(message)}


def post_view(message: Message, value: Mapping[str, Any], strong: Mapping[str, str]) -> dict[str, Any]:
    """app.bsky.feed.defs#postView."""
    view: dict[str, Any] = {
        "uri": strong["uri"],
        "cid": strong["cid"],
        "author": profile_basic(message.author),
        "record": value,
    }
    if message.has_picture:
        address = f"https://cdn.bsky.test/img/%s/plain/{message.author.native_id}/{_image(message)['image']['ref']['$link']}@jpeg"
        view["embed"] = {
            "$type": "app.bsky.embed.images#view",
            "images": [{"thumb": address % "feed_thumbnail", "fullsize": address % "feed_fullsize", "alt": ""}],
        }
    return {
        **view,
        "bookmarkCount": 0,
        "replyCount": len(message.live_replies()),
        "repostCount": message.shares,
        "likeCount": message.favourites,
        "quoteCount": message.quotes,
        "indexedAt": stamp(message.created_at),
        "labels": [],
    }


def notification(message: Message, view: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """app.bsky.notification.listNotifications#notification.

    :param view: the message as `post_view` shows it.
    """
    kept = {name: view[name] for name in ("uri", "cid", "author", "record", "indexedAt", "labels")}
    subject = {"reasonSubject": uri(message.parent)} if reason == "reply" and message.parent else {}
    return {**kept, "reason": reason, **subject, "isRead": True}


def session(person: Person) -> dict[str, Any]:
    """What com.atproto.server.createSession tells beside its two tokens."""
    return {"did": person.native_id, "handle": person.handle, "email": f"social@{person.handle}", "active": True}


def stamp(moment: datetime) -> str:
    """A timestamp as Bluesky's app writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _facets(text: str, dids: Mapping[str, str]) -> list[dict[str, Any]]:
    facets = []
    for match in _ENTITY.finditer(text):
        if match["link"]:
            feature = {"$type": "app.bsky.richtext.facet#link", "uri": match["link"]}
        elif match["tag"]:
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": match["tag"]}
        elif match["mention"] in dids:
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": dids[match["mention"]]}
        else:
            continue
        start = len(text[: match.start()].encode())
        index = {"byteEnd": start + len(match[0].encode()), "byteStart": start}
        facets.append({"features": [feature], "index": index})
    return facets


def _image(message: Message) -> dict[str, Any]:
    link = "bafkrei" + cid(message.native_id.encode())[7:]
    return {
        "alt": "",
        "aspectRatio": {"height": 960, "width": 1280},
        "image": {"$type": "blob", "ref": {"$link": link}, "mimeType": "image/jpeg", "size": 184_211},
    }
