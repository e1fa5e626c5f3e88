"""A page's metrics, as they stand now and day by day.

Source: Meta's "Page Insights" (/{page-id}/insights): two years back, 90 days at once; a day ends at midnight in
California, which is 7 or 8 o'clock in UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from resonanz.landing import Message, account_metrics
from resonanz.platforms import Window
from resonanz.social.facebook.people import PLATFORM
from resonanz.social.facebook.post import Page
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.requests import Graph

_AT_ONCE = timedelta(days=90)
_KEPT = timedelta(days=729)
_FIRST = timedelta(days=90)  # on a first load without `since`
_CORRECTED = timedelta(days=3)  # so long Meta is seen to correct a day's values


def span(last: date | None, since: date | None, lookback_days: int, window: Window | None) -> tuple[date, date]:
    """The first day to ask for and the day after the last one.

    :param last: the newest day that was read before.
    """
    today = datetime.now(UTC).date()
    first = since or today - _FIRST
    if window is not None:
        first, until = window.since.date(), (window.until + timedelta(days=1) - timedelta(microseconds=1)).date()
        return max(first, today - _KEPT), min(until, today)
    if last is not None:
        first = last - max(timedelta(days=lookback_days), _CORRECTED)
    return max(first, today - _KEPT), today


def days(graph: Graph, page: Page, insights: Insights, first: date, end: date) -> Iterator[tuple[date, Message]]:
    """Each day from `first` on and before `end` for which the platform has values, and its row."""
    while first < end:
        until = min(first + _AT_ONCE, end)
        yield from _some(graph, page, insights, first, until)
        first = until


def _some(graph: Graph, page: Page, insights: Insights, first: date, end: date) -> Iterator[tuple[date, Message]]:
    def ask(names: Any) -> Any:
        if not names:
            return {}
        return graph.get(
            f"{page.id}/insights",
            what=f"insights of the page {page.name}",
            metric=",".join(names),
            period="day",
            since=_seconds(first),
            until=_seconds(end),
        )

    found: dict[date, dict[str, float]] = {}
    for name, value, end_time in insights.values(insights.ask(ask)):
        if (day := _day(end_time)) is not None and first <= day < end:
            found.setdefault(day, {}).setdefault(name, value)
    for day, metrics in sorted(found.items()):
        unavailable = {name: reason for name, reason in insights.unavailable.items() if name not in metrics}
        yield day, account_metrics(PLATFORM, page.id, page.name, metrics, day=day, unavailable=unavailable)


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time.min, UTC).timestamp())


def _day(end_time: str | None) -> date | None:
    """The day that ends at `end_time`: the one in whose middle twelve hours before lies, in California and in UTC."""
    try:
        return (datetime.fromisoformat(end_time or "").astimezone(UTC) - timedelta(hours=12)).date()
    except ValueError:
        return None
