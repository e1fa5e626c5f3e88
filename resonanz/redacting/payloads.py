"""Deleted messages inside the payloads of others: quoted posts, answers below a post, a reply within a review."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import duckdb

_AT_ONCE = 300  # ids in one pattern: RE2 keeps its speed
# Under these names an object says which message it is; what it answers or quotes stands under others.
_IDENTITY = frozenset({"id", "id_str", "uri", "urn", "$urn", "name", "reviewid", "commentid"})
_KEPT = _IDENTITY | {"type", "kind", "$type"}
_SHORTEST = 8  # characters: a shorter text stands in others by chance


def without(payload: str, gone: Collection[str], said: Sequence[str] = (), own: str | None = None) -> str | None:
    """`payload` without what the messages `gone` (native ids of its platform) say in it; None where nothing changes.

    :param said: texts of deleted messages that may stand in it without an id, such as a reply within a review.
    :param own: what the message itself says; a text that is part of it stays.
    """
    try:
        value = json.loads(payload)
    except ValueError:
        return None
    texts = [text for text in said if len(text) >= _SHORTEST and not (own and text in own)]
    changed = _without(value, gone, texts)
    return None if changed == value else json.dumps(changed, ensure_ascii=False)


def names_one_of(value: Any, gone: Collection[str]) -> bool:
    """Whether the JSON object `value` is one of the messages `gone`."""
    return isinstance(value, dict) and any(
        name.casefold() in _IDENTITY and isinstance(given, str | int) and str(given) in gone
        for name, given in value.items()
    )


def _without(value: Any, gone: Collection[str], texts: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_without(item, gone, texts) for item in value]
    if isinstance(value, str):
        return "" if any(text in value for text in texts) else value
    if not isinstance(value, dict):
        return value
    if names_one_of(value, gone):
        kept = {name: item for name, item in value.items() if name.casefold() in _KEPT and isinstance(item, str | int)}
        return kept | {"redacted": True}
    return {name: _without(item, gone, texts) for name, item in value.items()}


def patterns(ids: Sequence[str]) -> Iterator[str]:
    """Regular expressions that find any of `ids`."""
    for start in range(0, len(ids), _AT_ONCE):
        yield "|".join(_escaped(name) for name in ids[start : start + _AT_ONCE])


def _escaped(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_/ @" or ord(char) > 127 else f"\\{char}" for char in name)


def carriers(
    warehouse: duckdb.DuckDBPyConnection, connectors: Sequence[str], platform: str, ids: Sequence[str]
) -> set[str]:
    """The native ids of messages on `platform` whose payload in raw names one of `ids`, those themselves included."""
    found: set[str] = set()
    for pattern in patterns(ids):
        for connector in connectors:
            rows = warehouse.execute(
                f"select distinct native_id from raw.{connector} "  # noqa: S608  a name of ours
                "where platform = ? and regexp_matches(payload, ?)",
                [platform, pattern],
            ).fetchall()
            found |= {name for (name,) in rows}
    return found
