"""One timeline's place: how far it was read, in dlt's state, and which of its messages are young, in the memory."""

from datetime import UTC, datetime, timedelta
from typing import Any

from resonanz.social.memory import UNREADABLE, Memory, moment


class Line:
    """One timeline while it is read.

    :param state: the timeline's part of its stream's state; `newest` is kept here, the rest by whoever reads.
    :param lookback: how far before its newest message a timeline is read again. Measured from that message and not
        from now, so that a timeline that stands still is read the same way again and again.
    """

    def __init__(self, name: str, state: dict[str, Any], memory: Memory, lookback: timedelta) -> None:
        self.name = name
        self.state = state
        self._lookback = lookback
        self._memory = memory
        self._now = datetime.now(UTC)
        self._newest = moment(state.get("newest"))
        self._floor = self._newest - lookback if self._newest else None
        self.is_complete = False

    @property
    def floor(self) -> datetime | None:
        """The start of the look-back window; None before anything was seen."""
        return self._floor

    def saw(self, name: str, created: datetime | None) -> None:
        """The timeline shows the message remembered as `name`."""
        # A date in the future, which other servers may send, moves no window.
        if created is not None and created <= self._now and (self._newest is None or created > self._newest):
            self._newest, self._floor = created, created - self._lookback
            self.state["newest"] = created.isoformat()
        if created is None or self._floor is None or created >= self._floor:
            self._memory.saw(self.name, name, created.isoformat() if created else None)

    def is_young(self, created: datetime | None) -> bool:
        floor = self.floor
        return created is None or floor is None or created >= floor

    def missing(self) -> list[str]:
        """Young messages that the timeline showed earlier and does not show any more, where it was read completely."""
        if not self.is_complete:
            return []
        query = "select native_id, created_at from shown where line = ? and run < ? order by created_at desc, native_id"
        found = []
        for name, created in self._memory.store.execute(query, (self.name, self._memory.run)).fetchall():
            sighting = self._memory.sightings.get(name)
            if name.startswith(UNREADABLE) or sighting is None or sighting.is_deleted:
                continue
            if self.is_young(moment(created)):
                found.append(name)
        return found

    def settle(self, still: list[str]) -> None:
        """Remember which messages are young now; `still` are missing ones whose fate is not known yet."""
        store, run = self._memory.store, self._memory.run
        if self.is_complete:
            store.executemany(
                "update shown set run = ? where line = ? and native_id = ?", [(run, self.name, name) for name in still]
            )
            store.execute("delete from shown where line = ? and run < ?", (self.name, run))
        if floor := self.floor:
            store.execute("delete from shown where line = ? and created_at < ?", (self.name, floor.isoformat()))
