"""One HTTP request and its answer, over urllib3: in bounded time, with the proxies and certificates that the
environment names, without cookies or ~/.netrc, and with nothing secret carried along to another host.

urllib3 itself rather than requests, which stands on it and costs as much again for every request.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import certifi
import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from resonanz.errors import Kind, SourceError
from resonanz.http_answers import Reply, broken

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two pieces of an answer
ANSWER_SECONDS = 120.0  # for a whole answer, however slowly it drips
ANSWER_BYTES = 64 * 1024 * 1024
_PIECE = 65_536
_MOST_REDIRECTS = 5
_NEVER_TO_OTHERS = ("Authorization", "Cookie", "Proxy-Authorization")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked.

    :param params: of the query; as a string they are sent as they are.
    :param json: a body in JSON.
    :param data: a body as a form, or as it is.
    :param is_led_on: whether redirects are followed.
    :param shown: what stands for the address in messages, where it must not be seen.
    """

    method: str
    address: str
    params: Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    data: Mapping[str, Any] | bytes | None = None
    is_led_on: bool = True
    shown: str = ""

    @property
    def url(self) -> str:
        """The address with its query."""
        query = self.params if isinstance(self.params, str) else _encoded(self.params or {})
        return f"{self.address}{'&' if '?' in self.address else '?'}{query}" if query else self.address


class Exchange:
    """The connections to one API; safe to use from several threads.

    :param base: the API's address, by which proxy and certificates are chosen.
    :param headers: sent with every request.
    :param signed_in: the header that holds the credential, beside the usual ones; never sent to another host.
    :param connections: so many are kept open.
    """

    def __init__(
        self, base: str, headers: Mapping[str, str], signed_in: str = "Authorization", connections: int = 4
    ) -> None:
        with requests.Session() as session:  # knows the rules by which the environment names proxies and certificates
            found = session.merge_environment_settings(base, {}, None, None, None)
        self._headers = {**make_headers(accept_encoding=True, keep_alive=True), **headers}
        self._pool = _pool(select_proxy(base, found["proxies"]), found["verify"], connections)
        self._kept_here = frozenset({signed_in, *_NEVER_TO_OTHERS})

    def whole(self, request: Request, what: str) -> Reply:
        """The answer with all of its body; raises SourceError where there is none, or it is too long or too slow.

        :param what: what is asked for, in words that open every message.
        """
        with self.opened(request, what) as response:
            body = self._body(response, what, request.address)
        return Reply(response.status, response.reason or "", response.headers, body)

    @contextmanager
    def opened(self, request: Request, what: str) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer whose body is yet to be read; raises SourceError."""
        headers = urllib3.HTTPHeaderDict(self._headers)
        body: Any = request.data
        if request.json is not None:
            headers["Content-Type"], body = "application/json", orjson.dumps(request.json)
        elif isinstance(body, Mapping):
            headers["Content-Type"], body = "application/x-www-form-urlencoded", _encoded(body)
        for name, value in (request.headers or {}).items():
            headers[name] = value
        try:
            response = self._pool.request(
                request.method,
                request.url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=TIMEOUT[0], read=TIMEOUT[1]),
                retries=self._patience(request.is_led_on),
                redirect=request.is_led_on,
                preload_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise broken(error, what, request.shown or request.address) from None
        try:
            yield response
        except (HTTPError, OSError) as error:
            raise broken(error, what, request.shown or request.address, has_begun=True) from None
        finally:
            response.close()

    def _patience(self, is_led_on: bool) -> urllib3.Retry | bool:
        """Nothing is tried again here: whoever asks decides on that."""
        if not is_led_on:
            return False
        return urllib3.Retry(
            total=None,
            connect=0,
            read=0,
            status=0,
            other=0,
            redirect=_MOST_REDIRECTS,
            respect_retry_after_header=False,
            remove_headers_on_redirect=self._kept_here,
        )

    def _body(self, response: urllib3.BaseHTTPResponse, what: str, address: str) -> bytes:
        end = time.monotonic() + ANSWER_SECONDS
        pieces = bytearray()
        for piece in response.stream(_PIECE, decode_content=True):
            pieces += piece
            if len(pieces) > ANSWER_BYTES:
                said = f"{what}: {address} answers with more than {ANSWER_BYTES >> 20} MiB; not read"
                raise SourceError(Kind.CONTRACT, said)
            if time.monotonic() > end:
                said = f"{what}: {address} was not done with its answer after {ANSWER_SECONDS:.0f} s"
                raise SourceError(Kind.TRANSIENT, said)
        return bytes(pieces)


def _pool(proxy: str | None, verify: bool | str | None, connections: int) -> urllib3.PoolManager:
    trusted = verify if isinstance(verify, str) else certifi.where()
    options: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED"}
    options["ca_cert_dir" if Path(trusted).is_dir() else "ca_certs"] = trusted
    if proxy is None:
        return urllib3.PoolManager(maxsize=connections, **options)
    manager: urllib3.PoolManager = HTTPAdapter(pool_maxsize=connections).proxy_manager_for(proxy, **options)
    return manager


def _encoded(fields: Mapping[str, Any]) -> str:
    return urlencode([(name, value) for name, value in fields.items() if value is not None], doseq=True)
