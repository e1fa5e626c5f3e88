"""The HTML in which Google+ keeps what people wrote: mentions keyed, and as plain text."""

import html as markup
import re
from collections.abc import Iterator
from typing import Any

from resonanz.google_plus.known import Known
from resonanz.google_plus.people import PROFILE, People
from resonanz.social.plaintext import plaintext
from resonanz.social.texts import whole

_PREFIX = re.compile(r"<span\b[^>]*\bproflinkPrefix\b[^>]*>\s*\+?\s*</span>", re.IGNORECASE)
_ANCHOR = re.compile(r"\+?<a\b(?P<attributes>[^>]*)>(?P<shown>.*?)</a\s*>", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_SHORTENED = re.compile(r"(?P<start>.{8,}?)(?:\.\.\.|…)", re.DOTALL)


def keyed_html(content: str, people: People, known: Known) -> str:
    """`content` with each link to a person as `+<author key>`, the company's as `+<its name>`.

    Links that show only the start of their address show all of it.
    """
    if "<a" not in content and "<A" not in content:
        return content

    def link(found: re.Match[str]) -> str:
        attributes = _attributes(found["attributes"])
        shown = plaintext(found["shown"]).strip()
        raw = _mentioned(attributes, shown)
        if raw is None:
            return _whole_address(found, attributes, shown)
        person = people.person(raw)
        known.add(person)
        if person.is_company:
            return markup.escape(f"+{raw['displayName'] or person.name}", quote=False)
        return f"+{person.key}" if person.key else ""

    return _ANCHOR.sub(link, _PREFIX.sub("", content))


def mentioned(content: Any) -> Iterator[dict[str, str]]:
    """Whom `content` links to, as objects that `People.person` reads."""
    if isinstance(content, str):
        for found in _ANCHOR.finditer(_PREFIX.sub("", content)):
            if raw := _mentioned(_attributes(found["attributes"]), plaintext(found["shown"]).strip()):
                yield raw


def text(content: str, people: People, known: Known) -> tuple[str | None, bool]:
    """What people read in `content`, and whether characters of it were broken; None where nothing is said."""
    plain = (
        plaintext(keyed_html(content, people, known)).replace("\ufeff", "").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
    plain, is_repaired = whole(plain)
    return known.text(plain).strip() or None, is_repaired or "\N{REPLACEMENT CHARACTER}" in plain


def _attributes(attributes: str) -> dict[str, str]:
    return {
        name.lower(): markup.unescape(one or two or three) for name, one, two, three in _ATTRIBUTE.findall(attributes)
    }


def _mentioned(attributes: dict[str, str], shown: str) -> dict[str, str] | None:
    """The person behind a link, or None where it is another link: a hashtag, an address that somebody wrote."""
    address, number = attributes.get("href", ""), attributes.get("oid") or attributes.get("data-oid", "")
    is_profile = (found := PROFILE.match(address)) and address[found.end() :].strip("/") in ("", "posts", "about")
    is_name = shown and "://" not in shown and "plus.google.com" not in shown
    if "proflink" not in attributes.get("class", "").split() and not number and not (is_profile and is_name):
        return None
    return {"displayName": shown.lstrip("+").strip(), "id": number, "url": address}


def _whole_address(found: re.Match[str], attributes: dict[str, str], shown: str) -> str:
    address = attributes.get("href", "")
    bare = address.partition("://")[2]
    if (cut := _SHORTENED.fullmatch(shown)) and bare and f"{bare} {address}".find(cut["start"]) in (0, len(bare) + 1):
        plus = "+" if found[0].startswith("+") else ""
        return plus + markup.escape(address, quote=False)
    return found[0]
