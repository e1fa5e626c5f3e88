"""Reads Bluesky threads: what stands above and below posts with answers, and around answers met elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message
from resonanz.social.bluesky.people import PLATFORM
from resonanz.social.bluesky.post import parse_post
from resonanz.social.bluesky.reader import Reader
from resonanz.social.faults import is_final, report
from resonanz.social.fields import Unreadable

DEPTH = 50
HEIGHT = 80
_SHALLOWEST_CUT = 5  # servers show threads down to a depth of their own choice, never less than this


class Threads:
    """The threads stream of one run."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._visited: set[str] = set()
        self._shown: set[str] = set()  # what the threads read in this run showed

    def read(self) -> Iterator[Message]:
        """All threads that are due, then some in turn."""
        reader, threads = self.reader, self.reader.memory.threads
        through = []
        for native_id, (first, is_changed) in reader.answers.items():
            if first in reader.starts or first in threads:
                if is_changed:
                    threads.want(first)
                    through.append(native_id)
            elif is_changed or native_id not in threads:
                threads.want(native_id)
        for name in threads.due:
            if not reader.can_ask(name):
                threads.is_gone(name)  # a private post out of sight; its timeline brings it up again
        others = 0 if reader.window else reader.options.recheck_threads
        yield from self._read([*threads.due, *threads.in_turn(others, reader.can_ask)])
        # A thread shows nothing below a deleted or hidden post: what stands there is asked for by itself.
        left = [name for name in through if name not in self._shown and self._has_answers(name)]
        for name in left:
            threads.want(name)
        yield from self._read(left)
        reader.unreadable.update(name for name in threads.due if not name.startswith("at://did:"))

    def _has_answers(self, name: str) -> bool:
        known = self.reader.memory.sightings.get(name)
        return known is not None and bool(known.comments)

    def _read(self, foci: list[str]) -> Iterator[Message]:
        """The threads around `foci`, and further down where a server cuts them off."""
        reader, threads = self.reader, self.reader.memory.threads
        while foci := [focus for focus in dict.fromkeys(foci) if focus not in self._visited]:
            self._visited.update(foci)
            deeper: list[str] = []
            for focus, result in reader.client.each(lambda name: reader.thread(name, DEPTH, HEIGHT), foci):
                if not isinstance(result, SourceError):
                    yield from self._thread(focus, result, deeper)
                elif result.kind is Kind.GONE:
                    threads.is_gone(focus)
                    yield from reader.memory.sightings.tombstone(PLATFORM, focus, f"thread {focus}")
                else:
                    threads.want(focus)
                    report(reader.context, reader.client, result)
                    if is_final(reader.client, result):
                        return
            foci = deeper

    def _thread(self, focus: str, node: Mapping[str, Any], deeper: list[str]) -> Iterator[Message]:
        reader, sightings = self.reader, self.reader.memory.sightings
        latest, first = None, focus
        for post in _above(node):
            yield from self._post(post, focus)
        todo: list[tuple[Mapping[str, Any], int]] = [(node, 0)]
        while todo:
            current, depth = todo.pop()
            if not isinstance(current.get("post"), Mapping):
                yield from self._lost(current, focus)
                continue
            message = parse_post(current["post"], reader.people, f"thread {focus}")
            yield from self._land(message, current["post"])
            if message.parse_error or message.native_id is None:
                continue
            self._shown.add(message.native_id)
            first = str(message.thread_native_id)
            latest = max(filter(None, (latest, message.created_at)), default=None)
            answers = [answer for answer in current.get("replies") or () if isinstance(answer, Mapping)]
            todo += [(answer, depth + 1) for answer in answers]
            comments = message.metrics.get("comments")
            if comments and not answers and depth >= _SHALLOWEST_CUT:
                if message.native_id not in reader.memory.threads:
                    reader.memory.threads.want(message.native_id)
                    deeper.append(message.native_id)
            elif comments is not None and len(answers) >= comments:  # else some are kept back; absence says nothing
                shown = {self._native_id(answer) for answer in answers}
                for name in sightings.below([message.native_id]):
                    if name not in shown:
                        yield from sightings.tombstone(PLATFORM, name, f"thread {focus}")
        reader.memory.threads.was_read(focus, first, latest)

    def _post(self, node: Mapping[str, Any], focus: str) -> Iterator[Message]:
        if isinstance(node.get("post"), Mapping):
            yield from self._land(parse_post(node["post"], self.reader.people, f"thread {focus}"), node["post"])
        else:
            yield from self._lost(node, focus)

    def _land(self, message: Message, post: Mapping[str, Any]) -> Iterator[Message]:
        self.reader.met(str(post.get("uri")))
        if self.reader.memory.sightings.news(message):
            yield message

    def _lost(self, node: Mapping[str, Any], focus: str) -> Iterator[Message]:
        """A place in a thread whose post was deleted, or whose author blocks or is blocked."""
        name = self._native_id(node)
        if name and (node.get("notFound") or node.get("blocked")):
            yield from self.reader.memory.sightings.tombstone(PLATFORM, name, f"thread {focus}")

    def _native_id(self, node: Mapping[str, Any]) -> str:
        post = node.get("post")
        uri = post.get("uri") if isinstance(post, Mapping) else node.get("uri")
        try:
            return self.reader.people.native_id(uri) if isinstance(uri, str) else ""
        except Unreadable:
            return ""


def _above(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What `node` answers, the first message first."""
    found: list[Mapping[str, Any]] = []
    parent = node.get("parent")
    while isinstance(parent, Mapping):
        found.insert(0, parent)
        parent = parent.get("parent")
    return found
