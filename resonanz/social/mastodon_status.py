"""One status of the Mastodon API -> one Message, with every private person in it keyed."""

import html as markup
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from resonanz.landing import Message
from resonanz.privacy import Privacy
from resonanz.social.plaintext import plaintext

PLATFORM = "mastodon"
PUBLIC = frozenset({"public", "unlisted"})
_METRICS = {"reactions": "favourites_count", "shares": "reblogs_count", "comments": "replies_count"}
_ANCHOR = re.compile(r"<a\b(?P<attributes>[^>]*)>(?P<shown>.*?)</a>", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(href|class)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_PROFILE = re.compile(r"https?://(?P<host>[\w.-]+(?::\d+)?)/@(?P<user>[\w.-]*\w)(?:@(?P<home>[\w.-]*\w))?")
# Fields that show or lead to a private person, or belong to whoever asks; left out of the payload at any depth.
_LEFT_OUT = frozenset(
    {
        *(
            "avatar",
            "avatar_static",
            "header",
            "header_static",
            "display_name",
            "note",
            "fields",
            "in_reply_to_account_id",
        ),
        *("author_name", "author_url", "authors", "html", "remote_url", "preview_remote_url", "text_url"),
        *("favourited", "reblogged", "muted", "bookmarked", "pinned", "filtered", "application"),
    }
)


@dataclass(frozen=True)
class Instance:
    """The server that is asked: its domain completes local account names."""

    domain: str
    privacy: Privacy

    def full(self, acct: str) -> str:
        """`user@host` for an account name as the server gives it, `user` for local ones."""
        return acct if "@" in acct else f"{acct}@{self.domain}"

    def is_company(self, acct: str) -> bool:
        return self.privacy.is_company(acct, self.full(acct))

    def key(self, acct: str) -> str:
        return self.privacy.author_key(PLATFORM, self.full(acct))


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
    except (_Unreadable, TypeError, AttributeError, KeyError, ValueError) as error:
        words = str(error) if isinstance(error, _Unreadable) else f"the status is not built as promised: {error}"
        native_id = payload.get("id") if isinstance(payload, Mapping) else None
        return Message(
            platform=PLATFORM,
            native_id=str(native_id) if isinstance(native_id, str | int) else None,
            payload=_rest(payload, instance),
            origin=origin,
            parse_error=words,
        )


class _Unreadable(Exception):
    """A field is missing or holds what it should not; the message names it."""


def _message(status: Any, instance: Instance, thread: Thread | None, origin: str | None) -> Message:
    if not isinstance(status, Mapping):
        raise _Unreadable(f"a status should be an object, not {type(status).__name__}")
    native_id = str(_field(status, "id", str, int))
    author = _field(status, "account", Mapping)
    acct = str(_field(author, "acct", str))
    if not acct:
        raise _Unreadable("account.acct is empty")
    is_company = instance.is_company(acct)
    mentioned = [str(person["acct"]) for person in status.get("mentions") or () if instance.is_company(person["acct"])]
    own = instance.full(acct) if is_company else None
    called = instance.full(mentioned[0]) if mentioned else None
    parent = status.get("in_reply_to_id") or (thread.parent if thread else None)
    text, is_repaired = _text(status, instance)
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
        text=text,
        text_is_repaired=is_repaired,
        declared_language=status.get("language") or None,
        # An address with the author's handle in it only for the company; this one opens without.
        url=(status.get("url") if is_company else None) or f"https://{instance.domain}/statuses/{native_id}",
        metrics=dict(_metrics(status)),
        payload=clean(status, instance),
        origin=origin,
    )


def _kind(parent: Any, thread: Thread | None, is_company: bool, is_mention: bool) -> str:
    if parent is None:
        return "mention" if is_mention and not is_company else "post"
    return "comment" if thread and thread.first == str(parent) else "reply"


def _text(status: Mapping[str, Any], instance: Instance) -> tuple[str | None, bool]:
    content = str(_field(status, "content", str))
    parts = [str(status.get("spoiler_text") or ""), plaintext(_keyed_mentions(content, status, instance))]
    text, is_repaired = _whole("\n\n".join(part for part in parts if part))
    return _keyed(text, instance, _private(status, instance)) or None, is_repaired


