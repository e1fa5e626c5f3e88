"""Who on Instagram is the company, and what stands for everybody else.

A person is known by the user name, in small letters: comments always show it, and an id (`from.id`) only sometimes, so
that only the name gives the same person the same key everywhere, @mentions included. Where there is nothing but an id,
the key is of that.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from resonanz.privacy import Privacy
from resonanz.social.texts import whole

PLATFORM = "instagram"
_PEOPLE = frozenset({"from", "user", "owner"})  # objects that are a person, also where they hold an id only
_TEXTS = frozenset({"caption", "text"})
# Signed addresses of pictures expire within days; the rest describes people, or holds the token (`paging`).
_LEFT_OUT = frozenset(
    {"media_url", "thumbnail_url", "profile_picture_url", "profile_pic", "profile_pic_url", "avatar", "avatar_url"}
    | {"name", "full_name", "biography", "website", "paging"}
)
_PROFILE = re.compile(
    r"(?P<head>instagram\.com/(?:stories/)?)"
    r"(?!(?:p|reels?|tv|explore|stories|accounts|direct|about|legal|developer|web)(?:[/?#\s]|$))"
    r"(?P<name>\w(?:[\w.]*\w)?)",
    re.IGNORECASE,
)
_KEY = re.compile(r"[0-9a-f]{32}")


class People:
    """The company's accounts, and keys for everybody else."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._is_ours = lru_cache(maxsize=10_000)(privacy.is_company)

    def is_ours(self, *names: str | None) -> None:
        """These ids and user names are of one of the company's own accounts."""
        new = [name for name in names if name and not self._privacy.is_company(name)]
        if new:
            self._privacy = self._privacy.knowing(*new)
            self._is_ours = lru_cache(maxsize=10_000)(self._privacy.is_company)

    def is_company(self, *names: str | None) -> bool:
        return any(self._is_ours(name) for name in names if name)

    def key(self, person: str) -> str:
        return self._privacy.author_key(PLATFORM, person)

    def text(self, item: Mapping[str, Any], name: str) -> tuple[str | None, bool]:
        """The text in field `name`, mentions and profile addresses of private people keyed; whether it was broken."""
        said = item.get(name)
        if not isinstance(said, str) or not said:
            return None, False
        text, is_repaired = whole(said)
        return self._words(text), is_repaired

    def clean(self, item: Any, **done: Any) -> Any:
        """A copy of `item` without private people: keyed, their names and pictures left out.

        :param done: fields as they are to stand in it.
        """
        if not isinstance(item, Mapping):
            return None
        name = username(item)
        found = {name.casefold(): self.key(name)} if name and not self.is_company(name) else {}
        return self._object({field: value for field, value in item.items() if field not in done}, found) | done

    def address(self, value: Any) -> str | None:
        """An address on Instagram, without the private person who may stand in it."""
        return self._words(whole(value)[0]) if isinstance(value, str) and value else None

    def _object(self, item: Mapping[str, Any], found: dict[str, str]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in item.items():
            if name in _LEFT_OUT:
                continue
            if isinstance(value, str):
                kept[name] = self._string(name, value, found)
            elif isinstance(value, dict | list):
                kept[name] = _without_paging(value) if name == "insights" else self._nested(name, value, found)
            else:
                kept[name] = value
        return kept

    def _nested(self, name: str, value: Any, found: dict[str, str]) -> Any:
        if isinstance(value, list):
            return [self._nested(name, one, found) for one in value]
        if not isinstance(value, dict):
            return self._string("", value, found) if isinstance(value, str) else value
        if name in _PEOPLE or ("username" in value and "id" in value and "timestamp" not in value):
            return self._person(value)
        return self._object(value, found)

    def _person(self, person: Mapping[str, Any]) -> dict[str, Any]:
        names = [str(person[name]) for name in ("username", "id") if person.get(name)]
        if self.is_company(*names):
            return {name: person[name] for name in ("id", "username") if name in person}
        return {"id": self.key(names[0])} if names else {}

    def _string(self, name: str, value: str, found: Mapping[str, str]) -> str:
        value = whole(value)[0]
        if name == "username":
            return value if self.is_company(value) else self.key(value)
        if found and name not in _TEXTS:  # what people write is not changed but for mentions
            folded = value.casefold()
            for person, key in found.items():
                if person in folded:
                    value = re.sub(rf"(?<!\w){re.escape(person)}(?!\w)", key, value, flags=re.IGNORECASE)
        return self._words(value)

    def _words(self, text: str) -> str:
        if ".com/" in text.lower():
            text = _PROFILE.sub(self._profile, text)
        return self._privacy.text(PLATFORM, text) if "@" in text or "＠" in text else text

    def _profile(self, found: re.Match[str]) -> str:
        name = found["name"]
        if self.is_company(name) or _KEY.fullmatch(name):
            return found[0]
        return found["head"] + self.key(name)


def username(item: Mapping[str, Any]) -> str | None:
    """The user name of who wrote `item`."""
    for holder in (item, item.get("from"), item.get("user"), item.get("owner")):
        if isinstance(holder, Mapping) and isinstance(name := holder.get("username"), str) and name:
            return name
    return None


def author_id(item: Mapping[str, Any]) -> str | None:
    """The id of who wrote `item`, where it is given."""
    for name in ("from", "user", "owner"):
        if isinstance(holder := item.get(name), Mapping) and (found := holder.get("id")):
            return str(found)
    return None


def _without_paging(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_paging(item) for name, item in value.items() if name != "paging"}
    return [_without_paging(item) for item in value] if isinstance(value, list) else value
