"""Media and comments of Instagram -> Messages, with every private person in them keyed.

Source: Meta's reference of IG Media, IG Comment, IG Comment Replies (v25.0). Instagram tells of no edit: a caption that
reads otherwise than before is a new version of the same message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resonanz.landing import Message
from resonanz.social.fields import Unreadable, field
from resonanz.social.graph.values import count_of, time_of
from resonanz.social.instagram.people import PLATFORM, People, author_id, username

MEDIA_FIELDS = (
    "id,caption,media_type,media_product_type,permalink,shortcode,timestamp,username,like_count,comments_count,"
    "is_comment_enabled,children{id,media_type}"
)
TAGGED_FIELDS = "id,caption,media_type,media_product_type,permalink,timestamp,username,like_count,comments_count"
REPLY_FIELDS = "id,text,timestamp,username,from,like_count,hidden,parent_id"
COMMENT_FIELDS = f"{REPLY_FIELDS},replies.limit(50){{{REPLY_FIELDS}}}"


@dataclass(frozen=True)
class Account:
    """One of the company's accounts: its id, and the user name under which its messages stand."""

    id: str
    name: str


def parse_media(
    payload: Any,
    people: People,
    account: Account,
    *,
    is_tagged: bool = False,
    metrics: Mapping[str, float] | None = None,
    unavailable: Mapping[str, str] | None = None,
) -> Message:
    """The message in one medium (picture, video, reel, album, story): of the account, or of others that tag it.

    :param metrics: what its insights say.
    :param unavailable: metric -> why its insights do not say it.
    """
    try:
        return _media(payload, people, account, is_tagged, metrics or {}, unavailable or {})
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        return _unreadable(payload, people, error)


def parse_comment(payload: Any, people: People, account: Account, medium: str, url: str | None = None) -> Message:
    """The message in one comment, or in one reply to a comment, below `medium`.

    :param url: the address of the medium: comments have none of their own.
    """
    try:
        return _comment(payload, people, account, medium, url)
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        return _unreadable(payload, people, error)


def _media(
    medium: Any,
    people: People,
    account: Account,
    is_tagged: bool,
    metrics: Mapping[str, float],
    unavailable: Mapping[str, str],
) -> Message:
    native_id = str(field(medium, "id", str, int))
    author = username(medium)
    is_company = people.is_company(author, author_id(medium)) or (author is None and not is_tagged)
    text, is_repaired = people.text(medium, "caption")
    created, counts = time_of(medium, "timestamp"), dict(metrics)
    for name, key in (("reactions", "like_count"), ("comments", "comments_count")):
        if (count := count_of(medium, key)) is not None:
            counts[name] = count
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="mention" if is_tagged and not is_company else "post",
        thread_native_id=native_id,
        author_key=_key(people, author or author_id(medium) or (account.name if is_company else None)),
        author_name=(author or account.name) if is_company else None,
        is_company=is_company,
        account=account.name,
        created_at=created,
        created_at_precision="second" if created else "unknown",
        text=text,
        text_is_repaired=is_repaired,
        url=people.address(medium.get("permalink")),
        metrics=counts,
        unavailable_metrics={name: reason for name, reason in unavailable.items() if name not in counts},
        payload=people.clean(medium, **({"caption": text} if text else {})),
    )


def _comment(comment: Any, people: People, account: Account, medium: str, url: str | None) -> Message:
    native_id = str(field(comment, "id", str, int))
    author = username(comment)
    is_company = people.is_company(author, author_id(comment))
    parent = comment.get("parent_id")
    parent_id = str(parent) if parent and str(parent) != medium else medium
    text, is_repaired = people.text(comment, "text")
    said = {name: value for name, value in comment.items() if name != "replies"}  # each of them is a message of its own
    created, likes = time_of(comment, "timestamp"), count_of(comment, "like_count")
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="comment" if parent_id == medium else "reply",
        parent_native_id=parent_id,
        thread_native_id=medium,
        author_key=_key(people, author or author_id(comment)),
        author_name=(author or account.name) if is_company else None,
        is_company=is_company,
        account=account.name,
        created_at=created,
        created_at_precision="second" if created else "unknown",
        text=text,
        text_is_repaired=is_repaired,
        url=url,
        metrics={} if likes is None else {"reactions": likes},
        payload=people.clean(said, **({"text": text} if text else {})),
    )


def _key(people: People, author: str | None) -> str | None:
    return people.key(author) if author else None


def _unreadable(payload: Any, people: People, error: Exception) -> Message:
    words = str(error) if isinstance(error, Unreadable) else f"it is not built as promised: {error}"
    raw = payload.get("id") if isinstance(payload, Mapping) else None
    native_id = str(raw) if isinstance(raw, str | int) and raw and not isinstance(raw, bool) else None
    try:
        kept = people.clean(payload)
    except (TypeError, AttributeError, ValueError, KeyError):
        kept = None
    return Message(platform=PLATFORM, native_id=native_id, payload=kept, parse_error=words)
