"""LinkedIn's own JSON objects (post, comment, social metadata, share statistics) from the demo's messages."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from demo.company import LINKEDIN_ORGANIZATION
from demo.messages import Message
from demo.native_ids import milliseconds
from demo.people import Person

ADMIN = "urn:li:person:aD-mW_3921"  # who writes in the organisation's name
REACTIONS = {
    "like": "LIKE",
    "celebrate": "PRAISE",
    "love": "EMPATHY",
    "insightful": "INTEREST",
    "support": "APPRECIATION",
    "funny": "ENTERTAINMENT",
}
Mentions = Iterable[tuple[int, int, Person]]
_RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
_TAG = re.compile(r"(?<![\w&])#(\w+)")


def is_live(message: Message) -> bool:
    """A comment goes with what it answers."""
    return not message.is_deleted and (message.parent is None or is_live(message.parent))


def below(message: Message) -> Iterator[Message]:
    """All comments and replies that are there."""
    return (reply for reply in message.below() if is_live(reply))


def number(message: Message) -> str:
    """The last part of a comment's URN."""
    return message.native_id.rstrip(")").rpartition(",")[2]


def post(message: Message, mentions: Mentions) -> dict[str, Any]:
    changed = message.edited_at or message.created_at
    shown: dict[str, Any] = {
        "id": message.native_id,
        "author": LINKEDIN_ORGANIZATION,
        "commentary": little(message.text, mentions),
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "lifecycleStateInfo": {"isEditedByAuthor": message.edited_at is not None},
        "isReshareDisabledByAuthor": False,
        "createdAt": milliseconds(message.created_at),
        "publishedAt": milliseconds(message.created_at),
        "lastModifiedAt": milliseconds(changed),
    }
    if message.has_picture:
        shown["content"] = {"media": {"id": f"urn:li:image:C5610{message.native_id.rpartition(':')[2]}", "altText": ""}}
    return shown


def little(text: str, mentions: Mentions) -> str:
    """`text` in the "little" format: mentions and hashtags as elements, reserved characters escaped."""
    parts, last = [], 0
    for start, length, person in mentions:
        parts += [_tagged(text[last:start]), f"@[{_escaped(person.name)}]({person.native_id})"]
        last = start + length
    return "".join([*parts, _tagged(text[last:])])


def comment(message: Message, mentions: Mentions) -> dict[str, Any]:
    replies = list(below(message))
    actor = message.author.native_id
    speaker = {"actor": ADMIN, "impersonator": "urn:li:servicePrincipal:organization"}
    stamp = speaker if message.author.is_company else {"actor": actor}
    likes = [f"urn:li:like:({ADMIN},{message.root.details['activity']})"] if message.reactions else []
    shown: dict[str, Any] = {
        "actor": actor,
        **({"agent": ADMIN} if message.author.is_company else {}),
        "created": {**stamp, "time": milliseconds(message.created_at)},
        "lastModified": {**stamp, "time": milliseconds(message.edited_at or message.created_at)},
        "id": number(message),
        "$URN": message.native_id,
        "message": {"text": message.text, "attributes": _attributes(message.text, mentions)},
        "object": message.root.details["activity"],
        "commentsSummary": {
            "totalFirstLevelComments": len(replies),
            "aggregatedTotalComments": len(replies),
            "selectedComments": [reply.native_id for reply in replies[:2]],
        },
        "likesSummary": {
            "likedByCurrentUser": False,
            "totalLikes": message.favourites,
            "aggregatedTotalLikes": message.favourites,
            "selectedLikes": likes,
        },
    }
    if message.parent is not None and message.parent.parent is not None:
        shown["parentComment"] = message.parent.native_id
    return shown


def metadata(message: Message) -> dict[str, Any]:
    replies = list(below(message))
    kinds = {REACTIONS[kind]: count for kind, count in message.reactions.items() if count}
    return {
        "entity": message.details["activity"] if message.parent is None else message.native_id,
        "commentsState": "OPEN",
        "commentSummary": {
            "count": len(replies),
            "topLevelCount": sum(1 for reply in replies if reply.parent is message),
        },
        "reactionSummaries": {kind: {"reactionType": kind, "count": count} for kind, count in kinds.items()},
    }


def statistics(counts: dict[str, int | None], **around: Any) -> dict[str, Any]:
    """Share statistics from impressions, reach, clicks, likes, comments and shares."""
    seen = counts["impressions"] or 0
    acts = sum(counts[name] or 0 for name in ("clicks", "likes", "comments", "shares"))
    totals = {
        "impressionCount": seen,
        "uniqueImpressionsCount": counts["reach"] or 0,
        "clickCount": counts["clicks"] or 0,
        "likeCount": counts["likes"] or 0,
        "commentCount": counts["comments"] or 0,
        "shareCount": counts["shares"] or 0,
        "engagement": round(acts / seen, 6) if seen else 0.0,
    }
    return {"organizationalEntity": LINKEDIN_ORGANIZATION, **around, "totalShareStatistics": totals}


def of_post(message: Message) -> dict[str, int | None]:
    """What is counted of a post."""
    return {
        "impressions": message.impressions,
        "reach": message.reach,
        "clicks": message.clicks,
        "likes": message.favourites,
        "comments": sum(1 for _ in below(message)),
        "shares": message.shares,
    }


def _attributes(text: str, mentions: Mentions) -> list[dict[str, Any]]:
    """Who is mentioned where: counted in UTF-16 units."""
    found = []
    for start, length, person in mentions:
        kind = "organization" if person.is_company else "person"
        value = {kind: {kind: person.native_id}}
        found.append({"start": _units(text[:start]), "length": _units(text[start : start + length]), "value": value})
    return found


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _escaped(text: str) -> str:
    return _RESERVED.sub(lambda found: f"\\{found[0]}", text)


def _tagged(text: str) -> str:
    pieces = _TAG.split(text)  # every second one is a hashtag
    return "".join(
        f"{{hashtag|\\#|{_escaped(piece)}}}" if number % 2 else _escaped(piece) for number, piece in enumerate(pieces)
    )
