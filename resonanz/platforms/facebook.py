"""Facebook Pages: posts, visitors' posts, mentions, comments with nested replies, recommendations, insights."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from resonanz.errors import Kind, SourceError
from resonanz.http import Client, base_address
from resonanz.landing import Message, account_metrics
from resonanz.platforms import Check, Context
from resonanz.social import pages, sources
from resonanz.social.facebook_days import days, span
from resonanz.social.facebook_people import PLATFORM, People
from resonanz.social.facebook_post import (
    COMMENT_FIELDS,
    POST_FIELDS,
    REVIEW_FIELDS,
    Page,
    parse_comment,
    parse_post,
    parse_review,
)
from resonanz.social.graph import DEPRECATED, MOST_IDS, VERSION, Graph, explain
from resonanz.social.graph_insights import Insights
from resonanz.social.network import Network, Timeline
from resonanz.social.notes import Notes
from resonanz.social.options import SocialOptions

POST_METRICS = {
    "post_media_view": "views",
    "post_total_media_view_unique": "reach",
    "post_impressions_unique": "reach",
    "post_impressions": "impressions",
    "post_clicks": "clicks",
}
PAGE_METRICS = {
    "page_media_view": "views",
    "page_total_media_view_unique": "reach",
    "page_impressions_unique": "reach",
    "page_impressions": "impressions",
    "page_post_engagements": "engagements",
    "page_views_total": "profile_views",
    "page_follows": "followers",
}
RETIRED = {  # "Deprecated Facebook Page Insights Metrics"
    "post_impressions": "2025-11-15",
    "page_impressions": "2025-11-15",
    "post_impressions_unique": "2026-06-15",
    "page_impressions_unique": "2026-06-15",
}
_FINAL = (Kind.CREDENTIALS, Kind.PERMISSION, Kind.GONE)
_COMMENTS_PER_PAGE = 100


class Options(SocialOptions):
    """A Facebook source in sources.toml. Its token is a page's access token; more in docs/platforms/facebook.md.

    :param pages: the pages that the token reads: ids or user names.
    :param mentions: read other people's posts that tag the page.
    :param recommendations: read what people say when they recommend the page; Meta may refuse that (error 12).
    :param insights: read metrics of posts and of the page (views, reach, clicks); needs read_insights.
    :param page_size: posts in one answer, 100 at most.
    :param base_url: the Graph API, or a proxy for it.
    :param version: of the Graph API.
    """

    pages: list[str] = Field(min_length=1)
    mentions: bool = True
    recommendations: bool = False
    insights: bool = True
    page_size: int = Field(50, ge=1, le=100)
    base_url: Annotated[str, AfterValidator(base_address)] = "https://graph.facebook.com"
    version: str = Field(VERSION, pattern=r"^v\d+\.\d+$")


class Facebook(Network):
    """One run over one source."""

    platform = PLATFORM
    lookup_size = MOST_IDS
    has_accounts = True
    options: Options

    def __init__(self, options: Options, context: Context, client: Client) -> None:
        super().__init__(options, context, client)
        self.graph = Graph(client, options.version, context.token, context.secrets.get("app_secret"))
        self.people = People(context.privacy)
        self.people.is_ours(*options.pages)
        self.notes = Notes.of(context)
        self.post_insights = Insights(
            "post insights", POST_METRICS if options.insights else {}, context, self.notes, RETIRED
        )
        self.page_insights = Insights(
            "page insights", PAGE_METRICS if options.insights else {}, context, self.notes, RETIRED
        )
        self._lock = threading.Lock()
        self._pages: dict[str, Page | SourceError] = {}
        self._followers: dict[str, float] = {}
        self._mentions: dict[str, tuple[str, Page]] = {}  # keyed id -> the post's own id, and the page that is tagged
        self._refused: set[str] = set()  # pages whose recommendations were refused in this run

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        names = self.options.pages
        streams = {"posts": [self._timeline(f"feed {name}", self._feed, self._post, name) for name in names]}
        if self.options.mentions:
            streams["mentions"] = [
                self._timeline(f"tagged {name}", self._tagged, self._mention, name) for name in names
            ]
        if self.options.recommendations:
            lists = [self._timeline(f"ratings {name}", self._ratings, self._review, name) for name in names]
            streams["recommendations"] = lists
        return streams

    def accounts(self) -> Mapping[str, Callable[[], Iterator[Message]]]:
        return {name: partial(self._account, name) for name in self.options.pages}

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Posts of the pages and comments by id. Graph does not tell deleted from hidden: both are gone.

        Posts of others and recommendations cannot be asked for; when they leave their list, they are gone.
        """
        found: dict[str, Message | None] = {}
        owned: dict[str, Page] = {}
        comments: list[str] = []
        for native_id in native_ids:
            owner, _, rest = native_id.partition("_")
            page = self._page_with(owner)
            if "/ratings/" in native_id:
                if native_id.partition("/")[0] not in self._refused:
                    found[native_id] = None
            elif not owner.isdigit() or not rest:
                found[native_id] = None
            elif page is not None:
                owned[native_id] = page
            else:
                comments.append(native_id)
        fields = partial(_with_insights, POST_FIELDS)
        posts = self.post_insights.ask(
            lambda names: self.graph.by_ids(list(owned), what="posts by id", fields=fields(names))
        )
        for native_id, item in posts.items():
            is_there = isinstance(item, Mapping) and item.get("is_published") is not False
            found[native_id] = self._post(owned[native_id], item) if is_there else None
        for native_id, item in self.graph.by_ids(comments, what="comments by id", fields=COMMENT_FIELDS).items():
            seen = self.known(native_id)
            if item is None:
                found[native_id] = None
            elif seen and seen.thread and (page := self._page_of(seen.thread)):
                found[native_id] = parse_comment(item, self.people, page, seen.thread)
        return found

    def can_ask(self, first: str) -> bool:
        return self._page_of(first) is not None

    def thread_page(self, first: str, cursor: str | None) -> pages.Page:
        raw, page = self._mentions.get(first, (first, None))
        try:
            return self.graph.page(
                f"{raw}/comments",
                cursor,
                what=f"comments below {first}",
                fields=COMMENT_FIELDS,
                limit=_COMMENTS_PER_PAGE,
                edge="comments",
                filter="stream",
                order="chronological",
            )
        except SourceError as error:
            if page is None:
                raise
            if error.kind in (Kind.PERMISSION, Kind.GONE):  # the token is the page's; what is not public it may not see
                self.context.notice("comments below other people's posts that tag the page cannot all be read")
                return [], None
            words = error.message.replace(raw, first)  # the id holds its author's
            raise SourceError(error.kind, words, retry_after=error.retry_after, code=error.code) from None

    def answers(self, first: str, item: Any) -> Iterator[Message]:
        if (page := self._page_of(first)) is not None:
            yield parse_comment(item, self.people, page, first)

    def _timeline(
        self,
        name: str,
        page: Callable[[str, str | None], pages.Page],
        parse: Callable[[Page, Any], Message | None],
        of: str,
    ) -> Timeline:
        return Timeline(
            name=name,
            page=lambda cursor, _: page(of, cursor),
            parse=lambda item: parse(self.page(of), item),
        )

    def _feed(self, name: str, cursor: str | None) -> pages.Page:
        page, since = self.page(name), self._since()

        def ask(names: Sequence[str]) -> pages.Page:
            return self.graph.page(
                f"{page.id}/feed",
                cursor,
                what=f"feed of the page {name}",
                fields=_with_insights(POST_FIELDS, names),
                limit=self.options.page_size,
                edge="feed",
                # No `until`: Graph has been seen to hold it against the time of the last comment.
                **({"since": since} if since else {}),
            )

        return self.post_insights.ask(ask)

    def _tagged(self, name: str, cursor: str | None) -> pages.Page:
        return self.graph.page(
            f"{self.page(name).id}/tagged",
            cursor,
            what=f"posts that tag the page {name}",
            fields=POST_FIELDS,
            limit=self.options.page_size,
            edge="tagged",
        )

    def _ratings(self, name: str, cursor: str | None) -> pages.Page:
        page = self.page(name)
        try:
            return self.graph.page(
                f"{page.id}/ratings",
                cursor,
                what=f"recommendations of the page {name}",
                fields=REVIEW_FIELDS,
                limit=self.options.page_size,
                edge="ratings",
            )
        except SourceError as error:
            if error.code != DEPRECATED:
                raise
            self._refused.add(page.id)
            self.context.notice(f"recommendations are refused and left out. {error.message}")
            return [], None

    def _post(self, page: Page, item: Any) -> Message | None:
        if isinstance(item, Mapping) and item.get("is_published") is False:
            return None
        message = parse_post(item, self.people, page, self.post_insights)
        if message.native_id and message.native_id != (raw := item["id"]):
            self._mentions[message.native_id] = (str(raw), page)
        return message

    def _mention(self, page: Page, item: Any) -> Message | None:
        """What stands on an own page is in that page's feed, with its metrics."""
        raw = item.get("id") if isinstance(item, Mapping) else None
        is_own = isinstance(raw, str) and "_" in raw and self.people.is_own_page(raw.partition("_")[0])
        return None if is_own else self._post(page, item)

    def _review(self, page: Page, item: Any) -> Message:
        return parse_review(item, self.people, page)

    def _account(self, name: str) -> Iterator[Message]:
        page = self.page(name)
        if self.context.window is None and page.id in self._followers:
            yield account_metrics(PLATFORM, page.id, page.name, {"followers": self._followers[page.id]})
        if not self.page_insights.names:
            return
        known = self.notes.setdefault("page days", {})
        last = date.fromisoformat(known[page.id]) if page.id in known else None
        first, end = span(last, self.options.since, self.options.lookback_days, self.context.window)
        for day, message in days(self.graph, page, self.page_insights, first, end):
            yield message
            known[page.id] = max(day.isoformat(), known.get(page.id, ""))

    def _since(self) -> int | None:
        if self.context.window is not None:
            return int(self.context.window.since.timestamp())
        since = self.options.since
        return int(datetime.combine(since, time.min, UTC).timestamp()) if since else None

    def page(self, name: str) -> Page:
        """The page that sources.toml calls `name`, asked for once; a fault that no second try cures is kept, too."""
        with self._lock:
            if (known := self._pages.get(name)) is None:
                try:
                    known = self._asked(name)
                except SourceError as error:
                    if error.kind not in _FINAL:
                        raise
                    known = error
                self._pages[name] = known
        if isinstance(known, SourceError):
            raise known
        return known

    def _asked(self, name: str) -> Page:
        found = self.graph.get(name, what=f"page {name}", fields="id,name,username,followers_count")
        page_id, followers = str(found.get("id") or ""), found.get("followers_count")
        if not page_id:
            raise SourceError(Kind.CONTRACT, f"page {name}: the answer has no id")
        self.people.is_ours(page_id, found.get("username"))
        if isinstance(followers, int):
            self._followers[page_id] = float(followers)
        return Page(page_id, str(found.get("name") or found.get("username") or name))

    def _page_with(self, page_id: str) -> Page | None:
        found = (page for page in self._pages.values() if isinstance(page, Page) and page.id == page_id)
        return next(found, None)

    def _page_of(self, first: str) -> Page | None:
        """The page under which a thread stands; None where it cannot be asked for."""
        return self._mentions[first][1] if first in self._mentions else self._page_with(first.partition("_")[0])


