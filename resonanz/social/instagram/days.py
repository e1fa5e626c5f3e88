"""An account's metrics day by day.

Source: Meta's "Instagram Account Insights" (/{ig-user-id}/insights). Most metrics come as one total for the time that
was asked for (metric_type=total_value), so that each day is a request of its own; days end at midnight in California,
and values may come up to 48 hours late.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from resonanz.errors import Kind, SourceError
from resonanz.landing import Message, account_metrics
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.requests import Graph
from resonanz.social.instagram.media import Account
from resonanz.social.instagram.people import PLATFORM

METRICS = {
    "views": "views",
    "reach": "reach",
    "total_interactions": "engagements",
    "profile_views": "profile_views",
    "profile_links_taps": "clicks",
    "likes": "reactions",
    "comments": "comments",
    "shares": "shares",
    "saves": "saves",
}
_CALIFORNIA = ZoneInfo("America/Los_Angeles")


def days(graph: Graph, name: str, account: Account, insights: Insights, first: date, end: date) -> Iterator[Message]:
    """The rows of the days from `first` on and before `end` for which the platform has values, the newest day first.

    :param name: what the account is asked for by: its id, or "me".

    A day that it refuses, after others that it gave, is taken for the end of what it keeps.
    """
    day, is_given = end - timedelta(days=1), False
    while day >= first and insights.asked:
        try:
            found = _asked(graph, name, insights, day, is_given)
        except SourceError as error:
            if is_given and error.kind is Kind.CONTRACT:
                return
            raise
        if metrics := insights.totals(found):
            unavailable = {name: reason for name, reason in insights.unavailable.items() if name not in metrics}
            yield account_metrics(PLATFORM, account.id, account.name, metrics, day=day, unavailable=unavailable)
            is_given = True
        day -= timedelta(days=1)


def _asked(graph: Graph, name: str, insights: Insights, day: date, is_given: bool) -> Any:
    def ask(names: Sequence[str]) -> Any:
        if not names:
            return {}
        return graph.get(
            f"{name}/insights",
            what=f"insights of the account {name}",
            metric=",".join(names),
            metric_type="total_value",
            period="day",
            since=_midnight(day),
            until=_midnight(day + timedelta(days=1)),
        )

    return ask(insights.asked) if is_given else insights.ask(ask)


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time.min, _CALIFORNIA).timestamp())
