"""Who on Facebook is the company, and what stands for everybody else in texts and ids.

People have ids that hold for one page only, and names; posts on their own profile carry their id in the post's id.
Without the right permission Graph leaves `from` out: then nothing is known of an author.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resonanz.privacy import Privacy
from resonanz.social.fields import mappings
from resonanz.social.texts import whole

PLATFORM = "facebook"
ADDRESS = re.compile(r"https?://(?:[\w-]+\.)*(?:facebook|fb)\.(?:com|me)/", re.IGNORECASE)
_MOST_NAMES, _MOST_THREADS = 200, 2000  # that are remembered
_MOST_PEOPLE = 50_000  # whose keys are remembered


class People:
    """The company's pages, and keys for everybody else."""

    def __init__(self, privacy: Privacy) -> None:
        self.privacy = privacy
        self._own: set[str] = set()  # ids and user names of the company's pages, in lower case
        self._roots: tuple[str, ...] = ()  # how addresses on their pages begin
        self._named: dict[str, dict[str, str]] = {}  # thread -> names of those who spoke in it -> key
        self._keys: dict[str, str] = {}
        self._known: dict[tuple[Any, Any, Any], bool] = {}

    def is_ours(self, *names: str | None) -> None:
        """These ids and user names are of one of the company's own pages. (A name alone may be anybody's.)"""
        if new := {name.casefold() for name in names if name} - self._own:
            self._own |= new
            self._roots = tuple(f"https://www.facebook.com/{name}/" for name in self._own)
            self._known.clear()

    def is_company(self, person: Mapping[str, Any]) -> bool:
        """Whether an object with id, name or user name is an account of the company."""
        name = (person.get("id"), person.get("username"), person.get("name"))
        known = self._known.get(name)
        if known is None:
            ids = [str(one) for one in name[:2] if one]
            known = any(one.casefold() in self._own for one in ids) or self.privacy.is_company(*ids, name[2])
            if len(self._known) >= _MOST_PEOPLE:
                self._known.clear()
            self._known[name] = known
        return known

    def is_own_page(self, page_id: str) -> bool:
        return page_id.casefold() in self._own or self.privacy.is_company(page_id)

    def key(self, person_id: str) -> str:
        key = self._keys.get(person_id)
        if key is None:
            if len(self._keys) >= _MOST_PEOPLE:
                self._keys.clear()
            key = self._keys[person_id] = self.privacy.author_key(PLATFORM, person_id)
        return key

    def key_of(self, person: Mapping[str, Any]) -> str:
        """The key of somebody by the id, or by the name where that is all there is."""
        return self.key(str(person.get("id") or person.get("name") or "unknown"))

    def post_id(self, raw: str) -> str:
        """The id of a post without a private person in it: `<page>_<post>`, or `<author key>_<post>`."""
        owner, divider, post = raw.partition("_")
        return raw if not divider or self.is_own_page(owner) else f"{self.key(owner)}_{post}"

    def address(self, permalink: Any, native_id: str) -> str:
        """Where people read it: its permalink if it leads through an own page, else one by its id alone."""
        if isinstance(permalink, str) and self.leads_to_us(permalink):
            return permalink
        owner, _, post = native_id.partition("_")
        return f"https://www.facebook.com/{native_id if owner.isdigit() else post}"

    def leads_to_us(self, address: str) -> bool:
        """Whether an address on Facebook is one of the company's own pages or stands below it."""
        if address.startswith(self._roots):
            return True
        if "facebook.com" not in address:
            return False
        parts = urlsplit(address)
        first = parts.path.strip("/").split("/")[0]
        own = [first, first.partition("_")[0], *parse_qs(parts.query).get("id", [])]
        return any(name and self.is_own_page(name) for name in own)

    def text(self, item: Mapping[str, Any], spoken: Mapping[str, str]) -> tuple[str | None, bool]:
        """The text of `item`, private people in it as `@<author key>`, and whether bytes of it were broken.

        :param spoken: names that are keyed also where Graph gives no tag for them, see `spoken_of`.
        """
        said = item.get("message")
        if not isinstance(said, str) or not said:
            return None, False
        text, is_repaired = whole(said)
        if tags := item.get("message_tags"):
            for start, end, person in reversed(list(_tagged(text, tags))):
                if not self.is_company(person):
                    mark = "" if text[:start].endswith("@") else "@"
                    text = f"{text[:start]}{mark}{self.key_of(person)}{text[end:]}"
        for name, key in spoken.items():
            text = put(text.replace(f"@{name}", name), name, f"@{key}")
        return (self.privacy.text(PLATFORM, text) if "@" in text or "＠" in text else text), is_repaired

    def speaks(self, person: Mapping[str, Any] | None, thread: str) -> None:
        """Remember who spoke in a thread, by a name of several words."""
        name = person.get("name") if person else None
        if person is None or not isinstance(name, str) or " " not in name.strip() or self.is_company(person):
            return
        if (names := self._named.get(thread)) is None:
            if len(self._named) >= _MOST_THREADS:
                del self._named[next(iter(self._named))]
            names = self._named[thread] = {}
        if len(names) < _MOST_NAMES:
            names[name] = self.key_of(person)

    def spoken_of(self, text: Any, thread: str | None, author: Mapping[str, Any] | None) -> dict[str, str]:
        """Name -> key of the author and of those of a thread's speakers whose name of several words is in `text`."""
        if not isinstance(text, str) or " " not in text:
            return {}
        names = self._named.get(thread) if thread else None
        found = {name: key for name, key in list(names.items()) if name in text} if names else {}
        own = author.get("name") if author else None
        if author and isinstance(own, str) and own in text and " " in own.strip() and not self.is_company(author):
            found[own] = self.key_of(author)
        return found


def put(text: str, name: str, instead: str) -> str:
    """`text` with `instead` wherever `name` stands in it as whole words."""
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        is_word = not (_is_letter(text[start - 1 : start]) or _is_letter(text[end : end + 1]))
        if is_word:
            text, end = f"{text[:start]}{instead}{text[end:]}", start + len(instead)
        start = text.find(name, end)
    return text


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_"


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
