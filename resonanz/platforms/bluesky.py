"""Bluesky and other servers of the AT Protocol: accounts' feeds, searches, and the threads around them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from resonanz.http import LOOPBACK, base_address
from resonanz.landing import Message
from resonanz.platforms import Check, Context
from resonanz.social import feeds
from resonanz.social.bluesky.accounts import Accounts
from resonanz.social.bluesky.api import Api
from resonanz.social.bluesky.checks import checks
from resonanz.social.bluesky.reader import Reader
from resonanz.social.bluesky.threads import Threads


class Options(BaseModel):
    """A Bluesky source in sources.toml.

    :param service: the AppView that is asked, or with via = "repo" the server on which the accounts live.
    :param via: `appview` reads feeds, searches and threads with their counts; `repo` only the accounts' own records,
        from a server without an AppView.
    :param actors: accounts whose posts and answers are read, by handle or DID.
    :param search: what to search for; the public AppView refuses this without a login.
    :param mentions: read what `identifier` was told of: posts that name, answer or quote it; it counts as the
        company's account.
    :param identifier: the account that logs in; its app password comes from RESONANZ_TOKEN_<SOURCE>.
    :param auth_service: the server on which that account lives.
    :param proxy: the AppView that this server shall ask (`did:web:api.bsky.app#bsky_appview`), where its usual one
        is another.
    :param company_accounts: which accounts are the company's own, beside those in [company]; by default all of
        `actors`.
    :param replies: read the threads around what feeds and searches show.
    :param lookback_days: posts so many days older than a feed's newest are read again: new counts and deletions.
    :param since: the first load goes back to this day; without it to the feed's end.
    :param max_pages: the first load reads at most so many pages of 100.
    :param recheck_threads: so many threads without a visible change are read again per run, in turn.
    :param concurrency: requests under way at once.
    """

    model_config = ConfigDict(extra="forbid")
    service: Annotated[str, AfterValidator(base_address)] = "https://public.api.bsky.app"
    via: Literal["appview", "repo"] = "appview"
    actors: list[str] = []
    search: list[str] = []
    mentions: bool = False
    identifier: str | None = None
    auth_service: Annotated[str, AfterValidator(base_address)] = "https://bsky.social"
    proxy: str | None = Field(None, pattern=r"^did:[a-z]+:[^#\s]+#\w+$")
    company_accounts: list[str] = []
    replies: bool = True
    lookback_days: int = Field(14, ge=0, le=365)
    since: date | None = None
    max_pages: int | None = Field(None, ge=1)
    recheck_threads: int = Field(20, ge=0)
    concurrency: int = Field(4, ge=1, le=16)

    @model_validator(mode="after")
    def _complete(self) -> "Options":
        self.actors = [actor.strip().lstrip("@") for actor in self.actors]
        self.search = [query.strip() for query in self.search]
        if not all([*self.actors, *self.search]) or not (self.actors or self.search or self.mentions):
            raise ValueError("name at least one entry in actors or search (or mentions = true), and no empty ones")
        if self.mentions and not self.identifier:
            raise ValueError("mentions needs an identifier: the company's account, with an app password")
        if self.via == "repo" and self.mentions:
            raise ValueError('mentions needs via = "appview": a repository tells of nobody else\'s posts')
        if self.via == "repo" and self.search:
            raise ValueError('search needs via = "appview": a repository cannot be searched')
        address = urlsplit(self.auth_service)
        if self.identifier and address.scheme == "http" and address.hostname not in LOOPBACK:
            raise ValueError("auth_service: a password is sent over https only; write https://")
        if "company_accounts" not in self.model_fields_set:
            self.company_accounts = list(self.actors)
        return self


def streams(options: Options, context: Context) -> Sequence[Any]:
    """`author_feed`, `search_posts`, `mentions`, `accounts` and `threads`, as far as the options ask for them."""
    reader = Reader(options, context)
    timelines: dict[str, Callable[[dict[str, Any]], Iterator[Message]]] = {}
    if options.actors:
        timelines["author_feed"] = reader.feeds
    if options.search:
        timelines["search_posts"] = reader.searches
    if options.mentions:
        timelines["mentions"] = reader.mentions
    if (options.actors or options.mentions) and options.via == "appview" and context.window is None:
        timelines["accounts"] = Accounts(reader).read
    conversations = {"threads": lambda: Threads(reader).read()} if reader.reads_threads else {}
    return feeds.streams(timelines, conversations, reader.finish)


def check(options: Options, context: Context) -> Iterator[Check]:
    """Each actor, the login, each search and the notifications."""
    yield from checks(Api(options, context), options)
