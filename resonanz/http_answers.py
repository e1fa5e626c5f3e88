"""What an HTTP answer means: its JSON, how long to wait, or which fault it stands for and what to do about it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import orjson
from requests.utils import parse_header_links
from urllib3 import exceptions as faults_below

from resonanz.errors import Kind, SourceError

SHORTEST_WAIT = 1.0  # seconds after a 429 whose reset has passed by our clock
GARBLED = "garbled"  # the code of faults for answers that are not JSON at all
_EXCERPT = 80
_USAGE = ("X-App-Usage", "X-Page-Usage", "X-Business-Use-Case-Usage")
_SHARES = ("call_count", "total_time", "total_cputime")
_NEARLY_ALL = 95  # percent of a limit
_REST = 300.0  # seconds
_EPOCH_FROM = 1_000_000_000  # a smaller number is a span in seconds, not a point in time
_BY_STATUS = {
    401: Kind.CREDENTIALS,
    403: Kind.PERMISSION,
    404: Kind.GONE,
    408: Kind.TRANSIENT,
    410: Kind.GONE,
    425: Kind.TRANSIENT,
    429: Kind.LIMIT,
    501: Kind.CONTRACT,
}
_CURES = {
    Kind.PERMISSION: "The owner of the account must grant the right, or this part must leave sources.toml",
    Kind.GONE: "It no longer exists under this name; check sources.toml",
    Kind.TRANSIENT: "The next run tries again",
    Kind.CONTRACT: "Check the address in sources.toml, or whether the platform has changed",
}


@dataclass(frozen=True)
class Reply:
    """An HTTP answer as it came, its content decoded.

    :param headers: by name in any case.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The addresses in the Link header by relation."""
        header = self.headers.get("Link")
        found = parse_header_links(header) if header else ()
        return {link["rel"]: link for link in found if "rel" in link}


@dataclass(frozen=True)
class Answer:
    """A JSON answer and the addresses from its Link header (relation -> {"url": ...})."""

    value: Any
    links: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Refusal:
    """What a platform's own error body says.

    :param kind: the sort of fault; None where the HTTP status says it well enough.
    :param code: the platform's name or number for it.
    :param words: its explanation.
    :param retry_after: seconds until trying again makes sense, where the platform told in its own way.
    """

    kind: Kind | None = None
    code: str = ""
    words: str = ""
    retry_after: float | None = None


# (status, JSON of the body or None, headers) -> what the platform means by it; None where the body is not its own.
Explain = Callable[[int, Any, Mapping[str, str]], Refusal | None]


def parsed(reply: Reply, what: str, address: str, expect: type) -> Any:
    """The JSON value in `reply`; raises a contract SourceError with its first characters where that is none."""
    try:
        value = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        value = _leniently(reply, what, address)
    if not isinstance(value, expect):
        wanted = "a list" if expect is list else "an object"
        shown = excerpt(reply.body.decode("utf-8-sig", "replace"))
        raise SourceError(
            Kind.CONTRACT, f"{what}: {address} gave JSON, but not {wanted}: {shown}. {_CURES[Kind.CONTRACT]}."
        )
    return value


def _leniently(reply: Reply, what: str, address: str) -> Any:
    """The JSON value in a body with a byte order mark, broken UTF-8 or half characters; or what is wrong with it."""
    text = reply.body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        if not text.strip():
            fault = "an empty answer instead of JSON"
        elif text.lstrip().startswith("<") or "html" in reply.headers.get("Content-Type", ""):
            fault = f"HTML instead of JSON: {excerpt(text)}"
        elif {"{": "}", "[": "]"}.get(text.strip()[0], text.strip()[-1]) != text.strip()[-1]:
            fault = f"JSON that breaks off after {len(text)} characters: {excerpt(text)}"
        else:
            fault = f"something that is not JSON: {excerpt(text)}"
        said = f"{what}: {address} gave {fault}. {_CURES[Kind.CONTRACT]}."
        raise SourceError(Kind.CONTRACT, said, code=GARBLED) from None


def refusal(
    reply: Reply,
    what: str,
    address: str,
    source: str,
    has_token: bool,
    faults: Mapping[str, Kind],
    explain: Explain | None = None,
) -> SourceError:
    """The fault that a status outside 200 to 299 stands for."""
    status = reply.status
    told = explain(status, _json(reply.body), reply.headers) if explain else None
    if told is None:
        told = Refusal(None, *_error_words(reply.body))
    code, words = told.code, " ".join(told.words.split())[:300]
    by_status = _BY_STATUS.get(status, Kind.TRANSIENT if status >= 500 else Kind.CONTRACT)
    kind = told.kind or faults.get(code) or by_status
    if kind is Kind.GONE and not code:
        kind = Kind.CONTRACT  # a proxy's page or a wrong address, not the API's word that something was deleted
    wait = told.retry_after
    if wait is None and kind in (Kind.LIMIT, Kind.TRANSIENT):
        wait = reset(reply.headers)
    if kind is Kind.CREDENTIALS:
        place = f"RESONANZ_TOKEN_{source.upper()} or the Airflow connection resonanz_{source}"
        cure = f"The token was refused; renew it in {place}" if has_token else f"Put a token into {place}"
    elif kind is Kind.LIMIT:
        cure = "It allows no more requests" + (f" for {wait:.0f} s" if wait is not None else " for now")
    else:
        cure = _CURES[kind]
    said = f"{status} {reply.reason}".strip() + (f" ({words})" if words else "")
    return SourceError(kind, f"{what}: {address} answered {said}. {cure}.", retry_after=wait, code=code)


def broken(error: BaseException, what: str, address: str, has_begun: bool = False) -> SourceError:
    """The fault of a request that got no whole answer.

    :param error: what urllib3 raised.
    :param has_begun: the answer had begun.
    """
    while isinstance(error, faults_below.MaxRetryError | faults_below.ProxyError) and _cause(error):
        error = _cause(error) or error
    kind = Kind.TRANSIENT
    if isinstance(error, faults_below.SSLError):
        kind, words = Kind.CONTRACT, "shows a certificate that cannot be trusted"
    elif isinstance(error, faults_below.ResponseError):
        kind, words = Kind.CONTRACT, "redirects in a circle"
    elif isinstance(error, faults_below.TimeoutError) and not isinstance(error, faults_below.NewConnectionError):
        words = "did not answer in time"
    elif isinstance(error, faults_below.LocationValueError | UnicodeError):
        kind, words = Kind.CONTRACT, f"cannot be asked ({type(error).__name__})"
    elif has_begun:
        words = "broke off its answer"
    else:
        words = f"cannot be reached ({_reason(error)})"
    return SourceError(kind, f"{what}: {address} {words}. {_CURES[kind]}.")


def _cause(error: BaseException) -> BaseException | None:
    """What urllib3 wrapped."""
    found = getattr(error, "reason", None) or getattr(error, "original_error", None)
    return found if isinstance(found, BaseException) else None


def allowance(headers: Mapping[str, str]) -> float | None:
    """Seconds until the next request where a good answer says that it was the last one allowed, else None.

    Meta's usage headers hold shares of a limit in percent, of which the last few are left to others that use the same
    app; where they do not tell when access is regained, a twelfth of the hour in which they count.
    """
    for name in ("X-RateLimit-Remaining", "RateLimit-Remaining", "x-rate-limit-remaining"):
        if headers.get(name, "").strip() == "0":
            return reset(headers)
    usage = [entry for name in _USAGE for entry in _usages(headers.get(name, ""))]
    full = [entry for entry in usage if max(map(_number, map(entry.get, _SHARES))) >= _NEARLY_ALL]
    if not full:
        return None
    regained = max(_number(entry.get("estimated_time_to_regain_access")) for entry in full)
    return regained * 60 if regained else _REST


def _usages(header: str) -> Iterator[Mapping[str, Any]]:
    """The usage objects in a header: one as it is, or lists of them by business."""
    try:
        value = json.loads(header) if header else None
    except ValueError:
        return
    if not isinstance(value, dict):
        return
    for entry in [value, *(item for part in value.values() if isinstance(part, list) for item in part)]:
        if isinstance(entry, dict):
            yield entry


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit is lifted, by the server's own clock where it shows one; None where it does not tell.

    Retry-After holds seconds or an HTTP date, Mastodon's X-RateLimit-Reset an ISO 8601 time, Bluesky's
    RateLimit-Reset and X's x-rate-limit-reset seconds since 1970, and the IETF draft of that name a span in seconds.
    """
    for name in ("Retry-After", "X-RateLimit-Reset", "RateLimit-Reset", "x-rate-limit-reset"):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            number = float(value)
        except ValueError:
            if (moment := _moment(value)) is None:
                continue
            seconds = (moment - _server_now(headers)).total_seconds()
        else:
            seconds = number - _server_now(headers).timestamp() if number >= _EPOCH_FROM else number
        return max(seconds, SHORTEST_WAIT)
    return None


