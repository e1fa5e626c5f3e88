"""Reads Mastodon conversations: the context of statuses that have answers, and of answers whose thread is unknown."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.social.faults import is_final, report
from resonanz.social.mastodon.api import BATCH
from resonanz.social.mastodon.reader import Reader
from resonanz.social.mastodon.status import PUBLIC, Thread, parse_status

# A server shows those who are not logged in at most 60 descendants, 20 answers deep, and 40 ancestors.
_MOST_DESCENDANTS = 60
_DEEPEST = 20


class Conversations:
    """The conversations stream of one run."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._visited: set[str] = set()
        self._shown: set[str] = set()  # what the threads read in this run showed
        self._vanished: list[str] = []
        self._landed: set[str] = set()  # of the threads that are read: those whose own message is known

    def read(self) -> Iterator[Message]:
        """All threads that are due, then some in turn; every answer that was met lands, with its thread or without."""
        reader, threads = self.reader, self.reader.memory.threads
        reader.is_collecting = False
        for focus in self._for_pending():
            threads.want(focus)
        if not reader.is_refused:
            yield from self._ask_all()
        for item in reader.pending.values():
            yield from self._land(item, reader.thread_of(str(item["in_reply_to_id"])), "unresolved")
        yield from self._deleted()

    def _ask_all(self) -> Iterator[Message]:
        reader, threads = self.reader, self.reader.memory.threads
        others = 0 if reader.window else reader.options.recheck_threads
        if others:
            yield from self._reread(others * BATCH)
            others = max(1, others // 10) if reader.api.gives_batches else others
        yield from self._read([*threads.due, *threads.in_turn(others)])
        # A thread shows nothing below a deleted or hidden status: what stands there is asked for by itself.
        left = [name for name in reader.through if name not in self._shown]
        left += [name for name, item in reader.pending.items() if item.get("replies_count")]
        for name in left:
            threads.want(name)
        yield from self._read(left)

    def _reread(self, count: int) -> Iterator[Message]:
        """Young answers that no timeline shows, `count` of them in turn, many with one request: edits, counts, and
        the threads that have new answers to them; what is missing there is asked for at the end."""
        import dlt

        reader, memory, state = self.reader, self.reader.memory, dlt.current.source_state()
        place = state.get("reread", "")
        names = memory.young(place, count, is_hidden=True)
        if len(names) < count:
            names += [name for name in memory.young("", count - len(names), is_hidden=True) if name <= place]
        state["reread"] = names[-1] if len(names) == count else ""
        waiting = iter(names)
        while chunk := list(islice(waiting, BATCH)):
            try:
                found = reader.api.batch(chunk)
            except SourceError as error:
                report(reader.context, reader.client, error)
                return
            if found is None:
                return
            self._vanished += [name for name in chunk if name not in found]
            for name, item in found.items():
                known = memory.sightings.get(name)
                message = parse_status(item, reader.api.instance, reader.known_thread(name), "single status")
                comments = message.metrics.get("comments")
                if known is not None and comments is not None and comments != known.comments:
                    first = message.thread_native_id
                    memory.threads.want(first if first is not None and first in memory.threads else name)
                if memory.sightings.news(message):
                    yield message

    def _read(self, foci: list[str]) -> Iterator[Message]:
        """The threads around `foci`, and further down where a server cuts them off."""
        reader, threads = self.reader, self.reader.memory.threads
        while foci := [focus for focus in dict.fromkeys(foci) if focus not in self._visited]:
            self._visited.update(foci)
            deeper: list[str] = []
            self._landed = {focus for focus in foci if focus in reader.memory.sightings}
            for focus, result in reader.client.each(self._ask, foci):
                if not isinstance(result, SourceError):
                    yield from self._thread(focus, *result, deeper)
                elif result.kind is Kind.GONE:
                    threads.is_gone(focus)
                    yield from reader.memory.sightings.tombstone("mastodon", focus, f"thread {focus}")
                else:
                    threads.want(focus)
                    report(reader.context, reader.client, result)
                    if is_final(reader.client, result):
                        return
            foci = deeper

    def _for_pending(self) -> Iterator[str]:
        """Through which threads the answers without a known one are found: their own first message if that was met,
        else the topmost answer itself, whose context shows what stands above it."""
        reader = self.reader
        for native_id, item in reader.pending.items():
            parent = str(item["in_reply_to_id"])
            thread = reader.thread_of(parent)
            if thread is not None and (thread.first in reader.starts or thread.first in reader.memory.threads):
                yield thread.first
            elif parent not in reader.pending:
                yield native_id

    def _ask(self, focus: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """The status where it was not met in this run, and its context."""
        reader = self.reader
        is_known = focus in reader.starts or (reader.api.gives_batches and focus in self._landed)
        status = None if is_known else reader.pending.get(focus) or reader.api.status(focus)
        path = f"/api/v1/statuses/{quote(focus, safe='')}/context"
        context = reader.client.get(path, what=f"thread of status {focus}").value
        for name in ("ancestors", "descendants"):
            if not isinstance(context.get(name), list):
                raise SourceError(Kind.CONTRACT, f"thread of status {focus}: the context has no list of {name}")
        return status, context

    def _thread(
        self, focus: str, status: dict[str, Any] | None, context: dict[str, Any], deeper: list[str]
    ) -> Iterator[Message]:
        reader, origin = self.reader, f"thread {focus}"
        above, below = context["ancestors"], context["descendants"]
        first: Any = above[0] if above else status
        thread = reader.thread_of(focus) or Thread(focus)
        if first is not None:
            start = parse_status(first, reader.api.instance)
            name = start.native_id or focus
            thread = reader.known_thread(name) or Thread(name, start.account)
        latest = None
        for item in [*above, *([status] if status is not None else []), *below]:
            for message in self._messages(item, thread, origin):
                latest = max(filter(None, (latest, message.created_at)), default=None)
                if reader.memory.sightings.news(message):
                    yield message
        if latest is None and (known := reader.memory.sightings.get(focus)) is not None:
            latest = known.created
        reader.memory.threads.was_read(focus, thread.first, latest)
        answered = {str(item.get("in_reply_to_id")) for item in below if isinstance(item, dict)}
        shown = {str(item.get("id")): item for item in below if isinstance(item, dict)}
        self._shown.update([focus, *shown])
        if len(below) >= _MOST_DESCENDANTS or _depth(focus, shown) >= _DEEPEST:
            for name, item in shown.items():
                if item.get("replies_count") and name not in answered and name not in reader.memory.threads:
                    reader.memory.threads.want(name)  # stays due if this run cannot go on
                    deeper.append(name)
        else:
            landed = reader.memory.sightings.below([focus, *shown])
            self._vanished += [name for name in landed if name not in shown]

    def _messages(self, item: Any, thread: Thread, origin: str) -> Iterator[Message]:
        if isinstance(item, dict) and (item.get("reblog") or item.get("visibility", "public") not in PUBLIC):
            return
        known = self.reader.known_thread(str(item.get("id"))) if isinstance(item, dict) else None
        message = parse_status(item, self.reader.api.instance, known or thread, origin)
        if message.native_id:
            self.reader.pending.pop(message.native_id, None)
        yield message

    def _land(self, item: Any, thread: Thread | None, origin: str) -> Iterator[Message]:
        message = parse_status(item, self.reader.api.instance, thread, origin)
        if self.reader.memory.sightings.news(message):
            yield message

    def _deleted(self) -> Iterator[Message]:
        """Answers that their thread does not show any more: gone, or moved out of the public."""
        reader = self.reader
        for native_id, result in reader.api.statuses(dict.fromkeys(self._vanished)):
            if not isinstance(result, SourceError):
                yield from self._land(result, reader.known_thread(native_id), "single status")
            elif result.kind is Kind.GONE:
                yield from reader.memory.sightings.tombstone("mastodon", native_id, "single status")
            else:
                report(reader.context, reader.client, result)


def _depth(focus: str, shown: dict[str, Any]) -> int:
    """How many answers deep the deepest of `shown` stands below `focus`."""
    depths = {focus: 0}
    for name, item in shown.items():  # a context lists answers after what they answer
        depths[name] = depths.get(str(item.get("in_reply_to_id")), 0) + 1
    return max(depths.values())
