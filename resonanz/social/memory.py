"""What a source remembers of young messages, so that only what changed lands again and deletions can be told.

It lies in a SQLite file beside dlt's state, since it grows with the number of young messages. Nothing is committed
before the rows have landed: after a crash messages may land once more, and load counts them as duplicates; none is
lost. No handles, no texts.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import orjson

from resonanz.landing import Message
from resonanz.platforms import Context

UNREADABLE = "unreadable:"
_DELETED = "deleted"
_VERSION = 1  # of the tables below; another one starts anew
_CONTENT = tuple(f.name for f in fields(Message) if f.name not in ("platform", "native_id", "payload", "origin"))
_TABLES = f"""
create table if not exists sightings (
    native_id text primary key, fingerprint text, created_at text, kind text, parent text, thread text,
    author_key text, author_name text, is_company integer, account text, url text, comments real
) without rowid;
create index if not exists by_parent on sightings (parent) where parent is not null;
create index if not exists by_thread on sightings (thread);
create table if not exists shown (line text, native_id text, created_at text, run integer,
    primary key (line, native_id)) without rowid;
create table if not exists threads (name text primary key, latest text, turn integer, first text) without rowid;
create table if not exists due (name text primary key, place integer);
create table if not exists runs (run integer);
pragma user_version = {_VERSION};
"""


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


_GET = f"select {', '.join(Sighting._fields)} from sightings where native_id = ?"  # noqa: S608
_PUT = f"insert or replace into sightings values (?{', ?' * len(Sighting._fields)})"  # noqa: S608
_AT_ONCE = 1_000  # rows
_MOST_NAMES = 100_000  # in memory, some 15 MB


class Sightings:
    """The messages that a source has landed and still watches, by native id."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        self._fresh: dict[str, Sighting] = {}  # not in the store yet: many rows at once cost a third
        # On a first load the store knows nothing but what was put there since: no need to ask it for each message.
        is_empty = store.execute("select 1 from sightings limit 1").fetchone() is None
        self._put_since: set[str] | None = set() if is_empty else None

    def __contains__(self, native_id: str) -> bool:
        return self.get(native_id) is not None

    def get(self, native_id: str) -> Sighting | None:
        if (fresh := self._fresh.get(native_id)) is not None:
            return fresh
        if self._put_since is not None and native_id not in self._put_since:
            return None
        found = self._store.execute(_GET, (native_id,)).fetchone()
        return None if found is None else Sighting(*found)

    def flush(self) -> None:
        """Put into the store what waits for it."""
        self._store.executemany(_PUT, [(name, *sighting) for name, sighting in self._fresh.items()])
        self._fresh.clear()

    def news(self, message: Message) -> bool:
        """Whether `message` differs from its last sighting; remembers it."""
        return self.differs(message, self.get(name_of(message)))

    def differs(self, message: Message, known: Sighting | None) -> bool:
        """Whether `message` differs from `known`, its last sighting; remembers it."""
        fingerprint = _fingerprint(message)
        key = name_of(message)
        if known is not None and known.fingerprint == fingerprint:
            return False
        created = message.created_at.isoformat() if message.created_at else None
        self._put(
            key,
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
            ),
        )
        return True

    def tombstone(self, platform: str, native_id: str, origin: str) -> Iterator[Message]:
        """The row that says `native_id` was deleted; none where it was never landed or that is known already."""
        known = self.get(native_id)
        if known is None or known.is_deleted:
            return
        created = known.created
        self._put(native_id, known._replace(fingerprint=_DELETED))
        yield Message(
            platform=platform,
            native_id=native_id,
            kind=known.kind,
            parent_native_id=known.parent,
            thread_native_id=known.thread,
            author_key=known.author_key,
            author_name=known.author_name,
            is_company=bool(known.is_company),
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
        return [name for parent in parents for name in self._alive("parent = ?", parent)]

    def in_thread(self, first: str) -> list[str]:
        """Ids of the landed, not deleted messages of the thread that `first` starts, without itself."""
        return [name for name in self._alive("thread = ?", first) if name != first]

    def _alive(self, condition: str, value: str) -> list[str]:
        query = f"select native_id from sightings where {condition} and fingerprint <> ? order by native_id"  # noqa: S608
        self.flush()
        return [name for (name,) in self._store.execute(query, (value, _DELETED))]

    def _put(self, native_id: str, sighting: Sighting) -> None:
        self._fresh[native_id] = sighting
        if self._put_since is not None:
            self._put_since.add(native_id)
            if len(self._put_since) > _MOST_NAMES:
                self._put_since = None
        if len(self._fresh) >= _AT_ONCE:
            self.flush()


class Threads:
    """Which conversations were read, and which are due to be read (again).

    A thread is named by the message through which it is asked for: its first one, or the one that was met.
    """

    def __init__(self, store: sqlite3.Connection, turn: int) -> None:
        self._store = store
        self._turn = turn

    def __contains__(self, native_id: object) -> bool:
        return self._store.execute("select 1 from threads where name = ?", (native_id,)).fetchone() is not None

    @property
    def due(self) -> list[str]:
        return [name for (name,) in self._store.execute("select name from due order by rowid")]

    def latest(self, native_id: str) -> datetime | None:
        """When the newest message was written that the thread showed when it was last read."""
        found = self._store.execute("select latest from threads where name = ?", (native_id,)).fetchone()
        return moment(found[0]) if found else None

    def want(self, native_id: str) -> None:
        """Have the thread read; it stays due until it was."""
        self._store.execute("insert or ignore into due (name) values (?)", (native_id,))

    def is_due(self, native_id: str | None) -> bool:
        """Whether the thread will be read in this run."""
        return self._store.execute("select 1 from due where name = ?", (native_id,)).fetchone() is not None

    def in_turn(self, count: int, can: Callable[[str], bool] = lambda _: True) -> list[str]:
        """The `count` threads that were not read for longest, of those that `can` be asked for: answers deep in a
        thread show nowhere else."""
        query = "select name from threads where name not in (select name from due) order by turn, name"
        found: list[str] = []
        for (name,) in self._store.execute(query):
            if len(found) >= count:
                break
            if can(name):
                found.append(name)
        return found

    def was_read(self, native_id: str, first: str, latest: datetime | None) -> None:
        """The thread that starts with `first` was read; `latest` is when its newest message was written."""
        self._store.execute("delete from due where name = ?", (native_id,))
        values = (native_id, latest.isoformat() if latest else None, self._turn, first)
        self._store.execute("insert or replace into threads values (?, ?, ?, ?)", values)

    def is_gone(self, native_id: str) -> None:
        for table in ("due", "threads"):
            self._store.execute(f"delete from {table} where name = ?", (native_id,))  # noqa: S608


class Memory:
    """All that a source remembers between two runs. Nothing is kept before `commit`.

    :param file: where it lies; None: nowhere, as for a backfill.
    :param lookback: how far before the newest known message others are read again.
    """

    def __init__(self, file: Path | None, lookback: timedelta) -> None:
        self.lookback = lookback
        self._store = _open(file)
        self._shown: list[tuple[str, str, str | None, int]] = []  # not in the store yet
        self.run = 1 + (self._store.execute("select coalesce(max(run), 0) from runs").fetchone()[0] or 0)
        self._store.execute("delete from runs")
        self._store.execute("insert into runs values (?)", (self.run,))
        self.sightings = Sightings(self._store)
        self.threads = Threads(self._store, self.run)

    @classmethod
    def of(cls, context: Context, lookback: timedelta) -> "Memory":
        """What `context.source` remembers; kept once its rows have landed."""
        memory = cls(context.memory, lookback)
        context.on_landed.append(memory.commit)
        context.on_ended.append(memory.close)
        return memory

    @property
    def store(self) -> sqlite3.Connection:
        """The store, with all in it that was waiting."""
        self.sightings.flush()
        self._store.executemany("insert or replace into shown values (?, ?, ?, ?)", self._shown)
        self._shown.clear()
        return self._store

    def saw(self, line: str, native_id: str, created: str | None) -> None:
        """The timeline `line` shows the message, which is young."""
        self._shown.append((line, native_id, created, self.run))
        if len(self._shown) >= _AT_ONCE:
            self.store  # noqa: B018  writes them down

    def commit(self) -> None:
        self.store.execute("commit")

    def close(self) -> None:
        """Let go of the file; what was not committed is forgotten."""
        self._store.close()

    def shows(self, native_id: str) -> bool:
        """Whether some timeline shows the message, and it is young."""
        query = "select 1 from shown where native_id = ?"
        return self.store.execute(query, (native_id,)).fetchone() is not None

    @property
    def newest(self) -> datetime | None:
        """When the newest known message was written; dates in the future do not count."""
        query = "select max(created_at) from sightings where created_at <= ?"
        newest: str | None = self.store.execute(query, (datetime.now(UTC).isoformat(),)).fetchone()[0]
        return moment(newest)

    @property
    def floor(self) -> datetime | None:
        """The start of the look-back window before the newest known message."""
        return newest - self.lookback if (newest := self.newest) else None

    def young(self, after: str = "", count: int = -1, is_hidden: bool = False) -> list[str]:
        """Ids of at most `count` (-1: all) landed messages in the look-back window that are not known to be deleted, by
        id from `after` on.

        :param is_hidden: only those that no timeline shows.
        """
        floor = self.floor
        hidden = "and native_id not in (select native_id from shown)" if is_hidden else ""
        query = f"""
            select native_id from sightings
            where native_id > ? and created_at >= ? and fingerprint <> ? {hidden}
            order by native_id limit ?
        """  # noqa: S608
        values = (after, floor.isoformat() if floor else "", _DELETED, count)
        return [name for (name,) in self.store.execute(query, values)]

    def forget(self, lines: Iterable[str]) -> None:
        """Keep what one of the timelines `lines` shows as young, threads with a message in the look-back window, and
        the messages of these and of threads that are still due."""
        names = list(lines)
        self.store.execute(f"delete from shown where line not in ({', '.join('?' * len(names))})", names)  # noqa: S608
        floor = start.isoformat() if (start := self.floor) else None
        self.store.execute("create temporary table live (name text primary key) without rowid")
        self.store.execute("insert or ignore into live select native_id from shown")
        self.store.execute("""
            insert or ignore into live select thread from sightings
            where native_id in (select native_id from shown) and thread is not null
        """)
        self.store.execute(
            """
            delete from threads
            where name not in (select name from live) and first not in (select name from live)
              and (latest is null or ? is null or latest < ?)
            """,
            (floor, floor),
        )
        self.store.execute("""
            delete from sightings
            where native_id not in (select native_id from shown)
              and native_id not in (select first from threads)
              and (thread is null or thread not in (select first from threads))
              and (thread is null or thread not in (select name from due))
              and (parent is null or parent not in (select name from due))
        """)


def _open(file: Path | None) -> sqlite3.Connection:
    """A connection in a transaction of its own; an empty name is SQLite's for a file that is gone when it is closed."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(file) as old:
            version = old.execute("pragma user_version").fetchone()[0]
        old.close()
        if version not in (0, _VERSION):
            file.unlink()
    store = sqlite3.connect(file or "", isolation_level=None, check_same_thread=False, timeout=60)
    store.executescript(_TABLES)
    store.execute("pragma cache_size = -20000")  # KiB
    store.execute("begin immediate")
    return store


def name_of(message: Message) -> str:
    """The key under which `message` is remembered: its native id, or what it looks like where it has none."""
    return message.native_id or f"{UNREADABLE}{_fingerprint(message)}"


def moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _fingerprint(message: Message) -> str:
    content = [getattr(message, name) for name in _CONTENT]
    if message.native_id is None:
        content.append(message.payload)
    try:
        data = orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # halves of broken characters
        data = json.dumps(content, sort_keys=True, default=str).encode()
    return blake2b(data, digest_size=10).hexdigest()
