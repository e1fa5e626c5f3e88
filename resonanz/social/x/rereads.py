"""Asks for X's young posts once more by their ids: edits, counts and deletions. Each costs what a new post costs."""

import logging
from collections.abc import Container, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from resonanz.landing import Message
from resonanz.social.memory import moment
from resonanz.social.notes import Notes
from resonanz.social.reader import Reader
from resonanz.social.x.api import LOOKUP_SIZE

_AT_ONCE = 4 * LOOKUP_SIZE  # posts asked for before their answers are worked on
_NAME = "rereads"

log = logging.getLogger(__name__)


class Rereads:
    """The rereads stream of one run.

    :param read_now: posts that this run was given by X already.
    :param hours: at least so long between two passes; one that the budget cut off goes on where it stopped.
    """

    def __init__(self, reader: Reader, notes: Notes, read_now: Container[str], hours: float) -> None:
        self.reader = reader
        self.memory = reader.memory
        self.budget = reader.context.budget
        self._read_now = read_now
        self._every = timedelta(hours=hours)
        self._notes = notes

    def read(self) -> Iterator[Message]:
        """Young posts that this run has not shown yet: all, or as many as half of the day's budget pays for."""
        note: dict[str, Any] = self._notes.get(_NAME, {})
        last, place, now = moment(note.get("at")), str(note.get("place") or ""), datetime.now(UTC)
        young = sum(native_id not in self._read_now for native_id in self.memory.young())
        if not young or (last is not None and now - last < self._every):
            return
        share, left = self.budget.today("posts"), self.budget.left("posts")
        most = young if share is None else min(young, share // 2)
        rest = "no budget limits them" if left is None else f"{left:,} left of the budget"
        log.info("%s: about %d of %d young posts will be read again; %s", self.reader.context.source, most, young, rest)
        line, still = self.reader.line(_NAME, {}), list[str]()
        is_first_round = not place
        while most > 0:
            batch = self.memory.young(place, min(most, _AT_ONCE))
            wanted = [native_id for native_id in batch if native_id not in self._read_now]
            yield from self.reader.look_up(wanted, _NAME, line, still)
            most -= len(wanted)
            if not batch and is_first_round:
                break
            is_first_round = is_first_round or not batch
            place = batch[-1] if batch else ""
        line.settle([])
        if not still:  # else the next run tries again
            self._notes[_NAME] = {"at": now.isoformat(timespec="seconds"), "place": place}
