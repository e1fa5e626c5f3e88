"""What Facebook answered, as it may be kept: without private people, their addresses, and the token."""

from collections.abc import Mapping
from typing import Any

from resonanz.social.facebook.people import ADDRESS, PLATFORM, People, put
from resonanz.social.fields import mappings
from resonanz.social.texts import whole

# Objects with an id and a name that are no people; every other one is, unless it is the company's.
_NO_PEOPLE = frozenset({"insights", "application"})
_PEOPLE = frozenset({"from", "reviewer", "message_tags", "tags"})
# Words about people that name them, where they were, and addresses with the token in them (`paging`).
_LEFT_OUT = frozenset(
    {"paging", "story", "story_tags", "with_tags", "to", "admin_creator", "picture", "icon", "actions", "place"}
)
_TEXTS = frozenset({"message", "review_text", "title", "description"})
_OF_TAGS = ("type", "offset", "length")


def clean(item: Any, people: People, spoken: Mapping[str, str] | None = None, native_id: str | None = None) -> Any:
    """A copy of `item` without private people: keyed, their names wherever they stand, their addresses left out.

    :param spoken: further names -> keys that stand in its text.
    :param native_id: what stands for the item's own id, where that names somebody.
    """
    walk = _Walk(people, dict(spoken) if spoken else {})
    raw = item.get("id") if isinstance(item, dict) else None
    if native_id is not None and isinstance(raw, str) and raw != native_id:
        walk.found[raw] = native_id
        walk.found[raw.partition("_")[0]] = native_id.partition("_")[0]
    return walk.scrubbed(walk.structure(item))


class _Walk:
    """One way through one item: who is named in it, and what it says."""

    def __init__(self, people: People, found: dict[str, str]) -> None:
        self.people = people
        self.found = found  # names and ids -> keys
        self.said: list[str] = []  # all strings that are kept

    def structure(self, value: Any) -> Any:
        """`value` without what is left out, people as keys; names in strings are still there."""
        if isinstance(value, list):
            return [self.structure(item) for item in value]
        if isinstance(value, str):
            self.said.append(value)
        if not isinstance(value, dict):
            return value
        kept: dict[str, Any] = {}
        for name, item in value.items():
            if name in _LEFT_OUT:
                continue
            kind = type(item)  # as JSON has them; `isinstance` would cost more than all the rest
            if kind is str:
                if "://" not in item or name in _TEXTS or self._may_be_shown(item):
                    kept[name] = item
                    self.said.append(item)
            elif (kind is not dict and kind is not list) or _is_count(item):
                kept[name] = item
            elif name in _NO_PEOPLE:
                kept[name] = _without_paging(item)
            elif name in _PEOPLE or _is_person(item):
                kept[name] = self._keyed(item)
            elif kind is dict and name in ("attachment", "attachments"):
                kept[name] = self.structure(_attachments(item))
            else:
                kept[name] = self.structure(item)
        return kept

    def scrubbed(self, structure: Any) -> Any:
        """`structure` with names and @mentions keyed in all its strings; most have none."""
        said = "\n".join(self.said)
        try:
            said.encode()
        except UnicodeEncodeError:  # halves of broken characters
            return self.people.privacy.scrub(PLATFORM, _whole(structure), self.found)
        folded = said.casefold()
        names = [name for name in self.found if name.casefold() in folded]
        if not names and "@" not in said and "＠" not in said:
            return structure
        if any(folded.count(name.casefold()) != said.count(name) for name in names):
            return self.people.privacy.scrub(PLATFORM, structure, self.found)  # in other letters: the slow way
        return self._strings(structure, {name: self.found[name] for name in sorted(names, key=len, reverse=True)})

    def _strings(self, value: Any, names: Mapping[str, str]) -> Any:
        kind = type(value)
        if kind is str:
            for name, key in names.items():
                if name in value:
                    value = put(value, name, key)
            return self.people.privacy.text(PLATFORM, value) if "@" in value or "＠" in value else value
        if kind is dict and not _is_count(value):
            return {name: self._strings(item, names) for name, item in value.items()}
        return [self._strings(item, names) for item in value] if kind is list else value

    def _may_be_shown(self, address: str) -> bool:
        return self.people.leads_to_us(address) or not ADDRESS.match(address)

    def _keyed(self, value: Any) -> Any:
        """One person or a list of them: the company as it is, others as their key."""
        if isinstance(value, list):
            return [self._keyed(item) for item in value]
        if not isinstance(value, dict):
            return None
        if not _is_person(value) and "id" not in value:
            return {place: self._keyed(item) for place, item in value.items()}  # older tags, by offset
        if self.people.is_company(value):
            return {name: value[name] for name in ("id", "name", "username", *_OF_TAGS) if name in value}
        key = self.people.key_of(value)
        for name in ("id", "name", "username"):
            if isinstance(called := value.get(name), str) and called:
                self.found[called] = key
        keyed = {"id": key}
        if "offset" in value:
            keyed.update({name: value[name] for name in _OF_TAGS if name in value})
        return keyed


def _is_count(value: Any) -> bool:
    """Whether it is an edge of which only the number was asked for: many an item has ten, with nobody in them."""
    return type(value) is dict and len(value) == 2 and "summary" in value and value.get("data") == []


def _is_person(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_person(item) for item in value)
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _without_paging(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_paging(item) for name, item in value.items() if name != "paging"}
    return [_without_paging(item) for item in value] if isinstance(value, list) else value


def _attachments(value: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is attached: its kind, and where it leads outside of Facebook. Titles inside of it name people."""
    if isinstance(value.get("data"), list):
        return {"data": [_attachments(item) for item in mappings(value["data"])]}
    address = value.get("unshimmed_url") or value.get("url")
    names = ["media_type", "type"]
    if isinstance(address, str) and not ADDRESS.match(address):
        names += ["title", "unshimmed_url"]
    return {name: value[name] for name in names if isinstance(value.get(name), str)}


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)[0]
    if isinstance(value, dict):
        return {whole(str(name))[0]: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