def _with_insights(fields: str, names: Sequence[str]) -> str:
    return f"{fields},insights.metric({','.join(names)})" if names else fields


def _network(options: Options, context: Context) -> Facebook:
    if not context.token:
        raise SourceError(
            Kind.CREDENTIALS,
            f"sources.{context.source}: a page's access token is needed; put it into "
            f"RESONANZ_TOKEN_{context.source.upper()} or the Airflow connection resonanz_{context.source}",
        )
    client = Client(
        options.base_url,
        source=context.source,
        token=context.token,
        workers=options.concurrency,
        explain=explain,
        budget=context.budget,
    )
    return Facebook(options, context, client)


def streams(options: Options, context: Context) -> Sequence[Any]:
    """`posts`, `mentions`, `recommendations`, `accounts` and `comments`, as far as the options ask for them."""
    return sources.streams(_network(options, context))


def check(options: Options, context: Context) -> Iterator[Check]:
    """Whether the token reads each page, its posts, those of others, and its insights."""
    network = _network(options, context)
    for name in options.pages:
        try:
            page = network.page(name)
        except SourceError as error:
            yield Check(f"page {name}", "cannot be read", error.message)
            continue
        yield Check(f"page {name}", f"{page.name}, id {page.id}")
        asked = {
            "pages_read_engagement": partial(_try, network, f"{page.id}/feed", fields="id", limit=1),
            "pages_read_user_content": partial(_try, network, f"{page.id}/tagged", fields="id", limit=1),
            "read_insights": partial(_try, network, f"{page.id}/insights", metric="page_media_view", period="day"),
            "recommendations": partial(_try, network, f"{page.id}/ratings", fields="created_time", limit=1),
        }
        wanted = {
            "pages_read_user_content": options.mentions,
            "read_insights": options.insights,
            "recommendations": options.recommendations,
        }
        for permission, ask in asked.items():
            if not wanted.get(permission, True):
                continue
            problem = ask(f"{permission} on the page {name}")
            yield Check(f"permission {permission}", "refused" if problem else "granted", problem)


def _try(network: Facebook, path: str, what: str, **params: Any) -> str | None:
    try:
        network.graph.get(path, what=what, **params)
    except SourceError as error:
        return error.message
    return None
