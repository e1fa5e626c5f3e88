"""Who on Facebook is the company, and what stands for everybody else.

People have ids that hold for one page only, and names; posts on their own profile carry their id in the post's id.
Without the right permission Graph leaves `from` out: then nothing is known of an author.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from resonanz.privacy import Privacy
from resonanz.social.fields import mappings
from resonanz.social.texts import whole

PLATFORM = "facebook"
# Objects with an id and a name that are no people; every other one is, unless it is the company's.
_NO_PEOPLE = frozenset({"insights", "application"})
# Words about people that name them, and addresses with the token in them (`paging`).
_LEFT_OUT = frozenset(
    {"paging", "story", "story_tags", "with_tags", "to", "admin_creator", "picture", "icon", "actions", "place"}
)
_TEXTS = frozenset({"message", "review_text", "title", "description"})
_OF_TAGS = ("type", "offset", "length")
_ADDRESS = re.compile(r"https?://(?:[\w-]+\.)*(?:facebook|fb)\.(?:com|me)/\S*", re.IGNORECASE)
_MOST_NAMES, _MOST_THREADS = 200, 2000  # that are remembered


class People:
    """The company's pages, and keys for everybody else."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._own: set[str] = set()  # ids and user names of the company's pages, in lower case
        self._named: dict[str, dict[str, str]] = {}  # thread -> names of those who spoke in it -> key

    def is_ours(self, *names: str | None) -> None:
        """These ids and user names are of one of the company's own pages. (A name alone may be anybody's.)"""
        self._own |= {name.casefold() for name in names if name}

    def is_company(self, person: Mapping[str, Any]) -> bool:
        ids = [str(person[name]) for name in ("id", "username") if person.get(name)]
        return any(one.casefold() in self._own for one in ids) or self._privacy.is_company(*ids, person.get("name"))

    def is_own_page(self, page_id: str) -> bool:
        return page_id.casefold() in self._own or self._privacy.is_company(page_id)

    def key(self, person_id: str) -> str:
        return self._privacy.author_key(PLATFORM, person_id)

    def post_id(self, raw: str) -> str:
        """The id of a post without a private person in it: `<page>_<post>`, or `<author key>_<post>`."""
        owner, divider, post = raw.partition("_")
        return raw if not divider or self.is_own_page(owner) else f"{self.key(owner)}_{post}"

    def address(self, permalink: Any, native_id: str) -> str:
        """Where people read it: its permalink if it leads through an own page, else one by its id alone."""
        if isinstance(permalink, str) and self._leads_to_us(permalink):
            return permalink
        owner, _, post = native_id.partition("_")
        return f"https://www.facebook.com/{native_id if owner.isdigit() else post}"

    def text(self, item: Mapping[str, Any], thread: str | None = None) -> tuple[str | None, bool]:
        """The text of `item`, tagged private people as `@<author key>`, and whether bytes of it were broken.

        Who spoke in `thread` before is found in the text by the full name also where Graph gives no tags.
        """
        said = item.get("message")
        if not isinstance(said, str) or not said:
            return None, False
        text, is_repaired = whole(said)
        for start, end, person in reversed(list(_tagged(text, item.get("message_tags")))):
            if not self.is_company(person):
                mark = "" if text[:start].endswith("@") else "@"
                text = f"{text[:start]}{mark}{self.key_of(person)}{text[end:]}"
        for name, key in self._spoken_of(text, thread, item.get("from")).items():
            text = re.sub(rf"(?<!\w)@?{re.escape(name)}(?!\w)", f"@{key}", text)
        return (self._privacy.text(PLATFORM, text) if "@" in text or "＠" in text else text), is_repaired

    def speaks(self, person: Any, thread: str) -> None:
        """Remember who spoke in a thread, by a name of several words."""
        if not isinstance(person, Mapping) or self.is_company(person):
            return
        name = person.get("name")
        if not isinstance(name, str) or " " not in name.strip():
            return
        if thread not in self._named and len(self._named) >= _MOST_THREADS:
            del self._named[next(iter(self._named))]
        names = self._named.setdefault(thread, {})
        if len(names) < _MOST_NAMES:
            names[name] = self.key_of(person)

    def _spoken_of(self, text: Any, thread: str | None, author: Any) -> dict[str, str]:
        """Name -> key of the author and of those of a thread's speakers whose name of several words is in `text`."""
        if not isinstance(text, str) or " " not in text:
            return {}
        found = {name: key for name, key in list(self._named.get(thread or "", {}).items()) if name in text}
        own = author.get("name") if isinstance(author, Mapping) else None
        if isinstance(own, str) and " " in own.strip() and own in text and not self.is_company(author):
            found[own] = self.key_of(author)
        return found

    def clean(self, item: Any, native_id: str | None = None, thread: str | None = None) -> Any:
        """A copy of `item` without private people: keyed, their names wherever they stand, their addresses left out.

        :param native_id: what stands for the item's own id, where that names somebody.
        """
        raw = item.get("id") if isinstance(item, Mapping) else None
        found = self._spoken_of(item.get("message"), thread, None) if isinstance(item, Mapping) else {}
        if isinstance(raw, str) and native_id is not None and raw != native_id:
            found[raw] = native_id
            found[raw.partition("_")[0]] = native_id.partition("_")[0]
        structure = self._structure(item, found)
        try:
            shown = orjson.dumps(structure).decode()
        except TypeError:  # halves of broken characters
            structure, shown = _whole(structure), "@"
        if "@" not in shown and "＠" not in shown:
            folded = shown.casefold()
            if not any(name.casefold() in folded for name in found):
                return structure
        return self._privacy.scrub(PLATFORM, structure, found)

    def _structure(self, value: Any, found: dict[str, str]) -> Any:
        if isinstance(value, list):
            return [self._structure(item, found) if isinstance(item, dict | list) else item for item in value]
        kept: dict[str, Any] = {}
        for name, item in value.items() if isinstance(value, dict) else ():
            if name in _LEFT_OUT:
                continue
            if name in _NO_PEOPLE:
                kept[name] = _without_paging(item)
            elif isinstance(item, str):
                if "://" not in item or not self._is_private_address(item, name):
                    kept[name] = item
            elif isinstance(item, dict) and name in ("attachment", "attachments"):
                kept[name] = _attachments(item)
            elif name in ("message_tags", "tags", "from", "reviewer") or _is_person(item):
                kept[name] = self._people(item, found)
            elif isinstance(item, dict | list):
                kept[name] = self._structure(item, found)
            else:
                kept[name] = item
        return kept if isinstance(value, dict) else value

    def _people(self, value: Any, found: dict[str, str]) -> Any:
        """One person or a list of them: the company as it is, others as their key."""
        if isinstance(value, dict) and not _is_person(value) and "id" not in value:
            return {place: self._people(people, found) for place, people in value.items()}  # older tags, by offset
        if isinstance(value, list):
            return [self._people(item, found) for item in value]
        if not isinstance(value, dict):
            return None
        if self.is_company(value):
            return {name: value[name] for name in ("id", "name", "username", *_OF_TAGS) if name in value}
        key = self.key_of(value)
        for name in ("id", "name", "username"):
            if value.get(name) and isinstance(value[name], str):
                found[value[name]] = key
        return {"id": key, **{name: value[name] for name in _OF_TAGS if name in value}}

    def key_of(self, person: Mapping[str, Any]) -> str:
        return self.key(str(person.get("id") or person.get("name") or "unknown"))

    def _is_private_address(self, value: str, name: str) -> bool:
        """Whether it is an address on Facebook that may lead to a person's profile. Texts may hold any address."""
        return name not in _TEXTS and _ADDRESS.match(value) is not None and not self._leads_to_us(value)

    def _leads_to_us(self, address: str) -> bool:
        parts = urlsplit(address)
        first = parts.path.strip("/").split("/")[0]
        own = [first, first.partition("_")[0], *parse_qs(parts.query).get("id", [])]
        return any(name and self.is_own_page(name) for name in own)


