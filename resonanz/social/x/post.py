"""One post of X's API v2 -> one Message, with every private person in it keyed.

X's documents say post and repost where its answers long said tweet and retweet: both are read.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from resonanz.landing import Message
from resonanz.social.fields import Unreadable, field, mappings, utc
from resonanz.social.texts import whole
from resonanz.social.x.people import PLATFORM, People, mentioned

# metric -> its names in public_metrics ("Data dictionary: Post", public_metrics)
METRICS = {
    "impressions": ("impression_count",),
    "reactions": ("like_count",),
    "comments": ("reply_count",),
    "shares": ("retweet_count", "repost_count"),
    "quotes": ("quote_count",),
    "saves": ("bookmark_count",),
}
NOT_GIVEN = "X gave no such count"
_VIEWS_COUNTED_FROM = datetime(2022, 12, 15, tzinfo=UTC)  # before, impression_count is 0 whatever was seen
_FIRST_MILLISECOND = 1_288_834_974_657  # ids count from here
_IDS_HOLD_TIME_FROM = datetime(2011, 1, 1, tzinfo=UTC)  # a smaller number is no such id
_AS_ID = timedelta(days=1)
_NO_LANGUAGE = frozenset({"und", "zxx", "art"})
_LANGUAGES = {"in": "id", "iw": "he", "ji": "yi"}  # X keeps withdrawn codes
_MENTION = re.compile(r"(?<!\w)@(\w+)")
_STATUS = re.compile(r"(?:^|//|\.)(?:x|twitter)\.com/([A-Za-z0-9_]+)/status/", re.IGNORECASE)


def parse_post(
    post: Any,
    author: Mapping[str, Any] | None,
    people: People,
    refused: Mapping[str, str] | None = None,
    versions: dict[str, str] | None = None,
) -> Message | None:
    """The message in one post; None for a repost, which says nothing of its own.

    :param author: the post's author as `includes.users` shows it, where it does.
    :param refused: metric -> why X refused it.
    :param versions: id of an edited post's version -> its first one; filled, and used for what answers a later one.
    :return: a message; with `parse_error` in words where the post is not what the API promises.
    """
    try:
        return _message(post, author, people, refused or {}, {} if versions is None else versions)
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        words = str(error) if isinstance(error, Unreadable) else f"the post is not built as promised: {error}"
        native_id = post.get("id") if isinstance(post, Mapping) else None
        return Message(
            platform=PLATFORM,
            native_id=native_id if isinstance(native_id, str) and native_id.isdigit() else None,
            payload=_rest(post, people),
            parse_error=words,
        )


def _message(
    post: Any,
    author: Mapping[str, Any] | None,
    people: People,
    refused: Mapping[str, str],
    versions: dict[str, str],
) -> Message | None:
    if not isinstance(post, Mapping):
        raise Unreadable(f"a post should be an object, not {type(post).__name__}")
    latest = str(field(post, "id", str))
    references = {str(found.get("type")): found.get("id") for found in _references(post)}
    if "retweeted" in references or "reposted" in references:
        return None
    author = author or {}
    author_id = post.get("author_id") or author.get("id")
    handle = author.get("username")
    is_company = people.is_company(author_id, handle)
    own = (handle or people.companies.get(str(author_id))) if is_company else None
    ids = history(post)
    native_id = ids[0]
    versions |= dict.fromkeys(ids[1:], native_id)
    created, edited = _times(post, native_id, latest)
    parent = references.get("replied_to")
    conversation = post.get("conversation_id")
    starts = parent is None and (post.get("in_reply_to_user_id") is None or conversation in ids)
    called_on = mentioned(post)
    names = people.names([*called_on, author])
    said, is_repaired = whole(str(field(post, "text", str)))
    said = people.text(said, names)
    parent_id = versions.get(str(parent), str(parent)) if parent is not None else None
    thread = native_id if starts else (versions.get(str(conversation), str(conversation)) if conversation else None)
    called = _called(post, called_on, people)
    metrics, unavailable = _metrics(post, created, refused)
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind=_kind(starts, parent_id, thread, called is not None and not is_company),
        parent_native_id=parent_id,
        thread_native_id=thread,
        author_key=people.key(str(author_id)) if author_id else None,
        author_name=str(author.get("name") or own or author_id) if is_company else None,
        is_company=is_company,
        account=own or people.companies.get(str(post.get("in_reply_to_user_id"))) or called,
        created_at=created,
        created_at_precision="second" if created else "unknown",
        edited_at=edited,
        text=_shown(post, said, people, names) or None,
        text_is_repaired=is_repaired,
        declared_language=_language(post.get("lang")),
        # An address with the author's handle in it only for the company; the other one opens without.
        url=f"https://x.com/{own}/status/{latest}" if own else f"https://x.com/i/web/status/{latest}",
        metrics=metrics,
        unavailable_metrics=unavailable,
        payload={**people.clean({name: post[name] for name in post if name != "text"}, names), "text": said},
    )


def _kind(starts: bool, parent: str | None, thread: str | None, is_mention: bool) -> str:
    if starts:
        return "mention" if is_mention else "post"
    return "comment" if parent is not None and parent == thread else "reply"


def _called(post: Mapping[str, Any], called_on: list[Mapping[str, Any]], people: People) -> str | None:
    """The company account that a post names: in a mention, or as the author of the post that it quotes."""
    for person in called_on:
        handle = person.get("username")
        if people.is_company(person.get("id"), handle) and isinstance(handle, str):
            return handle
    entities = post.get("entities")
    for link in mappings(entities.get("urls")) if isinstance(entities, Mapping) else ():
        found = _STATUS.search(str(link.get("expanded_url") or ""))
        if found and people.privacy.is_company(found[1]):
            return found[1]
    for word in _MENTION.findall(str(post.get("text") or "")) if not called_on else ():
        if people.privacy.is_company(word):
            return str(word)
    return None


def _shown(post: Mapping[str, Any], said: str, people: People, names: Mapping[str, str]) -> str:
    """What people see: the long form where there is one, with the three characters that X escapes as they were."""
    note = post.get("note_tweet") or post.get("note_post")
    long = note.get("text") if isinstance(note, Mapping) else None
    text = people.text(whole(long)[0], names) if isinstance(long, str) else said
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def _metrics(
    post: Mapping[str, Any], created: datetime | None, refused: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, str]]:
    """Metric -> value, and metric -> why it is missing; nothing of both where no counts came at all."""
    counts = post.get("public_metrics")
    found: dict[str, float] = {}
    missing = dict(refused)
    if not isinstance(counts, Mapping):
        return found, missing
    for name, keys in METRICS.items():
        for key in keys:
            if (value := counts.get(key)) is not None:
                break
        else:
            missing.setdefault(name, NOT_GIVEN)
            continue
        if value.__class__ is not int:
            value = int(field(counts, key, int))
        if name == "impressions" and value == 0 and created and created < _VIEWS_COUNTED_FROM:
            missing[name] = "not counted before December 2022"
        elif value >= 0:
            found[name] = value
            missing.pop(name, None)
    return found, missing


def _times(post: Mapping[str, Any], first: str, latest: str) -> tuple[datetime | None, datetime | None]:
    """When a post was first written, and when its last version, where it was edited: each version is a post of its
    own there. Ids hold the time, too."""
    if post.get("created_at") is None:
        return _plausible(first), None if first == latest else _plausible(latest)
    said = utc(field(post, "created_at", str), "created_at")
    if first == latest:
        return said, None
    written, changed = snowflake_time(first), snowflake_time(latest)
    if written is None or changed is None or min(abs(said - written), abs(said - changed)) > _AS_ID:
        return said, said
    return min(written, said).replace(microsecond=0), max(changed, said).replace(microsecond=0)


def _plausible(native_id: str) -> datetime | None:
    moment = snowflake_time(native_id)
    return moment.replace(microsecond=0) if moment and _IDS_HOLD_TIME_FROM < moment < datetime.now(UTC) else None


def snowflake_time(native_id: str) -> datetime | None:
    """The moment that an id of X holds; None where it is no such id."""
    try:
        return datetime.fromtimestamp(((int(native_id) >> 22) + _FIRST_MILLISECOND) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _language(code: Any) -> str | None:
    if not isinstance(code, str) or not code or code in _NO_LANGUAGE or code.startswith("q"):
        return None
    return _LANGUAGES.get(code, code)


def history(post: Mapping[str, Any]) -> list[str]:
    """The ids of a post's versions, the first one first; its own where it was never edited."""
    ids = post.get("edit_history_tweet_ids") or post.get("edit_history_post_ids")
    return [str(version) for version in ids] if isinstance(ids, list) and ids else [str(post.get("id"))]


def _references(post: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from mappings(post.get("referenced_tweets") or post.get("referenced_posts"))


def _rest(post: Any, people: People) -> Any:
    """What can be kept of a post that could not be parsed: its plain values, without its author."""
    if not isinstance(post, Mapping):
        return None
    kept: dict[str, Any] = {}
    for name, value in post.items():
        if isinstance(value, str) and name in ("id", "text", "created_at", "lang", "conversation_id"):
            kept[name] = people.text(whole(value)[0], {})
        elif isinstance(value, int | float | bool | None):
            kept[name] = value
    return kept
