"""Private people in Mastodon's JSON: account names, mentions and profile addresses become keys."""

import html as markup
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson

from resonanz.privacy import Privacy
from resonanz.social.plaintext import plaintext
from resonanz.social.texts import whole

PLATFORM = "mastodon"
_NESTED = (dict, list)
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


def clean(value: Any, instance: Instance, content: str | None = None, known: Mapping[str, str] | None = None) -> Any:
    """A copy of a JSON value of the API without private people: accounts and mentions keyed, addresses that lead
    to them left out. The company's own accounts keep their names.

    :param content: what `keyed_mentions` made of the content of `value`, where that is at hand.
    :param known: what `private` found in `value`, where that is at hand.
    """
    structure = _structure(value, instance, content)
    try:
        data = orjson.dumps(structure)
    except TypeError:  # halves of broken characters
        structure = _whole(structure)
    else:
        if b"@" not in data and "＠".encode() not in data:
            return structure  # nobody is named in any of its strings
    return _strings(structure, instance, private(value, instance) if known is None else known)


def _structure(value: Any, instance: Instance, content: str | None = None) -> Any:
    if isinstance(value, list):
        return [_structure(item, instance) if isinstance(item, _NESTED) else item for item in value]
    if not isinstance(value, dict):
        return value
    acct = value.get("acct")
    if isinstance(acct, str):
        if instance.is_company(acct):
            return {name: value[name] for name in ("id", "acct", "username", "display_name", "url") if name in value}
        return {"acct": instance.key(acct), **({"bot": value["bot"]} if "bot" in value else {})}
    kept = {name: item for name, item in value.items() if name not in _LEFT_OUT}
    for name, item in kept.items():
        if item and isinstance(item, _NESTED):
            kept[name] = _structure(item, instance)
    if isinstance(value.get("content"), str):
        kept["content"] = keyed_mentions(value["content"], value, instance) if content is None else content
    author = value.get("account")
    if isinstance(author, dict) and not (isinstance(author.get("acct"), str) and instance.is_company(author["acct"])):
        kept.pop("url", None)
        kept.pop("uri", None)
    return kept


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)[0]
    if isinstance(value, dict):
        return {whole(str(name))[0]: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _strings(value: Any, instance: Instance, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return keyed(value, instance, known)
    if isinstance(value, dict):
        return {
            keyed(name, instance, known) if may_name(name) else name: _strings(item, instance, known)
            if isinstance(item, _NESTED) or (isinstance(item, str) and may_name(item))
            else item
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_strings(item, instance, known) for item in value]
    return value


def may_name(text: str) -> bool:
    """Whether somebody's account name may stand in `text`."""
    return "@" in text or "＠" in text


def keyed(text: str, instance: Instance, known: Mapping[str, str]) -> str:
    """`text` with private people keyed: in addresses of profiles, as full account names, as @mentions."""
    if not may_name(text):
        return text
    if "/@" in text:
        text = _PROFILE.sub(lambda found: _keyed_address(found, instance), text)
    if not known or not any(name.casefold() in text.casefold() for name in known):
        return instance.privacy.text(PLATFORM, text)  # most often: full account names are rare in texts
    found: str = instance.privacy.scrub(PLATFORM, text, known)
    return found


def _keyed_address(found: re.Match[str], instance: Instance) -> str:
    user, host = found["user"], found["home"] or found["host"]
    acct = user if host == instance.domain else f"{user}@{host}"
    if instance.is_company(acct) or re.fullmatch(r"[0-9a-f]{32}", user):
        return found[0]
    return f"{found[0].split('://')[0]}://{found['host']}/@{instance.key(acct)}"


def private(value: Any, instance: Instance) -> dict[str, str]:
    """Full account name -> key, for every private person in `value` whose account name shows its server."""
    found: dict[str, str] = {}
    todo = [value]
    while todo:
        current = todo.pop()
        if isinstance(current, dict):
            acct = current.get("acct")
            if isinstance(acct, str) and "@" in acct and not instance.is_company(acct):
                found[acct] = instance.key(acct)
            current = current.values()
        todo += [item for item in current if item and isinstance(item, _NESTED)]
    return found


def keyed_mentions(content: str, status: Mapping[str, Any], instance: Instance) -> str:
    """`content` with each link to a mentioned person as @user@host for the company, as @<key> for others."""
    known = {
        person.get("url"): str(person["acct"])
        for person in status.get("mentions") or ()
        if isinstance(person, Mapping) and isinstance(person.get("acct"), str)
    }

    def mention(found: re.Match[str]) -> str:
        named = _named(found["attributes"], found["shown"])
        if named is None:
            return found[0]
        shown, address = named
        acct = known.get(address) or _acct(shown, address, instance)
        if not instance.is_company(acct):
            return f"@{instance.key(acct)}"
        full = instance.full(acct)
        return markup.escape(f"@{full}" if instance.privacy.is_company(full) else shown)

    return _ANCHOR.sub(mention, content) if "mention" in content else content


@lru_cache(maxsize=10_000)  # the company is mentioned again and again
def _named(attributes: str, shown: str) -> tuple[str, str] | None:
    """Who is mentioned by a link, as shown and by address; None for a link that mentions nobody."""
    given = {name.lower(): one or two for name, one, two in _ATTRIBUTE.findall(attributes)}
    classes = given.get("class", "").split()
    if "mention" not in classes or "hashtag" in classes:
        return None
    return plaintext(shown).strip(), markup.unescape(given.get("href", ""))


def _acct(shown: str, address: str, instance: Instance) -> str:
    """The account name behind a mention that the status does not list."""
    name = shown.lstrip("@＠")
    if "@" in name:
        user, host = name.split("@", 1)
        return user if host == instance.domain else name
    host = urlsplit(address).hostname or instance.domain
    return name if host == instance.domain else f"{name}@{host}"
