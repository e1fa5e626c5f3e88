"""Who on LinkedIn is the company, what stands for everybody else, and the plain text of posts and comments.

People and organisations are URNs. Names stand in texts alone: in a post's commentary as `@[Name](urn:li:person:x)`, in
a comment as a span that an attribute points to.

Sources: LinkedIn's "little Text Format"; "Comments API" (message, attributes).
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from resonanz.privacy import Privacy
from resonanz.social.fields import mappings
from resonanz.social.texts import whole

PLATFORM = "linkedin"
_WHO = r"person|member|organization|organizationBrand|company|fsd_profile|fs_miniProfile|fsd_company"
_URN = re.compile(rf"urn(?P<colon>:|%3A)li(?P=colon)(?:{_WHO})(?P=colon)[\w-]+", re.IGNORECASE)
_LITTLE = re.compile(
    r"\\(?P<escaped>.)"
    r"|@\[(?P<name>(?:\\.|[^\]\\])*)\]\s?\((?P<urn>urn:li:[^)\s]+)\)"
    r"|\{hashtag\|\\?(?P<sign>[#＃])\|(?P<tag>(?:\\.|[^|}\\])*)\}",
    re.DOTALL,
)
_PROFILE = re.compile(r"(?P<head>linkedin\.com/(?:in|pub)/)(?P<name>[^\s/?#&\"'<>()]+)", re.IGNORECASE)
_KEYED = re.compile(r"[0-9a-f]{32}")
# About a person, where more than its URN comes along.
_LEFT_OUT = frozenset(
    {
        *("firstName", "lastName", "maidenName", "localizedFirstName", "localizedLastName", "localizedMaidenName"),
        *("headline", "localizedHeadline", "vanityName", "profilePicture", "displayImage", "picture", "pictureUrl"),
        *("name", "fullName", "displayName", "formattedName", "actorName", "authorName", "emailAddress"),
    }
)

_DROPPED = re.compile(rf'(?:"(?:{"|".join(sorted(_LEFT_OUT))})|~"):')


class People:
    """The company's organisations, and keys for everybody else."""

    def __init__(self, privacy: Privacy) -> None:
        self.privacy = privacy
        self.names: dict[str, str] = {}  # urn of one of the company's organisations -> its name
        self._urns = lru_cache(maxsize=50_000)(self._urn)  # the same people speak again and again
        self.is_company = lru_cache(maxsize=50_000)(self._is_company)

    def is_ours(self, urn: str, name: str) -> None:
        if urn not in self.names:
            self.names[urn] = name
            self._urns.cache_clear()
            self.is_company.cache_clear()

    def _is_company(self, urn: str) -> bool:
        """Whether a URN is one of the company's; an organisation's number alone is enough in company_accounts."""
        kind, _, number = urn.removeprefix("urn:li:").partition(":")
        numbers = [number] if kind.startswith("organization") else []
        return urn in self.names or self.privacy.is_company(urn, *numbers)

    def key(self, urn: str) -> str:
        return self.privacy.author_key(PLATFORM, urn)

    def post_text(self, commentary: Any) -> tuple[str | None, bool]:
        """What people read of a post, private people as `@<author key>`, and whether bytes of it were broken."""
        if not isinstance(commentary, str) or not commentary:
            return None, False
        text, is_repaired = whole(commentary)
        named: dict[str, str] = {}
        text = _LITTLE.sub(lambda found: self._shown(found, named), text)
        return self._words(text, named) or None, is_repaired

    def comment_text(self, message: Any) -> tuple[str | None, bool]:
        """The same of a comment."""
        text, is_repaired, named = self._comment(message)
        return self._words(text, named) or None, is_repaired

    def clean(self, item: Any) -> Any:
        """A copy of an item of the API without private people; the company's organisations stay."""
        named: dict[str, str] = {}
        if isinstance(item, Mapping):
            said, message = item.get("commentary"), item.get("message")
            if isinstance(said, str):
                item = {**item, "commentary": _LITTLE.sub(lambda found: self._unnamed(found, named), whole(said)[0])}
            if isinstance(message, Mapping) and message.get("attributes") and isinstance(message.get("text"), str):
                text, _, named = self._comment(message)
                item = {**item, "message": {**message, "text": text}}
        try:
            shown = orjson.dumps(item).decode()
        except TypeError:  # halves of broken characters, integers beyond 64 bits
            return self._copy(item, named)
        if named or "@" in shown or "＠" in shown or "linkedin.com/" in shown.casefold() or _DROPPED.search(shown):
            return self._copy(item, named)
        return orjson.loads(_URN.sub(lambda found: self._urns(found[0]), shown))  # so it is with most, and faster

    def _copy(self, value: Any, named: Mapping[str, str]) -> Any:
        kind = type(value)
        if kind is str:
            return self._words(whole(value)[0], named)
        if kind is dict:
            return {
                name if name.isalnum() else self._copy(name, named): self._copy(item, named)
                for name, item in value.items()
                if name not in _LEFT_OUT and not name.endswith("~")
            }
        return [self._copy(one, named) for one in value] if kind is list else value

    def _comment(self, message: Any) -> tuple[str, bool, dict[str, str]]:
        """A comment's text with mentions keyed, whether it was broken, and who was mentioned: name -> key."""
        named: dict[str, str] = {}
        said = message.get("text") if isinstance(message, Mapping) else None
        if not isinstance(said, str):
            return "", False, named
        text, is_repaired = whole(said)
        for start, end, urn in reversed(list(_tagged(text, message.get("attributes")))):
            if not self.is_company(urn):
                named[text[start:end].lstrip("@")] = self.key(urn)
                text = f"{text[:start].removesuffix('@')}@{self.key(urn)}{text[end:]}"
        return text, is_repaired, named

    def _shown(self, found: re.Match[str], named: dict[str, str]) -> str:
        if found["escaped"] is not None:
            return _plain(found[0])
        if found["tag"] is not None:
            return found["sign"] + _plain(found["tag"])
        name = _plain(found["name"])
        if self.is_company(found["urn"]):
            return name
        named[name] = self.key(found["urn"])
        return f"@{named[name]}"

    def _unnamed(self, found: re.Match[str], named: dict[str, str]) -> str:
        if found["urn"] is None or self.is_company(found["urn"]):
            return found[0]
        key = self.key(found["urn"])
        named[_plain(found["name"])] = named[found["name"]] = key
        return f"@[{key}]({found['urn']})"  # the URN is keyed with all others

    def _urn(self, found: str) -> str:
        """What stands for a URN of a person or organisation."""
        head, colon, number = found.rpartition(":" if ":" in found else found[3:6])
        if _KEYED.fullmatch(number) or self.is_company(urn := found.replace("%3A", ":").replace("%3a", ":")):
            return found
        return head + colon + self.key(urn)

    def _words(self, text: str, named: Mapping[str, str]) -> str:
        """`text` with private people keyed, those in `named` wherever they stand."""
        for name, key in named.items():
            if len(name) > 2 and name in text:
                text = re.sub(rf"(?<!\w)@?{re.escape(name)}(?!\w)", f"@{key}", text)
        if "urn" in text:
            text = _URN.sub(lambda found: self._urns(found[0]), text)
        if "linkedin.com/" in text.casefold():
            text = _PROFILE.sub(self._profile, text)
        return self.privacy.text(PLATFORM, text) if "@" in text or "＠" in text else text

    def _profile(self, found: re.Match[str]) -> str:
        name = found["name"]
        if _KEYED.fullmatch(name) or self.privacy.is_company(name):
            return found[0]
        return found["head"] + self.key(name)


