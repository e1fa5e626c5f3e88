"""Private people become keys before anything is written; the company's own accounts stay readable.

A key is HMAC-SHA256(secret, "<platform>:<native author>") cut to 32 hex characters: the same person on the same
platform always gets the same key, and nobody without the secret can go back or try names out.
"""

import hmac
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

KEY_LENGTH = 32

# A handle as people type it in a text: not after a letter or digit (that is an e-mail address), except the "RT"
# of old retweets; after a dot (".@name"), a dash or a slash ("medium.com/@name") it is one.
_AT = r"(?:(?<!\w)|(?<=\bRT)|(?<=\brt))[@＠]"
# `\_` stands in exports that escape Markdown.
_WORD = r"(?:\w|\\_)+"
# @name, @name.domain (Bluesky), @first.last (Instagram), @name@server (fediverse).
_DOTTED = rf"{_WORD}(?:[.-]{_WORD})*(?:@\w[\w-]*(?:\.[\w-]+)*\.\w+)?"
_MENTION = re.compile(rf"{_AT}(?P<name>{_DOTTED})")
_WORD_MENTION = re.compile(rf"{_AT}(?P<name>{_WORD})")
_WORD_HANDLES = frozenset({"twitter", "x"})  # handles have no dots or dashes there: "@anna.thanks" mentions anna
_KEYED = re.compile(r"[0-9a-f]{32}")


class Privacy:
    """Keys private people and knows the company's own accounts.

    :param secret: the HMAC secret; whoever has it can tell whether a key belongs to a given name.
    :param company_accounts: handles and ids of the company's own accounts, with or without a leading `@`.
    """

    def __init__(self, secret: bytes, company_accounts: Iterable[str] = ()) -> None:
        if len(secret) < 16:
            raise ValueError("the secret for author keys must have at least 16 bytes")
        self._secret = secret
        self._company = frozenset(_fold(account) for account in company_accounts)
        # The same people speak again and again.
        self._key = lru_cache(maxsize=50_000)(self._hmac)
        self._is_own = lru_cache(maxsize=50_000)(lambda name: _fold(name) in self._company)

    @property
    def company_accounts(self) -> frozenset[str]:
        """The company's accounts, in lower case and without `@`."""
        return self._company

    def knowing(self, *names: str) -> "Privacy":
        """The same keys, with further handles and ids of the company's own accounts: those that its platform tells."""
        return Privacy(self._secret, [*self._company, *names])

    def is_company(self, *names: str | None) -> bool:
        """Whether any of `names` (handle, id, display name) is one of the company's own accounts."""
        for name in names:  # noqa: SIM110  a generator costs as much again, and this is asked for every name
            if name and self._is_own(name):
                return True
        return False

    def author_key(self, platform: str, author: str) -> str:
        """The key of `author` (native id or handle, case and a leading `@` ignored) on `platform`."""
        return self._key(platform, author)

    def _hmac(self, platform: str, author: str) -> str:
        message = f"{platform}:{_fold(author)}".encode()
        return hmac.digest(self._secret, message, "sha256").hex()[:KEY_LENGTH]

    def text(self, platform: str, text: str) -> str:
        """`text` with every @mention of a private person as `@<author key>`, all else untouched."""
        if "@" not in text and "＠" not in text:
            return text

        def keyed(match: re.Match[str]) -> str:
            handle = match["name"]
            head = re.split(r"[.-]", handle, maxsplit=1)[0]
            if _KEYED.fullmatch(handle) or self.is_company(handle):
                return match[0]
            if head != handle and "@" not in handle and self.is_company(head):
                return match[0]  # "@united.thanks": a sentence that goes on without a space
            return f"@{self.author_key(platform, handle)}"

        return (_WORD_MENTION if platform in _WORD_HANDLES else _MENTION).sub(keyed, text)

    def scrub(
        self, platform: str, payload: Any, identities: Mapping[str, str], drop: frozenset[str] = frozenset()
    ) -> Any:
        """A copy of a JSON-like `payload` without private identities.

        :param identities: what identifies a private person (handle, id, profile address) -> what stands for it.
            Replaced wherever it stands as a whole word in any string, keys of objects included.
        :param drop: names of object fields that are left out at any depth (avatar, display_name, bio, ...).
        """
        names = sorted((name for name in identities if name), key=len, reverse=True)
        folded = {name.casefold(): identities[name] for name in names}
        pattern: re.Pattern[str] | None = None

        def string(value: str) -> str:
            nonlocal pattern
            searched = value.casefold()
            if any(name in searched for name in folded):
                # compiled only where a name occurs at all: most strings of a payload hold none
                pattern = pattern or re.compile(
                    r"(?<!\w)(?:" + "|".join(map(re.escape, names)) + r")(?!\w)", re.IGNORECASE
                )
                value = pattern.sub(lambda match: folded.get(match[0].casefold(), match[0]), value)
            return self.text(platform, value)

        def walk(value: Any) -> Any:
            if isinstance(value, str):
                return string(value)
            if isinstance(value, Mapping):
                return {string(str(k)): walk(v) for k, v in value.items() if k not in drop}
            if isinstance(value, list | tuple):
                return [walk(item) for item in value]
            return value

        return walk(payload)


def _fold(name: str) -> str:
    return name.strip().lstrip("@＠").replace("\\_", "_").casefold()
