"""Streams of one source that hang together: what one has read, another may need."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resonanz.landing import Message, stream

Read = Callable[[dict[str, Any]], Iterator[Message]]


class Feed:
    """A stream's messages in reading order, which another stream can have read ahead.

    A stream that needs what others found (conversations, from the timelines) calls `read_ahead` on them. dlt pulls one
    stream after the other (resonanz/extract.py), so that usually they are through and nothing waits here.
    """

    def __init__(self, name: str, read: Read, finished: Callable[[], None]) -> None:
        self.name = name
        self._read = read
        self._finished = finished
        self._messages: Iterator[Message] | None = None
        self._waiting: deque[Message] = deque()
        self.is_done = False

    def messages(self, state: dict[str, Any]) -> Iterator[Message]:
        """What the stream lands; the argument of `landing.stream`."""
        self._begin(state)
        while True:
            if self._waiting:
                yield self._waiting.popleft()
            elif (message := self._next()) is not None:
                yield message
            else:
                return

    def read_ahead(self) -> None:
        """Read the rest of the stream now; needs to run inside one of the source's dlt resources."""
        if self._messages is None:
            import dlt

            self._begin(dlt.current.resource_state(self.name))
        while (message := self._next()) is not None:
            self._waiting.append(message)

    def _begin(self, state: dict[str, Any]) -> None:
        if self._messages is None:
            self._messages = self._read(state)

    def _next(self) -> Message | None:
        assert self._messages is not None  # noqa: S101  for mypy
        if self.is_done:
            return None
        message = next(self._messages, None)
        if message is None:
            self.is_done = True
            self._finished()
        return message


def streams(
    timelines: Mapping[str, Read],
    conversations: Mapping[str, Callable[[], Iterator[Message]]],
    finish: Callable[[], None],
) -> list[Any]:
    """The dlt resources of a source: its timelines, and the conversations that are read once these are through.

    :param timelines: stream name -> what reads it, given the stream's state.
    :param conversations: the same for streams that need what all timelines found.
    :param finish: called when the last stream has been read to its end.
    """
    feeds: list[Feed] = []

    def finished() -> None:
        if all(feed.is_done for feed in feeds):
            finish()

    def after_timelines(read: Callable[[], Iterator[Message]]) -> Read:
        def messages(_: dict[str, Any]) -> Iterator[Message]:
            for feed in feeds[: len(timelines)]:
                feed.read_ahead()
            yield from read()

        return messages

    feeds += [Feed(name, read, finished) for name, read in timelines.items()]
    feeds += [Feed(name, after_timelines(read), finished) for name, read in conversations.items()]
    return [stream(feed.name, feed.messages) for feed in feeds]
