"""Progress of a long scoring, in words: texts done, texts a second, the time that is left."""

import time
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Counts texts from the moment it is made.

    :param total: texts in all; None where nobody has counted them.
    :param skipped: of these, texts that were done before.
    """

    total: int | None
    skipped: int = 0
    _done: int = 0
    _start: float = field(default_factory=time.monotonic)

    def add(self, texts: int) -> str:
        """Count `texts` more; returns where it stands."""
        self._done += texts
        pace = self._done / max(time.monotonic() - self._start, 1e-9)
        done = self.skipped + self._done
        if self.total is None:
            return f"{done:,} texts scored, {pace:,.0f} a second"
        left = (self.total - done) / pace if pace else 0
        return f"{done:,} of {self.total:,} texts scored, {pace:,.0f} a second, {_clock(left)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
