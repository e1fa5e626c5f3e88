"""Who on YouTube is the company, and what stands for everybody else.

A channel has an id (`UC...`), a handle (`@name`) and a title; comments show the handle as the author's display name.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from resonanz.privacy import Privacy
from resonanz.social.texts import whole

PLATFORM = "youtube"
# About whoever speaks, or an address that changes with every reading.
_OF_PEOPLE = frozenset({"authorDisplayName", "authorProfileImageUrl", "authorChannelUrl", "imageUrl", "channelTitle"})
_OF_COMPANY = frozenset({"authorProfileImageUrl", "imageUrl"})
# Handles may hold a middle dot, at which other platforms' handles end.
_DOTTED = re.compile(r"(?<!\w)[@＠](?P<name>[\w.-]*·[\w.·-]*\w)")
_PROFILE = re.compile(r"(?P<head>youtube\.com/(?:channel|user|c)/)(?P<name>[^\s/?#&\"'<>()]+)", re.IGNORECASE)
_MOST_KNOWN = 50_000  # people of whom it is remembered whether they are the company
_KEYED = re.compile(r"[0-9a-f]{32}")


class People:
    """The company's channels, and keys for everybody else."""

    def __init__(self, privacy: Privacy) -> None:
        self.privacy = privacy
        self.names: dict[str, str] = {}  # id of a company's channel -> the account as messages name it
        self._known: dict[tuple[str | None, str | None], bool] = {}

    def is_ours(self, channel: str, name: str, *handles: str) -> None:
        """`channel` is the company's own, and so are its `handles`."""
        self.names[channel] = name
        self.privacy = self.privacy.knowing(channel, *handles)
        self._known = {}

    def is_company(self, channel: str | None, handle: str | None = None) -> bool:
        """Whether a channel is the company's, by its id or handle. (A title may be anybody's.)"""
        who = (channel, handle)
        found = self._known.get(who)
        if found is None:
            name = handle if handle is not None and handle.startswith(("@", "＠")) else None
            found = channel in self.names or self.privacy.is_company(channel, name)
            if len(self._known) >= _MOST_KNOWN:
                self._known = {}
            self._known[who] = found
        return found

    def key(self, channel: str) -> str:
        return self.privacy.author_key(PLATFORM, channel)

    def text(self, said: str) -> tuple[str, bool]:
        """`said` with @mentions and profile addresses of private people keyed, and whether bytes of it were broken."""
        text, is_repaired = whole(said)
        return self.words(text), is_repaired

    def words(self, text: str) -> str:
        if "youtube.com/" in text.casefold():
            text = _PROFILE.sub(self._profile, text)
        if "@" not in text and "＠" not in text:
            return text
        return self.privacy.text(PLATFORM, _DOTTED.sub(self._dotted, text) if "·" in text else text)

    def clean(self, item: Mapping[str, Any], channel: str | None, handle: str | None) -> Any:
        """A copy of an item of the API without its author, unless that is the company, and without anybody else.

        :param channel: the author's channel id.
        :param handle: the author's display name or title.
        """
        key = None if self.is_company(channel, handle) else self.key(channel or handle or "")
        kept: Any = self._structure(item, key, _OF_PEOPLE if key else _OF_COMPANY)
        try:
            shown = orjson.dumps(kept).decode().casefold()
        except TypeError:  # halves of broken characters, or numbers beyond 64 bits
            kept = _whole(kept)
            shown = str(kept).casefold()
        if "@" in shown or "＠" in shown or "youtube.com/" in shown:
            kept = self._said(kept)
        names = {name for name in (channel, (handle or "").lstrip("@＠")) if name} if key else ()
        if key and any(name.casefold() in shown for name in names):
            return self.privacy.scrub(PLATFORM, kept, dict.fromkeys(names, key))
        return kept

    def _structure(self, value: Mapping[str, Any], key: str | None, left_out: frozenset[str]) -> dict[str, Any]:
        """`value` without what is about its author; `key` stands for a private one."""
        kept: dict[str, Any] = {}
        for name, item in value.items():
            if name in left_out:
                continue
            kind = type(item)
            if kind is dict:
                is_private = name == "authorChannelId" and key
                kept[name] = {"value": key} if is_private else self._structure(item, key, left_out)
            elif kind is list:
                parts = [self._structure(one, key, left_out) if type(one) is dict else one for one in item]
                kept[name] = parts
            elif name == "channelId" and kind is str and not self.is_company(item):
                kept[name] = self.key(item)
            else:
                kept[name] = item
        return kept

    def _said(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.words(value)
        if isinstance(value, dict):
            return {name: self._said(item) for name, item in value.items()}
        return [self._said(item) for item in value] if isinstance(value, list) else value

    def _profile(self, found: re.Match[str]) -> str:
        name = found["name"]
        if _KEYED.fullmatch(name) or self.is_company(name) or self.privacy.is_company(name):
            return found[0]
        return found["head"] + self.key(name)

    def _dotted(self, found: re.Match[str]) -> str:
        return found[0] if self.privacy.is_company(found["name"]) else f"@{self.key(found['name'])}"


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)[0]
    if isinstance(value, dict):
        return {whole(str(name))[0]: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
