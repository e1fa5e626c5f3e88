"""Facebook Pages: posts, visitors' posts, mentions, comments with nested replies, recommendations, insights."""

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
from resonanz.social.facebook.api import PageApi
from resonanz.social.facebook.days import days, span
from resonanz.social.facebook.people import PLATFORM, People
from resonanz.social.facebook.post import COMMENT_FIELDS, Page, parse_comment, parse_post, parse_review
from resonanz.social.graph import access
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.requests import DEPRECATED, MOST_IDS, VERSION, Graph
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
    reads_uncounted = True
    options: Options

    def __init__(self, options: Options, context: Context, client: Client) -> None:
        super().__init__(options, context, client)
        self.people = People(context.privacy)
        self.people.is_ours(*options.pages)
        self.notes = Notes.of(context)
        is_read = options.insights
        self.insights = Insights("post insights", POST_METRICS if is_read else {}, context, self.notes, RETIRED)
        self.daily = Insights("page insights", PAGE_METRICS if is_read else {}, context, self.notes, RETIRED)
        graph = Graph(client, options.version, context.token, context.secrets.get("app_secret"))
        self.api = PageApi(graph, options.page_size, self.insights)
        self._mentions: dict[str, tuple[str, Page]] = {}  # keyed id -> the post's own id, and the page that is tagged
        self._refused: set[str] = set()  # ids of pages whose recommendations were refused in this run

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        lists: dict[str, tuple[str, Any, Any]] = {"posts": ("feed", self._feed, self._post)}
        if self.options.mentions:
            lists["mentions"] = ("tagged", self._tagged, self._mention)
        if self.options.recommendations:
            lists["recommendations"] = ("ratings", self._ratings, self._review)
        return {
            stream: [self._timeline(f"{edge} {name}", name, read, parse) for name in self.options.pages]
            for stream, (edge, read, parse) in lists.items()
        }

    def accounts(self) -> Mapping[str, Callable[[], Iterator[Message]]]:
        return {name: partial(self._account, name) for name in self.options.pages}

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Posts of the pages and comments by id. Graph does not tell deleted from hidden: both are gone.

        Posts of others and recommendations cannot be asked for; when they leave their list, they are gone.
        """
        found: dict[str, Message | None] = {}
        posts: dict[str, Page] = {}
        comments: list[str] = []
        for native_id in native_ids:
            owner, _, rest = native_id.partition("_")
            if "/ratings/" in native_id:
                if native_id.partition("/")[0] not in self._refused:
                    found[native_id] = None
            elif not owner.isdigit() or not rest:
                found[native_id] = None
            elif (page := self.api.with_id(owner)) is not None:
                posts[native_id] = page
            else:
                comments.append(native_id)
        for native_id, item in self.api.posts(list(posts)).items():
            found[native_id] = None if item is None else self._post(posts[native_id], item)
        for native_id, item in self.api.graph.by_ids(comments, what="comments by id", fields=COMMENT_FIELDS).items():
            seen = self.known(native_id)
            if item is None:
                found[native_id] = None
            elif seen and seen.thread and (page := self._page_of(seen.thread)):
                found[native_id] = parse_comment(item, self.people, page, seen.thread)
        return found

    def thread_of(self, message: Message) -> str | None:
        return None if message.kind == "review" else super().thread_of(message)

    def can_ask(self, first: str) -> bool:
        """Not below a post of somebody else's that no list has shown in this run: its own id is nowhere kept."""
        return self._page_of(first) is not None

    def thread_page(self, first: str, cursor: str | None) -> pages.Page:
        what = f"comments below {first}"
        if first not in self._mentions:
            return self.api.comments(first, cursor, what)
        raw = self._mentions[first][0]
        try:
            return self.api.comments(raw, cursor, what)
        except SourceError as error:
            if error.kind in (Kind.PERMISSION, Kind.GONE):  # the token is the page's: it may not see all of them
                self.context.notice("below some posts of others that tag the page, comments cannot be read")
                return [], None
            words = error.message.replace(raw, first)  # the id holds its author's
            raise SourceError(error.kind, words, retry_after=error.retry_after, code=error.code) from None

    def answers(self, first: str, item: Any) -> Iterator[Message]:
        if (page := self._page_of(first)) is not None:
            yield parse_comment(item, self.people, page, first)

    def page(self, name: str) -> Page:
        """The page that sources.toml calls `name`; from then on it is known as the company's."""
        page, username = self.api.page(name)
        self.people.is_ours(page.id, username)
        return page

    def _timeline(self, name: str, of: str, read: Any, parse: Callable[[Page, Any], Message | None]) -> Timeline:
        return Timeline(
            name=name,
            page=lambda cursor, _: read(self.page(of), cursor),
            parse=lambda item: parse(self.page(of), item),
        )

    def _feed(self, page: Page, cursor: str | None) -> pages.Page:
        if self.context.window is not None:
            return self.api.feed(page, cursor, int(self.context.window.since.timestamp()))
        since = self.options.since
        return self.api.feed(page, cursor, int(datetime.combine(since, time.min, UTC).timestamp()) if since else None)

    def _tagged(self, page: Page, cursor: str | None) -> pages.Page:
        return self.api.tagged(page, cursor)

    def _ratings(self, page: Page, cursor: str | None) -> pages.Page:
        try:
            return self.api.ratings(page, cursor)
        except SourceError as error:
            if error.code != DEPRECATED:
                raise
            self._refused.add(page.id)
            self.context.notice(f"recommendations are refused and left out. {error.message}")
            return [], None

    def _post(self, page: Page, item: Any) -> Message | None:
        if isinstance(item, Mapping) and item.get("is_published") is False:
            return None
        message = parse_post(item, self.people, page, self.insights)
        if message.native_id and message.native_id != (raw := str(item["id"])):
            self._mentions[message.native_id] = (raw, page)
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
        if self.context.window is None and page.id in self.api.followers:
            yield account_metrics(PLATFORM, page.id, page.name, {"followers": self.api.followers[page.id]})
        if not self.daily.names:
            return
        known = self.notes.setdefault("page days", {})
        last = date.fromisoformat(known[page.id]) if page.id in known else None
        first, end = span(last, self.options.since, self.options.lookback_days, self.context.window)
        for day, message in days(self.api.graph, page, self.daily, first, end):
            yield message
            known[page.id] = max(day.isoformat(), known.get(page.id, ""))

    def _page_of(self, first: str) -> Page | None:
        """The page under which a thread stands; None where it cannot be asked for."""
        return self._mentions[first][1] if first in self._mentions else self.api.with_id(first.partition("_")[0])


def _network(options: Options, context: Context) -> Facebook:
    return Facebook(options, context, access.client(options, context, "a page's access token"))


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
        asked: dict[str, tuple[str, dict[str, Any]]] = {
            "pages_read_engagement": ("feed", {"fields": "id", "limit": 1}),
            "pages_read_user_content": ("tagged", {"fields": "id", "limit": 1}),
            "read_insights": ("insights", {"metric": "page_media_view", "period": "day"}),
            "recommendations": ("ratings", {"fields": "created_time", "limit": 1}),
        }
        wanted = {
            "pages_read_user_content": options.mentions,
            "read_insights": options.insights,
            "recommendations": options.recommendations,
        }
        for permission, (edge, params) in asked.items():
            if not wanted.get(permission, True):
                continue
            what = f"{permission} on the page {name}"
            problem = access.refused(network.api.graph, f"{page.id}/{edge}", what, **params)
            yield Check(f"permission {permission}", "refused" if problem else "granted", problem)
