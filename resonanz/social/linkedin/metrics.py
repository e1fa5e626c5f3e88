"""What LinkedIn counts of posts: reactions and comments in the social metadata, the rest in the share statistics.

Sources: LinkedIn's "Social Metadata API", "Reactions API" (kinds), "Organization Share Statistics" (organic only, the
last twelve months, nothing of posts that nobody has seen yet).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http_answers import GARBLED
from resonanz.platforms import Context, Window
from resonanz.social.faults import report
from resonanz.social.fields import mappings
from resonanz.social.linkedin.api import MOST_IDS, Api, Raw, listed
from resonanz.social.linkedin.items import Counted, number
from resonanz.social.pages import paged

REACTIONS = {
    "LIKE": "reactions_like",
    "PRAISE": "reactions_celebrate",
    "EMPATHY": "reactions_love",
    "INTEREST": "reactions_insightful",
    "APPRECIATION": "reactions_support",
    "ENTERTAINMENT": "reactions_haha",
}
STATISTICS = {
    "impressionCount": "impressions",
    "uniqueImpressionsCount": "reach",
    "clickCount": "clicks",
    "shareCount": "shares",
}
_ALSO = {"likeCount": "reactions", "commentCount": "comments"}  # where the metadata cannot be read, and by day
SOCIAL, SHARES = "socialMetadata", "organizationalEntityShareStatistics"  # the resources
_OF = {SOCIAL: ("reactions", "comments", *REACTIONS.values()), SHARES: tuple(STATISTICS.values())}
NEEDS = {
    SOCIAL: "not permitted: needs r_organization_social_feed",
    SHARES: "not permitted: needs rw_organization_admin and the role ADMINISTRATOR",
}
_KEPT = timedelta(days=364)  # LinkedIn gives a rolling window of twelve months
_DAYS, _AT_ONCE = timedelta(days=90), 100  # in one request, in one answer
_CORRECTED = timedelta(days=3)  # so long a day's counts are seen to change
_UNSEEN = "nobody has seen it yet, or it is older than twelve months"


class Metrics:
    """The counts of one source's posts.

    :param has_statistics: whether share statistics are wanted.
    """

    def __init__(self, api: Api, context: Context, has_statistics: bool) -> None:
        self._api = api
        self._context = context
        self._has_statistics = has_statistics
        self._refused: set[tuple[str, str]] = set()  # (resource, organisation)
        self.flat: set[str] = set()  # posts without a reply to a comment

    def posts(self, organization: str, posts: Sequence[Any], is_first: bool) -> list[Counted]:
        """Each post with its counts.

        :param is_first: these posts will not be read again soon: without their counts they are not read.
        """
        ids = [post["id"] for post in posts if isinstance(post, Mapping) and isinstance(post.get("id"), str)]
        social = self.social(organization, ids, is_first)
        shares = self._shares(organization, ids, is_first)
        refused = self.missing(organization)
        found = []
        for post in posts:
            name = str(post.get("id")) if isinstance(post, Mapping) else ""
            counts = shares.get(name, {}) | social.get(name, {})
            unseen = dict.fromkeys(STATISTICS.values(), _UNSEEN) if name in shares and not shares[name] else {}
            missing = {metric: reason for metric, reason in (refused | unseen).items() if metric not in counts}
            found.append(Counted(post, counts, missing))
        return found

    def social(self, organization: str, ids: Sequence[str], is_first: bool = False) -> dict[str, dict[str, float]]:
        """Id of a post or comment -> its reactions in all and by kind, and its comments at all levels."""
        found: dict[str, dict[str, float]] = {}

        def ask(batch: Sequence[str]) -> None:
            what = f"reactions of {len(batch)} posts or comments"
            for name, metadata in self._api.batch(SOCIAL, what, batch).items():
                if metadata is not None:
                    found[name] = self._read(name, metadata)

        self._in_batches(SOCIAL, organization, ids, ask, is_first)
        return found

    def days(self, organization: str, first: date, end: date) -> Iterator[tuple[date, dict[str, float]]]:
        """Each day from `first` on and before `end` for which LinkedIn has counts of all of an organisation's posts."""
        while first < end:
            until = min(first + _DAYS, end)
            spans = Raw(f"(timeRange:(start:{_thousandths(first)},end:{_thousandths(until)}),timeGranularityType:DAY)")
            for element in self._elements(organization, f"{organization} by day", timeIntervals=spans):
                of_day = element.get("timeRange")
                start = number(of_day.get("start")) if isinstance(of_day, Mapping) else None
                if start is not None:
                    yield datetime.fromtimestamp(start / 1000, UTC).date(), _counts(element)
            first = until

    def _elements(self, organization: str, of: str, **params: Raw) -> Iterator[Mapping[str, Any]]:
        what = f"statistics of {of}"
        asked = {"q": "organizationalEntity", "organizationalEntity": organization, **params}
        for elements, _ in paged(lambda place: self._api.page(SHARES, what, place, _AT_ONCE, **asked), None, what):
            yield from mappings(elements)

    def refuse(self, resource: str, organization: str, error: SourceError) -> None:
        """Do not ask `resource` again in this run; a notice says why."""
        if (resource, organization) not in self._refused:
            self._refused.add((resource, organization))
            of = f"{', '.join(_OF[resource])} of {organization}"
            self._context.notice(f"{of} are {NEEDS[resource]}. {error.message}")

    def missing(self, organization: str) -> dict[str, str]:
        """Metric -> why it is missing for all of an organisation's posts."""
        refused = [resource for resource in _OF if (resource, organization) in self._refused]
        return {metric: NEEDS[resource] for resource in refused for metric in _OF[resource]}

    def _read(self, name: str, metadata: Mapping[str, Any]) -> dict[str, float]:
        counts: dict[str, float] = {}
        reactions = metadata.get("reactionSummaries")
        if isinstance(reactions, Mapping):  # a kind that is missing here was not given
            by_kind = {kind: number(one.get("count")) for kind, one in reactions.items() if isinstance(one, Mapping)}
            counts = {metric: by_kind.get(kind) or 0.0 for kind, metric in REACTIONS.items()}
            counts["reactions"] = sum(filter(None, by_kind.values()))
        comments = metadata.get("commentSummary")
        if isinstance(comments, Mapping) and (count := number(comments.get("count"))) is not None:
            counts["comments"] = count
            (self.flat.add if count == number(comments.get("topLevelCount")) else self.flat.discard)(name)
        return counts

    def _shares(self, organization: str, ids: Sequence[str], is_first: bool) -> dict[str, dict[str, float]]:
        """Id of a post -> its counts; nothing in them where LinkedIn has none of it."""
        found: dict[str, dict[str, float]] = {}
        for kind in ("share", "ugcPost") if self._has_statistics else ():

            def ask(batch: Sequence[str], kind: str = kind) -> None:
                counted = {name: dict[str, float]() for name in batch}
                for element in self._elements(organization, f"{len(batch)} posts", **{f"{kind}s": listed(batch)}):
                    if element.get(kind) in counted:
                        counted[element[kind]] = _counts(element)
                found.update(counted)

            of_kind = [name for name in ids if name.startswith(f"urn:li:{kind}:")]
            self._in_batches(SHARES, organization, of_kind, ask, is_first)
        return found

    def _in_batches(
        self,
        resource: str,
        organization: str,
        ids: Sequence[str],
        ask: Callable[[Sequence[str]], None],
        is_first: bool,
    ) -> None:
        for start in range(0, len(ids), MOST_IDS):
            try:
                self._halved(resource, organization, ids[start : start + MOST_IDS], ask)
            except SourceError as error:
                if is_first or error.kind is Kind.CREDENTIALS or not self._api.client.has_answered:
                    raise
                report(self._context, self._api.client, error)  # young posts are read again by the next run
                return

    def _halved(
        self, resource: str, organization: str, batch: Sequence[str], ask: Callable[[Sequence[str]], None]
    ) -> None:
        """One id may have the whole batch refused: it is found by halving."""
        if (resource, organization) in self._refused:
            return
        try:
            ask(batch)
        except SourceError as error:
            if error.kind not in (Kind.PERMISSION, Kind.GONE, Kind.CONTRACT) or error.code == GARBLED:
                raise
            if error.kind is Kind.PERMISSION and not self._may(resource, organization):
                self.refuse(resource, organization, error)
            elif len(batch) == 1:
                self._context.notice(f"not counted: {error.message}")
            else:
                middle = len(batch) // 2
                self._halved(resource, organization, batch[:middle], ask)
                self._halved(resource, organization, batch[middle:], ask)

    def _may(self, resource: str, organization: str) -> bool:
        """Whether the resource is open to the token, and only single posts are not: of all posts together it tells."""
        if resource != SHARES:
            return False
        try:
            self._api.get(
                SHARES, f"statistics of {organization}", q="organizationalEntity", organizationalEntity=organization
            )
        except SourceError as error:
            if error.kind is not Kind.PERMISSION:
                raise
            return False
        return True


def span(last: date | None, since: date | None, lookback_days: int, window: Window | None) -> tuple[date, date]:
    """The first day to ask for and the day after the last one: whole days only, in UTC.

    :param last: the newest day that was read before.
    """
    today = datetime.now(UTC).date()
    oldest = today - _KEPT
    if window is not None:
        until = (window.until + timedelta(days=1) - timedelta(microseconds=1)).date()
        return max(window.since.date(), oldest), min(until, today)
    first = since or oldest
    if last is not None:
        first = last - max(timedelta(days=lookback_days), _CORRECTED)
    return max(first, oldest), today


def _counts(element: Mapping[str, Any]) -> dict[str, float]:
    totals = element.get("totalShareStatistics")
    if not isinstance(totals, Mapping):
        return {}
    found = {metric: number(totals.get(name)) for name, metric in (STATISTICS | _ALSO).items()}
    return {metric: value for metric, value in found.items() if value is not None}


def _thousandths(day: date) -> int:
    return int(datetime.combine(day, time.min, UTC).timestamp()) * 1000
