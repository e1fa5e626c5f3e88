"""Reads the conversations below the messages that timelines show."""

from collections.abc import Iterator
from datetime import datetime

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.social.faults import report
from resonanz.social.memory import name_of
from resonanz.social.pages import CURSOR_EXPIRED, Page, ahead, paged
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
                if self._is_final(error):
                    return

    def _top(self, first: str) -> Page:
        return self.network.thread_page(first, None)

    def _is_final(self, error: SourceError) -> bool:
        """Whether the next thread would fail in the same way."""
        return error.kind in self.network.source_wide or self.network.client.is_down

    def _thread(self, first: str, top: Page) -> Iterator[Message]:
        """The whole thread below `first`; once it is through, what it showed before and does not show now is gone.

        A fault of one item's further answers leaves the thread due, and the rest of it lands.
        """
        sightings, origin = self.reader.memory.sightings, f"thread {first}"
        known = sightings.get(first)
        is_whole = known is None or known.thread in (None, first)  # else it is one comment with its replies
        before = set(sightings.in_thread(first) if is_whole else sightings.below([first]))
        shown: set[str] = set()
        latest: datetime | None = known.created if known else None
        failed: SourceError | None = None
        for items, _ in self._pages(first, top):
            for item in items:
                try:
                    for message in self.network.answers(first, item):
                        if before:
                            shown.add(name_of(message))
                        if message.created_at and (latest is None or message.created_at > latest):
                            latest = message.created_at
                        if sightings.news(message):
                            message.origin = message.origin or origin
                            yield message
                except SourceError as error:
                    if error.kind is Kind.GONE or self._is_final(error):
                        raise
                    failed = failed or error
        if failed:
            raise failed
        thread = first if known is None or is_whole else known.thread or first
        self.reader.memory.threads.was_read(first, thread, latest)
        if vanished := sorted(before - shown):
            yield from self._vanished(vanished, first, origin)

    def _pages(self, first: str, top: Page) -> Iterator[Page]:
        def ask(cursor: str | None) -> Page:
            return top if cursor is None else self.network.thread_page(first, cursor)

        pages = paged(ask, None, f"thread {first}")
        try:
            yield from pages if top[1] is None else ahead(pages)
        except SourceError as error:
            if error.code != CURSOR_EXPIRED:
                raise
            yield from paged(lambda cursor: self.network.thread_page(first, cursor), None, f"thread {first}")

    def _vanished(self, vanished: list[str], first: str, origin: str) -> Iterator[Message]:
        if not self.network.lookup_size:
            for native_id in vanished:
                yield from self.reader.gone(native_id, origin)
            return
        still: list[str] = []
        yield from self.reader.look_up(vanished, origin, None, still)
        if still:
            self.reader.memory.threads.want(first)
