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
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

from resonanz.budget import Budget
from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.exchange import Exchange, Request
from resonanz.http_answers import GARBLED, Answer, Explain, allowance, parsed, refusal

ATTEMPTS = 4
BACKOFF = 0.5  # seconds before the second attempt; doubles, with jitter
NEAR = 60.0  # a limit that is lifted within so many seconds is waited for
PATIENCE = 180.0  # seconds that one client waits for limits in all
DOWN_AFTER = 3  # so many requests in a row given up: the server is down, later ones fail at once

_HEADERS = {"Accept": "application/json", "User-Agent": "Resonanz (reads public posts)"}
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


class Client:
    """Speaks with one API; safe to use from several threads.

    :param base: the API's address; paths are appended to it.
    :param source: the source's name, for the cure in messages.
    :param token: the credential, or what gives a fresh one; refused for plain http to anything but this machine. Where
        it has a `renew`, that is called once for a request whose token was refused.
    :param sent_in: where the token goes; a bearer token by default, a bare one in any other header.
    :param headers: sent with every request (an API's version).
    :param workers: how many requests `each` has under way at once.
    :param faults: the API's own error codes (the value of `error` in its answers) -> the kind of fault.
    :param explain: reads the platform's own error bodies where codes are not all there is to it.
    :param budget: pays one of `requests` for every request that is sent, retries included.
    :param pays: bucket of a request -> what else it costs one of (`units`), where a platform counts so.
    """

    def __init__(
        self,
        base: str,
        *,
        source: str,
        token: str | Callable[[], str] | None = None,
        sent_in: str = "Authorization",
        headers: Mapping[str, str] | None = None,
        workers: int = 4,
        faults: Mapping[str, Kind] | None = None,
        explain: Explain | None = None,
        budget: Budget | None = None,
        pays: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(base)
        if token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError(f"sources.{source}: {base}: a token is sent over https only; write https://")
        self.base = base
        self.source = source
        self.workers = workers
        self._faults = dict(faults or {})
        self._explain = explain
        self._budget = budget or Budget()
        self._pays = dict(pays or {})
        self._has_token = bool(token)
        self._token = token
        self._renew: Callable[[], None] | None = getattr(token, "renew", None)
        self._sent_in = sent_in
        self._exchange = Exchange(base, {**_HEADERS, **(headers or {})}, signed_in=sent_in, connections=workers)
        self._lock = threading.Lock()
        self._blocked_until: dict[str, float] = {}  # by bucket, on the monotonic clock
        self._patience = PATIENCE
        self._given_up = 0
        self.has_answered = False

    @property
    def is_down(self) -> bool:
        """Whether so many requests in a row were given up that no more are sent."""
        return self._given_up >= DOWN_AFTER

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | str | None = None,
        *,
        what: str,
        expect: type = dict,
        bucket: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The JSON at `path`.

        :param params: of the query; as a string, for an API that has its own rules of encoding, it is sent as it is.
        :param what: what is asked for, in words that open every message ("hashtag #x").
        :param expect: dict or list, what the API promises; anything else is a contract fault.
        :param bucket: the limit that the request counts against, where a platform has one per endpoint.
        """
        return self._ask("GET", path, what, expect, bucket, params=params, headers=headers)

    def post(self, path: str, body: Mapping[str, Any], *, what: str, bucket: str = "", as_form: bool = False) -> Answer:
        """Send `body` as JSON, or as a form, to `path`; the JSON object of the answer."""
        sent = {"data": body} if as_form else {"json": body}
        return self._ask("POST", path, what, dict, bucket, is_led_on=False, **sent)

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

    def _ask(self, method: str, path: str, what: str, expect: type, bucket: str, **request: Any) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            self._hold(what, bucket)
            if bucket in self._pays:
                self._budget.take(self._pays[bucket])
            self._budget.take("requests")
            try:
                answer = self._once(method, path, what, expect, bucket, **request)
            except SourceError as error:
                pause = BACKOFF * 2 ** (attempt - 1) * random.uniform(1.0, 1.5)  # noqa: S311
                wait = max(pause, error.retry_after or 0.0)
                if error.kind is Kind.LIMIT:
                    self._block(wait, bucket)  # the next _hold waits for it, or raises where it takes too long
                # A page of a proxy or half an answer instead of JSON: often gone a moment later.
                is_worth_trying = error.is_retryable or error.code == GARBLED
                if error.kind is Kind.CREDENTIALS and attempt == 1 and self._renew is not None:
                    self._renew()
                    continue
                if not is_worth_trying or attempt >= ATTEMPTS or wait > NEAR:
                    self._given_up += error.kind is Kind.TRANSIENT
                    raise self._without_secret(error) from None
                if error.kind is not Kind.LIMIT:
                    time.sleep(wait)
            else:
                self._given_up = 0
                self.has_answered = True
                return answer

    def _once(self, method: str, path: str, what: str, expect: type, bucket: str, **request: Any) -> Answer:
        request["headers"] = {**(request.get("headers") or {}), **self._signed()}
        asked = Request(method=method, address=self.base + path, **request)
        reply = self._exchange.whole(asked, what)
        if not 200 <= reply.status < 300:
            raise refusal(reply, what, asked.address, self.source, self._has_token, self._faults, self._explain)
        answer = Answer(parsed(reply, what, asked.address, expect), reply.links)
        if (reset := allowance(reply.headers)) is not None:
            self._block(reset, bucket)
        return answer

    def _signed(self) -> dict[str, str]:
        """The token, in a header only."""
        if not self._token:
            return {}
        token = self._token() if callable(self._token) else self._token
        return {self._sent_in: f"Bearer {token}" if self._sent_in == "Authorization" else token}

    def _without_secret(self, error: SourceError) -> SourceError:
        """`error`, should a server have quoted the token in its words."""
        secret = self._token if isinstance(self._token, str) else getattr(self._token, "latest", "")
        if not secret or secret not in error.message:
            return error
        words = error.message.replace(secret, "***")
        return SourceError(error.kind, words, retry_after=error.retry_after, code=error.code)

    def _block(self, seconds: float, bucket: str) -> None:
        """No request in `bucket` before `seconds` have passed; the client's patience pays for it, once for all."""
        with self._lock:
            now = time.monotonic()
            until, before = now + seconds, self._blocked_until.get(bucket, 0.0)
            self._patience -= max(0.0, until - max(now, before))
            self._blocked_until[bucket] = max(until, before)

    def _hold(self, what: str, bucket: str) -> None:
        """Wait until requests are allowed; raises at once where that takes too long or the server is down."""
        if self.is_down:
            raise SourceError(
                Kind.TRANSIENT,
                f"{what}: not asked for, since {self.base} failed {self._given_up} times in a row. "
                "The next run tries again.",
            )
        with self._lock:
            wait = self._blocked_until.get(bucket, 0.0) - time.monotonic()
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
