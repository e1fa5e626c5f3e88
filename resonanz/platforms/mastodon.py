"""Mastodon: public hashtag timelines, accounts' statuses, and the conversations around them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from resonanz.http import base_address
from resonanz.landing import Message
from resonanz.platforms import Check, Context
from resonanz.social import feeds
from resonanz.social.mastodon.accounts import Accounts
from resonanz.social.mastodon.api import Api
from resonanz.social.mastodon.checks import checks
from resonanz.social.mastodon.reader import Reader
from resonanz.social.mastodon.threads import Conversations
from resonanz.social.mastodon.timelines import accounts, hashtags, mentions


class Options(BaseModel):
    """A Mastodon source in sources.toml.

    :param base_url: the server that is asked; other servers' public posts are seen as far as it knows them.
    :param hashtags: public timelines to read, with or without #.
    :param accounts: accounts whose statuses and answers are read: `name` on this server or `name@host`.
    :param mentions: read what the account whose token it is was told about: statuses that name or quote it, with a
        hashtag or without. That account counts as the company's.
    :param company_accounts: which accounts are the company's own, beside those in [company]; by default all of
        `accounts`.
    :param replies: read the conversations around what the timelines show.
    :param lookback_days: statuses so many days older than a timeline's newest are read again: edits, metrics,
        deletions, and statuses that reached the server late.
    :param since: the first load goes back to this day; without it to the timeline's end.
    :param max_pages: the first load reads at most so many pages of a timeline.
    :param recheck_threads: so many requests per run, for 20 young answers each, look for edits, deletions and answers
        that no timeline shows, in turn; of servers before 4.3 so many conversations are read again.
    :param concurrency: requests under way at once.
    """

    model_config = ConfigDict(extra="forbid")
    base_url: Annotated[str, AfterValidator(base_address)]
    hashtags: list[str] = []
    accounts: list[str] = []
    mentions: bool = False
    company_accounts: list[str] = []
    replies: bool = True
    lookback_days: int = Field(14, ge=0, le=365)
    page_size: int = Field(40, ge=1, le=80)
    since: date | None = None
    max_pages: int | None = Field(None, ge=1)
    recheck_threads: int = Field(20, ge=0)
    concurrency: int = Field(4, ge=1, le=16)

    @model_validator(mode="after")
    def _complete(self) -> "Options":
        self.hashtags = [tag.strip().lstrip("#＃") for tag in self.hashtags]
        self.accounts = [account.strip().lstrip("@") for account in self.accounts]
        if not all([*self.hashtags, *self.accounts]) or not (self.hashtags or self.accounts or self.mentions):
            raise ValueError("name at least one entry in hashtags or accounts (or mentions = true), and no empty ones")
        if "company_accounts" not in self.model_fields_set:
            self.company_accounts = list(self.accounts)
        return self


def streams(options: Options, context: Context) -> Sequence[Any]:
    """`hashtag_statuses`, `account_statuses`, `mentions`, `accounts` and `replies`, as far as the options ask for them.

    Answers that the timelines show land in `replies`, with the thread they stand in; without it (`replies =
    false`) they land where they were met.
    """
    reader = Reader(options, context)
    timelines: dict[str, Callable[[dict[str, Any]], Iterator[Message]]] = {}
    if options.hashtags:
        timelines["hashtag_statuses"] = reader.read(hashtags)
    if options.accounts:
        timelines["account_statuses"] = reader.read(accounts)
    if options.mentions:
        timelines["mentions"] = reader.read(mentions)
    if (options.accounts or options.mentions) and context.window is None:
        timelines["accounts"] = Accounts(reader).read
    conversations = {"replies": lambda: Conversations(reader).read()} if options.replies else {}
    return feeds.streams(timelines, conversations, reader.finish)


def check(options: Options, context: Context) -> Iterator[Check]:
    """The server, the token with its scopes, each hashtag and account, and the notifications."""
    yield from checks(Api(options, context), options)
