"""Pages of a Mastodon timeline, and what of a status can be told before it is parsed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.http_answers import Answer

Page = list[Any]
_POSITIONS = ("max_id", "min_id", "since_id")


def pages(
    client: Client, name: str, path: str, params: dict[str, Any], relation: str
) -> Iterator[tuple[Page, dict[str, Any] | None]]:
    """Pages that are not empty, newest status first in each, with the parameters of the one after.

    `next` leads to older statuses, `prev` to newer ones: with `min_id`, only `prev` leads on.
    """
    following: dict[str, Any] | None = params
    while following is not None:
        asked = following
        answer = client.get(path, asked, what=f"timeline {name}", expect=list)
        if not answer.value:
            return
        following = _following(answer, relation, params)
        if following == asked:
            raise SourceError(
                Kind.CONTRACT, f"timeline {name}: {client.base}{path} leads from a page to that page again"
            )
        yield answer.value, following


def _following(answer: Answer, relation: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Parameters of the page after this one. Only the position is taken from the Link header: a server behind a
    proxy names another host, and a foreign host must not get the token."""
    if answer.links:
        link = answer.links.get(relation)
        given = parse_qs(urlsplit(link["url"]).query) if link else {}
        position = {name: given[name][-1] for name in _POSITIONS if name in given}
    else:
        ids = ids_of(answer.value)
        position = {"min_id": ids[0]} if relation == "prev" else {"max_id": ids[-1]}
    if not position:
        return None
    return {**{name: value for name, value in params.items() if name not in _POSITIONS}, **position}


def ids_of(page: Page) -> list[str]:
    found = [native_id for item in page if (native_id := id_of(item))]
    if not found:
        raise SourceError(Kind.CONTRACT, "a page of a timeline has no status with an id; is this a Mastodon server?")
    return found


def id_of(item: Any) -> str:
    value = item.get("id") if isinstance(item, Mapping) else None
    return str(value) if isinstance(value, str | int) else ""


def created_of(item: Any) -> datetime | None:
    value = item.get("created_at") if isinstance(item, Mapping) else None
    try:
        moment = datetime.fromisoformat(value or "")
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
