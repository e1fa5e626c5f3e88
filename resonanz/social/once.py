"""What a run asks a platform for once, however many streams and threads want it."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from resonanz.errors import Kind, SourceError

Answer = TypeVar("Answer")
_LASTING = (Kind.CREDENTIALS, Kind.PERMISSION, Kind.GONE)


class Once(Generic[Answer]):
    """Answers by name. A fault that no second try cures is kept, too, and raised again; any other is forgotten."""

    def __init__(self, ask: Callable[[str], Answer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._known: dict[str, Answer | SourceError] = {}

    def __call__(self, name: str) -> Answer:
        with self._lock:
            if (known := self._known.get(name)) is None:
                try:
                    known = self._ask(name)
                except SourceError as error:
                    if error.kind not in _LASTING:
                        raise
                    known = error
                self._known[name] = known
        if isinstance(known, SourceError):
            raise known
        return known

    def answers(self) -> Iterator[Answer]:
        """What was answered so far."""
        yield from [known for known in self._known.values() if not isinstance(known, SourceError)]
