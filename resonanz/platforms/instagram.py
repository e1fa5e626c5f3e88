"""Instagram Business: media, stories, media of others that tag the account, comments with replies, insights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from resonanz.errors import Kind, SourceError
from resonanz.http import Client, base_address
from resonanz.landing import Message, account_metrics
from resonanz.platforms import Check, Context
from resonanz.social import pages, sources
from resonanz.social.facebook.days import span
from resonanz.social.fields import mappings
from resonanz.social.graph import access
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.requests import MOST_IDS, VERSION, Graph
from resonanz.social.instagram.api import AccountApi
from resonanz.social.instagram.days import METRICS, days
from resonanz.social.instagram.insights import MediaInsights
from resonanz.social.instagram.media import REPLY_FIELDS, Account, parse_comment, parse_media
from resonanz.social.instagram.people import PLATFORM, People, username
from resonanz.social.network import Network, Timeline
from resonanz.social.notes import Notes
from resonanz.social.options import SocialOptions

_FIRST_DAYS = timedelta(days=30)  # of the account's figures on a first load without `since`: a request each
_MOST_REFUSALS = 3  # so many media of others whose comments were refused: the rest is not asked for


class Options(SocialOptions):
    """An Instagram source in sources.toml. Which token it needs stands in docs/platforms/instagram.md.

    :param accounts: ids of the professional accounts that the token reads (17841…), or "me" with Instagram Login.
    :param mentions: read media of others in which the account is tagged; not offered with Instagram Login.
    :param stories: read stories, which are there for 24 hours.
    :param insights: read metrics of media and of the account (views, reach, saves); needs a permission of its own.
    :param page_size: media in one answer, 100 at most.
    :param base_url: the Graph API (https://graph.instagram.com for Instagram Login), or a proxy for it.
    :param version: of the Graph API.
    """

    accounts: list[str] = Field(min_length=1)
    mentions: bool = True
    stories: bool = False
    insights: bool = True
    page_size: int = Field(50, ge=1, le=100)
    base_url: Annotated[str, AfterValidator(base_address)] = "https://graph.facebook.com"
    version: str = Field(VERSION, pattern=r"^v\d+\.\d+$")


class Instagram(Network):
    """One run over one source."""

    platform = PLATFORM
    lookup_size = MOST_IDS
    has_accounts = True
    options: Options

    def __init__(self, options: Options, context: Context, client: Client) -> None:
        super().__init__(options, context, client)
        self.people = People(context.privacy)
        self.people.is_ours(*(name for name in options.accounts if name != "me"))
        self.notes = Notes.of(context)
        self.daily = Insights("account insights", METRICS if options.insights else {}, context, self.notes)
        graph = Graph(client, options.version, context.token, context.secrets.get("app_secret"))
        self.insights = MediaInsights(graph, context, self.notes, options.insights)
        self.api = AccountApi(graph, options.page_size, self.insights)
        self._refusals = 0
        self._below: tuple[str, Account, str | None] | None = None  # the conversation that is read

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        names = self.options.accounts
        streams = {"media": [self._timeline(f"media {name}", name, self._media, self._own) for name in names]}
        if self.options.stories:
            streams["stories"] = [
                # They vanish after a day, which is no deletion.
                self._timeline(f"stories {name}", name, self.api.stories, self._own, rereads="none")
                for name in names
            ]
        if self.options.mentions:
            streams["mentions"] = [
                # Media of others cannot be asked for: what has left the list is gone.
                self._timeline(f"tags {name}", name, self.api.tags, self._tagged, is_complete_list=True)
                for name in names
            ]
        return streams

    def accounts(self) -> Mapping[str, Callable[[], Iterator[Message]]]:
        return {name: partial(self._account, name) for name in self.options.accounts}

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Own media and comments by id. Graph does not tell deleted from out of sight: both are gone."""
        media: list[str] = []
        comments: list[str] = []
        for native_id in native_ids:
            seen = self.known(native_id)
            (comments if seen is not None and seen.thread not in (None, native_id) else media).append(native_id)
        found: dict[str, Message | None] = {}
        for native_id, item in self.api.by_ids(media).items():
            if item is None:
                found[native_id] = None
            elif (account := self._account_of(native_id)) is not None:
                found[native_id] = self._own(account, item)
        for native_id, item in self.api.graph.by_ids(comments, what="comments by id", fields=REPLY_FIELDS).items():
            seen = self.known(native_id)
            if item is None:
                found[native_id] = None
            elif seen and seen.thread and (account := self._account_of(seen.thread)) is not None:
                first, above = self.known(seen.thread), {"parent_id": seen.parent} if seen.parent else {}
                url = first.url if first else None
                found[native_id] = parse_comment({**item, **above}, self.people, account, seen.thread, url)
        return found

    def can_ask(self, first: str) -> bool:
        return self._account_of(first) is not None

    def thread_page(self, first: str, cursor: str | None) -> pages.Page:
        seen = self.known(first)
        is_ours = seen is None or seen.kind == "post"
        if not is_ours and self._refusals >= _MOST_REFUSALS:
            return [], None
        try:
            return self.api.comments(first, cursor, seen.comments if seen else None)
        except SourceError as error:
            if is_ours or error.kind not in (Kind.PERMISSION, Kind.GONE):
                raise
            self._refusals += 1
            self.context.notice("below media of others that tag the account, comments cannot be read")
            return [], None

    def answers(self, first: str, item: Any) -> Iterator[Message]:
        if self._below is None or self._below[0] != first:  # asked for once per conversation, not per comment
            account, seen = self._account_of(first), self.known(first)
            if account is None:
                return
            self._below = first, account, seen.url if seen else None
        _, account, url = self._below
        yield parse_comment(item, self.people, account, first, url)
        if isinstance(item, Mapping):
            for reply in self.api.replies(item):
                yield parse_comment(reply, self.people, account, first, url)

    def account(self, name: str) -> Account:
        """The account that sources.toml calls `name`; from then on it is known as the company's."""
        account = self.api.account(name)
        self.people.is_ours(account.id, account.name)
        return account

    def _timeline(
        self,
        title: str,
        name: str,
        read: Callable[[str, str | None], pages.Page],
        parse: Callable[[Account, Any], Message | None],
        **more: Any,
    ) -> Timeline:
        def page(cursor: str | None, _: str | None) -> pages.Page:
            self.account(name)
            return read(name, cursor)

        return Timeline(name=title, page=page, parse=lambda item: parse(self.account(name), item), **more)

    def _media(self, name: str, cursor: str | None) -> pages.Page:
        window, since = self.context.window, self.options.since
        if window is not None:
            return self.api.media(name, cursor, {"since": _seconds(window.since), "until": _seconds(window.until) + 1})
        start = {"since": _seconds(datetime.combine(since, time.min, UTC))} if since else {}
        return self.api.media(name, cursor, start)

    def _own(self, account: Account, item: Any) -> Message:
        metrics, unavailable = self.insights.values(item) if isinstance(item, Mapping) else ({}, {})
        return parse_media(item, self.people, account, metrics=metrics, unavailable=unavailable)

    def _tagged(self, account: Account, item: Any) -> Message | None:
        """What an own account posted is in its list, with metrics; what tags two accounts stays with the first."""
        author = username(item) if isinstance(item, Mapping) else None
        if self.api.called(author) is not None:
            return None
        message = parse_media(item, self.people, account, is_tagged=True)
        seen = self.known(message.native_id) if message.native_id else None
        if seen is not None and not seen.is_deleted and self.api.called(seen.account) is not None:
            message.account = seen.account
        return message

    def _account(self, name: str) -> Iterator[Message]:
        account, fault = self.account(name), None
        try:
            yield from self._days(name, account)
        except SourceError as error:
            fault = error
        figures = self.api.figures.get(account.id, {})
        if self.context.window is None and "followers_count" in figures:
            now = {"followers": float(figures["followers_count"])}
            missing = {} if self.daily.asked else self.daily.unavailable
            yield account_metrics(PLATFORM, account.id, account.name, now, unavailable=missing, payload=figures)
        if fault is not None:
            raise fault

    def _days(self, name: str, account: Account) -> Iterator[Message]:
        known = self.notes.setdefault("account days", {})
        last = date.fromisoformat(known[account.id]) if account.id in known else None
        since = self.options.since or datetime.now(UTC).date() - _FIRST_DAYS
        first, end = span(last, since, 0, self.context.window)
        yield from days(self.api.graph, name, account, self.daily, first, end)
        if self.daily.asked:  # else none was read
            known[account.id] = (end - timedelta(days=1)).isoformat()

    def _account_of(self, first: str) -> Account | None:
        """The account under which a medium stands; the only one also where it had another name then."""
        seen = self.known(first)
        if seen is None:
            return None
        only = self.options.accounts[0] if len(self.options.accounts) == 1 else None
        return self.api.called(seen.account) or (self.account(only) if only else None)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _network(options: Options, context: Context) -> Instagram:
    return Instagram(options, context, access.client(options, context, "an access token"))


def streams(options: Options, context: Context) -> Sequence[Any]:
    """`media`, `stories`, `mentions`, `accounts` and `comments`, as far as the options ask for them."""
    return sources.streams(_network(options, context))


def check(options: Options, context: Context) -> Iterator[Check]:
    """Whether the token reads each account, its media, their comments, media that tag it, and its insights."""
    network = _network(options, context)
    for name in options.accounts:
        try:
            account = network.account(name)
            newest = network.api.graph.get(f"{name}/media", what=f"media of the account {name}", fields="id", limit=1)
        except SourceError as error:
            yield Check(f"account {name}", "cannot be read", error.message)
            continue
        yield Check(f"account {name}", f"{account.name}, id {account.id}")
        asked: dict[str, tuple[str, dict[str, Any]]] = {}
        if options.replies and (medium := next(mappings(newest.get("data")), None)) is not None:
            asked["instagram_manage_comments"] = (f"{medium['id']}/comments", {"fields": "username"})
        if options.mentions:
            asked["media that tag the account"] = (f"{name}/tags", {"fields": "id", "limit": 1})
        if options.insights:
            views = {"metric": "views", "metric_type": "total_value", "period": "day"}
            asked["instagram_manage_insights"] = (f"{name}/insights", views)
        for permission, (path, params) in asked.items():
            problem = access.refused(network.api.graph, path, f"{permission} of the account {name}", **params)
            yield Check(f"permission {permission}", "refused" if problem else "granted", problem)
