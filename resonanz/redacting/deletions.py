"""What is known of the messages that are due to be redacted, read from the warehouse once and asked row by row."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from resonanz.platforms import PLATFORMS
from resonanz.redacting.payloads import carriers
from resonanz.versions import fates

Name = tuple[str, str]  # platform, native_id
Place = tuple[datetime, str, int, str, str]  # as resonanz.versions.PLACE


class Fate(NamedTuple):
    """Up to where a message is deleted; `salt` goes into the marks of its versions and is forgotten afterwards."""

    deleted: Place
    revived: Place | None
    salt: str


@dataclass
class Deletions:
    """The messages that are due, and the others in whose payloads they may stand.

    :param fates: of each message that is due.
    :param gone: platform -> native ids of those that do not live again.
    :param carrying: messages whose payload may hold what one of them said.
    :param said: message -> texts of deleted messages right below it, which may stand in its payload without an id.
    """

    fates: dict[Name, Fate]
    gone: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    carrying: set[Name] = field(default_factory=set)
    said: dict[Name, list[str]] = field(default_factory=lambda: defaultdict(list))

    def takes_back(self, row: Mapping[str, Any], place: Sequence[Any], *, is_from_file: bool) -> Fate | None:
        """The fate by which the sighting `row` at `place` must not show what it said; None where it may.

        The same as resonanz.versions.TAKEN_BACK; where its place is not known, it is taken to be an old one.
        """
        fate = self.fates.get((row["platform"], row["native_id"]))
        if fate is None:
            return None
        if None in place:
            return fate
        here: Any = tuple(place)
        if here < fate.deleted or (is_from_file and (fate.revived is None or here < fate.revived)):
            return fate
        return None


def read(warehouse: duckdb.DuckDBPyConnection) -> Deletions:
    """What redaction.due means now; due messages of which no deletion is known are left out."""
    rows = warehouse.execute(
        f"select fate.*, salt from ({fates('from redaction.due')}) as fate "  # noqa: S608
        "join redaction.due using (platform, native_id)"
    ).fetchall()
    found = Deletions(
        {(platform, name): Fate(_place(deleted), _place(back), salt) for platform, name, deleted, back, salt in rows}
    )
    for (platform, name), fate in found.fates.items():
        if fate.revived is None:
            found.gone[platform].add(name)
    for platform, names in found.gone.items():
        found.carrying |= {(platform, name) for name in carriers(warehouse, list(PLATFORMS), platform, sorted(names))}
    for platform, text, *above in _below(warehouse):
        for name in {name for name in above if name}:
            found.said[platform, name].append(text)
            found.carrying.add((platform, name))
    return found


def _below(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str | None, str | None]]:
    """(platform, text, parent, first message of the thread) of every version of the messages that are due."""
    query = " union ".join(
        f"select platform, trim(text), parent_native_id, thread_native_id from raw.{connector} "  # noqa: S608
        "semi join redaction.due using (platform, native_id) where text is not null"
        for connector in PLATFORMS
    )
    return warehouse.execute(query).fetchall()


def _place(found: dict[str, Any] | None) -> Any:
    return None if found is None else tuple(found.values())
