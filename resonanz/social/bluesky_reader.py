"""Reads the AT Protocol: accounts' feeds, searches or plain repositories, newest first until what is known."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cached_property, partial
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.platforms import Context
from resonanz.social.bluesky_api import Api, Pages
from resonanz.social.bluesky_people import PLATFORM, People
from resonanz.social.bluesky_post import parse_post, sort_at
from resonanz.social.faults import report
from resonanz.social.fields import Unreadable
from resonanz.social.line import Line
from resonanz.social.memory import Memory, moment, name_of


class Reader:
    """One run over one Bluesky source; what its streams share.

    :param options: `Options` of resonanz.platforms.bluesky.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context
        self.api = Api(options, context)
        self.client = self.api.client
        self.lookback = timedelta(days=options.lookback_days)
        self.lines: list[Line] = []
        self.uris: dict[str, str] = {}  # native id -> at:// address, of private posts met in this run
        self.starts: set[str] = set()  # posts met that start a thread with answers
        self.answers: dict[str, tuple[str, bool]] = {}  # answers met -> the thread's first post, is it news
        self.unreadable: set[str] = set()  # private posts whose thread failed: only their timeline leads to them again

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
        return people

    def feeds(self, state: dict[str, Any]) -> Iterator[Message]:
        """The posts and answers of each actor."""
        for actor in self.options.actors:
            yield from self._part(f"@{actor}", state, partial(self.api.feed, actor))
        _only(state, [f"@{actor}" for actor in self.options.actors])

    def searches(self, state: dict[str, Any]) -> Iterator[Message]:
        """What each query finds."""
        for query in self.options.search:
            yield from self._part(f"search {query}", state, partial(self.api.search, query))
        _only(state, [f"search {query}" for query in self.options.search])

    def _part(self, name: str, state: dict[str, Any], pages: Callable[[str | None], Pages]) -> Iterator[Message]:
        """One timeline; its faults are its own, and what was read before one lands."""
        line = Line(name, state.setdefault(name, {}), self.memory, self.lookback)
        self.lines.append(line)
        try:
            self.people  # noqa: B018  looked up before anything is parsed
            yield from self._walk(name, pages, line)
            line.is_complete = True
        except SourceError as error:
            report(self.context, self.client, error)
        still: list[str] = []
        for native_id in line.missing():
            if self.options.via == "repo":  # a repository lists all there is
                yield from self.memory.sightings.tombstone(PLATFORM, native_id, name)
            elif self.can_ask(native_id):
                yield from self._missed(native_id, name, line, still)
            else:
                still.append(native_id)  # a search may forget what still stands
        line.settle(still)

    def _missed(self, native_id: str, name: str, line: Line, still: list[str]) -> Iterator[Message]:
        try:
            node = self.thread(native_id, 0, 0)
        except SourceError as error:
            if error.kind is Kind.GONE:
                yield from self.memory.sightings.tombstone(PLATFORM, native_id, name)
            else:
                still.append(native_id)
                report(self.context, self.client, error)
        else:
            yield from self.take(node["post"], name, line)

    def _walk(self, name: str, pages: Callable[[str | None], Pages], line: Line) -> Iterator[Message]:
        """From the newest post back through the look-back window, then what an earlier first load left unread.

        `read_to` is the newest post up to which nothing is missing; it moves only when the walk came through.
        """
        state = line.state
        read_to = moment(state.get("read_to"))
        if read_to is None:
            yield from self._back(name, pages, None, line)
            return
        low = max(filter(None, (read_to - self.lookback, moment(state.get("bottom")))))
        for page, _ in pages(None):
            self.people.meet(page)
            dates = [when(item) for item in page]
            for item, date in zip(page, dates, strict=True):
                if date is None or date >= low or self.native_id(item) in self.memory.sightings:
                    yield from self.take(item, name, line)
            if any(date is not None and date < low for date in dates[-1:]):
                break
        state["read_to"] = state.get("newest")
        if unread := state.get("unread"):
            yield from self._back(name, pages, unread, line)

    def _back(
        self, name: str, pages: Callable[[str | None], Pages], cursor: str | None, line: Line
    ) -> Iterator[Message]:
        """The first load: back to `since`, `max_pages` or the end; `unread` marks where to go on if it is cut off."""
        since = self.options.since and datetime.combine(self.options.since, time.min, UTC)
        line.state["bottom"] = since.isoformat() if since else None
        for number, (page, following) in enumerate(pages(cursor), 1):
            self.people.meet(page)
            dates = [when(item) for item in page]
            for item, date in zip(page, dates, strict=True):
                if since is None or date is None or date >= since:
                    yield from self.take(item, name, line)
            if cursor is None:
                line.state.setdefault("read_to", line.state.get("newest"))
            line.state["unread"] = following
            last = next((date for date in reversed(dates) if date), None)
            if number == self.options.max_pages and last:
                line.state["bottom"] = last.isoformat()
            if number == self.options.max_pages or (since and last and last < since):
                break
        line.state["unread"] = None

    def take(self, item: Any, origin: str, line: Line) -> Iterator[Message]:
        """The message in a post or feed entry, where it is news; and the thread that it makes worth reading."""
        if is_repost(item):
            return
        post = item["post"] if isinstance(item, Mapping) and "post" in item else item
        message = parse_post(post, self.people, origin)
        known = self.memory.sightings.get(message.native_id or "")
        line.saw(name_of(message), message.created_at)
        if not message.parse_error:
            self.met(message, str(post["uri"]))
            native_id = str(message.native_id)
            comments = message.metrics.get("comments", 0)
            is_changed = known is None or comments != known.comments
            if message.parent_native_id is not None:
                self.answers[native_id] = (str(message.thread_native_id), is_changed)
            elif comments:
                self.starts.add(native_id)
                if self.options.replies and (is_changed or native_id not in self.memory.threads):
                    self.memory.threads.want(native_id)
        if self.memory.sightings.news(message):
            yield message

    def met(self, message: Message, uri: str) -> None:
        """Keep the address of a private post for this run; it is never written."""
        if message.native_id and message.native_id != uri:
            self.uris[message.native_id] = uri

    def native_id(self, item: Any) -> str:
        """The native id of a post or feed entry, empty where it has none."""
        post = item.get("post", item) if isinstance(item, Mapping) else None
        uri = post.get("uri") if isinstance(post, Mapping) else None
        try:
            return self.people.native_id(uri) if isinstance(uri, str) else ""
        except Unreadable:
            return ""

    def thread(self, native_id: str, depth: int, height: int) -> dict[str, Any]:
        """The thread around a post that can be asked for."""
        node = self.api.thread(self.uris.get(native_id, native_id), native_id, depth, height)
        self.people.meet(node)
        return node

    def can_ask(self, native_id: str) -> bool:
        """Whether the post's address is known: the company's always, a private one if it was met in this run."""
        return native_id in self.uris or native_id.startswith("at://did:")

    def finish(self) -> None:
        """Forget what is neither young nor part of a watched thread. A search whose old private hits have unread
        threads is read from the start again, since nothing else leads to them."""
        if not all(map(self.memory.shows, self.unreadable)):
            for line in self.lines:
                line.state.pop("read_to", None)
        self.memory.forget(line.name for line in self.lines)


def when(item: Any) -> datetime | None:
    """What a page is sorted by: when a post was written, or reposted."""
    if not isinstance(item, Mapping):
        return None
    reason = item.get("reason")
    if isinstance(reason, Mapping):
        return sort_at(None, reason.get("indexedAt"), "")
    post = item.get("post", item)
    record = post.get("record") if isinstance(post, Mapping) else None
    if not isinstance(record, Mapping):
        return None
    return sort_at(record.get("createdAt"), post.get("indexedAt"), str(post.get("uri")).rsplit("/", 1)[-1])


def is_repost(item: Any) -> bool:
    """Whether a feed entry is a repost: no utterance of its own."""
    reason = item.get("reason") if isinstance(item, Mapping) else None
    return isinstance(reason, Mapping) and str(reason.get("$type", "")).endswith("#reasonRepost")


def _only(state: dict[str, Any], names: list[str]) -> None:
    """Forget timelines that left sources.toml."""
    for name in [name for name in state if name not in names]:
        del state[name]