def _plain(little: str) -> str:
    """Without the backslashes before what means something else in this format. A backslash of its own has one, too."""
    return re.sub(r"\\(.)", lambda found: found[0] if found[1].isalnum() or found[1].isspace() else found[1], little)


def _tagged(text: str, attributes: Any) -> Iterator[tuple[int, int, str]]:
    """(start, end, urn) of those whom a comment's attributes name, in order."""
    spans = []
    for attribute in mappings(attributes):
        start, length = attribute.get("start"), attribute.get("length")
        urn = _urn_in(attribute.get("value"))
        if urn is None or urn.startswith("urn:li:hashtag") or not isinstance(start, int) or not isinstance(length, int):
            continue
        if start >= 0 and length > 0:
            spans.append((*_span(text, start, length), urn))
    last = 0
    for start, end, urn in sorted(spans):
        if start >= last and end > start:
            yield start, end, urn
            last = end


def _span(text: str, start: int, length: int) -> tuple[int, int]:
    """Where a span lies. LinkedIn counts in UTF-16 units, others who speak its language in characters: where the two
    differ, the one counts that begins and ends with a word, else all that either covers."""
    plain = (start, min(start + length, len(text)))
    units = text.encode("utf-16-le")
    first = len(units[: 2 * start].decode("utf-16-le", "replace"))
    wide = (first, min(len(units[: 2 * (start + length)].decode("utf-16-le", "replace")), len(text)))
    if wide == plain or _is_whole(text, *wide):
        return wide
    return plain if _is_whole(text, *plain) else (min(plain[0], wide[0]), max(plain[1], wide[1]))


def _is_whole(text: str, start: int, end: int) -> bool:
    inside = text[start:end]
    if not inside or inside != inside.strip():
        return False
    return not (start and text[start - 1].isalnum() and inside[0].isalnum()) and not (
        text[end : end + 1].isalnum() and inside[-1].isalnum()
    )


def _urn_in(value: Any) -> str | None:
    """The URN that an attribute's value holds, however deep: {"person": {"person": "urn:li:person:x"}}."""
    if isinstance(value, Mapping):
        return next((urn for part in value.values() if (urn := _urn_in(part))), None)
    return value if isinstance(value, str) and value.startswith("urn:li:") else None
