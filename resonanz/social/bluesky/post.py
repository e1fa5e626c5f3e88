"""One post of the AT Protocol -> one Message, with every private person in it keyed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from resonanz.landing import Message
from resonanz.social.bluesky.people import PLATFORM, URI, People, clean, keyed_text
from resonanz.social.fields import Unreadable, field, mappings, utc
from resonanz.social.texts import whole

_METRICS = {"reactions": "likeCount", "shares": "repostCount", "comments": "replyCount", "quotes": "quoteCount"}
_TID = "234567abcdefghijklmnopqrstuvwxyz"


def parse_post(post: Any, people: People, origin: str | None = None) -> Message:
    """The message in one post view (`app.bsky.feed.defs#postView`).

    :param post: uri, author, record and, where an AppView answered, indexedAt and counts.
    :return: a message; with `parse_error` in words where the post is not what the lexicon promises.
    """
    try:
        return _message(post, people, origin)
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        words = str(error) if isinstance(error, Unreadable) else "the post is not built as promised"
        try:
            native_id = people.native_id(post["uri"])
        except (Unreadable, TypeError, KeyError):
            native_id = None
        return Message(
            platform=PLATFORM, native_id=native_id, payload=_rest(post, people), origin=origin, parse_error=words
        )


def _message(post: Any, people: People, origin: str | None) -> Message:
    if not isinstance(post, Mapping):
        raise Unreadable(f"a post should be an object, not {type(post).__name__}")
    uri, author, record = field(post, "uri", str), field(post, "author", Mapping), field(post, "record", Mapping)
    did = str(field(author, "did", str))
    handle = str(author.get("handle") or did)
    native_id = people.native_id(uri)
    rkey = native_id.rsplit("/", 1)[1]
    is_company = people.is_company(did, handle)
    reply = record.get("reply")
    root = str(field(field(reply, "root", Mapping), "uri", str)) if reply else None
    parent = str(field(field(reply, "parent", Mapping), "uri", str)) if reply else None
    mentioned = [name for name in [*_mentioned(record), *_quoted(record)] if people.is_company(name)]
    text, is_repaired = _text(record, people)
    created = sort_at(record.get("createdAt"), post.get("indexedAt"), rkey)
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind=_kind(root, parent, bool(mentioned) and not is_company),
        parent_native_id=people.native_id(parent) if parent else None,
        thread_native_id=people.native_id(root) if root else native_id,
        author_key=people.key(did),
        author_name=str(author.get("displayName") or handle) if is_company else None,
        is_company=is_company,
        account=_account(handle if is_company else None, [root, parent], mentioned, people),
        created_at=created,
        created_at_precision="second" if created else "unknown",
        text=text,
        text_is_repaired=is_repaired,
        declared_language=next((lang for lang in record.get("langs") or () if isinstance(lang, str)), None),
        # An address on the web shows the author, so a private person's post has none here.
        url=f"https://bsky.app/profile/{handle}/post/{rkey}" if is_company else None,
        metrics={name: field(post, count, int) for name, count in _METRICS.items() if post.get(count) is not None},
        payload=clean(post, people),
        origin=origin,
    )


def _kind(root: str | None, parent: str | None, is_mention: bool) -> str:
    if root is None:
        return "mention" if is_mention else "post"
    return "comment" if parent == root else "reply"


def _account(own: str | None, above: list[str | None], mentioned: list[str], people: People) -> str | None:
    """The company account under which a post stands: its author, whom it answers, or a mentioned one."""
    authors = [found["authority"] for uri in above if uri and (found := URI.fullmatch(uri))]
    companies = [name for name in [*authors, *mentioned] if people.is_company(name)]
    return own or next((people.companies.get(name, name) for name in companies), None)


def _mentioned(record: Mapping[str, Any]) -> Iterator[str]:
    for facet in mappings(record.get("facets")):
        for feature in mappings(facet.get("features")):
            if isinstance(did := feature.get("did"), str):
                yield did


def _quoted(record: Mapping[str, Any]) -> Iterator[str]:
    """Whose post this one quotes."""
    embed = record.get("embed")
    quoted = embed.get("record") if isinstance(embed, dict) else None
    if isinstance(quoted, dict) and isinstance(quoted.get("record"), dict):  # beside pictures or a link
        quoted = quoted["record"]
    uri = quoted.get("uri") if isinstance(quoted, dict) else None
    if isinstance(uri, str) and "/app.bsky.feed.post/" in uri and (found := URI.fullmatch(uri)):
        yield found["authority"]


def _text(record: Mapping[str, Any], people: People) -> tuple[str | None, bool]:
    text, is_repaired = whole(str(field(record, "text", str)))
    return keyed_text(text, record.get("facets"), people) or None, is_repaired


def _rest(post: Any, people: People) -> Any:
    """What can be kept of a post that could not be parsed: its record, without views of people."""
    if not isinstance(post, Mapping):
        return None
    try:
        return clean({name: item for name, item in post.items() if name not in ("author", "embed")}, people)
    except (Unreadable, TypeError, AttributeError, ValueError):
        return None


def sort_at(created: Any, indexed: Any, rkey: str) -> datetime | None:
    """When a post was written. The author's own date may be anything, so the moment of indexing bounds it; where a
    server gives none, the record key, which counts microseconds, stands in for a date that is missing or ahead."""
    own, seen = _time(created), _time(indexed)
    if own and seen:
        return min(own, seen)
    if own and own <= datetime.now(UTC):
        return own
    return seen or _tid_time(rkey) or own


def _tid_time(rkey: str) -> datetime | None:
    if len(rkey) != 13 or any(char not in _TID for char in rkey):
        return None
    number = 0
    for char in rkey:
        number = number << 5 | _TID.index(char)
    try:
        moment = datetime.fromtimestamp((number >> 10) / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment if moment.year >= 2020 and moment <= datetime.now(UTC) else None


def _time(value: Any) -> datetime | None:
    try:
        return utc(value, "") if isinstance(value, str) else None
    except Unreadable:
        return None