def excerpt(text: str) -> str:
    """The first 80 characters of `text` on one line, quoted."""
    line = " ".join(text[: 4 * _EXCERPT].split())
    return f"“{line[:_EXCERPT]}”"


def _moment(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _server_now(headers: Mapping[str, str]) -> datetime:
    return _moment(headers.get("Date", "")) or datetime.now(UTC)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def _error_words(body: bytes) -> tuple[str, str]:
    """The API's error code and its words, from {"error": ..., "message" or "error_description": ...}."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        plain = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text[:4000], flags=re.DOTALL | re.IGNORECASE)
        return "", excerpt(plain) if plain.strip() else ""
    if not isinstance(value, dict):
        return "", ""
    code = value.get("error")
    words = value.get("message") or value.get("error_description")
    parts = [part for part in (code, words) if isinstance(part, str) and part]
    return code if isinstance(code, str) else "", " ".join(": ".join(parts).split())[:200]


def _reason(error: BaseException) -> str:
    """What the system said, without the address and its query that requests puts into its messages."""
    for cause in _below(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if type(cause).__name__ in ("NameResolutionError", "RemoteDisconnected", "IncompleteRead"):
            return {
                "NameResolutionError": "its name is not known",
                "RemoteDisconnected": "it closed the connection without an answer",
                "IncompleteRead": "it broke off its answer",
            }[type(cause).__name__]
    return type(error).__name__


def _below(error: BaseException) -> Iterator[BaseException]:
    """`error` and all that it was raised from, or carries as its reason or arguments."""
    todo, seen = [error], set()
    while todo:
        current = todo.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        todo += [item for item in inner if isinstance(item, BaseException)]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
