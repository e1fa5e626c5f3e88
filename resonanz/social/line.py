"""One timeline's place in dlt's state: how far it was read, and which of its messages are young."""

from datetime import UTC, datetime, timedelta
from typing import Any

from resonanz.social.memory import UNREADABLE, Memory, moment


class Line:
    """One timeline while it is read.

    :param state: the timeline's part of its stream's state; `newest` and `young` are kept here, the rest by whoever
        reads.
    :param lookback: how far before its newest message a timeline is read again. Measured from that message and not
        from now, so that a timeline that stands still is read the same way again and again.
    """

    def __init__(self, state: dict[str, Any], lookback: timedelta) -> None:
        self.state = state
        self._lookback = lookback
        self._seen: dict[str, datetime | None] = {}
        self._now = datetime.now(UTC)
        self.is_complete = False

    @property
    def floor(self) -> datetime | None:
        """The start of the look-back window; None before anything was seen."""
        newest = moment(self.state.get("newest"))
        return newest - self._lookback if newest else None

    def saw(self, name: str, created: datetime | None) -> None:
        """The timeline shows the message remembered as `name`."""
        self._seen[name] = created
        newest = moment(self.state.get("newest"))
        # A date in the future, which other servers may send, moves no window.
        if created is not None and created <= self._now and (newest is None or created > newest):
            self.state["newest"] = created.isoformat()

    def is_young(self, created: datetime | None) -> bool:
        floor = self.floor
        return created is None or floor is None or created >= floor

    def showed_old(self, names: set[str]) -> bool:
        """Whether the timeline showed any of `names` outside the look-back window: it will not show these again."""
        return any(name in self._seen and not self.is_young(self._seen[name]) for name in names)

    def missing(self, memory: Memory) -> list[str]:
        """Young messages that the timeline showed earlier and does not show any more, where it was read completely."""
        if not self.is_complete:
            return []
        found = []
        for name in self.state.get("young", []):
            sighting = memory.sightings.get(name)
            if name in self._seen or name.startswith(UNREADABLE) or sighting is None or sighting.is_deleted:
                continue
            if self.is_young(sighting.created):
                found.append(name)
        return found

    def settle(self, still: list[str]) -> None:
        """Remember which messages are young now; `still` are missing ones whose fate is not known yet."""
        young = [name for name, created in self._seen.items() if self.is_young(created)]
        before = self.state.get("young", []) if not self.is_complete else still
        self.state["young"] = list(dict.fromkeys([*before, *young]))
