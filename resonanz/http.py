"""Asks a platform's HTTP API for JSON: with timeouts, bounded patience and errors that a person can act on.

Faults are SourceErrors: 401 credentials, 403 permission, 404 and 410 gone, 429 limit, 5xx and broken connections
transient, anything that is not the JSON the platform promises contract. Addresses in messages stand without their
query, which may hold names and secrets.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.http_answers import Answer, allowance, broken, parsed, refusal

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two pieces of an answer
ANSWER_SECONDS = 120.0  # for a whole answer, however slowly it drips
ANSWER_BYTES = 64 * 1024 * 1024
ATTEMPTS = 4
BACKOFF = 0.5  # seconds before the second attempt; doubles, with jitter
NEAR = 60.0  # a limit that is lifted within so many seconds is waited for
PATIENCE = 180.0  # seconds that one client waits for limits in all
DOWN_AFTER = 3  # so many requests in a row given up: the server is down, later ones fail at once

LOOPBACK = ("127.0.0.1", "localhost", "::1")
Item = TypeVar("Item")
Result = TypeVar("Result")


def base_address(value: str) -> str:
    """`value` as a base address without a trailing slash; raises ValueError with the cure where it is none."""
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is no address; write https://<host>")
    if parts.username or parts.password:
        raise ValueError("credentials do not belong into an address; see RESONANZ_TOKEN_<SOURCE>")
    if parts.query or parts.fragment:
        raise ValueError(f"{value!r}: leave out everything from the first ? or # on")
    return value.strip().rstrip("/")


@dataclass(frozen=True)
class _Bearer(AuthBase):
    """The token, in the Authorization header only; requests drops it where a redirect leaves the host."""

    token: str

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class _NoAuth(AuthBase):
    """Nothing. That something stands here keeps requests from taking credentials out of ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Client:
    """Speaks with one API; safe to use from several threads.

    :param base: the API's address; paths are appended to it.
    :param source: the source's name, for the cure in messages.
    :param token: bearer token; refused for plain http to anything but this machine.
    :param workers: how many requests `each` has under way at once.
    :param faults: the API's own error codes (the value of `error` in its answers) -> the kind of fault.
    """

    def __init__(
        self,
        base: str,
        *,
        source: str,
        token: str | None = None,
        workers: int = 4,
        faults: Mapping[str, Kind] | None = None,
    ) -> None:
        parts = urlsplit(base)
        if token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError(f"sources.{source}: {base}: a token is sent over https only; write https://")
        self.base = base
        self.source = source
        self.workers = workers
        self._faults = dict(faults or {})
        self._has_token = token is not None
        self._session = requests.Session()
        self._session.auth = _Bearer(token) if token else _NoAuth()
        self._session.headers.update({"Accept": "application/json", "User-Agent": "Resonanz (reads public posts)"})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.max_redirects = 5
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=workers))
        self._lock = threading.Lock()
        self._blocked_until = 0.0  # on the monotonic clock
        self._patience = PATIENCE
        self._given_up = 0
        self.has_answered = False

    @property
    def is_down(self) -> bool:
        """Whether so many requests in a row were given up that no more are sent."""
        return self._given_up >= DOWN_AFTER

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, what: str, expect: type = dict) -> Answer:
        """The JSON at `path`.

        :param what: what is asked for, in words that open every message ("hashtag #x").
        :param expect: dict or list, what the API promises; anything else is a contract fault.
        """
        return self._ask("GET", path, what, expect, params=params)

    def post(self, path: str, body: Mapping[str, Any], *, what: str) -> Answer:
        """Send `body` as JSON to `path`; the JSON object of the answer."""
        return self._ask("POST", path, what, dict, json=body, allow_redirects=False)

    def each(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result | SourceError]]:
        """(item, `function(item)`) in the order of `items`, a few at a time; a SourceError stands as the result."""

        def attempt(item: Item) -> Result | SourceError:
            try:
                return function(item)
            except SourceError as error:
                return error

        waiting = iter(items)
        with ThreadPoolExecutor(self.workers) as pool:
            under_way: list[tuple[Item, Future[Result | SourceError]]] = [
                (item, pool.submit(attempt, item)) for item in islice(waiting, 2 * self.workers)
            ]
            try:
                while under_way:
                    item, future = under_way.pop(0)
                    yield item, future.result()
                    under_way += [(item, pool.submit(attempt, item)) for item in islice(waiting, 1)]
            finally:
                for _, future in under_way:
                    future.cancel()

    def _ask(self, method: str, path: str, what: str, expect: type, **request: Any) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            self._hold(what)
            try:
                answer = self._once(method, path, what, expect, **request)
            except SourceError as error:
                pause = BACKOFF * 2 ** (attempt - 1) * random.uniform(1.0, 1.5)  # noqa: S311
                wait = max(pause, error.retry_after or 0.0)
                if error.kind is Kind.LIMIT:
                    self._block(wait)  # the next _hold waits for it, or raises where it takes too long
                if not error.is_retryable or attempt >= ATTEMPTS or wait > NEAR:
                    self._given_up += error.kind is Kind.TRANSIENT
                    raise
                if error.kind is Kind.TRANSIENT:
                    time.sleep(wait)
            else:
                self._given_up = 0
                self.has_answered = True
                return answer

    def _once(self, method: str, path: str, what: str, expect: type, **request: Any) -> Answer:
        address = self.base + path
        try:
            with self._session.request(method, address, timeout=TIMEOUT, stream=True, **request) as response:
                body = _body(response, f"{what}: {address}")
        except requests.RequestException as error:
            raise broken(error, what, address) from None
        if not 200 <= response.status_code < 300:
            raise refusal(response, body, what, address, self.source, self._has_token, self._faults)
        answer = Answer(parsed(response, body, what, address, expect), response.links)
        if (reset := allowance(response.headers)) is not None:
            self._block(reset)
        return answer

    def _block(self, seconds: float) -> None:
        """No request before `seconds` have passed; the client's patience pays for it, once for all threads."""
        with self._lock:
            now = time.monotonic()
            until = now + seconds
            self._patience -= max(0.0, until - max(now, self._blocked_until))
            self._blocked_until = max(until, self._blocked_until)

    def _hold(self, what: str) -> None:
        """Wait until requests are allowed; raises at once where that takes too long or the server is down."""
        if self.is_down:
            raise SourceError(
                Kind.TRANSIENT,
                f"{what}: not asked for, since {self.base} failed {self._given_up} times in a row. "
                "The next run tries again.",
            )
        with self._lock:
            wait = self._blocked_until - time.monotonic()
            is_near = wait <= NEAR and self._patience >= 0
        if wait > 0 and not is_near:
            raise SourceError(
                Kind.LIMIT,
                f"{what}: {self.base} allows no more requests for {wait:.0f} s. "
                "What was read is kept; the next run goes on from there.",
                retry_after=wait,
            )
        if wait > 0:
            time.sleep(wait)


def _body(response: requests.Response, where: str) -> bytes:
    end = time.monotonic() + ANSWER_SECONDS
    pieces = bytearray()
    for piece in response.iter_content(65_536):
        pieces += piece
        if len(pieces) > ANSWER_BYTES:
            raise SourceError(Kind.CONTRACT, f"{where} answers with more than {ANSWER_BYTES >> 20} MiB; not read")
        if time.monotonic() > end:
            raise SourceError(Kind.TRANSIENT, f"{where} was not done with its answer after {ANSWER_SECONDS:.0f} s")
    return bytes(pieces)
