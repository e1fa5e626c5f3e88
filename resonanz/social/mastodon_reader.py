"""Reads a Mastodon server: timelines forward from a cursor, young statuses again, and the threads they stand in."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote, urlsplit

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.landing import Message
from resonanz.platforms import Context
from resonanz.social.faults import report
from resonanz.social.line import Line
from resonanz.social.mastodon_pages import created_of, id_of, ids_of, pages
from resonanz.social.mastodon_people import Instance
from resonanz.social.mastodon_status import PUBLIC, Thread, parse_status
from resonanz.social.memory import Memory, moment, name_of
from resonanz.social.pages import ahead

_NEEDS_TOKEN = ("This method requires an authenticated user", "This API requires an authenticated user")


class Reader:
    """One run over one Mastodon source; what its streams share.

    :param options: `Options` of resonanz.platforms.mastodon.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context
        self.client = Client(
            options.base_url,
            source=context.source,
            token=context.token,
            workers=options.concurrency,
            faults=dict.fromkeys(_NEEDS_TOKEN, Kind.CREDENTIALS),
        )
        self.lines: list[Line] = []
        self.starts: dict[str, str | None] = {}  # statuses met that start a thread -> the account they stand under
        self.pending: dict[str, Any] = {}  # answers met whose thread is not known yet
        self.through: dict[str, str] = {}  # answers met that have new answers -> the watched thread they stand in
        self.is_collecting = options.replies  # answers are handed over to the conversations stream

    @cached_property
    def memory(self) -> Memory:
        return Memory.of(self.context, timedelta(days=self.options.lookback_days))

    @cached_property
    def instance(self) -> Instance:
        """The server by its own domain, which may differ from its address, and from which keys of local accounts
        follow: asked once a run, remembered for when it cannot be told, the address' host where it never is."""
        import dlt

        memory = dlt.current.source_state()
        try:
            answer = self.client.get("/api/v2/instance", what="the server's description")
        except SourceError as error:
            if error.kind is not Kind.GONE and "domain" not in memory:
                raise
        else:
            if isinstance(told := answer.value.get("domain"), str) and told:
                memory["domain"] = told
        domain = memory.setdefault("domain", urlsplit(self.options.base_url).netloc)
        return Instance(domain, self.context.privacy)

    def hashtags(self, state: dict[str, Any]) -> Iterator[Message]:
        """The statuses under each hashtag."""
        for tag in self.options.hashtags:
            yield from self._part(f"#{tag}", state, partial(self._tag, tag))
        _only(state, [f"#{tag}" for tag in self.options.hashtags])

    def accounts(self, state: dict[str, Any]) -> Iterator[Message]:
        """Each account's statuses; its boosts of others are no utterances."""
        for account in self.options.accounts:
            yield from self._part(f"@{account}", state, partial(self._account, account))
        _only(state, [f"@{account}" for account in self.options.accounts])

    def _tag(self, tag: str) -> tuple[str, dict[str, Any]]:
        return f"/api/v1/timelines/tag/{quote(tag, safe='')}", {}

    def _account(self, account: str) -> tuple[str, dict[str, Any]]:
        found = self.client.get("/api/v1/accounts/lookup", {"acct": account}, what=f"the account @{account}")
        return f"/api/v1/accounts/{quote(str(found.value.get('id')), safe='')}/statuses", {"exclude_reblogs": "true"}

    def _part(
        self, name: str, state: dict[str, Any], address: Callable[[], tuple[str, dict[str, Any]]]
    ) -> Iterator[Message]:
        """One timeline; its faults are its own, and what was read before one lands."""
        line = Line(name, state.setdefault(name, {}), self.memory, self.memory.lookback)
        self.lines.append(line)
        try:
            self.instance  # noqa: B018  asked for before anything is parsed
            path, params = address()
            yield from self._timeline(name, path, {**params, "limit": self.options.page_size}, line)
            line.is_complete = True
        except SourceError as error:
            report(self.context, self.client, error)
        still = []
        for native_id, result in self.client.each(self.status, line.missing()):
            if not isinstance(result, SourceError):
                yield from self.take(result, name, line)
            elif result.kind is Kind.GONE:
                yield from self.memory.sightings.tombstone("mastodon", native_id, name)
            else:
                still.append(native_id)
                report(self.context, self.client, result)
        line.settle(still)

    def _timeline(self, name: str, path: str, params: dict[str, Any], line: Line) -> Iterator[Message]:
        """What is new, oldest first, then the young statuses again, then what an earlier first load left unread."""
        state = line.state
        top: dict[str, Any] = {}
        if "cursor" not in state:
            yield from self._back(name, path, params, line)
            return
        for page, _ in pages(self.client, name, path, {**params, "min_id": state["cursor"]}, "prev"):
            top = top or {"max_id": ids_of(page)[-1]}
            for item in reversed(page):
                yield from self.take(item, name, line)
            state["cursor"] = ids_of(page)[0]
        floor = max(filter(None, (line.floor, moment(state.get("bottom")))), default=None)
        if floor is not None and self.options.lookback_days:
            for page, _ in pages(self.client, name, path, {**params, **top}, "next"):
                for item in page:
                    if (created_of(item) or floor) >= floor or id_of(item) in self.memory.sightings:
                        yield from self.take(item, name, line)
                if (created_of(page[-1]) or floor) < floor:
                    break
        if unread := state.get("unread"):
            yield from self._back(name, path, {**params, "max_id": unread}, line)

    def _back(self, name: str, path: str, params: dict[str, Any], line: Line) -> Iterator[Message]:
        """The first load: from the newest status back to `since`, `max_pages` or the timeline's end.

        The cursor is the newest status met, so statuses that arrive meanwhile are new to the next run. `unread`
        marks where to go on if this is cut off, `bottom` what the look-back must not go below.
        """
        since = self.options.since and datetime.combine(self.options.since, time.min, UTC)
        line.state["bottom"] = since.isoformat() if since else None
        for number, (page, following) in enumerate(ahead(pages(self.client, name, path, params, "next")), 1):
            line.state.setdefault("cursor", ids_of(page)[0])
            for item in page:
                if since is None or (created_of(item) or since) >= since:
                    yield from self.take(item, name, line)
            last = created_of(page[-1])
            line.state["unread"] = (following or {}).get("max_id")
            if number == self.options.max_pages and last:
                line.state["bottom"] = last.isoformat()
            if number == self.options.max_pages or (since and last and last < since):
                break
        line.state["unread"] = None

    def take(self, item: Any, origin: str, line: Line) -> Iterator[Message]:
        """The message in `item`, where it is news; an answer in an unknown thread waits for its conversation."""
        if isinstance(item, Mapping) and (item.get("reblog") or item.get("visibility", "public") not in PUBLIC):
            return
        name = id_of(item)
        known = self.memory.sightings.get(name) if name else None
        is_answer = isinstance(item, Mapping) and item.get("in_reply_to_id") is not None
        thread = self.known_thread(name)
        if thread is None and is_answer and name and self.is_collecting:
            line.saw(name, created_of(item))
            self.pending[name] = item
            return
        if thread is None and is_answer:
            thread = self.thread_of(str(item["in_reply_to_id"]))
        message = parse_status(item, self.instance, thread, origin)
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

    def status(self, native_id: str) -> dict[str, Any]:
        """One status as it is now; raises a SourceError of kind GONE where it was deleted."""
        found = self.client.get(f"/api/v1/statuses/{quote(native_id, safe='')}", what=f"status {native_id}").value
        if found.get("visibility", "public") not in PUBLIC:
            raise SourceError(Kind.GONE, f"status {native_id} is not public any more")
        return dict(found)

    def finish(self) -> None:
        """Forget what is neither young nor part of a watched conversation."""
        self.memory.forget(line.name for line in self.lines)


def _only(state: dict[str, Any], names: list[str]) -> None:
    """Forget timelines that left sources.toml."""
    for name in [name for name in state if name not in names]:
        del state[name]
