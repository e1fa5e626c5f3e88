"""What Facebook answered, as it may be kept: without private people, their addresses, and the token."""

from collections.abc import Mapping
from typing import Any

import orjson

from resonanz.social.facebook_people import ADDRESS, PLATFORM, People
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
    found: dict[str, str] = dict(spoken) if spoken else {}
    if not isinstance(item, dict):
        return _scrubbed(_structure(item, people, found), people, found)
    raw = item.get("id")
    if native_id is not None and isinstance(raw, str) and raw != native_id:
        found[raw] = native_id
        found[raw.partition("_")[0]] = native_id.partition("_")[0]
    counts = {name: value for name, value in item.items() if type(value) is dict and _is_count(value)}
    rest = {name: value for name, value in item.items() if name not in counts} if counts else item
    kept: dict[str, Any] = _scrubbed(_structure(rest, people, found), people, found)
    kept.update(counts)
    return kept


def _is_count(value: dict[str, Any]) -> bool:
    """Whether it is an edge of which only the number was asked for: many an item has ten, with nobody in them."""
    return value.get("data") == [] and len(value) == 2 and "summary" in value


def _scrubbed(structure: Any, people: People, found: Mapping[str, str]) -> Any:
    try:
        shown = orjson.dumps(structure).decode()
    except TypeError:  # halves of broken characters
        structure, shown = _whole(structure), "@"
    if "@" not in shown and "＠" not in shown:
        if not found:
            return structure
        folded = shown.casefold()
        if not any(name.casefold() in folded for name in found):
            return structure
    return people.privacy.scrub(PLATFORM, structure, found)


def _structure(value: Any, people: People, found: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_structure(item, people, found) if isinstance(item, dict | list) else item for item in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, item in value.items():
        if name in _LEFT_OUT:
            continue
        if isinstance(item, str):
            if "://" not in item or name in _TEXTS or not ADDRESS.match(item) or people.leads_to_us(item):
                kept[name] = item
        elif not isinstance(item, dict | list):
            kept[name] = item
        elif name in _NO_PEOPLE:
            kept[name] = _without_paging(item)
        elif name in _PEOPLE or _is_person(item):
            kept[name] = _keyed(item, people, found)
        elif isinstance(item, dict) and name in ("attachment", "attachments"):
            kept[name] = _attachments(item)
        else:
            kept[name] = _structure(item, people, found)
    return kept


def _keyed(value: Any, people: People, found: dict[str, str]) -> Any:
    """One person or a list of them: the company as it is, others as their key."""
    if isinstance(value, list):
        return [_keyed(item, people, found) for item in value]
    if not isinstance(value, dict):
        return None
    if not _is_person(value) and "id" not in value:
        return {place: _keyed(item, people, found) for place, item in value.items()}  # older tags, by offset
    if people.is_company(value):
        return {name: value[name] for name in ("id", "name", "username", *_OF_TAGS) if name in value}
    key = people.key_of(value)
    for name in ("id", "name", "username"):
        if isinstance(called := value.get(name), str) and called:
            found[called] = key
    return {"id": key, **{name: value[name] for name in _OF_TAGS if name in value}}


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
