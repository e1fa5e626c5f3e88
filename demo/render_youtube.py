"""The YouTube Data API's own JSON objects (channel, video, comment thread, ...) from the demo's messages."""

import hashlib
import html
from datetime import UTC, datetime
from typing import Any

from demo.company import YOUTUBE_CHANNEL_ID, YOUTUBE_HANDLE
from demo.messages import Message
from demo.people import Person

UPLOADS = f"UU{YOUTUBE_CHANNEL_ID[2:]}"
_PICTURES = {"default": ("", 120, 90), "medium": ("mq", 320, 180), "high": ("hq", 480, 360)}


def stamp(moment: datetime) -> str:
    """YouTube gives whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def resource(kind: str, number: Any, parts: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    """One item with those of its parts that were asked for; its etag changes with its content."""
    shown = {name: part for name, part in parts.items() if name in wanted}
    return {"kind": f"youtube#{kind}", "etag": etag(shown), "id": number, **shown}


def etag(value: Any) -> str:
    """A fingerprint of `value`, as long as the platform's own."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:27]


def live_below(message: Message) -> list[Message]:
    """Everything below `message` that can be seen, oldest first; nothing below what was taken back."""
    found = [below for reply in message.live_replies() for below in (reply, *live_below(reply))]
    return sorted(found, key=lambda reply: reply.created_at)


def channel(person: Person, videos: list[Message], wanted: set[str]) -> dict[str, Any]:
    picture = f"https://yt3.ggpht.com/{person.native_id}=s88-c-k-c0x00ffffff-no-rj"
    parts = {
        "snippet": {
            "title": person.name,
            "description": person.note,
            "customUrl": f"@{YOUTUBE_HANDLE}",
            "publishedAt": stamp(person.created_at),
            "thumbnails": {"default": {"url": picture, "width": 88, "height": 88}},
            "localized": {"title": person.name, "description": person.note},
            "country": "DE",
        },
        "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": UPLOADS}},
        "statistics": {
            "viewCount": str(sum(video.views or 0 for video in videos)),
            "subscriberCount": str(person.followers),
            "hiddenSubscriberCount": False,
            "videoCount": str(len(videos)),
        },
        "status": {"privacyStatus": "public", "isLinked": True, "longUploadsStatus": "longUploadsUnspecified"},
    }
    return resource("channel", person.native_id, parts, wanted)


def playlist_item(video: Message, position: int, wanted: set[str]) -> dict[str, Any]:
    about = _about(video)
    parts = {
        "snippet": {
            **about,
            "playlistId": UPLOADS,
            "position": position,
            "resourceId": {"kind": "youtube#video", "videoId": video.native_id},
            "videoOwnerChannelTitle": video.author.name,
            "videoOwnerChannelId": video.author.native_id,
        },
        "contentDetails": {"videoId": video.native_id, "videoPublishedAt": stamp(video.created_at)},
        "status": {"privacyStatus": "public"},
    }
    return resource("playlistItem", etag(video.native_id), parts, wanted)


def video(video: Message, wanted: set[str]) -> dict[str, Any]:
    language = {"defaultLanguage": video.language, "defaultAudioLanguage": video.language} if video.language else {}
    parts = {
        "snippet": {
            **_about(video),
            "tags": video.details["tags"].split(","),
            "categoryId": "26",
            "liveBroadcastContent": "none",
            "localized": {"title": video.title, "description": video.text},
            **language,
        },
        "contentDetails": {
            "duration": video.details["duration"],
            "dimension": "2d",
            "definition": "hd",
            "caption": "false",
            "licensedContent": False,
            "contentRating": {},
            "projection": "rectangular",
        },
        "status": {
            "uploadStatus": "processed",
            "privacyStatus": "public",
            "license": "youtube",
            "embeddable": True,
            "publicStatsViewable": True,
            "madeForKids": False,
        },
        "statistics": {
            "viewCount": str(video.views or 0),
            "likeCount": str(video.favourites),
            "favoriteCount": "0",
            "commentCount": str(len(live_below(video))),
        },
    }
    return resource("video", video.native_id, parts, wanted)


def search_result(video: Message) -> dict[str, Any]:
    """A search gives titles and descriptions with HTML entities, and of a description its beginning."""
    about = _about(video)
    about["title"], about["description"] = html.escape(about["title"]), html.escape(about["description"][:150])
    snippet = {**about, "liveBroadcastContent": "none"}
    number = {"kind": "youtube#video", "videoId": video.native_id}
    return {"kind": "youtube#searchResult", "etag": etag(snippet), "id": number, "snippet": snippet}


def thread(comment: Message, text_format: str, wanted: set[str]) -> dict[str, Any]:
    """A comment with at most five of its replies."""
    replies = live_below(comment)
    parts: dict[str, Any] = {
        "snippet": {
            "channelId": YOUTUBE_CHANNEL_ID,
            "videoId": comment.root.native_id,
            "topLevelComment": reply(comment, text_format),
            "canReply": True,
            "totalReplyCount": len(replies),
            "isPublic": True,
        }
    }
    if replies:
        parts["replies"] = {"comments": [reply(one, text_format) for one in replies[-5:]]}
    return resource("commentThread", comment.native_id, parts, wanted)


def reply(comment: Message, text_format: str) -> dict[str, Any]:
    """A comment or a reply; only threads say of a reply below which video it stands."""
    author = comment.author
    shown = comment.text if text_format == "plainText" else html.escape(comment.text).replace("\n", "<br>")
    snippet: dict[str, Any] = {
        "channelId": YOUTUBE_CHANNEL_ID,
        "textDisplay": shown,
        "textOriginal": comment.text,
        "authorDisplayName": f"@{author.handle}",
        "authorProfileImageUrl": f"https://yt3.ggpht.com/ytc/{author.native_id}=s48-c-k-c0x00ffffff-no-rj",
        "authorChannelUrl": f"http://www.youtube.com/@{author.handle}",
        "authorChannelId": {"value": author.native_id},
        "canRate": True,
        "viewerRating": "none",
        "likeCount": comment.favourites,
        "publishedAt": stamp(comment.created_at),
        "updatedAt": stamp(comment.edited_at or comment.created_at),
    }
    top = comment
    while top.depth > 1 and top.parent is not None:
        top = top.parent
    if top is not comment:
        snippet["parentId"] = top.native_id
    else:
        snippet["videoId"] = comment.root.native_id
    return resource("comment", comment.native_id, {"snippet": snippet}, {"snippet"})


def _about(video: Message) -> dict[str, Any]:
    pictures = f"https://i.ytimg.com/vi/{video.native_id}"
    return {
        "publishedAt": stamp(video.created_at),
        "channelId": video.author.native_id,
        "title": video.title,
        "description": video.text,
        "thumbnails": {
            size: {"url": f"{pictures}/{file}default.jpg", "width": width, "height": height}
            for size, (file, width, height) in _PICTURES.items()
        },
        "channelTitle": video.author.name,
    }
