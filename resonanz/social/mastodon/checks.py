"""What `resonanz sources check` asks a Mastodon server: a few requests for one item each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from resonanz.errors import SourceError
from resonanz.platforms import Check
from resonanz.social.mastodon.api import Api

_WANTED = {"read:notifications": "mentions", "read:accounts": "which account the token belongs to"}


def checks(api: Api, options: Any) -> Iterator[Check]:
    """The server, the token with its scopes, each hashtag and account, and the notifications.

    :param options: `Options` of resonanz.platforms.mastodon.
    """
    yield _asked("server", partial(_server, api))
    if api.context.token:
        yield from _token(api, options)
    elif options.mentions:
        place = f"RESONANZ_TOKEN_{api.context.source.upper()} or the Airflow connection resonanz_{api.context.source}"
        words = f"mentions are told only to those who are logged in; put a token of the company's account into {place}"
        yield Check("token", "none", words)
    else:
        yield Check("token", "none; public timelines need none on most servers")
    for name in options.accounts:
        yield _asked(f"account @{name}", partial(_account, api, name))
    for tag in options.hashtags:
        yield _asked(f"hashtag #{tag}", partial(_list, api, f"/api/v1/timelines/tag/{quote(tag, safe='')}", {}))
    if options.mentions and api.context.token:
        yield _asked("mentions", partial(_list, api, "/api/v1/notifications", {"types[]": ["mention"]}))


def _asked(subject: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(subject, ask())
    except SourceError as error:
        return Check(subject, "cannot be read", error.message)


def _server(api: Api) -> str:
    found = api.description()
    return f"{found.get('domain', 'it')} answers, version {found.get('version', 'unknown')}"


def _token(api: Api, options: Any) -> Iterator[Check]:
    try:
        scopes = api.scopes()
    except SourceError as error:
        yield Check("token", "was refused", error.message)
        return
    yield Check("token", "accepted" + (f", scopes {' '.join(scopes)}" if scopes else "; the server tells no scopes"))
    for scope, use in _WANTED.items() if options.mentions and scopes else ():
        is_given = {"read", scope, "profile" if scope == "read:accounts" else scope} & set(scopes)
        problem = None if is_given else f"create the token anew with the scope {scope}; it tells {use}"
        yield Check(f"scope {scope}", "is given" if is_given else "is missing", problem)


def _account(api: Api, name: str) -> str:
    found = api.account(name)
    return f"is there, {found.get('followers_count', 'unknown')} followers, {found.get('statuses_count', '?')} statuses"


def _list(api: Api, path: str, params: dict[str, Any]) -> str:
    found = api.client.get(path, {**params, "limit": 1}, what="the newest", expect=list).value
    return "can be read" + ("" if found else "; nothing stands there now")
