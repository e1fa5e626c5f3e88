"""Pages of a Mastodon list, and what of an item can be told before it is parsed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.http_answers import GARBLED, Answer
from resonanz.social.pages import CURSOR_EXPIRED

Page = list[Any]
Pages = Iterator[tuple[Page, dict[str, Any] | None]]
_POSITIONS = ("max_id", "min_id", "since_id")
_MOST_EMPTY = 50  # pages without an item, one after the other
_BAD_PLACE = (Kind.GONE, Kind.CONTRACT)  # 400, 404, 410, 422: the server does not know the place any more


def pages(client: Client, name: str, path: str, params: dict[str, Any], relation: str) -> Pages:
    """Pages, newest item first in each, with the parameters of the one after; empty ones are followed and left out.

    `next` leads to older items, `prev` to newer ones: with `min_id`, only `prev` leads on.

    :raises SourceError: of kind contract where the server repeats a page or leads on without an end; with the code
        CURSOR_EXPIRED where it refuses a place in the list.
    """
    following: dict[str, Any] | None = params
    places, contents, empty = set(), set(), 0
    while following is not None:
        asked = following
        places.add(_place(asked))
        answer = _ask(client, name, path, asked)
        following = _following(answer, relation, params)
        if answer.value:
            empty, content = 0, hash(tuple(map(id_of, answer.value)))
            if content in contents:
                raise SourceError(
                    Kind.CONTRACT, f"timeline {name}: {client.base}{path} shows the same page again and again"
                )
            contents.add(content)
        elif following is None or _place(following) in places:
            return
        elif (empty := empty + 1) > _MOST_EMPTY:
            raise SourceError(
                Kind.CONTRACT, f"timeline {name}: {client.base}{path} gives {empty} empty pages, each with a next one"
            )
        if following is not None and _place(following) in places:
            raise SourceError(
                Kind.CONTRACT, f"timeline {name}: {client.base}{path} leads from a page to one that was read already"
            )
        if answer.value:
            yield answer.value, following


def _ask(client: Client, name: str, path: str, params: dict[str, Any]) -> Answer:
    try:
        return client.get(path, params, what=f"timeline {name}", expect=list)
    except SourceError as error:
        if error.kind in _BAD_PLACE and error.code != GARBLED and any(_place(params)):
            raise SourceError(error.kind, error.message, code=CURSOR_EXPIRED) from None
        raise


def _place(params: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(params.get(name) for name in _POSITIONS)


def _following(answer: Answer, relation: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Parameters of the page after this one. Only the position is taken from the Link header: a server behind a
    proxy names another host, and a foreign host must not get the token."""
    if answer.links:
        link = answer.links.get(relation)
        given = parse_qs(urlsplit(link["url"]).query) if link else {}
        position = {name: given[name][-1] for name in _POSITIONS if name in given}
    elif answer.value:
        ids = ids_of(answer.value)
        position = {"min_id": ids[0]} if relation == "prev" else {"max_id": ids[-1]}
    else:
        return None
    if not position:
        return None
    return {**{name: value for name, value in params.items() if name not in _POSITIONS}, **position}


def ids_of(page: Page) -> list[str]:
    found = [native_id for item in page if (native_id := id_of(item))]
    if not found:
        raise SourceError(Kind.CONTRACT, "a page of a timeline has no status with an id; is this a Mastodon server?")
    return found


def id_of(item: Any) -> str:
    value = item.get("id") if isinstance(item, dict) else None
    return str(value) if isinstance(value, str | int) else ""


def created_of(item: Any) -> datetime | None:
    value = item.get("created_at") if isinstance(item, dict) else None
    try:
        moment = datetime.fromisoformat(value or "")
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def id_at(page: Page, moment: datetime) -> str | None:
    """The id that a status of `moment` would have, where the ids of `page` count milliseconds as Mastodon's do; None
    where they count something else."""
    for item in page:
        native_id, created = id_of(item), created_of(item)
        if not native_id.isdecimal() or created is None or abs((int(native_id) >> 16) / 1000 - created.timestamp()) > 1:
            return None
    return str(int(moment.timestamp() * 1000) << 16) if page else None
