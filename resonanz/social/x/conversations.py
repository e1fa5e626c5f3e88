"""Reads the conversations around X's posts, by search: what was said there within the last seven days."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from resonanz.errors import SourceError
from resonanz.landing import Message
from resonanz.social.faults import is_final, report
from resonanz.social.memory import name_of
from resonanz.social.notes import Notes
from resonanz.social.pages import Page, paged
from resonanz.social.reader import Reader
from resonanz.social.x.api import Post

RECENT = timedelta(days=7)
_MOST_OLD = 200  # conversations that began before the search reaches back, asked for once each
_MOST_LIVE = 1_500  # known conversations that are looked at in one run
_AT_ONCE = 13  # of them in one query, which may have 512 characters
_FEW = 6  # conversations that are asked for one by one
_NAME = "conversations"

# The company's posts whose conversations are not watched yet, and conversations of which only answers are known.
_OWN_STARTS = """
    select native_id from sightings
    where is_company and parent is null and kind = 'post' and created_at >= ?
      and native_id not in (select name from threads)
"""
_UNSEEN_STARTS = """
    select distinct thread from sightings
    where created_at >= ? and thread not in (select native_id from sightings)
      and thread not in (select name from threads)
"""

# (conversations, the post after which they are read, cursor) -> a page
Search = Callable[[Sequence[str], str | None, str | None], Page]
Asked = tuple[tuple[str, ...], str | None]  # conversations, and the post after which they are read


class Conversations:
    """The comments stream of one run."""

    def __init__(self, reader: Reader, notes: Notes, search: Search, parse: Callable[[Post], Message | None]) -> None:
        self.reader = reader
        self.memory = reader.memory
        self.client = reader.network.client
        self._notes = notes
        self._search = search
        self._parse = parse

    def read(self) -> Iterator[Message]:
        """Conversations that are new or show another number of answers, one by one; then what is new in all known
        ones of the last seven days, thirteen at once where they are many. Nothing is asked for that was read before,
        since it would be paid for again."""
        reached = self._newest_id()
        due = self._due()
        asked: list[Asked] = [((first,), self._last(first)) for first in due]
        if self.reader.window is None and self.reader.options.recheck_threads:
            live = self._live(set(due))
            since = self._notes.get(_NAME)
            size = _AT_ONCE if len(live) > _FEW else 1
            asked += [(tuple(live[start : start + size]), since) for start in range(0, len(live), size)]
        is_complete = True
        for (firsts, since), result in self.client.each(self._top, asked):
            try:
                if isinstance(result, SourceError):
                    raise result
                yield from self._found(firsts, since, result)
            except SourceError as error:
                is_complete = False
                if len(firsts) == 1:
                    self.memory.threads.want(firsts[0])
                report(self.reader.context, self.client, error)
                if is_final(self.client, error):
                    return
        if is_complete:
            self._notes[_NAME] = reached

    def _due(self) -> list[str]:
        """What is due, without the oldest ones that a first load met: search no longer shows anything of them. The
        company's own young posts are watched from the start: an answer may come without changing what lists show."""
        threads, newest = self.memory.threads, self.memory.newest
        for first in [*self._recent(_OWN_STARTS, newest), *self._recent(_UNSEEN_STARTS, newest)]:
            threads.want(first)
        wanted: list[str] = []
        old = 0
        for first in threads.due:
            known = self.memory.sightings.get(first)
            created = known.created if known else None
            if first not in threads and newest and created and created < newest - RECENT:
                old += 1
                if old > _MOST_OLD:
                    threads.was_read(first, first, created)
                    continue
            wanted.append(first)
        return wanted

    def _recent(self, query: str, newest: datetime | None) -> list[str]:
        values = ((newest - RECENT).isoformat() if newest else "9",)
        return [first for (first,) in self.memory.store.execute(query, values)]

    def _live(self, due: set[str]) -> list[str]:
        """Known conversations in which somebody spoke within the last seven days."""
        newest = self.memory.newest
        query = "select name from threads where latest >= ? order by latest desc limit ?"
        values = ((newest - RECENT).isoformat() if newest else "9", _MOST_LIVE)
        return [first for (first,) in self.memory.store.execute(query, values) if first not in due]

    def _newest_id(self) -> str | None:
        """The newest post that is known before any conversation is read: later ones may have been seen by one search
        and not by another."""
        found = self.memory.store.execute("select max(cast(native_id as integer)) from sightings").fetchone()[0]
        return str(found) if found else None

    def _last(self, first: str) -> str | None:
        """The newest post of a conversation that was known when it was last read; its first one, before that."""
        latest, newest = self.memory.threads.latest(first), self.memory.newest
        if latest is None or self.reader.window:
            known = self.memory.sightings.get(first)
            is_recent = known and known.created and newest and known.created >= newest - RECENT
            return first if is_recent else None
        query = "select max(cast(native_id as integer)) from sightings where thread = ? and created_at <= ?"
        found = self.memory.store.execute(query, (first, latest.isoformat())).fetchone()[0]
        return str(found) if found else None

    def _top(self, asked: Asked) -> Page:
        return self._search(*asked, None)

    def _found(self, firsts: Sequence[str], since: str | None, top: Page) -> Iterator[Message]:
        sightings, threads = self.memory.sightings, self.memory.threads
        latest: dict[str, datetime | None] = {}
        for first in firsts:
            known = sightings.get(first)
            latest[first] = threads.latest(first) or (known.created if known else None)

        def ask(cursor: str | None) -> Page:
            return top if cursor is None else self._search(firsts, since, cursor)

        for items, _ in paged(ask, None, f"conversation {firsts[0]}"):
            for item in items:
                message = self._parse(item)
                if message is None:
                    continue
                first = message.thread_native_id or firsts[0]
                if first not in latest:
                    continue
                before = latest[first]
                if message.created_at and (before is None or message.created_at > before):
                    latest[first] = message.created_at
                if sightings.differs(message, sightings.get(name_of(message))):
                    message.origin = f"conversation {first}"
                    yield message
        for first, moment in latest.items():
            threads.was_read(first, first, moment)
