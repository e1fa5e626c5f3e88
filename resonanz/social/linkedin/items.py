"""Posts and comments of LinkedIn's Community Management APIs -> Messages, with every private person in them keyed.

Sources: LinkedIn's "Posts API" (schema), "Comments API" (schema).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from resonanz.landing import Message
from resonanz.social import fields
from resonanz.social.fields import Unreadable
from resonanz.social.linkedin.api import comment_urn, replies
from resonanz.social.linkedin.people import PLATFORM, People

_FEED = "https://www.linkedin.com/feed/update/"
_NOT_PUBLISHED = frozenset({"DRAFT", "PUBLISH_REQUESTED", "PUBLISH_FAILED", "DELETED", "PROCESSING"})
_ENCODED = str.maketrans({":": "%3A", "(": "%28", ")": "%29", ",": "%2C"})  # what of a URN an address does not hold
_AN_EDIT = timedelta(seconds=1)  # what is written and saved anew sooner was not edited by anybody
_FAULTS = (Unreadable, TypeError, AttributeError, KeyError, ValueError, OverflowError, OSError)


@dataclass(frozen=True)
class Counted:
    """A post or comment with what is counted of it elsewhere.

    :param missing: metric -> why it is missing.
    :param replies: of a comment, what stands below it.
    :param failed: what kept the rest of the replies from being read.
    """

    item: Any
    metrics: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    replies: tuple["Counted", ...] = ()
    failed: Exception | None = None


def parse_post(counted: Counted, people: People) -> Message | None:
    """The message in a post of one of the company's organisations; None for what is not published."""
    post = counted.item
    if isinstance(post, Mapping) and post.get("lifecycleState") in _NOT_PUBLISHED:
        return None
    try:
        return _post(counted, people)
    except _FAULTS as error:
        return _unreadable(post, people, error, post.get("id") if isinstance(post, Mapping) else None)


def parse_comment(counted: Counted, people: People, first: str, account: str | None, above: str | None) -> Message:
    """The message in a comment or a reply.

    :param first: the post below which it stands.
    :param above: the comment to which it is a reply, where it was asked for as such.
    """
    try:
        return _comment(counted, people, first, account, above)
    except _FAULTS as error:
        return _unreadable(counted.item, people, error, comment_urn(counted.item))


def _post(counted: Counted, people: People) -> Message:
    post = counted.item
    native_id, author = str(fields.field(post, "id", str)), str(fields.field(post, "author", str))
    is_company = people.is_company(author)
    created = _moment(post, "publishedAt") or _moment(post, "createdAt") or _moment(post, "firstPublishedAt")
    state = post.get("lifecycleStateInfo")
    was_edited = state.get("isEditedByAuthor") if isinstance(state, Mapping) else None
    edited = _moment(post, "lastModifiedAt") if was_edited is not False else None
    if was_edited is not True and not _is_later(edited, created):
        edited = None
    text, is_repaired = people.post_text(post.get("commentary"))
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="post",
        thread_native_id=native_id,
        author_key=people.key(author),
        author_name=people.names.get(author, author.rpartition(":")[2]) if is_company else None,
        is_company=is_company,
        account=people.names.get(author),
        created_at=created,
        created_at_precision="second" if created else "unknown",
        edited_at=edited,
        text=text,
        text_is_repaired=is_repaired,
        url=_FEED + native_id,
        metrics=dict(counted.metrics),
        unavailable_metrics=dict(counted.missing),
        payload=people.clean(post),
    )


def _comment(counted: Counted, people: People, first: str, account: str | None, above: str | None) -> Message:
    comment = counted.item
    fields.field(comment, "id", str, int)
    native_id, actor = comment_urn(comment), str(fields.field(comment, "actor", str))
    if native_id is None:
        raise Unreadable("neither $URN nor object tells where the comment stands")
    is_company = people.is_company(actor)
    created = _stamp(comment, "created")
    edited = _stamp(comment, "lastModified")
    parent = _parent(comment, above)
    text, is_repaired = people.comment_text(comment.get("message"))
    metrics = {**counted.metrics}
    likes = comment.get("likesSummary")
    for name in ("aggregatedTotalLikes", "totalLikes"):
        if isinstance(likes, Mapping) and (count := number(likes.get(name))) is not None:
            metrics.setdefault("reactions", count)
    if (below := number(replies(comment))) is not None:
        metrics["comments"] = below
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind="reply" if parent else "comment",
        parent_native_id=parent or first,
        thread_native_id=first,
        author_key=people.key(actor),
        author_name=people.names.get(actor, actor.rpartition(":")[2]) if is_company else None,
        is_company=is_company,
        account=account,
        created_at=created,
        created_at_precision="second" if created else "unknown",
        edited_at=edited if _is_later(edited, created) else None,
        text=text,
        text_is_repaired=is_repaired,
        url=_address(native_id, parent),
        metrics=metrics,
        unavailable_metrics=dict(counted.missing),
        payload=people.clean(comment),
    )


def _parent(comment: Mapping[str, Any], above: str | None) -> str | None:
    """The comment to which it is a reply, under the name by which that comment landed."""
    told = comment.get("parentComment")
    if not isinstance(told, str) or not told:
        return above
    if above is not None and told.rpartition(",")[2] == above.rpartition(",")[2]:
        return above
    return told


def _address(native_id: str, parent: str | None) -> str:
    """Where a comment is read: below the post's activity, which its URN names."""
    place = native_id.removeprefix("urn:li:comment:(").partition(",")[0]
    found = {"commentUrn": parent, "replyUrn": native_id} if parent else {"commentUrn": native_id}
    asked = "&".join(f"{name}={urn.replace('(urn:li:', '(').translate(_ENCODED)}" for name, urn in found.items())
    return f"{_FEED}{place}?{asked}"


def number(value: Any) -> float | None:
    """A count; negative ones, which LinkedIn gives for a day on which more was taken back than given, are none."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_later(edited: datetime | None, created: datetime | None) -> bool:
    return edited is not None and created is not None and edited - created >= _AN_EDIT


def _stamp(comment: Mapping[str, Any], name: str) -> datetime | None:
    stamp = comment.get(name)
    return _moment(stamp, "time") if isinstance(stamp, Mapping) else None


def _moment(value: Mapping[str, Any], name: str) -> datetime | None:
    """A time in milliseconds since 1970."""
    if value.get(name) is None:
        return None
    seconds, thousandths = divmod(int(fields.field(value, name, int)), 1000)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=thousandths)


def _unreadable(item: Any, people: People, error: Exception, native_id: Any) -> Message:
    words = str(error) if isinstance(error, Unreadable) else "the item is not built as promised"
    return Message(
        platform=PLATFORM,
        native_id=native_id if isinstance(native_id, str) and native_id else None,
        payload=people.clean(item) if isinstance(item, Mapping) else None,
        parse_error=words,
    )
