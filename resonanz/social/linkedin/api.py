"""Asks LinkedIn's Community Management APIs: posts, comments, organisations, batches of ids.

Sources: LinkedIn's "Posts API", "Comments API", "Organization Lookup", "Pagination", "Protocol versions" (Rest.li 2.0).
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.social.fields import mappings
from resonanz.social.notes import Notes
from resonanz.social.pages import Page, paged

MOST_IDS = 50  # in one request: an encoded id is about 40 characters long, the inside of an address may be 4,000
_COMMENTS = 100  # in one answer
_DEEPEST = 5  # levels of replies; LinkedIn shows two
_MISSING = (404, 410)


class Raw(str):
    """A value that stands in a query as it is: Rest.li's lists and records, whose brackets must not be encoded."""


def listed(values: Sequence[str]) -> Raw:
    """`List(a,b)`: its brackets and commas as they are, what stands in it encoded."""
    return Raw(f"List({','.join(quote(value, safe='') for value in values)})")


def query(params: Mapping[str, Any]) -> str:
    """A query string in Rest.li's spelling; what is None is left out."""
    parts = [(name, value) for name, value in params.items() if value is not None]
    return "&".join(
        f"{name}={value if isinstance(value, Raw) else quote(str(value), safe='')}" for name, value in parts
    )


