"""What became of young posts that a timeline showed and does not show any more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.social.bluesky.entries import Timeline, stamp
from resonanz.social.bluesky.people import PLATFORM
from resonanz.social.faults import report
from resonanz.social.line import Line

if TYPE_CHECKING:
    from resonanz.social.bluesky.reader import Reader


_MOST = 50  # more posts of private people that go at once are a list's fault, not theirs


class Missing:
    """The missing posts of one timeline.

    :param still: those of whose fate nothing is known yet are added to it.
    """

    def __init__(self, reader: "Reader", timeline: Timeline, line: Line, still: list[str]) -> None:
        self.reader, self.timeline, self.line, self.still = reader, timeline, line, still

    def read(self, native_ids: list[str]) -> Iterator[Message]:
        """Their fates; deletions among them."""
        reader, line, still = self.reader, self.line, self.still
        sightings, name = reader.memory.sightings, self.timeline.name
        if reader.options.via == "repo":  # a repository lists all there is
            for native_id in native_ids:
                yield from sightings.tombstone(PLATFORM, native_id, name)
            return
        asked = [native_id for native_id in native_ids if reader.can_ask(native_id)]
        for native_id, result in self._posts(asked):
            if not isinstance(result, SourceError):
                yield from reader.take(result, name, line)
            elif result.kind is Kind.GONE:
                yield from sightings.tombstone(PLATFORM, native_id, name)
            else:
                still.append(native_id)
                report(reader.context, reader.client, result)
        others = [native_id for native_id in native_ids if not reader.can_ask(native_id)]
        if len(others) > _MOST:
            words = f"{name}: {len(others)} young posts are missing at once, and are not taken for deleted"
            reader.context.notice(words)
            still += others
            return
        for native_id in others:
            known = sightings.get(native_id)
            if known is None:
                continue
            if reader.reads_threads and known.thread and known.thread != native_id and reader.can_ask(known.thread):
                reader.memory.threads.want(known.thread)  # it shows what still stands
            elif self.timeline.kind == "search":
                yield from self._searched(native_id, known.created)
            elif self.timeline.kind == "mentions":  # told no more: deleted, or its author hidden by the company
                yield from sightings.tombstone(PLATFORM, native_id, name)
            else:
                still.append(native_id)

    def _posts(self, native_ids: list[str]) -> Iterator[tuple[str, Any]]:
        """(native id, its post or a SourceError): many at once, and what is missing there by itself."""
        reader = self.reader
        try:
            found = reader.api.posts([reader.uri(native_id) for native_id in native_ids]) if len(native_ids) > 1 else {}
        except SourceError as error:
            if error.is_retryable:
                yield from ((native_id, error) for native_id in native_ids)
                return
            found = {}
        reader.people.meet(list(found.values()))
        yield from ((name, found[reader.uri(name)]) for name in native_ids if reader.uri(name) in found)
        alone = [name for name in native_ids if reader.uri(name) not in found]
        yield from reader.client.each(lambda name: reader.thread(name, 0, 0)["post"], alone)

    def _searched(self, native_id: str, created: datetime | None) -> Iterator[Message]:
        """A private post that a search lost: searched for in the seconds in which it was written."""
        reader = self.reader
        if created is None:
            self.still.append(native_id)
            return
        around = timedelta(seconds=2)
        bounds = {"since": stamp(created - around), "until": stamp(created + around)}
        try:
            page, _ = reader.api.search(self.timeline.query, None, bounds)
        except SourceError as error:
            self.still.append(native_id)
            report(reader.context, reader.client, error)
            return
        reader.people.meet(page)
        post = next((post for post in page if reader.native_id(post) == native_id), None)
        if post is not None:
            yield from reader.take(post, self.timeline.name, self.line)
        else:
            yield from reader.memory.sightings.tombstone(PLATFORM, native_id, self.timeline.name)
