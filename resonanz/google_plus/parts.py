"""Fields of Takeout's JSON and of API v1's, where any may be missing."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from resonanz.archive.timestamps import parse
from resonanz.google_plus.content import mentioned
from resonanz.social.fields import Unreadable, field, mappings


def part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object in a field; an empty one where there is none."""
    found = raw.get(name)
    return found if isinstance(found, Mapping) else {}


def is_public(raw: Mapping[str, Any]) -> bool:
    """Whether more than chosen circles and people could read a Takeout post: also communities, collections, events.

    Early Takeouts have no `postAcl` for public posts.
    """
    acl = part(raw, "postAcl")
    if not acl or acl.get("isPublic"):
        return True
    if acl.get("isDomainRestricted"):
        return False
    if any(acl.get(name) for name in ("communityAcl", "collectionAcl", "eventAcl")):
        return True
    circles = part(acl, "visibleToStandardAcl").get("circles")
    return any(circle.get("type") == "CIRCLE_TYPE_PUBLIC" for circle in mappings(circles))


def moment(raw: Mapping[str, Any], name: str) -> tuple[datetime | None, str]:
    """The time in a field, in UTC, and its precision; raises Unreadable where it is none."""
    value = raw.get(name)
    if value is None or value == "":
        return None, "unknown"
    try:
        return parse(field(raw, name, str), ["iso"], UTC)
    except ValueError:
        raise Unreadable(f"{name} is no time such as 2018-11-23 14:05:00+0100") from None


def lists(raw: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Metric -> the list in Takeout that it counts. What nobody did is left out there."""
    for metric, name in (("reactions", "plusOnes"), ("comments", "comments"), ("shares", "reshares")):
        if isinstance(found := raw.get(name), list):
            yield metric, found


def totals(what: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Metric -> count, of an activity's object in API v1."""
    for metric, name in (("reactions", "plusoners"), ("comments", "replies"), ("shares", "resharers")):
        if (count := total(what, name)) is not None:
            yield metric, count


def total(raw: Mapping[str, Any], name: str) -> int | None:
    """`totalItems` of a collection of API v1; None where it is not told."""
    count = part(raw, name).get("totalItems")
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def string(raw: Mapping[str, Any], name: str) -> str | None:
    """The text in a field; None where it is empty or no text."""
    value = raw.get(name)
    return value if isinstance(value, str) and value else None


def last(resource: str | None, kind: str) -> str | None:
    """`XYZ` of `users/1/posts/XYZ/comments/…`, for `posts`."""
    parts = resource.split("/") if resource else []
    return parts[parts.index(kind) + 1] if kind in parts[:-1] else None


def linked(value: Any) -> Iterator[dict[str, str]]:
    """Everybody to whom any text in a JSON value links."""
    if isinstance(value, str):
        if "<a" in value or "<A" in value:
            yield from mentioned(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from linked(item)
    elif isinstance(value, list):
        for item in value:
            yield from linked(item)