class Api:
    """Each resource has a limit of its own, so each is a bucket of the client.

    :param names: what is remembered of the organisations' names, should LinkedIn not tell them once.
    """

    def __init__(self, client: Client, names: Notes) -> None:
        self.client = client
        self._names = names
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}  # urn of an organisation -> its name
        self.one_by_one: set[str] = set()  # resources of which no batches may be read: so it is in the Development tier

    def get(self, resource: str, what: str, path: str = "", method: str | None = None, **params: Any) -> Any:
        """The JSON object at `/rest/<resource><path>`.

        :param method: Rest.li's own, where a query does not tell it: FINDER, BATCH_GET.
        """
        headers = {"X-RestLi-Method": method} if method else None
        asked = query(params) or None
        return self.client.get(f"/rest/{resource}{path}", asked, what=what, bucket=resource, headers=headers).value

    def page(self, resource: str, what: str, cursor: str | None, count: int, path: str = "", **params: Any) -> Page:
        """Elements from the place `cursor` on, and the place after them."""
        start = int(cursor or 0)
        value = self.get(resource, what, path, params.pop("method", None), **params, start=start, count=count)
        elements = value.get("elements")
        if not isinstance(elements, list):
            raise SourceError(Kind.CONTRACT, f"{what}: the answer has no list of elements")
        return elements, _following(value.get("paging"), start, len(elements), count)

    def posts(self, organization: str, cursor: str | None, count: int) -> Page:
        """What an organisation has posted, newest first."""
        what = f"posts of {organization}"
        finder = {"author": organization, "q": "author", "sortBy": "CREATED"}
        return self.page("posts", what, cursor, count, method="FINDER", **finder)

    def comments(self, entity: str, cursor: str | None) -> Page:
        """The comments of a post, or the replies to a comment."""
        return self.page(
            "socialActions", f"comments below {entity}", cursor, _COMMENTS, path=f"/{quote(entity, safe='')}/comments"
        )

    def replies(self, comment: str, depth: int = 0) -> list[Any]:
        """All replies to a comment; none where it is gone meanwhile."""
        found: list[Any] = []
        try:
            for page, _ in paged(lambda cursor: self.comments(comment, cursor), None, f"replies to {comment}"):
                for item in page:
                    found.append(item)
                    name = comment_urn(item)
                    if name and depth < _DEEPEST and (replies(item) or 0) > 0:
                        found += self.replies(name, depth + 1)
        except SourceError as error:
            if error.kind is not Kind.GONE:
                raise
        return found

    def comment(self, entity: str, urn: str) -> Any:
        """One comment below `entity`, or None where it is gone."""
        path = f"/{quote(entity, safe='')}/comments/{urn.rstrip(')').rpartition(',')[2]}"
        try:
            return self.get("socialActions", f"comment {urn}", path)
        except SourceError as error:
            if error.kind is not Kind.GONE:
                raise
        return None

    def batch(self, resource: str, what: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
        """id -> what stands there; None for what is not there. Ids that LinkedIn refused alone are left out."""
        if resource in self.one_by_one:
            return self._singles(resource, what, ids)
        try:
            value = self.get(resource, what, method="BATCH_GET", ids=listed(ids))
        except SourceError as error:
            if error.kind is not Kind.PERMISSION or not (found := self._singles(resource, what, ids)):
                raise
            self.one_by_one.add(resource)
            return found
        if not isinstance(value.get("results"), Mapping):
            raise SourceError(Kind.CONTRACT, f"{what}: the answer has no results")
        results, statuses, errors = (_by_urn(value.get(name)) for name in ("results", "statuses", "errors"))
        read: dict[str, Mapping[str, Any] | None] = {}
        for name in ids:
            refused = errors.get(name)
            status = refused.get("status") if isinstance(refused, Mapping) else statuses.get(name)
            if isinstance(results.get(name), Mapping):
                read[name] = results[name]
            elif status in _MISSING or not isinstance(status, int):
                read[name] = None
        return read

    def _singles(self, resource: str, what: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
        """The same with a request each. Nothing at all where the first of them is refused as well."""
        found: dict[str, Mapping[str, Any] | None] = {}
        for name in ids:
            try:
                found[name] = self.get(resource, what, f"/{quote(name, safe='')}")
            except SourceError as error:
                if error.kind is Kind.GONE:
                    found[name] = None
                elif error.kind is not Kind.PERMISSION:
                    raise
                elif not found:
                    break
        return found

    def name(self, organization: str) -> str:
        """What an organisation is called; asked for once a run. Where LinkedIn may not tell: the name it told last, or
        its number."""
        with self._lock:
            if organization not in self._known:
                self._known[organization] = self._name(organization)
            return self._known[organization]

    def _name(self, organization: str) -> str:
        number, note = organization.rpartition(":")[2], f"name {organization}"
        try:
            found = self.get("organizations", f"organization {number}", f"/{number}")
        except SourceError as error:
            if error.kind is Kind.CREDENTIALS or (error.is_retryable and note not in self._names):
                raise
            found = {}
        name = found.get("localizedName") or found.get("vanityName")
        if isinstance(name, str) and name.strip():
            self._names[note] = name.strip()
        return str(self._names.get(note, number))


def comment_urn(comment: Any) -> str | None:
    """The id of a comment that names the thread and no person: `urn:li:comment:(urn:li:activity:7,8)`."""
    if not isinstance(comment, Mapping):
        return None
    for name in ("$URN", "commentUrn"):
        if isinstance(comment.get(name), str) and comment[name].startswith("urn:li:comment:("):
            return str(comment[name])
    place, number = comment.get("object"), comment.get("id")
    if isinstance(place, str) and place.startswith("urn:li:") and isinstance(number, str | int):
        return f"urn:li:comment:({place},{number})"
    return None


def replies(comment: Any) -> int | None:
    """How many replies a comment has; None where it does not say."""
    summary = comment.get("commentsSummary") if isinstance(comment, Mapping) else None
    for name in ("aggregatedTotalComments", "totalFirstLevelComments"):
        count = summary.get(name) if isinstance(summary, Mapping) else None
        if isinstance(count, int) and not isinstance(count, bool):
            return count
    return None


def _following(paging: Any, start: int, shown: int, count: int) -> str | None:
    """Where the next page starts: as the link to it says, else after a full page."""
    paging = paging if isinstance(paging, Mapping) else {}
    for link in mappings(paging.get("links")):
        if link.get("rel") == "next" and isinstance(link.get("href"), str):
            place = parse_qs(urlsplit(link["href"]).query).get("start", [""])[0]
            return place if place.isdigit() else str(start + max(shown, 1))
    total, size = paging.get("total"), paging.get("count")
    if isinstance(total, int) and not isinstance(total, bool):
        return str(start + shown) if shown and start + shown < total else None
    full = min(size, count) if isinstance(size, int) and size > 0 else count
    return str(start + shown) if shown >= full else None


def _by_urn(value: Any) -> dict[str, Any]:
    """The map of a batch by plain ids, which some resources give encoded."""
    return {unquote(str(name)): item for name, item in value.items()} if isinstance(value, Mapping) else {}
