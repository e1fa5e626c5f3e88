"""The timelines of a Mastodon server: where each one lies, and where its items hold their statuses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from resonanz.errors import Kind, SourceError
from resonanz.social.mastodon.api import Api

Address = tuple[str, dict[str, Any]]
NAMING = ("mention", "quote")  # kinds of notifications that somebody's status is the reason for
NOTHING = object()


@dataclass(frozen=True)
class Timeline:
    """A list on the server, newest first.

    :param address: asks, where necessary, for its path and parameters.
    :param status: item -> the status in it, or NOTHING.
    """

    name: str
    address: Callable[[], Address]
    status: Callable[[Any], Any] = lambda item: item


def hashtags(options: Any, api: Api) -> list[Timeline]:
    """The statuses under each hashtag."""
    return [Timeline(f"#{tag}", partial(_tag, tag)) for tag in options.hashtags]


def accounts(options: Any, api: Api) -> list[Timeline]:
    """Each account's statuses; its boosts of others are no utterances."""
    return [Timeline(f"@{name}", partial(_account, api, name)) for name in options.accounts]


def mentions(options: Any, api: Api) -> list[Timeline]:
    """The statuses that name or quote the account whose token it is, with a hashtag or without."""
    return [Timeline("mentions", partial(_notifications, api), _notified)]


def _tag(tag: str) -> Address:
    return f"/api/v1/timelines/tag/{quote(tag, safe='')}", {}


def _account(api: Api, name: str) -> Address:
    number = quote(str(api.account(name)["id"]), safe="")
    return f"/api/v1/accounts/{number}/statuses", {"exclude_reblogs": "true"}


def _notifications(api: Api) -> Address:
    if not api.context.token:
        place = f"RESONANZ_TOKEN_{api.context.source.upper()} or the Airflow connection resonanz_{api.context.source}"
        raise SourceError(
            Kind.CREDENTIALS,
            f"mentions: the server tells only those who are logged in. Put a token of the company's account into "
            f"{place} (scopes read:notifications and read:accounts), or take mentions out of sources.toml.",
        )
    return "/api/v1/notifications", {"types[]": list(NAMING)}


def _notified(item: Any) -> Any:
    """The status that a notification is about."""
    is_ours = isinstance(item, dict) and item.get("type") in NAMING and isinstance(item.get("status"), dict)
    return item["status"] if is_ours else NOTHING
