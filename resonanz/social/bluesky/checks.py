"""What `resonanz sources check` asks Bluesky: a few requests, one login among them where one is set up."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from resonanz.errors import SourceError
from resonanz.platforms import Check
from resonanz.social.bluesky.api import Api


def checks(api: Api, options: Any) -> Iterator[Check]:
    """Each actor, the login, each search and the notifications.

    :param options: `Options` of resonanz.platforms.bluesky.
    """
    for actor in options.actors:
        yield _asked(f"account @{actor}", partial(_account, api, actor))
    if options.identifier:
        login = _asked(f"login as {options.identifier}", partial(_login, api))
        yield login
        if login.problem:
            return
    else:
        yield Check("login", "none; feeds and threads need none" + ("" if not options.search else ", searches may"))
    for query in options.search:
        yield _asked(f"search {query}", partial(_newest, partial(api.search, query, None)))
    if options.mentions:
        yield _asked("mentions", partial(_newest, partial(api.mentions, None)))


def _asked(subject: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(subject, ask())
    except SourceError as error:
        return Check(subject, "cannot be read", error.message)


def _account(api: Api, actor: str) -> str:
    found = api.profile(actor)
    counts = [
        f"{found[name]} {word}"
        for name, word in (("followersCount", "followers"), ("postsCount", "posts"))
        if name in found
    ]
    return ", ".join(["is there", *counts])


def _login(api: Api) -> str:
    return f"accepted by {api.session.client.base}"


def _newest(ask: Callable[[], tuple[list[Any], str | None]]) -> str:
    page, _ = ask()
    return "can be read" + ("" if page else "; nothing stands there now")
