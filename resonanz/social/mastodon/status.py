"""One status of the Mastodon API -> one Message, with every private person in it keyed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resonanz.landing import Message
from resonanz.social.fields import Unreadable, field, utc
from resonanz.social.mastodon.people import PLATFORM, Instance, clean, keyed, keyed_mentions, may_name, private
from resonanz.social.plaintext import plaintext
from resonanz.social.texts import whole

PUBLIC = frozenset({"public", "unlisted"})
_METRICS = {
    "reactions": "favourites_count",
    "shares": "reblogs_count",
    "comments": "replies_count",
    "quotes": "quotes_count",
}


@dataclass(frozen=True)
class Thread:
    """The thread in which an answer stands.

    :param first: its first message.
    :param account: the company account under which it stands.
    :param parent: what the status answers, where the status no longer says so because that was deleted.
    """

    first: str
    account: str | None = None
    parent: str | None = None


def parse_status(payload: Any, instance: Instance, thread: Thread | None = None, origin: str | None = None) -> Message:
    """The message in one status as the API gives it.

    :param thread: the thread of an answer; None for a status that starts one, or where the thread is not known.
    :param origin: the timeline or context in which it was met.
    :return: a message; with `parse_error` in words where the status is not what the API promises.
    """
    try:
        return _message(payload, instance, thread, origin)
    except (Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        words = str(error) if isinstance(error, Unreadable) else f"the status is not built as promised: {error}"
        native_id = payload.get("id") if isinstance(payload, Mapping) else None
        return Message(
            platform=PLATFORM,
            native_id=str(native_id) if isinstance(native_id, str | int) else None,
            payload=_rest(payload, instance),
            origin=origin,
            parse_error=words,
        )


def _message(status: Any, instance: Instance, thread: Thread | None, origin: str | None) -> Message:
    if not isinstance(status, Mapping):
        raise Unreadable(f"a status should be an object, not {type(status).__name__}")
    native_id = str(field(status, "id", str, int))
    author = field(status, "account", Mapping)
    acct = str(field(author, "acct", str))
    if not acct:
        raise Unreadable("account.acct is empty")
    is_company = instance.is_company(acct)
    named = [str(person["acct"]) for person in status.get("mentions") or ()]
    mentioned = [name for name in [*named, *_quoted(status)] if instance.is_company(name)]
    own = instance.full(acct) if is_company else None
    called = instance.full(mentioned[0]) if mentioned else None
    parent = status.get("in_reply_to_id") or (thread.parent if thread else None)
    content = keyed_mentions(str(field(status, "content", str)), status, instance)
    # A content warning stands above the text and is not part of it, unless it is all there is.
    text, is_repaired = whole(plaintext(content) or str(status.get("spoiler_text") or ""))
    known = private(status, instance) if may_name(text) else None
    return Message(
        platform=PLATFORM,
        native_id=native_id,
        kind=_kind(parent, thread, is_company, bool(mentioned)),
        parent_native_id=str(parent) if parent is not None else None,
        thread_native_id=native_id if parent is None else (thread.first if thread else None),
        author_key=instance.key(acct),
        author_name=str(author.get("display_name") or acct) if is_company else None,
        is_company=is_company,
        account=own or (thread.account if thread else None) or called,
        created_at=_time(status, "created_at"),
        created_at_precision="second",
        edited_at=_time(status, "edited_at") if status.get("edited_at") else None,
        text=(keyed(text, instance, known) if known is not None else text) or None,
        text_is_repaired=is_repaired,
        declared_language=status.get("language") or None,
        # An address with the author's handle in it only for the company; this one opens without.
        url=(status.get("url") if is_company else None) or f"https://{instance.domain}/statuses/{native_id}",
        metrics=dict(_metrics(status)),
        payload=clean(status, instance, content, known),
        origin=origin,
    )


def _kind(parent: Any, thread: Thread | None, is_company: bool, is_mention: bool) -> str:
    if parent is None:
        return "mention" if is_mention and not is_company else "post"
    return "comment" if thread and thread.first == str(parent) else "reply"


def _quoted(status: Mapping[str, Any]) -> Iterator[str]:
    """Whose status this one quotes."""
    quote = status.get("quote")
    quoted = quote.get("quoted_status") if isinstance(quote, dict) else None
    author = quoted.get("account") if isinstance(quoted, dict) else None
    if isinstance(author, dict) and isinstance(author.get("acct"), str):
        yield author["acct"]


def _metrics(status: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, count in _METRICS.items():
        value = status.get(count)
        if value is not None and value.__class__ is not int:
            value = int(field(status, count, int))
        if value is not None and value >= 0:
            yield name, value  # servers that lost count have been seen to show -1


def _rest(payload: Any, instance: Instance) -> Any:
    """What can be kept of a status that could not be parsed: without its account, mentions and addresses."""
    if not isinstance(payload, Mapping):
        return None
    bare = {
        name: value
        for name, value in payload.items()
        if name not in ("account", "mentions", "url", "uri", "reblog", "quote")
    }
    try:
        return clean(bare, instance)
    except (TypeError, AttributeError, ValueError):
        return {name: value for name, value in bare.items() if isinstance(value, int | float | bool | None)}


def _time(status: Mapping[str, Any], name: str) -> datetime:
    return utc(field(status, name, str), name)
