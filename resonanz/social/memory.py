"""What a source remembers of young messages, so that only what changed lands again and deletions can be told.

All of it lives in dlt's state, which is committed together with the rows: JSON values only, no handles, no texts.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from resonanz.landing import Message

UNREADABLE = "unreadable:"
_DELETED = "deleted"
_CONTENT = tuple(f.name for f in fields(Message) if f.name not in ("platform", "native_id", "payload", "origin"))


class Sighting(NamedTuple):
    """A landed message: what it looked like, and what a row for its deletion needs."""

    fingerprint: str
    created_at: str | None
    kind: str | None
    parent: str | None
    thread: str | None
    author_key: str | None
    author_name: str | None
    is_company: bool
    account: str | None
    url: str | None
    comments: float | None

    @property
    def is_deleted(self) -> bool:
        return self.fingerprint == _DELETED

    @property
    def created(self) -> datetime | None:
        return moment(self.created_at)


class Sightings:
    """The messages that a source has landed and still watches, by native id."""

    def __init__(self, state: dict[str, list[Any]]) -> None:
        self._state = state

    def __contains__(self, native_id: str) -> bool:
        return native_id in self._state

    def get(self, native_id: str) -> Sighting | None:
        found = self._state.get(native_id)
        return None if found is None else Sighting(*found)

    def news(self, message: Message) -> bool:
        """Whether `message` differs from its last sighting; remembers it."""
        fingerprint = _fingerprint(message)
        key = name_of(message)
        known = self._state.get(key)
        if known is not None and known[0] == fingerprint:
            return False
        created = message.created_at.isoformat() if message.created_at else None
        self._state[key] = list(
            Sighting(
                fingerprint,
                created,
                message.kind,
                message.parent_native_id,
                message.thread_native_id,
                message.author_key,
                message.author_name,
                message.is_company,
                message.account,
                message.url,
                message.metrics.get("comments"),
            )
        )
        return True

    def tombstone(self, platform: str, native_id: str, origin: str) -> Iterator[Message]:
        """The row that says `native_id` was deleted; none where it was never landed or that is known already."""
        known = self.get(native_id)
        if known is None or known.is_deleted:
            return
        created = known.created
        self._state[native_id] = list(known._replace(fingerprint=_DELETED))
        yield Message(
            platform=platform,
            native_id=native_id,
            kind=known.kind,
            parent_native_id=known.parent,
            thread_native_id=known.thread,
            author_key=known.author_key,
            author_name=known.author_name,
            is_company=known.is_company,
            account=known.account,
            created_at=created,
            created_at_precision="second" if created else "unknown",
            url=known.url,
            is_deleted=True,
            payload={"id": native_id, "deleted": True},
            origin=origin,
        )

    def below(self, parents: Iterable[str]) -> list[str]:
        """Ids of the landed, not deleted messages that answer one of `parents`."""
        if not hasattr(self, "_answers"):
            self._answers: dict[str, list[str]] = {}
            for native_id, values in self._state.items():
                sighting = Sighting(*values)
                if sighting.parent:
                    self._answers.setdefault(sighting.parent, []).append(native_id)
        found = [child for parent in parents for child in self._answers.get(parent, ())]
        return [child for child in found if (known := self.get(child)) is not None and not known.is_deleted]

    def forget(self, keep: Callable[[str, Sighting], bool]) -> None:
        """Forget all that `keep` does not ask for."""
        for native_id in [key for key, values in self._state.items() if not keep(key, Sighting(*values))]:
            del self._state[native_id]


class Threads:
    """Which conversations were read, and which are due to be read (again).

    A thread is named by the message through which it is asked for: its first one, or the one that was met.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self._read: dict[str, list[Any]] = state.setdefault(
            "read", {}
        )  # id -> [latest created_at, turn, first message]
        self._due: dict[str, Any] = state.setdefault("due", {})
        state["turn"] = self._turn = state.get("turn", 0) + 1

    def __contains__(self, native_id: object) -> bool:
        return native_id in self._read

    @property
    def due(self) -> list[str]:
        return list(self._due)

    def want(self, native_id: str) -> None:
        """Have the thread read; it stays due until it was."""
        self._due[native_id] = None

    def in_turn(self, count: int, can: Callable[[str], bool] = lambda _: True) -> list[str]:
        """The `count` threads that were not read for longest, of those that `can` be asked for: answers deep in a
        thread show nowhere else."""
        others = sorted((values[1], name) for name, values in self._read.items() if name not in self._due and can(name))
        return [name for _, name in others[:count]]

    def was_read(self, native_id: str, first: str, latest: datetime | None) -> None:
        """The thread that starts with `first` was read; `latest` is when its newest message was written."""
        self._due.pop(native_id, None)
        self._read[native_id] = [latest.isoformat() if latest else None, self._turn, first]

    @property
    def starts(self) -> set[str]:
        """The first messages of the threads that are watched."""
        return {values[2] for values in self._read.values()}

    def is_gone(self, native_id: str) -> None:
        self._due.pop(native_id, None)
        self._read.pop(native_id, None)

    def forget(self, keep: Callable[[str, str, datetime | None], bool]) -> None:
        """Forget all that `keep` does not ask for, by name, first message and the latest message's time."""
        for name, (latest, _, first) in list(self._read.items()):
            if not keep(name, first, moment(latest)):
                del self._read[name]


class Memory:
    """All that a source remembers between two runs.

    :param state: dlt's state of the source.
    :param lookback: how far before the newest known message others are read again.
    """

    def __init__(self, state: dict[str, Any], lookback: timedelta) -> None:
        self._state = state
        self._lookback = lookback
        self.sightings = Sightings(state.setdefault("sightings", {}))
        self.threads = Threads(state.setdefault("threads", {}))

    def forget(self, young: set[str]) -> None:
        """Keep what is in `young`, threads with a message in the look-back window, and these threads' messages."""
        newest = max(self._dates(), default=None)
        floor = newest - self._lookback if newest else None
        live = young | {known.thread for name in young if (known := self.sightings.get(name)) and known.thread}

        def is_live(name: str, first: str, latest: datetime | None) -> bool:
            return name in live or first in live or (latest is not None and floor is not None and latest >= floor)

        self.threads.forget(is_live)
        starts = self.threads.starts
        self.sightings.forget(lambda name, sighting: name in young or name in starts or sighting.thread in starts)

    def _dates(self) -> Iterator[datetime]:
        now = datetime.now(UTC)
        for values in self._state["sightings"].values():
            if (created := moment(values[1])) is not None and created <= now:
                yield created


def name_of(message: Message) -> str:
    """The key under which `message` is remembered: its native id, or what it looks like where it has none."""
    return message.native_id or f"{UNREADABLE}{_fingerprint(message)}"


def moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _fingerprint(message: Message) -> str:
    content = {name: getattr(message, name) for name in _CONTENT}
    if message.native_id is None:
        content["payload"] = message.payload
    return sha256(json.dumps(content, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[:16]
