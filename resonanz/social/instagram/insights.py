"""Insights of media, which differ by where a medium is shown (feed, reels, story) and by what it is.

Source: Meta's "Instagram Media Insights" (/{media-id}/insights). They are asked for together with a page of media.
Graph refuses such a page as a whole where one medium of it has no insights, or one metric is not for all of them: then
it is asked for without, and the insights by kind, for several media at once, and at last one by one.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from resonanz.errors import Kind, SourceError
from resonanz.platforms import Context
from resonanz.social.fields import Unreadable
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.requests import INVALID_METRIC, MOST_IDS, NO_INSIGHTS, TOO_MUCH, Graph
from resonanz.social.graph.values import time_of
from resonanz.social.notes import Notes
from resonanz.social.pages import CURSOR_EXPIRED

METRICS = {
    "views": "views",
    "reach": "reach",
    "saved": "saves",
    "shares": "shares",
    "total_interactions": "engagements",
    "likes": "reactions",  # where the owner hides them, like_count is missing
}
STORY_METRICS = {name: METRICS[name] for name in ("views", "reach", "shares", "total_interactions")}
_REFUSED = frozenset({INVALID_METRIC, NO_INSIGHTS, CURSOR_EXPIRED, TOO_MUCH, "100", "3001", "2500", ""})
_KIND = "insights of "
_WHY = "insights_refused"  # the property of an item in which the reason stands
_MOST_IN_VAIN = 5
_TOO_OLD = "not given: posted before the account became one of a business"
_MOST_WITHOUT = 3  # of a kind; from the next one on, it is taken for the metrics that are refused
Answer = TypeVar("Answer")


class MediaInsights:
    """The insights of one source's media.

    :param is_read: False: they are not asked for.
    """

    def __init__(self, graph: Graph, context: Context, notes: Notes, is_read: bool) -> None:
        self._graph = graph
        self._context = context
        self._notes = notes
        self._is_read = is_read
        self._kinds = {name: self._insights(name) for name in notes if name.startswith(_KIND)}
        self._without: Counter[str] = Counter()  # kind -> media in this run that refused every metric
        self._in_vain = 0  # media in a row that gave nothing when asked for one by one
        self._too_old: dict[str, Any] = {}  # account -> when its newest medium without insights was posted
        self._lock = threading.RLock()

    def read(self, ask: Callable[[Sequence[str]], Answer], items: Callable[[Answer], Iterable[Any]]) -> Answer:
        """What `ask` answers for the names of metrics; its `items` have their insights in them, or the reason why not.

        :param ask: bears to be asked for no metric.
        """
        if not self._is_read:
            return ask([])
        names = self._common()
        try:
            answer = ask(names)
        except SourceError as error:
            if not names or not _may_be_insights(error):
                raise
            names, answer = [], ask([])
        media = [item for item in items(answer) if isinstance(item, dict) and item.get("id")]
        is_expanded = any("insights" in item for item in media)
        with self._lock:
            for kind, group in self._by_kind(media).items():
                if not is_expanded or set(kind.asked) - set(names):
                    self._complete(kind, group)
        return answer

    def values(self, item: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
        """Canonical metric -> value, and canonical metric -> why it is missing, of an item that `read` has given."""
        if not self._is_read:
            return {}, {}
        kind = self._kind(item)
        metrics = kind.totals(item.get("insights"))
        unavailable = dict.fromkeys(kind.names.values(), str(item[_WHY])) if item.get(_WHY) else kind.unavailable
        return metrics, {name: reason for name, reason in unavailable.items() if name not in metrics}

    def _common(self) -> list[str]:
        """The metrics that no kind has refused."""
        asked = [set(kind.asked) for kind in self._kinds.values() if kind.names is METRICS]
        return [name for name in METRICS if all(name in names for names in asked)]

    def _by_kind(self, media: Sequence[dict[str, Any]]) -> dict[Insights, list[dict[str, Any]]]:
        found: dict[Insights, list[dict[str, Any]]] = {}
        for item in media:
            found.setdefault(self._kind(item), []).append(item)
        return found

    def _kind(self, item: Mapping[str, Any]) -> Insights:
        product, medium = str(item.get("media_product_type") or "FEED"), str(item.get("media_type") or "")
        name = f"{_KIND}{product} {medium}".strip()
        with self._lock:
            if name not in self._kinds:
                self._kinds[name] = self._insights(name)
            return self._kinds[name]

    def _insights(self, name: str) -> Insights:
        metrics = STORY_METRICS if name.startswith(f"{_KIND}STORY") else METRICS
        return Insights(name, metrics, self._context, self._notes)

    def _complete(self, kind: Insights, media: list[dict[str, Any]]) -> None:
        """Put their insights into `media`, newest first, asking for as many at once as will go."""
        media = [item for item in media if not self._is_too_old(item)]
        names = kind.asked
        if not media or not names:
            return
        if len(media) == 1:
            self._one(kind, media[0])
            return
        if len(media) > MOST_IDS:
            self._halves(kind, media)
            return
        try:
            found = self._graph.by_ids(
                [str(item["id"]) for item in media],
                what="insights of media",
                fields=f"insights.metric({','.join(names)})",
            )
        except SourceError as error:
            if not _may_be_insights(error):
                raise
            self._halves(kind, media)
            return
        shown = {name: one["insights"] for name, one in found.items() if isinstance(one, Mapping) and "insights" in one}
        for item in media:
            if str(item["id"]) in shown:
                item["insights"] = shown[str(item["id"])]
            elif not shown and self._in_vain < _MOST_IN_VAIN:
                self._one(kind, item)

    def _halves(self, kind: Insights, media: list[dict[str, Any]]) -> None:
        middle = (len(media) + 1) // 2
        self._complete(kind, media[:middle])
        self._complete(kind, media[middle:])

    def _one(self, kind: Insights, item: dict[str, Any]) -> None:
        path = f"{item['id']}/insights"

        def ask(names: Sequence[str]) -> dict[str, Any]:
            return self._graph.get(path, what="insights of media", metric=",".join(names)) if names else {}

        try:
            item["insights"] = kind.ask(ask, is_one=self._without[kind.kind] < _MOST_WITHOUT)
            self._in_vain = 0 if item["insights"].get("data") else self._in_vain + 1
        except SourceError as error:
            self._in_vain += 1
            if error.kind not in (Kind.GONE, Kind.CONTRACT):
                raise
            if error.code != NO_INSIGHTS:
                item[_WHY] = "not given: the platform refuses it for this medium"
                self._without[kind.kind] += 1
                self._context.notice("insights of some media are refused, and left out")
            elif "viewers" in error.message:
                item[_WHY] = "not given: too few viewers"
            else:
                self._note_too_old(item)

    def _is_too_old(self, item: dict[str, Any]) -> bool:
        """Media older than one that was posted before the account became one of a business have no insights either."""
        limit, moment = self._too_old.get(str(item.get("username"))), _moment(item)
        if limit is None or moment is None or moment > limit:
            return False
        item[_WHY] = _TOO_OLD
        return True

    def _note_too_old(self, item: dict[str, Any]) -> None:
        item[_WHY] = _TOO_OLD
        if (moment := _moment(item)) is not None:
            self._too_old[str(item.get("username"))] = moment


def _moment(item: Mapping[str, Any]) -> Any:
    try:
        return time_of(item, "timestamp")
    except Unreadable:
        return None


def _may_be_insights(error: SourceError) -> bool:
    """Whether it may be the insights that are refused, and not what was asked for beside them."""
    return error.kind is Kind.PERMISSION or (error.kind is Kind.CONTRACT and error.code in _REFUSED)
