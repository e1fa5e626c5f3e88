"""Values as the Graph API writes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from resonanz.social.fields import field, utc


def time_of(item: Mapping[str, Any], name: str) -> datetime | None:
    """The moment in field `name` (`2026-11-15T08:00:00+0000`; seconds since 1970 for date_format=U), in UTC; None where
    the field is missing."""
    if item.get(name) is None:
        return None
    value = field(item, name, str, int)
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC)
    return utc(value, name)


def count_of(item: Mapping[str, Any], name: str) -> float | None:
    """The count in field `name`; None where it is missing or none."""
    count = item.get(name)
    return float(count) if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
