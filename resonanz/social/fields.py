"""Fields of an API's JSON, as promised or with words on what is wrong."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_OBJECTS = (dict, Mapping)  # a dict is told at once, other mappings take a search


class Unreadable(Exception):
    """A field is missing or holds what it should not; the message names it."""


def field(value: Any, name: str, *kinds: type) -> Any:
    """`value[name]`; raises Unreadable where it is missing or of none of `kinds`."""
    found = value.get(name) if isinstance(value, _OBJECTS) else None
    if not isinstance(found, kinds) or isinstance(found, bool):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise Unreadable(
            f"{name} is missing" if found is None else f"{name} should be {wanted}: {type(found).__name__}"
        )
    return found


def utc(value: str, name: str) -> datetime:
    """`value`, an ISO 8601 time, in UTC; one without an offset is taken for UTC. Raises Unreadable with the name."""
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the first and last day of the calendar have no UTC everywhere
        raise Unreadable(f"{name} is no ISO 8601 time: {value[:40]!r}") from None


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a list; nothing where `value` is no list. For parts that a message can be read without."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, _OBJECTS):
            yield item
