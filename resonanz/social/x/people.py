"""Private people in X's JSON: ids, handles, mentions and addresses of profiles become keys."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

from resonanz.privacy import Privacy
from resonanz.social.fields import mappings
from resonanz.social.texts import whole

PLATFORM = "x"
_HANDLE = re.compile(r"(?:(?<!\w)|(?<=\bRT)|(?<=\brt))[@＠](?P<name>\w+)")
_ADDRESS = re.compile(
    r"(?P<site>(?:https?://)?(?:www\.|mobile\.|m\.)?(?:x|twitter)\.com)/(?P<name>@?[A-Za-z0-9_]{1,20})"
    r"(?P<rest>/status(?:es)?/\d+)?(?![\w])",
    re.IGNORECASE,
)
_NO_PEOPLE = frozenset({"i", "search", "hashtag", "home", "explore", "intent", "share", "settings", "jobs", "tos"})
_KEY = re.compile(r"[0-9a-f]{32}")
# Fields that show or lead to a private person, or where somebody was; left out of the payload at any depth.
_LEFT_OUT = frozenset(
    {
        *("geo", "place", "coordinates", "location", "non_public_metrics", "organic_metrics", "promoted_metrics"),
        *("profile_image_url", "profile_banner_url", "description", "pinned_tweet_id", "pinned_post_id"),
        *("screen_name", "name", "confirmed_email", "most_recent_tweet_id", "most_recent_post_id"),
    }
)
_IDS = frozenset({"author_id", "in_reply_to_user_id", "user_id"})
_REMEMBERED = 10_000  # people whose key is at hand
_PLAIN = (int, float, bool)
_PREVIEW = ("title", "description", "images", "display_url", "unwound_url")


class People:
    """Who is who in one run over one source.

    :param privacy: keys private people; the company's accounts stand there by handle.
    """

    def __init__(self, privacy: Privacy) -> None:
        self.privacy = privacy
        self.companies: dict[str, str] = {}  # id -> handle, as far as they were met
        self._is_own = lru_cache(_REMEMBERED)(privacy.is_company)
        self._keyed = lru_cache(_REMEMBERED)(partial(privacy.author_key, PLATFORM))

    def is_company(self, native_id: str | None, handle: str | None = None) -> bool:
        """Whether id or handle is one of the company's; remembers the id of a handle that is."""
        if native_id in self.companies:
            return True
        if not self._is_own(native_id, handle):
            return False
        if native_id and handle:
            self.companies[native_id] = handle
        return True

    def key(self, native_id: str) -> str:
        return self._keyed(native_id)

    def names(self, people: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Handle in lower case -> key, for the private ones of `people`, whom a post shows with handle and id.

        People are keyed by id, which stays when they rename themselves; a handle alone is keyed as it is.
        """
        found: dict[str, str] = {}
        for person in people:
            handle, native_id = person.get("username"), person.get("id")
            if isinstance(handle, str) and handle and not self.is_company(_text(native_id), handle):
                found[handle.casefold()] = self.key(str(native_id or handle))
        return found

    def text(self, text: str, names: Mapping[str, str]) -> str:
        """`text` with private people keyed, in @mentions and in addresses of profiles and posts."""
        if "/" in text and ("x.com/" in (folded := text.casefold()) or "twitter.com/" in folded):
            text = _ADDRESS.sub(lambda found: self._address(found, names), text)
        if "@" not in text and "＠" not in text:
            return text
        return _HANDLE.sub(lambda found: f"@{self._name(found['name'], names)}", text)

    def clean(self, value: Any, names: Mapping[str, str]) -> Any:
        """A copy of a JSON value of the API without private people. The company's own accounts keep their names."""
        if isinstance(value, str):
            if not value.isascii():
                value = whole(value)[0]
            return self.text(value, names) if "@" in value or "/" in value or "＠" in value else value
        if isinstance(value, dict):
            return self._object(value, names)
        return [self.clean(item, names) for item in value] if isinstance(value, list) else value

    def _object(self, value: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
        handle = value.get("username")
        if isinstance(handle, str):
            native_id = value.get("id")
            if self.is_company(_text(native_id), handle):
                return {name: self.clean(item, names) for name, item in value.items()}
            key = names.get(handle.casefold()) or self.key(str(native_id or handle))
            value = {name: item for name, item in value.items() if name not in ("id", "username")} | {"username": key}
        elif isinstance(address := value.get("expanded_url"), str) and _ADDRESS.match(address):
            value = {name: item for name, item in value.items() if name not in _PREVIEW}  # it names the author
        kept: dict[str, Any] = {}
        for name, item in value.items():
            if name in _LEFT_OUT:
                continue
            if "@" in name or "/" in name:
                name = self.text(whole(name)[0], names)
            if item is None or item.__class__ in _PLAIN:
                kept[name] = item
            elif name in _IDS and isinstance(item, str):
                kept[name] = item if self.is_company(item) or _KEY.fullmatch(item) else self.key(item)
            else:
                kept[name] = self.clean(item, names)
        return kept

    def _address(self, found: re.Match[str], names: Mapping[str, str]) -> str:
        name = found["name"].lstrip("@")
        if name.casefold() in _NO_PEOPLE or self._is_own(name):
            return found[0]
        if found["rest"]:
            return f"{found['site']}/i{found['rest']}"  # opens without the handle
        return f"{found['site']}/{self._name(name, names)}"

    def _name(self, name: str, names: Mapping[str, str]) -> str:
        if self._is_own(name) or _KEY.fullmatch(name):
            return name
        return names.get(name.casefold()) or self.key(name)


def mentioned(tweet: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The people whom a post's entities name, those of its long form included."""
    note = tweet.get("note_tweet") or tweet.get("note_post")
    found: list[Mapping[str, Any]] = []
    for holder in (tweet, note):
        entities = holder.get("entities") if isinstance(holder, dict) else None
        if isinstance(entities, dict):
            found += mappings(entities.get("mentions"))
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
