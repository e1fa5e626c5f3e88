"""Reads the conversations around X's posts, by search: what was said there within the last seven days."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from resonanz.errors import SourceError
from resonanz.landing import Message
from resonanz.social.faults import is_final, report
from resonanz.social.memory import name_of
from resonanz.social.pages import Page, paged
from resonanz.social.reader import Reader
from resonanz.social.x_api import Post

RECENT = timedelta(days=7)
_MOST_OLD = 200  # conversations that began before the search reaches back, asked for once each

Top = tuple[str, str | None]  # a conversation, and the last post of it that is known


class Conversations:
    """The comments stream of one run.

    :param page: (conversation, last known post, cursor) -> a page of what came after.
    """

    def __init__(
        self,
        reader: Reader,
        page: Callable[[str, str | None, str | None], Page],
        parse: Callable[[Post], Message | None],
    ) -> None:
        self.reader = reader
        self.memory = reader.memory
        self.client = reader.network.client
        self._page = page
        self._parse = parse

    def read(self) -> Iterator[Message]:
        """Conversations that are new or show another number of answers, then some in turn: answers to answers show
        nowhere else. A known one is asked only for what came since, so that nothing is paid for twice."""
        threads = self.memory.threads
        due = self._due()
        others = [] if self.reader.window else threads.in_turn(self.reader.options.recheck_threads, self._is_live)
        tops = ((first, self._last(first)) for first in [*due, *others])
        for (first, since), result in self.client.each(self._top, tops):
            try:
                if isinstance(result, SourceError):
                    raise result
                yield from self._conversation(first, since, result)
            except SourceError as error:
                threads.want(first)
                report(self.reader.context, self.client, error)
                if is_final(self.client, error):
                    return

    def _due(self) -> list[str]:
        """What is due, without the oldest ones that a first load met: search no longer shows anything of them."""
        threads, newest = self.memory.threads, self.memory.newest
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

    def _is_live(self, first: str) -> bool:
        latest, newest = self.memory.threads.latest(first), self.memory.newest
        return latest is not None and newest is not None and latest >= newest - RECENT

    def _last(self, first: str) -> str | None:
        """The newest post of a conversation that was known when it was last read."""
        latest = self.memory.threads.latest(first)
        if latest is None or self.reader.window:
            return None
        query = "select max(cast(native_id as integer)) from sightings where thread = ? and created_at <= ?"
        found = self.memory.store.execute(query, (first, latest.isoformat())).fetchone()[0]
        return str(found) if found else None

    def _top(self, top: Top) -> Page:
        return self._page(*top, None)

    def _conversation(self, first: str, since: str | None, top: Page) -> Iterator[Message]:
        sightings = self.memory.sightings
        known = sightings.get(first)
        latest: datetime | None = self.memory.threads.latest(first) or (known.created if known else None)

        def ask(cursor: str | None) -> Page:
            return top if cursor is None else self._page(first, since, cursor)

        for items, _ in paged(ask, None, f"conversation {first}"):
            for item in items:
                message = self._parse(item)
                if message is None or message.thread_native_id not in (first, None):
                    continue
                if message.created_at and (latest is None or message.created_at > latest):
                    latest = message.created_at
                if sightings.differs(message, sightings.get(name_of(message))):
                    message.origin = f"conversation {first}"
                    yield message
        self.memory.threads.was_read(first, first, latest)
