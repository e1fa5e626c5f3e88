"""One at a time: a lock that ends with the process that holds it, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resonanz.errors import Kind, SourceError


@contextmanager
def held(file: Path, what: str) -> Iterator[None]:
    """Hold the lock `file` for the block; raises SourceError (transient) at once where another process holds it.

    :param what: what the lock stands for, in words: "source reviews".
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise SourceError(
                Kind.TRANSIENT,
                f"{what} is being read by another run (process {holder}); two at once would spoil its cursor. "
                "Try again when that one has ended",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
