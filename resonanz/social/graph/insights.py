"""Insights of the Graph API: one metric that is retired or not permitted does not cost the others.

Graph refuses a whole request for one bad metric, and does not say which it was. So each is asked for alone then, and
what is refused is left out for some days and named with the reason.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from resonanz.errors import Kind, SourceError
from resonanz.platforms import Context
from resonanz.social.fields import mappings
from resonanz.social.graph.requests import INVALID_METRIC
from resonanz.social.notes import Notes

log = logging.getLogger(__name__)

_LEFT_OUT = timedelta(days=5)
Answer = TypeVar("Answer")


class Insights:
    """The metrics that one kind of object has.

    :param kind: names them in notes and notices ("post insights").
    :param names: the platform's name -> our canonical one. Where several mean the same, the first that has a value
        counts.
    :param retired: the platform's name -> the day from which on the vendor's documents call it retired.
    """

    def __init__(
        self,
        kind: str,
        names: Mapping[str, str],
        context: Context,
        notes: Notes,
        retired: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.names = names
        self._retired = retired or {}
        self._context = context
        self._refused: dict[str, dict[str, str]] = notes.setdefault(kind, {})  # name -> reason, until

    @property
    def asked(self) -> list[str]:
        """The platform's names of the metrics to ask for: those that were not refused lately."""
        now = datetime.now(UTC).isoformat()
        return [name for name in self.names if self._refused.get(name, {}).get("until", "") < now]

    @property
    def unavailable(self) -> dict[str, str]:
        """Canonical name -> why nothing that means it can be had."""
        asked = {self.names[name] for name in self.asked}
        return {
            canonical: self._refused[name]["reason"]
            for name, canonical in reversed(list(self.names.items()))
            if canonical not in asked and name in self._refused
        }

    def ask(self, request: Callable[[Sequence[str]], Answer], *, is_one: bool = False) -> Answer:
        """`request` with the names of all metrics; where that is refused, without those that are refused alone.

        `request` must bear to be asked for none.

        :param is_one: it asks about one object of many. Where every metric is refused, it is the object that has none.
        :raises SourceError: what `request` raises for no metric at all, and every fault that is not about metrics.
        """
        names = self.asked
        try:
            return request(names)
        except SourceError as error:
            if not names or not _may_be_a_metric(error):
                raise
        bare = request([])  # where this fails as well, it was not the metrics
        refused: dict[str, SourceError] = {}
        for name in names:
            try:
                request([name])
            except SourceError as error:
                if not _may_be_a_metric(error):
                    raise
                refused[name] = error
        if is_one and len(refused) == len(names) > 1 and all(e.kind is Kind.CONTRACT for e in refused.values()):
            raise refused[names[0]]
        for name, refusal in refused.items():
            self._refuse(name, refusal)
        return request(left) if (left := self.asked) else bare

    def values(self, insights: Any) -> Iterator[tuple[str, float, str | None]]:
        """(canonical name, value, end of its period) from the list under `data`, in the order of `names`."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for metric in mappings(insights.get("data") if isinstance(insights, Mapping) else insights):
            found.setdefault(str(metric.get("name")), []).append(metric)
        for name, canonical in self.names.items():
            for metric in found.get(name, ()):
                for value in _values(metric):
                    if isinstance(number := value.get("value"), int | float) and not isinstance(number, bool):
                        yield canonical, float(number), value.get("end_time")

    def totals(self, insights: Any) -> dict[str, float]:
        """Canonical name -> value, of metrics with one value."""
        return _first((name, value) for name, value, _ in self.values(insights))

    def _refuse(self, name: str, error: SourceError) -> None:
        is_new = name not in self._refused
        if error.kind is Kind.PERMISSION:
            reason = f"not permitted: {name} needs another permission"
        else:
            since = f" on {self._retired[name]}" if name in self._retired else ""
            reason = f"retired{since}: the platform refuses {name}"
        until = datetime.now(UTC) + _LEFT_OUT
        self._refused[name] = {"reason": reason, "until": until.isoformat(timespec="seconds")}
        if is_new:
            log.info("%s: %s: %s", self._context.source, name, error.message)
            self._context.notice(f"{self.kind}: {self.names[name]} is left out where it comes from {name}: {reason}")


def _may_be_a_metric(error: SourceError) -> bool:
    """Whether it may be one metric that is refused, and not the request."""
    return error.code in (INVALID_METRIC, "100", "3001") or error.kind is Kind.PERMISSION


def _values(metric: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Its values by period, or the total that newer metrics give instead."""
    yield from mappings(metric.get("values"))
    if isinstance(total := metric.get("total_value"), Mapping):
        yield total


def _first(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found
