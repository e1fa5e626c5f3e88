"""People in Google+ archives: who they are in each form, which of them are the company, and the rest as keys.

A person is a number of 21 digits (`users/118…`, `plus.google.com/118…`), often with a name of the address besides
(`plus.google.com/+AnnaMuster`), and a display name. Source: Google+ API v1, resource people; Takeout `author` objects.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from resonanz.privacy import Privacy

PLATFORM = "google_plus"
# Numeric profiles and +names only: communities, collections, hashtags (/s/…) and pages of help are nobody.
PROFILE = re.compile(
    r"(?<![\w.-])(?:(?:https?:)?//)?plus\.google\.com/(?:u/\d+/|b/\d+/)*(?:photos/|people/)?"
    r"(?P<who>\+?[0-9a-f]{32}(?!\w)|\+[^/?#\s\"'<>]+|\d+(?!\w))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"1\d{20}")
_RESOURCE = re.compile(r"users/(?P<number>[^/]+)(?:/.*)?")
_KEYED = re.compile(r"\+?[0-9a-f]{32}")
_REMEMBERED = 10_000
_SHORTEST_NUMBER = 6  # digits; a shorter id is too likely to be some other number


@dataclass(frozen=True)
class Person:
    """One account, as an archive names it.

    :param key: the author key; None where nothing identifies the account.
    :param name: the readable name, only of a company account.
    :param names: how a private person may be called in a text, after `+` or `@`.
    :param identities: whatever else leads to a private person -> what stands for it.
    """

    key: str | None = None
    name: str | None = None
    is_company: bool = False
    names: frozenset[str] = frozenset()
    identities: Mapping[str, str] = field(default_factory=dict)


class People:
    """Tells the company's accounts from private people, and keys these.

    :param names: id or +name of each company account met -> its name; it grows, and is kept in the stream's state.
    """

    def __init__(self, privacy: Privacy, names: dict[str, str] | None = None) -> None:
        self.privacy = privacy
        self._names = {} if names is None else names
        self._person = lru_cache(_REMEMBERED)(self._identified)  # the same people comment and give +1 again and again
        # Once a numeric id of the company is known, a number decides: anybody can call themselves like the company.
        self._is_numbered = any(_NUMBER.search(account) for account in privacy.company_accounts)

    def person(self, raw: Any) -> Person:
        """Who an `author` (Takeout), `actor` (API) or link to a profile is; an empty Person where it names nobody."""
        return self._person(*_identity(raw))

    def _identified(self, number: str, handle: str, name: str) -> Person:
        native = number or handle or name
        if not native:
            return Person()
        key = self.privacy.author_key(PLATFORM, native)
        if self._is_company(number, handle, name):
            shown = name or (f"+{handle}" if handle else number)
            self._names |= {who: shown for who in (number, handle and f"+{handle}") if who and name}
            return Person(key, shown, True)
        names = {word for word in (name, handle) if word}
        identities: dict[str, str] = {}
        if len(number) >= _SHORTEST_NUMBER:
            identities[number] = key
        for word in {handle, quote(handle)} if handle else ():
            identities |= {f"+{word}": f"+{key}", word: key}
        if name and len(name.split()) > 1:  # one word alone may be any word of a text
            identities[name] = key
        return Person(key, None, False, frozenset(names), identities)

    def is_company_id(self, who: str) -> bool:
        """Whether `who` out of an address, a number or `+name`, is one of the company's accounts."""
        return self._is_company(*(("", who.lstrip("+")) if who.startswith("+") else (who, "")), "")

    def company_at(self, address: str | None) -> str | None:
        """The name of the company account in an address, as far as it was met."""
        found = PROFILE.search(address or "")
        return self._names.get(unquote(found["who"])) if found and self.is_company_id(unquote(found["who"])) else None

    def address(self, text: str, keys: Mapping[str, str]) -> str:
        """`text` with everybody but the company as a key in the addresses of profiles, posts and photos.

        :param keys: number or +name in lower case -> the key of people who are known already.
        """

        def keyed(found: re.Match[str]) -> str:
            who = unquote(found["who"])
            if _KEYED.fullmatch(who) or self.is_company_id(who):
                return found[0]
            key = keys.get(who.casefold()) or self.privacy.author_key(PLATFORM, who.lstrip("+"))
            start, end = (position - found.start() for position in found.span("who"))
            return found[0][:start] + key.lstrip("+") + found[0][end:]

        return PROFILE.sub(keyed, text) if "plus.google.com" in text.casefold() else text

    def _is_company(self, number: str, handle: str, name: str) -> bool:
        forms = [number, f"users/{number}", *_addresses(number)] if number else []
        if handle:
            forms += [handle, f"+{handle}", *_addresses(f"+{handle}")]
        if name and not (self._is_numbered and number):
            forms.append(name)
        return self.privacy.is_company(*forms)


def account_names(entry: str) -> list[str]:
    """The forms in which an entry of `company_accounts` is recognised: a name, an id, `users/<id>` or an address."""
    entry = entry.strip()
    if found := PROFILE.match(entry):
        who = unquote(found["who"])
        return [who] if who.startswith("+") else [who, f"users/{who}"]
    if found := _RESOURCE.fullmatch(entry):
        return [found["number"], f"users/{found['number']}"]
    return [entry]


def _addresses(who: str) -> Iterator[str]:
    yield from (f"{scheme}://plus.google.com/{who}" for scheme in ("https", "http"))


def _identity(raw: Any) -> tuple[str, str, str]:
    """Number, name of the address without `+`, and display name; "" for what is not told."""
    if not isinstance(raw, Mapping):
        return "", "", ""
    name = raw.get("displayName")
    name = " ".join(name.split()) if isinstance(name, str) else ""
    number = handle = ""
    for found in (raw.get("resourceName"), raw.get("id"), raw.get("profilePageUrl"), raw.get("url")):
        if not isinstance(found, str | int) or isinstance(found, bool):
            continue
        who = str(found).strip()
        if match := PROFILE.match(who) or _RESOURCE.fullmatch(who):
            who = unquote(match[1])
        elif "/" in who:
            continue
        if who.startswith("+"):
            handle = handle or who.lstrip("+")
        else:
            number = number or who
    return number, handle, name
