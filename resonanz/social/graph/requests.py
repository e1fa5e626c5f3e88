"""Meta's Graph API as Facebook and Instagram share it: errors, pages, several objects in one request.

Sources: Meta's "Handle Errors", "Paginated Results", "Rate Limits" and "Secure Graph API Calls".

Code 100 with subcode 33 means that an object does not exist, or that the token may not see it: Graph does not tell
which. It is read as gone. A message that comes back into sight lands once more and is alive again.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.http_answers import Refusal, reset
from resonanz.social.pages import CURSOR_EXPIRED, Page

VERSION = "v25.0"
MOST_IDS = 50  # in one request
TOO_MUCH = "too much data"  # the code of a request that must be smaller
INVALID_METRIC = "invalid metric"  # the code of a request for a metric that is retired or never was
DEPRECATED = "12"
NOT_THERE = "100/33"
NO_INSIGHTS = "no insights"  # the code of a request for insights of a medium that is too old or has too few viewers

_UNKNOWN_WAIT = 300.0  # seconds, where a limit does not say when it ends
_CREDENTIALS = frozenset({102, 104, 190, 463, 467})
_PERMISSION = frozenset({3, 10, 368, *range(200, 300)})
_LIMITS = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_GONE = frozenset({21, 803})
_TRANSIENT = frozenset({1, 2})
_TOO_MUCH = re.compile(r"reduce the amount of data", re.IGNORECASE)
_PROOF = re.compile(r"appsecret_proof", re.IGNORECASE)
_NO_TOKEN = re.compile(r"access token", re.IGNORECASE)
_METRIC = re.compile(r"\bmetrics?\b", re.IGNORECASE)
_MISSING = re.compile(r"object with id .* does not exist", re.IGNORECASE)
_VIEWERS = re.compile(r"not enough viewers", re.IGNORECASE)
_BEFORE_CONVERSION = 2108006  # subcode: posted before the account became one of a business
_CURSOR = re.compile(r"\bcursors?\b|paging token|\bafter\b", re.IGNORECASE)
_PLACES = ("after", "until", "since", "offset", "page", "__paging_token", "__previous")


def explain(status: int, body: Any, headers: Mapping[str, str]) -> Refusal | None:
    """What {"error": {"message", "type", "code", "error_subcode", "is_transient", "fbtrace_id"}} means."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    code, subcode = _whole(error.get("code")), _whole(error.get("error_subcode"))
    said = [str(error[name]) for name in ("message", "error_user_msg") if error.get(name)]
    words = ": ".join(dict.fromkeys(said))  # the second is at times the one that tells
    kind, name = _meaning(code, subcode, words)
    if code == 100 and status in (404, 410):
        kind, name = Kind.GONE, NOT_THERE
    if kind is None and error.get("is_transient") is True:
        kind = Kind.TRANSIENT
    numbers = f"code {code}" + (f", subcode {subcode}" if subcode is not None else "")
    wait = (_regained(headers) or reset(headers) or _UNKNOWN_WAIT) if kind is Kind.LIMIT else None
    return Refusal(kind, name, f"{words} [{numbers}]" if code is not None else words, wait)


def _meaning(code: int | None, subcode: int | None, words: str) -> tuple[Kind | None, str]:
    """The kind of fault, None where the HTTP status has to say it, and the name under which code looks for it."""
    if _TOO_MUCH.search(words):
        return Kind.CONTRACT, TOO_MUCH
    if code is None:
        return None, ""
    if code in _LIMITS:
        return Kind.LIMIT, str(code)
    if code in _CREDENTIALS or _PROOF.search(words) or (code == 2500 and _NO_TOKEN.search(words)):
        return Kind.CREDENTIALS, str(code)
    if subcode == _BEFORE_CONVERSION or (code == 10 and _VIEWERS.search(words)):
        return Kind.CONTRACT, NO_INSIGHTS
    if code in _PERMISSION:
        return Kind.PERMISSION, str(code)
    if code in _GONE:
        return Kind.GONE, str(code)
    if code in _TRANSIENT:
        return Kind.TRANSIENT, str(code)
    if code == 100 and (subcode == 33 or _MISSING.search(words)):
        return Kind.GONE, NOT_THERE
    if code == 100 and _METRIC.search(words):
        return Kind.CONTRACT, INVALID_METRIC
    if code == 100 and _CURSOR.search(words):
        return Kind.CONTRACT, CURSOR_EXPIRED
    return (Kind.CONTRACT if code in (12, 100, 2500) else None), str(code)


