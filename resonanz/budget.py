"""What a source may spend in a day or a month, and what it has spent: requests, posts that cost money, quota units.

Spending is written down as it happens, so that a killed run does not spend twice.
"""

import json
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from resonanz.errors import Kind, SourceError

ENTRY = re.compile(r"(?P<unit>requests|posts|units|searches)_per_(?P<period>day|month)")
_KEPT = 400  # days of history that the file holds
_WRITE_EVERY = 1.0  # seconds


class Budget:
    """The limits of one source and its spending, by day.

    :param limits: `requests_per_day`, `posts_per_month`, ... -> the most that may be spent.
    :param file: where the spending is kept: {"2026-11-23": {"requests": 120}}; None: in memory only.
    :param zone: in which days and months are counted: where the platform's own quota begins anew.
    """

    def __init__(self, limits: Mapping[str, int] | None = None, file: Path | None = None, zone: str = "UTC") -> None:
        self._limits = dict(limits or {})
        self._zone = ZoneInfo(zone)
        self._file = file
        self._lock = threading.Lock()
        self._written = 0.0
        self._days: dict[str, dict[str, int]] = json.loads(file.read_text()) if file and file.exists() else {}
        self.now_spent: dict[str, int] = {}

    def take(self, unit: str, amount: int = 1) -> None:
        """Spend `amount` of `unit`; raises a SourceError of kind LIMIT, and spends nothing, where that is too much."""
        with self._lock:
            now = self._now()
            for name, limit in self._limits.items():
                found = ENTRY.fullmatch(name)
                if found is None or found["unit"] != unit:
                    continue
                spent = self._spent(unit, found["period"], now)
                if spent + amount > limit:
                    raise SourceError(
                        Kind.LIMIT,
                        f"the budget {name} = {limit:,} is spent ({spent:,} so far); what was read is kept, and "
                        f"reading goes on with the next {found['period']} or a larger budget in sources.toml",
                        retry_after=until_next(found["period"], now),
                        code="budget",
                    )
            day = self._days.setdefault(now.date().isoformat(), {})
            day[unit] = day.get(unit, 0) + amount
            self.now_spent[unit] = self.now_spent.get(unit, 0) + amount
            if time.monotonic() - self._written >= _WRITE_EVERY:
                self._write()

    def left(self, unit: str) -> int | None:
        """How much of `unit` may still be spent now; None where nothing limits it."""
        now = self._now()
        found = [(ENTRY.fullmatch(name), limit) for name, limit in self._limits.items()]
        left = [
            limit - self._spent(unit, entry["period"], now) for entry, limit in found if entry and entry["unit"] == unit
        ]
        return max(0, min(left)) if left else None

    def today(self, unit: str) -> int | None:
        """Today's even share of what is left of `unit`: a month's limit is spread over its rest. None where
        nothing limits it."""
        now = self._now()
        shares = []
        for name, limit in self._limits.items():
            entry = ENTRY.fullmatch(name)
            if entry is None or entry["unit"] != unit:
                continue
            days = 1 + int(until_next("month", now) // 86_400) if entry["period"] == "month" else 1
            shares.append(max(0, limit - self._spent(unit, entry["period"], now)) // days)
        return min(shares, default=None)

    def standing(self) -> dict[str, tuple[int, int | None]]:
        """What stands in the books: `posts_per_month` -> (spent, limit); by month and None where nothing limits it."""
        now = self._now()
        found: dict[str, tuple[int, int | None]] = {}
        for name, limit in self._limits.items():
            if entry := ENTRY.fullmatch(name):
                found[name] = (self._spent(entry["unit"], entry["period"], now), limit)
        limited = {name.split("_per_")[0] for name in found}
        for unit in sorted({unit for day in self._days.values() for unit in day} - limited):
            found[f"{unit}_per_month"] = (self._spent(unit, "month", now), None)
        return found

    def flush(self) -> None:
        """Write the spending down now."""
        with self._lock:
            self._write()

    def in_words(self) -> str:
        """What this run has spent, and what is left: `posts: 1,200 now, 8,800 left`."""
        parts = []
        for unit, amount in sorted(self.now_spent.items()):
            left = self.left(unit)
            parts.append(f"{unit}: {amount:,} now" + ("" if left is None else f", {left:,} left"))
        return "; ".join(parts) or "nothing"

    def _now(self) -> datetime:
        return datetime.now(self._zone)

    def _spent(self, unit: str, period: str, now: datetime) -> int:
        prefix = now.date().isoformat() if period == "day" else f"{now:%Y-%m}-"
        return sum(day.get(unit, 0) for date, day in self._days.items() if date.startswith(prefix))

    def _write(self) -> None:
        if self._file is None:
            return
        oldest = (self._now() - timedelta(days=_KEPT)).date().isoformat()
        self._days = {date: day for date, day in self._days.items() if date >= oldest}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps(self._days, indent=1, sort_keys=True))
        draft.replace(self._file)
        self._written = time.monotonic()


def until_next(period: str, now: datetime) -> float:
    """Seconds from `now` to the next `day` or `month`, in UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        ends = midnight + timedelta(days=1)
    else:
        ends = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (ends.astimezone(UTC) - now.astimezone(UTC)).total_seconds()  # a day may have 23 or 25 hours
