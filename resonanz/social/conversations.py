"""Reads the conversations below the messages that timelines show."""

from collections.abc import Iterator
from datetime import datetime

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.social.faults import is_final, report
from resonanz.social.memory import name_of
from resonanz.social.pages import Page, ahead, paged
from resonanz.social.reader import Reader


class Conversations:
    """The comments stream of one run."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.network = reader.network

    def read(self) -> Iterator[Message]:
        """All threads that are due, then some in turn, since edits of comments and deep answers show nowhere else."""
        reader, threads = self.reader, self.reader.memory.threads
        due = [first for first in threads.due if self.network.can_ask(first)]
        others = [] if reader.window else threads.in_turn(reader.options.recheck_threads, self.network.can_ask)
        for first, result in self.network.client.each(self._top, [*due, *others]):
            try:
                if isinstance(result, SourceError):
                    raise result
                yield from self._thread(first, result)
            except SourceError as error:
                if error.kind is Kind.GONE:
                    yield from reader.gone(first, f"thread {first}")
                    continue
                threads.want(first)
                report(reader.context, self.network.client, error)
                if is_final(self.network.client, error):
                    return

    def _top(self, first: str) -> Page:
        return self.network.thread_page(first, None)

    def _thread(self, first: str, top: Page) -> Iterator[Message]:
        """The whole thread below `first`; once it is through, what it showed before and does not show now is gone."""
        sightings, origin = self.reader.memory.sightings, f"thread {first}"
        before = set(sightings.in_thread(first))
        shown: set[str] = set()
        known = sightings.get(first)
        latest: datetime | None = known.created if known else None
        for items, _ in self._pages(first, top):
            for item in items:
                for message in self.network.answers(first, item):
                    if before:
                        shown.add(name_of(message))
                    if message.created_at and (latest is None or message.created_at > latest):
                        latest = message.created_at
                    if sightings.news(message):
                        message.origin = message.origin or origin
                        yield message
        self.reader.memory.threads.was_read(first, first, latest)
        if vanished := sorted(before - shown):
            yield from self._vanished(vanished, first, origin)

    def _pages(self, first: str, top: Page) -> Iterator[Page]:
        def ask(cursor: str | None) -> Page:
            return top if cursor is None else self.network.thread_page(first, cursor)

        pages = paged(ask, None, f"thread {first}")
        return pages if top[1] is None else ahead(pages)

    def _vanished(self, vanished: list[str], first: str, origin: str) -> Iterator[Message]:
        if not self.network.lookup_size:
            for native_id in vanished:
                yield from self.reader.gone(native_id, origin)
            return
        still: list[str] = []
        yield from self.reader.look_up(vanished, origin, None, still)
        if still:
            self.reader.memory.threads.want(first)
