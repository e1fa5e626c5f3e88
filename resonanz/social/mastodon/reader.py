"""Reads a Mastodon server: timelines forward from a cursor, young statuses again, and the threads they stand in."""

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import chain
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.platforms import Context
from resonanz.social.faults import report
from resonanz.social.line import Line
from resonanz.social.mastodon.api import Api
from resonanz.social.mastodon.pages import Pages, created_of, id_at, id_of, ids_of, pages
from resonanz.social.mastodon.status import PUBLIC, Thread, parse_status
from resonanz.social.mastodon.timelines import NOTHING, Timeline
from resonanz.social.memory import Memory, moment, name_of
from resonanz.social.pages import CURSOR_EXPIRED, ahead

_LATE = timedelta(days=1)  # so much later than its date a status may get its id


class Reader:
    """One run over one Mastodon source; what its streams share.

    :param options: `Options` of resonanz.platforms.mastodon.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context
        self.window = context.window
        self.api = Api(options, context)
        self.client = self.api.client
        self.lines: list[Line] = []
        self.starts: dict[str, str | None] = {}  # statuses met that start a thread -> the account they stand under
        self.pending: dict[str, Any] = {}  # answers met whose thread is not known yet
        self.through: dict[str, str] = {}  # answers met that have new answers -> the watched thread they stand in
        self.is_collecting = options.replies  # answers are handed over to the conversations stream

    @cached_property
    def memory(self) -> Memory:
        return Memory.of(self.context, timedelta(days=self.options.lookback_days))

    def read(self, timelines: Callable[[Any, Api], list[Timeline]]) -> Callable[[dict[str, Any]], Iterator[Message]]:
        """What reads the timelines of one stream, given its state."""
        return lambda state: self._read(timelines(self.options, self.api), state)

    def _read(self, timelines: list[Timeline], state: dict[str, Any]) -> Iterator[Message]:
        """The timelines of one stream; each has faults of its own, and what was read before one lands."""
        for timeline in timelines:
            line = self.line(timeline.name, state)
            if self.is_refused:
                continue
            try:
                self.api.instance  # noqa: B018  asked for before anything is parsed
                path, params = timeline.address()
                yield from self._timeline(timeline, path, {**params, "limit": self.options.page_size}, line)
                line.is_complete = self.window is None
            except SourceError as error:
                report(self.context, self.client, error)
            line.settle((yield from self._missing(timeline.name, line)))
        names = {timeline.name for timeline in timelines}
        for name in [name for name in state if name not in names]:  # timelines that left sources.toml
            del state[name]

    @property
    def is_refused(self) -> bool:
        """Whether the server refused the token: it would do so again."""
        return bool(self.context.token) and any(p.kind is Kind.CREDENTIALS for p in self.context.problems)

    def line(self, name: str, state: dict[str, Any]) -> Line:
        """The place of timeline `name`, kept in its stream's state."""
        line = Line(name, state.setdefault(name, {}), self.memory, self.memory.lookback)
        self.lines.append(line)
        return line

    def _missing(self, name: str, line: Line) -> Generator[Message, None, list[str]]:
        """Ask for young statuses that the timeline did not show; returns those whose fate is still unknown."""
        still = []
        for native_id, result in self.api.statuses(line.missing()):
            if not isinstance(result, SourceError):
                yield from self.take(result, name, line)
            elif result.kind is Kind.GONE:
                yield from self.memory.sightings.tombstone("mastodon", native_id, name)
            else:
                still.append(native_id)
                report(self.context, self.client, result)
        return still

    def _timeline(self, timeline: Timeline, path: str, params: dict[str, Any], line: Line) -> Iterator[Message]:
        """What is new, oldest first, then the young statuses again, then what an earlier first load left unread."""
        state, name = line.state, timeline.name
        if self.window or "cursor" not in state:
            yield from self._back(timeline, path, params, line)
            return
        walk = pages(self.client, name, path, params, "next")
        first = next(walk, None) if self.options.lookback_days and line.floor else None
        if first is not None and state["cursor"] in (ids := ids_of(first[0])):  # all that is new stands on it
            yield from self._young(timeline, chain([first], walk), line)
            state["cursor"] = ids[0]
        else:
            yield from self._forward(timeline, path, params, line)
        if state.get("unread"):
            yield from self._back(timeline, path, params, line)

    def _forward(self, timeline: Timeline, path: str, params: dict[str, Any], line: Line) -> Iterator[Message]:
        """What came after the last status read, page by page, so that the cursor stays right wherever it is cut off;
        then the young statuses below."""
        state, name = line.state, timeline.name
        top: dict[str, Any] = {}
        try:
            for page, _ in pages(self.client, name, path, {**params, "min_id": state["cursor"]}, "prev"):
                top = top or {"max_id": ids_of(page)[-1]}
                for item in reversed(page):
                    yield from self.take(timeline.status(item), name, line)
                state["cursor"] = ids_of(page)[0]
        except SourceError as error:
            if error.code != CURSOR_EXPIRED:
                raise
            del state["cursor"]  # the walk from the top finds what is new
            top = {}
        if self.options.lookback_days or "cursor" not in state:
            newest = yield from self._young(timeline, pages(self.client, name, path, {**params, **top}, "next"), line)
            if newest is not None:
                state.setdefault("cursor", newest)

    def _young(self, timeline: Timeline, walk: Pages, line: Line) -> Generator[Message, None, str | None]:
        """Down through the look-back window; returns the id of the newest item."""
        floor = max(filter(None, (line.floor, moment(line.state.get("bottom")))), default=None)
        newest = None
        if floor is None:
            return None
        for page, _ in walk:
            newest = newest or ids_of(page)[0]
            for item in page:
                status = timeline.status(item)
                if (created_of(item) or floor) >= floor or id_of(status) in self.memory.sightings:
                    yield from self.take(status, timeline.name, line)
            if (created_of(page[-1]) or floor) < floor:
                break
        return newest

    def _back(self, timeline: Timeline, path: str, params: dict[str, Any], line: Line) -> Iterator[Message]:
        """The first load: from the newest status back to `since`, `max_pages` or the timeline's end. A backfill: its
        window.

        The cursor is the newest status met, so statuses that arrive meanwhile are new to the next run. `unread`
        marks where to go on if this is cut off, `bottom` what the look-back must not go below.
        """
        state = line.state
        since = datetime.combine(self.options.since, time.min, UTC) if self.options.since else None
        low = self.window.since if self.window else since
        state["bottom"] = low.isoformat() if low else None
        most = None if self.window else self.options.max_pages
        for number, (page, following) in enumerate(self._older(timeline.name, path, params, line), 1):
            state.setdefault("cursor", ids_of(page)[0])
            for item in page:
                if low is None or (created_of(item) or low) >= low:
                    yield from self.take(timeline.status(item), timeline.name, line)
            last = created_of(page[-1])
            state["unread"] = (following or {}).get("max_id")
            if number == most and last:
                state["bottom"] = last.isoformat()
            if number == most or (low and last and last < low):
                break
        state["unread"] = None

    def _older(self, name: str, path: str, params: dict[str, Any], line: Line) -> Pages:
        """Pages from where an earlier reading was cut off, else from the newest item on, or from a backfill's end."""
        unread = line.state.get("unread")
        if self.window is not None and "unread" not in line.state:
            top = next(pages(self.client, name, path, params, "next"), ([], None))[0]
            unread = id_at(top, self.window.until + _LATE)
        elif self.window is not None and unread is None:
            return  # read in an earlier round of this backfill
        try:
            yield from ahead(pages(self.client, name, path, {**params, "max_id": unread} if unread else params, "next"))
        except SourceError as error:
            if error.code != CURSOR_EXPIRED:
                raise
            yield from ahead(pages(self.client, name, path, params, "next"))

    def take(self, item: Any, origin: str, line: Line) -> Iterator[Message]:
        """The message in `item`, where it is news; an answer in an unknown thread waits for its conversation."""
        if item is NOTHING or (
            isinstance(item, dict) and (item.get("reblog") or item.get("visibility", "public") not in PUBLIC)
        ):
            return
        if self.window is not None and ((at := created_of(item)) is None or at not in self.window):
            return
        name = id_of(item)
        known = self.memory.sightings.get(name) if name else None
        is_answer = isinstance(item, dict) and item.get("in_reply_to_id") is not None
        thread = self.known_thread(name)
        if thread is None and is_answer and name and self.is_collecting:
            line.saw(name, created_of(item))
            self.pending[name] = item
            return
        if thread is None and is_answer:
            thread = self.thread_of(str(item["in_reply_to_id"]))
        message = parse_status(item, self.api.instance, thread, origin)
        line.saw(name_of(message), message.created_at)
        if message.native_id and message.parent_native_id is None and not message.parse_error:
            self.starts[message.native_id] = message.account
        comments = message.metrics.get("comments", 0)
        is_news = self.memory.sightings.news(message)
        if self.options.replies and message.native_id and comments:
            threads = self.memory.threads
            focus = message.native_id
            if message.thread_native_id in threads:
                focus = str(message.thread_native_id)
            if focus not in threads or comments != (known.comments if known else None):
                threads.want(focus)
                self.through[message.native_id] = focus
        if is_news:
            yield message

    def known_thread(self, native_id: str) -> Thread | None:
        """The thread in which a landed answer was found to stand; it keeps it when what it answers is deleted."""
        known = self.memory.sightings.get(native_id)
        if known is None or known.parent is None or known.thread is None:
            return None
        return Thread(known.thread, known.account, known.parent)

    def thread_of(self, native_id: str) -> Thread | None:
        """The thread in which `native_id` stands, from what was met and what is remembered."""
        if native_id in self.starts:
            return Thread(native_id, self.starts[native_id])
        if (known := self.memory.sightings.get(native_id)) is not None:
            first = known.thread if known.parent else native_id
            return Thread(first, known.account) if first else None
        if native_id in self.pending:
            return self.thread_of(str(self.pending[native_id].get("in_reply_to_id")))
        return None

    def finish(self) -> None:
        """Forget what is neither young nor part of a watched conversation."""
        self.memory.forget(line.name for line in self.lines)