def _metrics(status: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, field in {**_METRICS, "quotes": "quotes_count"}.items():
        if status.get(field) is not None:
            yield name, int(_field(status, field, int))


def clean(value: Any, instance: Instance) -> Any:
    """A copy of a JSON value of the API without private people: accounts and mentions keyed, addresses that lead
    to them left out. The company's own accounts keep their names."""
    return _strings(_structure(value, instance), instance, _private(value, instance))


def _structure(value: Any, instance: Instance) -> Any:
    if isinstance(value, list):
        return [_structure(item, instance) for item in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("acct"), str):
        acct = value["acct"]
        if instance.is_company(acct):
            return {name: value[name] for name in ("id", "acct", "username", "display_name", "url") if name in value}
        return {"acct": instance.key(acct), **({"bot": value["bot"]} if "bot" in value else {})}
    kept = {name: _structure(item, instance) for name, item in value.items() if name not in _LEFT_OUT}
    author = value.get("account")
    if isinstance(value.get("content"), str):
        kept["content"] = _keyed_mentions(value["content"], value, instance)
    if isinstance(author, Mapping) and not (
        isinstance(author.get("acct"), str) and instance.is_company(author["acct"])
    ):
        kept.pop("url", None)
        kept.pop("uri", None)
    return kept


def _strings(value: Any, instance: Instance, private: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _keyed(_whole(value)[0], instance, private)
    if isinstance(value, Mapping):
        return {_whole(str(name))[0]: _strings(item, instance, private) for name, item in value.items()}
    if isinstance(value, list):
        return [_strings(item, instance, private) for item in value]
    return value


def _keyed(text: str, instance: Instance, private: Mapping[str, str]) -> str:
    """`text` with private people keyed: in addresses of profiles, as full account names, as @mentions."""
    if "@" not in text and "＠" not in text:
        return text
    if "/@" in text:
        text = _PROFILE.sub(lambda found: _keyed_address(found, instance), text)
    keyed: str = instance.privacy.scrub(PLATFORM, text, private)
    return keyed


def _keyed_address(found: re.Match[str], instance: Instance) -> str:
    user, host = found["user"], found["home"] or found["host"]
    acct = user if host == instance.domain else f"{user}@{host}"
    if instance.is_company(acct) or re.fullmatch(r"[0-9a-f]{32}", user):
        return found[0]
    return f"{found[0].split('://')[0]}://{found['host']}/@{instance.key(acct)}"


def _private(value: Any, instance: Instance) -> dict[str, str]:
    """Full account name -> key, for every private person in `value` whose account name shows its server."""
    if isinstance(value, list):
        return {name: key for item in value for name, key in _private(item, instance).items()}
    if not isinstance(value, Mapping):
        return {}
    found = {name: key for item in value.values() for name, key in _private(item, instance).items()}
    if isinstance(acct := value.get("acct"), str) and "@" in acct and not instance.is_company(acct):
        found[acct] = instance.key(acct)
    return found


def _keyed_mentions(content: str, status: Mapping[str, Any], instance: Instance) -> str:
    """`content` with each link to a mentioned person as @user@host for the company, as @<key> for others."""
    known = {
        person.get("url"): str(person["acct"])
        for person in status.get("mentions") or ()
        if isinstance(person, Mapping) and isinstance(person.get("acct"), str)
    }

    def mention(found: re.Match[str]) -> str:
        attributes = {name.lower(): one or two for name, one, two in _ATTRIBUTE.findall(found["attributes"])}
        classes = attributes.get("class", "").split()
        if "mention" not in classes or "hashtag" in classes:
            return found[0]
        shown = plaintext(found["shown"]).strip()
        address = markup.unescape(attributes.get("href", ""))
        acct = known.get(address) or _acct(shown, address, instance)
        if not instance.is_company(acct):
            return f"@{instance.key(acct)}"
        full = instance.full(acct)
        return markup.escape(f"@{full}" if instance.privacy.is_company(full) else shown)

    return _ANCHOR.sub(mention, content) if "mention" in content else content


def _acct(shown: str, address: str, instance: Instance) -> str:
    """The account name behind a mention that the status does not list."""
    name = shown.lstrip("@＠")
    if "@" in name:
        user, host = name.split("@", 1)
        return user if host == instance.domain else name
    host = urlsplit(address).hostname or instance.domain
    return name if host == instance.domain else f"{name}@{host}"


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


def _whole(text: str) -> tuple[str, bool]:
    """`text` with halves of broken characters as U+FFFD, and whether any stand in it."""
    if text.isascii():
        return text, False
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text, "\ufffd" in text


def _field(value: Mapping[str, Any], name: str, *types: type) -> Any:
    found = value.get(name)
    if not isinstance(found, types) or isinstance(found, bool):
        wanted = " or ".join(kind.__name__ for kind in types)
        raise _Unreadable(
            f"{name} is missing" if found is None else f"{name} should be {wanted}: {type(found).__name__}"
        )
    return found


def _time(status: Mapping[str, Any], name: str) -> datetime:
    value = _field(status, name, str)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _Unreadable(f"{name} is no ISO 8601 time: {value[:40]!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
