"""Pages of a list, followed by cursors: never in a circle, and the next one fetched while the last one is worked on."""

import queue
import threading
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, TypeVar

from resonanz.errors import Kind, SourceError

Page = tuple[list[Any], str | None]
Pages = Iterator[Page]
Item = TypeVar("Item")

CURSOR_EXPIRED = "cursor expired"  # the code of a SourceError after which a list must be read from its top again
_MOST_EMPTY = 50  # pages without an item, one after the other
_AHEAD = 2


def paged(
    ask: Callable[[str | None], Page], cursor: str | None, what: str, shown: Callable[[list[Any]], Any] = repr
) -> Pages:
    """Pages from `cursor` on (None: from the top) until one has no cursor for the next.

    :param ask: cursor -> the items there, and the cursor of the page after (None: it is the last).
    :param shown: by what of its items a page is known again: their ids are enough, and quicker than all of them.
    :raises SourceError: of kind contract where the server repeats a page or leads on without an end.
    """
    cursors, contents, empty = {cursor}, set(), 0
    while True:
        items, following = ask(cursor)
        if items:
            empty = 0
            content = blake2b(str(shown(items)).encode("utf-8", "replace"), digest_size=8).digest()
            if content in contents:
                raise SourceError(
                    Kind.CONTRACT, f"{what}: the server shows the same page again and again; stopped there"
                )
            contents.add(content)
        else:
            empty += 1
        if following in cursors and following is not None:
            raise SourceError(
                Kind.CONTRACT, f"{what}: the server's next page is one that was read already; stopped there"
            )
        if empty > _MOST_EMPTY:
            raise SourceError(
                Kind.CONTRACT, f"{what}: {empty} empty pages in a row, each with a next one; stopped there"
            )
        yield items, following
        if following is None:
            return
        cursors.add(following)
        cursor = following


def ahead(pages: Iterator[Item]) -> Iterator[Item]:
    """The same pages, the next ones fetched in a thread of their own meanwhile."""
    waiting: queue.Queue[Item | BaseException | None] = queue.Queue(_AHEAD)
    is_wanted = threading.Event()
    is_wanted.set()

    def put(item: Item | BaseException | None) -> None:
        while is_wanted.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def fetch() -> None:
        try:
            for page in pages:
                put(page)
                if not is_wanted.is_set():
                    return
        except BaseException as error:  # whatever it was, it belongs to whoever reads the pages
            put(error)
        else:
            put(None)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while (page := waiting.get()) is not None:
            if isinstance(page, BaseException):
                raise page
            yield page
    finally:
        is_wanted.clear()
        thread.join()
