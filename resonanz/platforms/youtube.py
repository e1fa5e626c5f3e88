"""YouTube: a channel's videos with their comments and replies, its figures, and others' videos that name the brand."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Check, Context
from resonanz.social import sources
from resonanz.social.google_errors import ZONE, explain
from resonanz.social.oauth import fresh_token, has_refresh_token
from resonanz.social.youtube.api import SEARCH
from resonanz.social.youtube.network import Options, YouTube

__all__ = ["BUDGET", "BUDGET_ZONE", "Options", "check", "streams"]

BUDGET = {"units_per_day": 10_000, "searches_per_day": 100}  # "Quota Calculator": what every project has
BUDGET_ZONE = ZONE


def streams(options: Options, context: Context) -> Sequence[Any]:
    """`videos`, `channel_comments`, `search`, `accounts` and `comments`, as far as the options ask for them."""
    return sources.streams(YouTube(options, context, _client(options, context)))


def check(options: Options, context: Context) -> Iterator[Check]:
    """Whether the key or token is good, each channel is there and its comments can be read. Two units a channel."""
    network = YouTube(options, context, _client(options, context))
    for name in options.channels:
        try:
            channel = network.channel(name)
            statistics = channel.item.get("statistics")
            found = statistics.get("videoCount") if isinstance(statistics, Mapping) else None
            yield Check(f"channel {name}", f"{channel.title} ({channel.id}), {found or 'unknown number of'} videos")
            network.recent(name, None, None)
            yield Check(f"comments on channel {name}", "can be read")
        except SourceError as error:
            if error.kind is Kind.CREDENTIALS:
                raise
            yield Check(f"channel {name}", "cannot be read", error.message)
    for notice in context.notices:
        yield Check("notice", notice)
    for words in options.search:
        left = context.budget.left("searches")
        yield Check(f"search {words}", f"{left} searches are left today" if left else "not tried, it costs a search")


def _client(options: Options, context: Context) -> Client:
    if not context.token and not has_refresh_token(context):
        raise SourceError(
            Kind.CREDENTIALS,
            f"sources.{context.source}: YouTube needs an API key in RESONANZ_TOKEN_{context.source.upper()} or as the "
            f"password of the Airflow connection resonanz_{context.source}, or client_id, client_secret and "
            "refresh_token in that connection's extra",
        )
    is_oauth = has_refresh_token(context)
    return Client(
        options.base_url,
        source=context.source,
        token=fresh_token(context, options.auth_url) if is_oauth else context.token,
        sent_in="Authorization" if is_oauth else "X-Goog-Api-Key",
        workers=options.concurrency,
        explain=explain,
        budget=context.budget,
        pays={"": "units", SEARCH: "searches"},
    )
