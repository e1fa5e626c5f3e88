"""X: the company's own posts, mentions of it, searches for the brand, and the conversations around them.

API v2 with an app's bearer token. Every post that is returned costs money ("Usage and billing" in X's documentation).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from resonanz.errors import Kind, SourceError
from resonanz.http import Client, base_address
from resonanz.landing import Message, account_metrics
from resonanz.platforms import Check, Context
from resonanz.social import sources
from resonanz.social.network import Network, Timeline
from resonanz.social.notes import Notes
from resonanz.social.options import SocialOptions
from resonanz.social.pages import Page
from resonanz.social.x.api import LOOKUP_SIZE, Api, Post, after, from_cursor
from resonanz.social.x.checks import checks
from resonanz.social.x.compliance import Compliance
from resonanz.social.x.conversations import Conversations
from resonanz.social.x.errors import GONE, NOT_FOUND, explain, invalid
from resonanz.social.x.people import PLATFORM, People
from resonanz.social.x.post import history, parse_post
from resonanz.social.x.rereads import Rereads

_RECENT = timedelta(days=7)  # how far back recent search reaches
_MARGIN = timedelta(seconds=30)  # an end_time must lie a little in the past
_MOST_OWN, _MOST_MENTIONS = 3_200, 800  # posts that the two timelines give at most

log = logging.getLogger(__name__)


class Options(SocialOptions):
    """An X source in sources.toml.

    :param base_url: where the API lies, without the /2.
    :param accounts: the company's accounts, with or without @: their posts, answers and followers are read.
    :param mentions: read what mentions these accounts.
    :param search: queries in X's search syntax, as they are sent; recent search reaches back seven days. Without
        `-is:retweet` reposts are found and paid for, too, and left out here.
    :param company_accounts: which accounts are the company's own, beside those in [company]; by default all of
        `accounts`.
    :param reread_hours: at least so long between two look-ups of the young posts (edits, counts, deletions): each
        costs as many posts as there are young ones.
    :param recheck_threads: look for answers in all known conversations of the last seven days, 13 with each request; 0:
        only in those that show another number of answers.
    :param compliance: find deletions through batch compliance jobs, which cost nothing.
    :param page_size: posts a page.
    """

    base_url: Annotated[str, AfterValidator(base_address)] = "https://api.x.com"
    accounts: list[str] = Field(default_factory=list)
    mentions: bool = True
    search: list[str] = Field(default_factory=list)
    reread_hours: float = Field(24, ge=0)
    compliance: bool = False
    page_size: int = Field(100, ge=10, le=100)

    @model_validator(mode="after")
    def _complete(self) -> "Options":
        self.accounts = [account.strip().lstrip("@") for account in self.accounts]
        self.search = [query.strip() for query in self.search]
        if not all([*self.accounts, *self.search]) or not (self.accounts or self.search):
            raise ValueError("name at least one entry in accounts or search, and no empty ones")
        if wrong := [name for name in self.accounts if not name.replace("_", "a").isalnum() or not name.isascii()]:
            raise ValueError(f"{wrong[0]!r} is no handle: letters, digits and _ only")
        if "company_accounts" not in self.model_fields_set:
            self.company_accounts = list(self.accounts)
        return self


class X(Network):
    """One run over one source of X."""

    platform = PLATFORM
    lookup_size = LOOKUP_SIZE
    threads_die = False  # answers to a deleted post stay
    options: Options

    def __init__(self, options: Options, context: Context, client: Client) -> None:
        super().__init__(options, context, client)
        self.has_accounts = bool(options.accounts) and context.window is None
        self.api = Api(client, context, options.page_size)
        self.people = People(context.privacy)
        self.read_now: set[str] = set()  # posts that this run was given
        self._versions: dict[str, str] = {}
        self._too_old: set[str] = set()  # ids from which recent search no longer goes on

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        """`account_posts`, `mentions` and `search_posts`, as far as the options ask for them."""
        accounts, lines = self.options.accounts, {}
        if accounts:
            lines["account_posts"] = [self._line(f"posts of @{name}", partial(self._own, name)) for name in accounts]
        if accounts and self.options.mentions:
            named = [self._line(f"mentions of @{name}", partial(self._mentions, name)) for name in accounts]
            lines["mentions"] = named
        if self.options.search:
            lines["search_posts"] = [self._line(query, partial(self._search, query)) for query in self.options.search]
        return lines

    def accounts(self) -> Mapping[str, Callable[[], Iterator[Message]]]:
        """Followers of each of the company's accounts, as they stand now."""
        own = [name for name in self.options.accounts if self.context.privacy.is_company(name)]
        return {name: partial(self._account, name) for name in own}

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Posts as they are now. An edited post is asked for by its first version and, then, by its latest one."""
        posts, problems = self.api.lookup(native_ids, "posts by id")
        later = {}
        for post, _ in posts:
            if len(versions := history(post)) > 1 and versions[-1] != post.get("id"):
                later[versions[-1]] = versions[0]
        if later:
            newest, _ = self.api.lookup(list(later), "edited posts by id")
            posts = [post for post in posts if post[0].get("id") not in later.values()] + newest
        messages = [message for post in posts if (message := self.parse(post))]
        found: dict[str, Message | None] = {message.native_id: message for message in messages if message.native_id}
        shown = {version for post, _ in posts for version in history(post)} | set(later.values())
        for native_id in native_ids if problems is not None else ():
            if native_id not in shown and (problems or {}).get(native_id, NOT_FOUND) in GONE:
                found[native_id] = None  # deleted, or its author's posts are no longer public
        return found

    def parse(self, item: Post) -> Message | None:
        """The message in a post; None for a repost."""
        message = parse_post(*item, self.people, self.api.refused, self._versions)
        if message is not None and message.native_id:
            self.read_now.add(message.native_id)
        return message

    def conversations(self, firsts: Sequence[str], since: str | None, cursor: str | None) -> Page:
        """What was said in some conversations within the last seven days, after the post `since`."""
        query = " OR ".join(f"conversation_id:{first}" for first in firsts)
        what = f"conversation {firsts[0]}" + (f" and {len(firsts) - 1} others" if len(firsts) > 1 else "")
        ask = partial(self._recent, query, what, cursor)
        return self._after(since, lambda newest: ask({"since_id": newest} if newest else {}))

    def _line(self, name: str, page: Callable[[str | None, str | None], Page]) -> Timeline:
        # A page that is fetched ahead of need is paid for.
        return Timeline(
            name=name, page=page, parse=self.parse, fetch_ahead=self.options.max_pages is None, rereads="none"
        )

    def _user(self, name: str) -> Mapping[str, Any]:
        user = self.api.user(name)
        self.people.is_company(user["id"], user.get("username"))
        return user

    def _account(self, name: str) -> Iterator[Message]:
        user = self._user(name)
        counts = user.get("public_metrics")
        followers = counts.get("followers_count") if isinstance(counts, Mapping) else None
        if isinstance(followers, int):
            handle = str(user.get("username") or name)
            kept = {key: user[key] for key in ("id", "name", "username", "public_metrics") if key in user}
            yield account_metrics(PLATFORM, user["id"], handle, {"followers": followers}, payload=kept)

    def _own(self, name: str, cursor: str | None, newest: str | None) -> Page:
        user = self._user(name)
        counts = user.get("public_metrics") or {}
        written = counts.get("tweet_count", counts.get("post_count", _MOST_OWN))
        self._foretell(f"posts of @{name}", cursor, newest, lambda: min(written, _MOST_OWN))
        params = {"exclude": "retweets"}
        return self._timeline(f"/2/users/{user['id']}/tweets", params, f"posts of @{name}", cursor, newest)

    def _mentions(self, name: str, cursor: str | None, newest: str | None) -> Page:
        user = self._user(name)
        self._foretell(f"mentions of @{name}", cursor, newest, lambda: _MOST_MENTIONS)
        return self._timeline(f"/2/users/{user['id']}/mentions", {}, f"mentions of @{name}", cursor, newest)

    def _timeline(
        self, path: str, params: Mapping[str, str], what: str, cursor: str | None, newest: str | None
    ) -> Page:
        ask = partial(self._page, path, params, what, path.rsplit("/", 1)[1], 5)
        return from_cursor(cursor, "pagination_token", self._bounds(newest), ask)

    def _search(self, query: str, cursor: str | None, newest: str | None) -> Page:
        window = self.context.window
        if window is not None and window.until <= datetime.now(UTC) - _RECENT:
            self.context.notice("X's recent search reaches back seven days; nothing older could be searched for")
            return [], None
        what = f"search for {query}"
        bounds = self._bounds(newest, recent=True)
        self._foretell(what, cursor, newest, lambda: self.api.count(query, bounds))
        ask = partial(self._recent, query, what, cursor)
        return self._after(newest, lambda since: ask(self._bounds(since, recent=True)))

    def _recent(self, query: str, what: str, cursor: str | None, bounds: Mapping[str, str]) -> Page:
        ask = partial(self._page, "/2/tweets/search/recent", {"query": query}, what, "search", 10)
        return from_cursor(cursor, "next_token", bounds, ask)

    def _after(self, newest: str | None, ask: Callable[[str | None], Page]) -> Page:
        """What came after the post `newest`; all that recent search shows, where that is older than it reaches."""
        try:
            return ask(None if newest in self._too_old else newest)
        except SourceError as error:
            if newest is None or newest in self._too_old or invalid(error)[0] != "since_id":
                raise
            self._too_old.add(newest)
            return ask(None)

    def _page(
        self, path: str, params: Mapping[str, str], what: str, bucket: str, least: int, more: Mapping[str, str]
    ) -> Page:
        posts, token = self.api.page(path, {**params, **more}, what=what, bucket=bucket, least=least)
        return posts, after(token, posts)

    def _bounds(self, newest: str | None, recent: bool = False) -> dict[str, str]:
        """What X is asked for: what came after `newest`, the backfill's window, or all since the first day."""
        now = datetime.now(UTC)
        reach = now - _RECENT + _MARGIN if recent else None
        window = self.context.window
        if window is not None:
            start = max(window.since, reach) if reach else window.since
            until = {"end_time": _stamp(window.until)} if window.until < now - _MARGIN else {}
            return {"start_time": _stamp(start), **until}
        if newest is not None:
            return {"since_id": newest}
        if self.options.since is None:
            return {}
        since = datetime.combine(self.options.since, time.min, UTC)
        return {"start_time": _stamp(since)} if reach is None or since > reach else {}

    def _foretell(self, what: str, cursor: str | None, newest: str | None, count: Callable[[], int | None]) -> None:
        """Say before a list is read how many posts that may cost; aloud for a first load, and where it is too much."""
        if cursor is not None:
            return
        is_first, left = newest is None, self.context.budget.left("posts")
        if not is_first and (left is None or not what.startswith("search")):
            return  # only what is new
        expected = count()
        if expected is None:
            return
        if self.options.max_pages is not None and is_first:
            expected = min(expected, self.options.max_pages * self.options.page_size)
        rest = "no budget limits them" if left is None else f"{left:,} left of the budget"
        about = "about" if what.startswith("search") else "at most"
        words = f"{what}: {about} {expected:,} posts will be read; {rest}"
        log.info("%s: %s", self.context.source, words)
        if is_first or (left is not None and expected > left):
            self.context.notice(words)


