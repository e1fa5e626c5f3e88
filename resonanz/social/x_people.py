"""Private people in X's JSON: ids, handles, mentions and addresses of profiles become keys."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resonanz.privacy import Privacy
from resonanz.social.fields import mappings
from resonanz.social.texts import whole

PLATFORM = "x"
_HANDLE = re.compile(r"(?<![\w@＠])[@＠](?P<name>[A-Za-z0-9_]{1,20})(?!\w)")
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
_PREVIEW = ("title", "description", "images", "display_url", "unwound_url")


class People:
    """Who is who in one run over one source.

    :param privacy: keys private people; the company's accounts stand there by handle.
    """

    def __init__(self, privacy: Privacy) -> None:
        self.privacy = privacy
        self.companies: dict[str, str] = {}  # id -> handle, as far as they were met

    def is_company(self, native_id: str | None, handle: str | None = None) -> bool:
        """Whether id or handle is one of the company's; remembers the id of a handle that is."""
        if native_id in self.companies:
            return True
        if not self.privacy.is_company(native_id, handle):
            return False
        if native_id and handle:
            self.companies[native_id] = handle
        return True

    def key(self, native_id: str) -> str:
        return self.privacy.author_key(PLATFORM, native_id)

    def names(self, tweet: Mapping[str, Any], author: Mapping[str, Any] | None) -> dict[str, str]:
        """Handle in lower case -> key, for the private people whom a post shows with handle and id.

        People are keyed by id, which stays when they rename themselves; a handle alone is keyed as it is.
        """
        found = {}
        for person in (*mentioned(tweet), *((author,) if author else ())):
            handle, native_id = person.get("username"), person.get("id")
            if isinstance(handle, str) and handle and not self.is_company(_text(native_id), handle):
                found[handle.casefold()] = self.key(str(native_id or handle))
        return found

    def text(self, text: str, names: Mapping[str, str]) -> str:
        """`text` with private people keyed, in @mentions and in addresses of profiles and posts."""
        if "/" in text:
            text = _ADDRESS.sub(lambda found: self._address(found, names), text)
        if "@" not in text and "＠" not in text:
            return text
        text = _HANDLE.sub(lambda found: f"@{self._name(found['name'], names)}", text)
        return self.privacy.text(PLATFORM, text)

    def clean(self, value: Any, names: Mapping[str, str]) -> Any:
        """A copy of a JSON value of the API without private people. The company's own accounts keep their names."""
        if isinstance(value, str):
            has_names = (
                "@" in value or "＠" in value or "x.com/" in value.casefold() or "twitter.com/" in value.casefold()
            )
            value = whole(value)[0]
            return self.text(value, names) if has_names else value
        if isinstance(value, list):
            return [self.clean(item, names) for item in value]
        if isinstance(value, dict):
            return dict(self._fields(value, names))
        return value

    def _fields(self, value: dict[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
        handle = value.get("username")
        is_person = isinstance(handle, str)
        is_private = is_person and not self.is_company(_text(value.get("id")), handle)
        leads_to_x = isinstance(value.get("expanded_url"), str) and _ADDRESS.match(value["expanded_url"])
        for name, item in value.items():
            if is_private and name in ("username", "id"):
                if name == "username":
                    yield "username", names.get(str(item).casefold()) or self.key(str(value.get("id") or item))
                continue
            if name in _LEFT_OUT and (is_private or not is_person):
                continue
            if leads_to_x and name in _PREVIEW:
                continue  # the preview of a profile or post names its author
            if name in _IDS and isinstance(item, str) and not self.is_company(item):
                yield name, item if _KEY.fullmatch(item) else self.key(item)
            else:
                yield self.clean(name, names), self.clean(item, names)

    def _address(self, found: re.Match[str], names: Mapping[str, str]) -> str:
        name = found["name"].lstrip("@")
        if name.casefold() in _NO_PEOPLE or self.privacy.is_company(name):
            return found[0]
        if found["rest"]:
            return f"{found['site']}/i{found['rest']}"  # opens without the handle
        return f"{found['site']}/{self._name(name, names)}"

    def _name(self, name: str, names: Mapping[str, str]) -> str:
        if self.privacy.is_company(name) or _KEY.fullmatch(name):
            return name
        return names.get(name.casefold()) or self.key(name)


def mentioned(tweet: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The people whom a post's entities name, those of its long form included."""
    note = tweet.get("note_tweet") or tweet.get("note_post")
    for holder in (tweet, note):
        entities = holder.get("entities") if isinstance(holder, Mapping) else None
        if isinstance(entities, Mapping):
            yield from mappings(entities.get("mentions"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
