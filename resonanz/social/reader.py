"""Reads a social network's timelines: what is new, what is young once more, and what is missing."""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.social.faults import report
from resonanz.social.line import Line
from resonanz.social.memory import Memory, Sighting, moment, name_of
from resonanz.social.network import Network, Timeline
from resonanz.social.pages import CURSOR_EXPIRED, Pages, ahead, paged


class Reader:
    """One run over one source; what its streams share."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.options = network.options
        self.context = network.context
        self.window = network.context.window
        self.lookback = timedelta(days=network.options.lookback_days)
        self.lines: list[Line] = []
        network.known = lambda native_id: self.memory.sightings.get(native_id)

    @cached_property
    def memory(self) -> Memory:
        return Memory.of(self.context, self.lookback)

    def line(self, name: str, state: dict[str, Any]) -> Line:
        """The place of timeline `name`, kept in its stream's state."""
        line = Line(name, state.setdefault(name, {}), self.memory, self.lookback)
        self.lines.append(line)
        return line

    def timelines(self, timelines: Sequence[Timeline], state: dict[str, Any]) -> Iterator[Message]:
        """The messages of each timeline; the faults of one are its own, and what was read before it lands."""
        for timeline in timelines:
            line = self.line(timeline.name, state)
            try:
                yield from self._walk(timeline, line)
                line.is_complete = self.window is None
            except SourceError as error:
                report(self.context, self.network.client, error)
            line.settle((yield from self._missing(timeline, line)))
        names = {timeline.name for timeline in timelines}
        for name in [name for name in state if name not in names]:  # timelines that left sources.toml
            del state[name]

    def accounts(self, state: dict[str, Any]) -> Iterator[Message]:
        """The metrics of each of the company's accounts, where they changed."""
        line = self.line("accounts", state)
        line.is_complete = self.window is None
        for read in self.network.accounts().values():
            try:
                for message in read():
                    line.saw(name_of(message), None)
                    if self.memory.sightings.news(message):
                        yield message
            except SourceError as error:
                line.is_complete = False
                report(self.context, self.network.client, error)
        line.settle([])

    def finish(self) -> None:
        """Forget what is neither young nor part of a watched conversation."""
        self.memory.forget(line.name for line in self.lines)

    def _walk(self, timeline: Timeline, line: Line) -> Iterator[Message]:
        """From the newest message back to what is known, then what an earlier first load left unread.

        `read_to` is the time, `newest_id` the id of the newest message up to which nothing is missing; they move only
        when the walk came through.
        """
        state = line.state
        read_to = moment(state.get("read_to"))
        if self.window or read_to is None:
            yield from self._back(timeline, line, state.get("unread"))
            return
        reach = self.lookback if timeline.rereads == "walk" else timedelta()
        low = max(filter(None, (read_to - reach, moment(state.get("bottom")))))
        walk = _Walk()
        # Not fetched ahead: most often the first page is enough.
        for page, _ in self._pages(timeline, None, state.get("newest_id"), iter):
            for item in page:
                yield from self._take(timeline, item, line, walk, low)
            if timeline.is_sorted and walk.last is not None and walk.last < low:
                break
        walk.came_through(state)
        if unread := state.get("unread"):
            yield from self._back(timeline, line, unread)

    def _back(self, timeline: Timeline, line: Line, cursor: str | None) -> Iterator[Message]:
        """The first load, or what is left of it: back to `since`, `max_pages` or the end. A backfill: its window."""
        since = datetime.combine(self.options.since, time.min, UTC) if self.options.since else None
        low: datetime | None = self.window.since if self.window else since
        line.state["bottom"] = low.isoformat() if low else None
        walk, is_first = _Walk(), cursor is None
        fetch = ahead if timeline.fetch_ahead else iter
        for number, (page, following) in enumerate(self._pages(timeline, cursor, None, fetch), 1):
            for item in page:
                yield from self._take(timeline, item, line, walk, low)
            if is_first and walk.newest:
                walk.came_through(line.state)
            line.state["unread"] = following
            is_enough = number == self.options.max_pages and self.window is None
            if is_enough and walk.last:
                line.state["bottom"] = walk.last.isoformat()
            if is_enough or (timeline.is_sorted and low and walk.last and walk.last < low):
                break
        line.state["unread"] = None

    def _pages(
        self, timeline: Timeline, cursor: str | None, newest: str | None, fetch: Callable[[Pages], Pages]
    ) -> Pages:
        """The timeline's pages; where a cursor has expired, once more from the top."""

        def pages(start: str | None) -> Pages:
            return fetch(paged(lambda place: timeline.page(place, newest), start, timeline.name))

        try:
            yield from pages(cursor)
        except SourceError as error:
            if error.code != CURSOR_EXPIRED:
                raise
            yield from pages(None)

    def _take(
        self, timeline: Timeline, item: Any, line: Line, walk: "_Walk", low: datetime | None
    ) -> Iterator[Message]:
        parsed = timeline.parse(item)
        if parsed is None:
            return
        messages = [parsed] if isinstance(parsed, Message) else parsed
        at = timeline.sorted_at(messages[0])
        walk.met(messages[0], at)
        for message in messages:
            created = message.created_at
            if self.window is not None and (created is None or created not in self.window):
                continue
            is_old = low is not None and at is not None and at < low
            if not is_old or name_of(message) in self.memory.sightings:
                yield from self.land(message, line, timeline.name, at)

    def land(self, message: Message, line: Line, origin: str, at: datetime | None = None) -> Iterator[Message]:
        """`message`, where it is news; its thread becomes due where its number of answers has changed.

        :param at: the time by which the timeline sorts it, which says whether it is young; by default `created_at`.
        """
        line.saw(name_of(message), at or message.created_at)
        known = self.memory.sightings.get(name_of(message))
        if self.options.replies and message.native_id and not message.parse_error:
            self._want_thread(message, known)
        if self.memory.sightings.differs(message, known):
            message.origin = message.origin or origin
            yield message

    def _want_thread(self, message: Message, known: Sighting | None) -> None:
        comments, before = message.metrics.get("comments"), known.comments if known else None
        is_uncounted = comments is None and self.network.reads_uncounted
        first = self.network.thread_of(message) if comments or before or is_uncounted else None
        if first is None:
            return
        threads = self.memory.threads
        is_unchanged = known is not None and comments == before and not is_uncounted
        if is_unchanged and (first in threads or message.thread_native_id in threads):
            return
        if first == message.thread_native_id or not threads.is_due(message.thread_native_id):
            threads.want(first)

    def _missing(self, timeline: Timeline, line: Line) -> Generator[Message, None, list[str]]:
        """Ask for young messages that the timeline did not show; returns those whose fate is still unknown."""
        missing = line.missing()
        if not missing:
            return []
        if timeline.is_complete_list:
            for native_id in missing:
                yield from self.gone(native_id, timeline.name)
            return []
        is_asked_for = self.network.lookup_size and timeline.rereads != "none"
        if not is_asked_for or not self._is_due(timeline, line):
            return missing
        still: list[str] = []
        yield from self.look_up(missing, timeline.name, line, still)
        return still

    def _is_due(self, timeline: Timeline, line: Line) -> bool:
        now, last = datetime.now(UTC), moment(line.state.get("reread_at"))
        if timeline.reread_every and last and now - last < timeline.reread_every:
            return False
        line.state["reread_at"] = now.isoformat(timespec="seconds")
        return True

    def look_up(self, native_ids: Sequence[str], origin: str, line: Line | None, still: list[str]) -> Iterator[Message]:
        """Single messages as they are now, deletions included; those that could not be told are added to `still`."""
        size = self.network.lookup_size
        batches = [native_ids[start : start + size] for start in range(0, len(native_ids), size)]
        for batch, result in self.network.client.each(self.network.lookup, batches):
            if isinstance(result, SourceError):
                if result.kind is not Kind.GONE or len(batch) > 1:
                    still += batch
                    report(self.context, self.network.client, result)
                    continue
                result = dict.fromkeys(batch)
            for native_id in batch:
                if native_id not in result:
                    still.append(native_id)
                elif (message := result[native_id]) is None:
                    yield from self.gone(native_id, origin)
                elif line is not None:
                    yield from self.land(message, line, origin)
                elif self.memory.sightings.news(message):
                    yield message

    def gone(self, native_id: str, origin: str) -> Iterator[Message]:
        """The rows for a deletion: the message's own, and where the platform removes what stands below, these too."""
        platform, sightings = self.network.platform, self.memory.sightings
        below = (sightings.in_thread(native_id) or sightings.below([native_id])) if self.network.threads_die else []
        self.memory.threads.is_gone(native_id)
        for name in [native_id, *below]:
            yield from sightings.tombstone(platform, name, origin)


class _Walk:
    """How far one walk down a timeline has come."""

    def __init__(self) -> None:
        self.newest: datetime | None = None
        self.newest_id: str | None = None
        self.last: datetime | None = None
        self._now = datetime.now(UTC)

    def met(self, message: Message, created: datetime | None) -> None:
        """`created`: the time by which the timeline is sorted."""
        if created is None or created > self._now:
            return  # a date in the future moves nothing
        self.last = created
        if self.newest is None or created > self.newest:
            self.newest, self.newest_id = created, message.native_id

    def came_through(self, state: dict[str, Any]) -> None:
        read_to = moment(state.get("read_to"))
        if self.newest is not None and (read_to is None or self.newest >= read_to):
            state["read_to"], state["newest_id"] = self.newest.isoformat(), self.newest_id