def streams(options: Options, context: Context) -> Sequence[Any]:
    """The timelines, `accounts`, `rereads`, `compliance` and `comments`, as far as the options ask for them."""
    network = X(options, context, _client(options, context))
    following: dict[str, Any] = {}
    notes = Notes.of(context)
    if context.window is None:
        if options.compliance:
            following["compliance"] = lambda reader: Compliance(reader, notes, network.read_now).read()
        following["rereads"] = lambda reader: Rereads(reader, notes, network.read_now, options.reread_hours).read()
    if options.replies:
        following["comments"] = lambda reader: Conversations(reader, notes, network.conversations, network.parse).read()
    return sources.streams(network, following)


def check(options: Options, context: Context) -> Iterator[Check]:
    """Token and usage, each account, search, compliance and the budget."""
    api = Api(_client(options, context), context, options.page_size)
    yield from checks(api, options.accounts, options.search, options.compliance)


def _client(options: Options, context: Context) -> Client:
    if not context.token:
        place = f"RESONANZ_TOKEN_{context.source.upper()} or the Airflow connection resonanz_{context.source}"
        raise SourceError(Kind.CREDENTIALS, f"X wants a bearer token; put the app's into {place}")
    return Client(
        options.base_url,
        source=context.source,
        token=context.token,
        workers=options.concurrency,
        explain=explain,
        budget=context.budget,
    )


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