def _without_paging(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_paging(item) for name, item in value.items() if name != "paging"}
    return [_without_paging(item) for item in value] if isinstance(value, list) else value


def _is_person(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_person(item) for item in value)
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _attachments(value: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is attached: its kind, and where it leads outside of Facebook. Titles inside of it name people."""
    if isinstance(value.get("data"), list):
        return {"data": [_attachments(item) for item in mappings(value["data"])]}
    address = value.get("unshimmed_url") or value.get("url")
    names = ["media_type", "type"]
    if isinstance(address, str) and not _ADDRESS.match(address):
        names += ["title", "unshimmed_url"]
    return {name: value[name] for name in names if isinstance(value.get(name), str)}


def _tagged(text: str, tags: Any) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """(start, end, who) of the tags in `text`, in order.

    Meta counts in Unicode characters by its documents (EntityAtTextRange) and has been seen to count in UTF-16
    units; the name that the tag gives decides, and where both are wrong it is looked for.
    """
    spans = []
    if isinstance(tags, Mapping):  # as older versions give them: {"<offset>": [tag, ...]}
        tags = [tag for group in tags.values() if isinstance(group, list) for tag in group]
    for tag in mappings(tags):
        offset, length, name = tag.get("offset"), tag.get("length"), tag.get("name")
        if not isinstance(offset, int) or not isinstance(length, int) or offset < 0 or length <= 0:
            continue
        spans.append((*_span(text, offset, length, name if isinstance(name, str) else None), tag))
    last = 0
    for start, end, tag in sorted(spans, key=lambda span: span[:2]):
        if start >= last and end > start:
            yield start, end, tag
            last = end


def _span(text: str, offset: int, length: int, name: str | None) -> tuple[int, int]:
    plain = (offset, min(offset + length, len(text)))
    if name is None or text[plain[0] : plain[1]] == name:
        return plain
    units = text.encode("utf-16-le", "surrogatepass")
    start = len(units[: 2 * offset].decode("utf-16-le", "replace"))
    end = len(units[: 2 * (offset + length)].decode("utf-16-le", "replace"))
    if text[start:end] == name:
        return start, end
    found = text.find(name)
    return (found, found + len(name)) if found >= 0 else plain


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)[0]
    if isinstance(value, dict):
        return {whole(str(name))[0]: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
