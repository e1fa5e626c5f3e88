"""Reads the AT Protocol: accounts' feeds, searches or plain repositories, newest first until what is known."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cached_property, partial
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.platforms import Context
from resonanz.social.bluesky.api import Api
from resonanz.social.bluesky.entries import Timeline, addresses, is_repost, stamp, when
from resonanz.social.bluesky.missing import Missing
from resonanz.social.bluesky.people import URI, People
from resonanz.social.bluesky.post import parse_post
from resonanz.social.faults import report
from resonanz.social.fields import Unreadable
from resonanz.social.line import Line
from resonanz.social.memory import Memory, moment, name_of
from resonanz.social.pages import CURSOR_EXPIRED, Pages, ahead, paged


class Reader:
    """One run over one Bluesky source; what its streams share.

    :param options: `Options` of resonanz.platforms.bluesky.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context
        self.window = context.window
        self.api = Api(options, context)
        self.client = self.api.client
        self.lookback = timedelta(days=options.lookback_days)
        self.lines: list[Line] = []
        self.dids: dict[str, str] = {}  # key -> DID of private authors met in this run; never written
        self.starts: set[str] = set()  # posts met that start a thread with answers
        self.answers: dict[str, tuple[str, bool]] = {}  # answers met -> the thread's first post, is it news
        self.unreadable: set[str] = set()  # private posts whose thread failed: only their timeline leads to them again
        self.reads_threads = options.replies and options.via == "appview"

    @cached_property
    def memory(self) -> Memory:
        return Memory.of(self.context, self.lookback)

    @cached_property
    def people(self) -> People:
        """Everybody, with the DIDs of the company's accounts looked up first."""
        import dlt

        people = People(self.context.privacy, dlt.current.source_state().setdefault("companies", {}))
        for account in self.options.company_accounts:
            try:
                people.companies[self.api.did(account)] = account.lstrip("@")
            except SourceError as error:
                report(self.context, self.client, error)
        if self.options.mentions:
            try:
                if self.api.session.did:
                    people.companies[self.api.session.did] = self.api.session.handle
            except SourceError as error:
                report(self.context, self.client, error)
        return people

    def feeds(self, state: dict[str, Any]) -> Iterator[Message]:
        """The posts and answers of each actor."""
        actors = self.options.actors
        yield from self._read([Timeline(f"@{actor}", partial(self.api.feed, actor)) for actor in actors], state)

    def searches(self, state: dict[str, Any]) -> Iterator[Message]:
        """What each query finds."""
        bounds = {}
        if self.window:
            bounds = {"since": stamp(self.window.since), "until": stamp(self.window.until)}
        queries = [
            Timeline(f"search {query}", partial(self.api.search, query, bounds=bounds), "search", query)
            for query in self.options.search
        ]
        yield from self._read(queries, state)

    def mentions(self, state: dict[str, Any]) -> Iterator[Message]:
        """The posts that name, answer or quote the account that is logged in."""
        yield from self._read([Timeline("mentions", self.api.mentions, "mentions")], state)

    def _read(self, timelines: list[Timeline], state: dict[str, Any]) -> Iterator[Message]:
        """The timelines of one stream; each has faults of its own, and what was read before one lands."""
        for timeline in timelines:
            line = self.line(timeline.name, state)
            if timeline.kind != "feed" and self.is_refused:
                continue
            try:
                self.people  # noqa: B018  looked up before anything is parsed
                yield from self._walk(timeline, line)
                line.is_complete = self.window is None
            except SourceError as error:
                report(self.context, self.client, error)
            still: list[str] = []
            if missing := line.missing():
                yield from Missing(self, timeline, line, still).read(missing)
            line.settle(still)
        names = {timeline.name for timeline in timelines}
        for name in [name for name in state if name not in names]:  # timelines that left sources.toml
            del state[name]

    @property
    def is_refused(self) -> bool:
        """Whether a login was refused: it would be so again."""
        return any(problem.kind is Kind.CREDENTIALS for problem in self.context.problems)

    def line(self, name: str, state: dict[str, Any]) -> Line:
        """The place of timeline `name`, kept in its stream's state."""
        line = Line(name, state.setdefault(name, {}), self.memory, self.lookback)
        self.lines.append(line)
        return line

    def _pages(self, timeline: Timeline, cursor: str | None, fetch: Callable[[Pages], Pages]) -> Pages:
        """The timeline's pages; where a cursor has expired, once more from the top."""
        try:
            yield from fetch(paged(timeline.page, cursor, timeline.name, addresses))
        except SourceError as error:
            if error.code != CURSOR_EXPIRED:
                raise
            yield from fetch(paged(timeline.page, None, timeline.name, addresses))

    def _walk(self, timeline: Timeline, line: Line) -> Iterator[Message]:
        """From the newest post back through the look-back window, then what an earlier first load left unread.

        `read_to` is up to when nothing is missing; it moves only when the walk came through.
        """
        state = line.state
        read_to = moment(state.get("read_to"))
        if self.window or read_to is None:
            yield from self._back(timeline, None if self.window is None else state.get("unread"), line)
            return
        low = max(filter(None, (read_to - self.lookback, moment(state.get("bottom")))))
        for page, _ in self._pages(timeline, None, iter):  # not ahead: most often few are enough
            self.people.meet(page)
            dates = [when(item) for item in page]
            for item, date in zip(page, dates, strict=True):
                if date is None or date >= low or self.native_id(item) in self.memory.sightings:
                    yield from self.take(item, timeline.name, line)
            if any(date is not None and date < low for date in dates[-1:]):
                break
        state["read_to"] = state.get("newest")
        if unread := state.get("unread"):
            yield from self._back(timeline, unread, line)

    def _back(self, timeline: Timeline, cursor: str | None, line: Line) -> Iterator[Message]:
        """The first load: back to `since`, `max_pages` or the end; `unread` marks where to go on if it is cut off. A
        backfill: back to its window's begin."""
        state = line.state
        if self.window and state.get("unread", "") is None:
            return  # read in an earlier round of this backfill
        since = datetime.combine(self.options.since, time.min, UTC) if self.options.since else None
        low = self.window.since if self.window else since
        most = None if self.window else self.options.max_pages
        state["bottom"] = low.isoformat() if low else None
        for number, (page, following) in enumerate(self._pages(timeline, cursor, ahead), 1):
            self.people.meet(page)
            dates = [when(item) for item in page]
            for item, date in zip(page, dates, strict=True):
                if low is None or date is None or date >= low:
                    yield from self.take(item, timeline.name, line)
            if cursor is None:
                state.setdefault("read_to", state.get("newest"))
            state["unread"] = following
            last = next((date for date in reversed(dates) if date), None)
            if number == most and last:
                state["bottom"] = last.isoformat()
            if number == most or (low and last and last < low):
                break
        state["unread"] = None

    def take(self, item: Any, origin: str, line: Line) -> Iterator[Message]:
        """The message in a post or feed entry, where it is news; and the thread that it makes worth reading."""
        if is_repost(item):
            return
        post = item["post"] if isinstance(item, dict) and "post" in item else item
        message = parse_post(post, self.people, origin)
        if self.window is not None and (message.created_at is None or message.created_at not in self.window):
            return
        known = self.memory.sightings.get(name_of(message))
        line.saw(name_of(message), message.created_at)
        if not message.parse_error:
            self.met(str(post["uri"]))
            native_id = str(message.native_id)
            comments = message.metrics.get("comments", 0)
            is_changed = known is None or comments != known.comments
            if message.parent_native_id is not None:
                self.answers[native_id] = (str(message.thread_native_id), is_changed)
            elif comments:
                self.starts.add(native_id)
                if self.options.replies and (is_changed or native_id not in self.memory.threads):
                    self.memory.threads.want(native_id)
        if self.memory.sightings.differs(message, known):
            yield message

    def met(self, uri: str) -> None:
        """Keep the DID of a private author for this run: what else was said by the same can be asked for."""
        found = URI.fullmatch(uri)
        if found is not None and not self.people.is_company(found["authority"]):
            self.dids[self.people.key(found["authority"])] = found["authority"]

    def native_id(self, item: Any) -> str:
        """The native id of a post or feed entry, empty where it has none."""
        post = item.get("post", item) if isinstance(item, Mapping) else None
        uri = post.get("uri") if isinstance(post, Mapping) else None
        try:
            return self.people.native_id(uri) if isinstance(uri, str) else ""
        except Unreadable:
            return ""

    def uri(self, native_id: str) -> str:
        """The address of a post that can be asked for."""
        found = URI.fullmatch(native_id)
        return f"at://{self.dids.get(found['authority'], found['authority'])}{found['path']}" if found else native_id

    def thread(self, native_id: str, depth: int, height: int) -> dict[str, Any]:
        """The thread around a post that can be asked for."""
        node = self.api.thread(self.uri(native_id), native_id, depth, height)
        self.people.meet(node)
        return node

    def can_ask(self, native_id: str) -> bool:
        """Whether the post's address is known: the company's always, another where its author was met in this run."""
        return native_id.startswith("at://did:") or native_id[5:].partition("/")[0] in self.dids

    def finish(self) -> None:
        """Forget what is neither young nor part of a watched thread. A search whose old private hits have unread
        threads is read from the start again, since nothing else leads to them."""
        if not all(map(self.memory.shows, self.unreadable)):
            for line in self.lines:
                line.state.pop("read_to", None)
        self.memory.forget(line.name for line in self.lines)