class Graph:
    """Asks for objects and edges, by one page's token.

    :param version: of the API, as it stands in paths ("v25.0").
    :param token, app_secret: where the app requires it, both make the proof that Meta calls appsecret_proof.
    """

    def __init__(self, client: Client, version: str, token: str | None = None, app_secret: str | None = None) -> None:
        self.client = client
        self.version = version
        self._proof: dict[str, str] = {}
        if token and app_secret:
            proof = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
            self._proof = {"appsecret_proof": proof}  # a parameter by Meta's design; no message shows a query
        self._limits: dict[str, int] = {}

    def get(self, path: str, *, what: str, fields: str = "", **params: Any) -> dict[str, Any]:
        """The object at `path`, which stands below the version, without a leading slash ("" for /?ids=...)."""
        asked = {name: value for name, value in {"fields": fields, **params}.items() if value not in ("", None)}
        value: dict[str, Any] = self.client.get(f"/{self.version}/{path}", asked | self._proof, what=what).value
        return value

    def page(
        self, path: str, cursor: str | None, *, what: str, fields: str, limit: int, edge: str = "", **params: Any
    ) -> Page:
        """The items of the edge at `path` from `cursor` on, and the cursor of the next page.

        The address in `paging.next` holds the access token: it is never followed, kept or shown. Where the answer
        would be too large for the platform, pages become half as long for the rest of the run, and so on.

        :param edge: what kind of edge it is, since that is what the page length hangs on; `path` by default.
        :raises SourceError: with the code CURSOR_EXPIRED where `cursor` is not accepted any more.
        """
        edge = edge or path
        while True:
            size = min(limit, self._limits.get(edge, limit))
            try:
                value = self.get(path, what=what, fields=fields, limit=size, **params, **_place(cursor))
            except SourceError as error:
                if error.code in (CURSOR_EXPIRED, "100"):  # what was accepted for the first page can only be the cursor
                    raise SourceError(error.kind, error.message, code=CURSOR_EXPIRED if cursor else "100") from None
                if error.code != TOO_MUCH or size == 1:
                    raise
                self._limits[edge] = size // 2
                continue
            items = value.get("data")
            if not isinstance(items, list):
                raise SourceError(Kind.CONTRACT, f"{what}: the answer has no list called data")
            return items, following(value.get("paging"), what)

    def by_ids(self, ids: Sequence[str], *, what: str, fields: str) -> dict[str, Any]:
        """Objects by id, up to MOST_IDS at once; None for those that do not exist or cannot be seen.

        One id that does not exist fails the whole request: it is found by halving.
        """
        if len(ids) == 1:
            try:
                return {ids[0]: self.get(ids[0], what=what, fields=fields)}
            except SourceError as error:
                if error.kind is not Kind.GONE:
                    raise
                return {ids[0]: None}
        if not ids:
            return {}
        try:
            value = self.get("", what=what, fields=fields, ids=",".join(ids))
        except SourceError as error:
            if error.kind is not Kind.GONE and error.code not in (TOO_MUCH, "100", "2500"):
                raise
            middle = len(ids) // 2
            return {
                **self.by_ids(ids[:middle], what=what, fields=fields),
                **self.by_ids(ids[middle:], what=what, fields=fields),
            }
        return {name: value.get(name) for name in ids}


def _place(cursor: str | None) -> dict[str, str]:
    """The parameters that lead to `cursor`, see `following`."""
    if cursor is None:
        return {}
    if cursor.startswith("?"):
        return {name: values[0] for name, values in parse_qs(cursor[1:]).items()}
    return {"after": cursor}


def following(paging: Any, what: str) -> str | None:
    """The cursor of the next page, where there is one: a cursor alone is no sign of it.

    Edges that page by time or offset give no cursors; theirs is `?` with what the next page's address says of the
    place, and nothing else of it.
    """
    if not isinstance(paging, Mapping) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    if isinstance(cursors, Mapping) and isinstance(after := cursors.get("after"), str) and after:
        return after
    query = parse_qs(urlsplit(str(paging["next"])).query)
    place = {name: query[name][0] for name in _PLACES if name in query}
    if set(place) == {"after"}:
        return place["after"]
    if not place:
        raise SourceError(Kind.CONTRACT, f"{what}: the answer names a next page, but not where it begins")
    return f"?{urlencode(place)}"


def _regained(headers: Mapping[str, str]) -> float | None:
    """Seconds until access is regained, as X-Business-Use-Case-Usage tells it (in minutes, per business and use)."""
    try:
        usage = json.loads(headers.get("X-Business-Use-Case-Usage", "") or "{}")
    except ValueError:
        return None
    minutes = [_whole(entry.get("estimated_time_to_regain_access")) or 0 for entry in _entries(usage)]
    return max(minutes, default=0) * 60.0 or None


def _entries(usage: Any) -> Iterator[Mapping[str, Any]]:
    for entries in usage.values() if isinstance(usage, Mapping) else ():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping):
                yield entry


def _whole(value: Any) -> int | None:
    """`value` as a whole number, also where it comes as a string; None where it is none."""
    try:
        return None if isinstance(value, bool) or value is None else int(value)
    except (TypeError, ValueError):
        return None
