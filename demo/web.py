"""A small HTTP/1.1 server on loopback, with rate limits as the platforms announce them and faults on demand."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from demo.faults import Fault as Fault

JSON = "application/json; charset=utf-8"
TOKEN = "demo-token"  # noqa: S105  what the stand-ins take where the platform wants a token; it opens nothing else
Query = Mapping[str, list[str]]


@dataclass
class Request:
    """What a stand-in gets to see. `path` is decoded only where it says so; `base` is scheme, host and prefix.

    :param headers: names in lower case.
    :param raw_query: the query still percent-encoded, for APIs with their own rules.
    """

    path: str
    query: Query
    base: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw_query: str = ""

    def one(self, name: str) -> str | None:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None


@dataclass
class Response:
    """Status, body and headers of an answer."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON


def dumps(value: Any) -> bytes:
    """Compact JSON, as the platforms send it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Exchange:
    """One request and what was answered; `fault` is what went wrong on purpose."""

    standin: "StandIn"
    request: Request
    response: Response
    fault: Fault | None = None


class Limits:
    """A window of requests, announced in the platform's own headers.

    :param headers: makes the headers from (limit, remaining, reset as epoch seconds).
    """

    def __init__(self, limit: int, window: float, headers: Callable[[int, int, float], dict[str, str]]) -> None:
        self.limit, self.window, self.headers = limit, window, headers
        self._lock = threading.Lock()
        self._ends, self._left = 0.0, limit

    def spend(self) -> tuple[bool, dict[str, str]]:
        """Whether one more request is allowed, and the headers that say what is left."""
        with self._lock:
            now = time.time()
            if now >= self._ends:
                self._ends, self._left = now + self.window, self.limit
            allowed = self._left > 0
            self._left = max(0, self._left - 1)
            return allowed, self.headers(self.limit, self._left, self._ends)


class StandIn:
    """One platform's API below a prefix. Subclasses answer in `get`, and in `post` where the platform takes that."""

    prefix = ""
    limits: Limits

    def get(self, request: Request) -> Response:
        """Answer a request whose path has lost the prefix."""
        raise NotImplementedError

    def post(self, request: Request) -> Response:
        """Answer a POST or PUT; the platform's 405 where nothing takes one."""
        return self.error(405)

    def error(self, status: int) -> Response:
        """The platform's own body for an error status."""
        raise NotImplementedError

    def fault(self, fault: Fault) -> Response:
        """The answer to a request that a `status` fault hits; override it to honour `fault.code`."""
        return self.error(fault.status)

    def spend(self, request: Request) -> tuple[bool, dict[str, str]]:
        """Count the request: whether it is allowed, and the headers that say what is left.

        Override it where requests have different prices or windows of their own.
        """
        return self.limits.spend()


class Server:
    """Stand-ins behind one port of 127.0.0.1, in a thread of their own until `stop`."""

    def __init__(self, standins: Iterable[StandIn], port: int = 0, faults: Iterable[Fault] = ()) -> None:
        self.standins = {standin.prefix: standin for standin in standins}
        self.faults = list(faults)
        self.requests = 0
        self.on_answer: Callable[[Exchange], None] | None = None  # hears of everything that was answered
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _HTTP(("127.0.0.1", port), handler)
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the server; the stand-ins lie at `<url>/mastodon` and `<url>/bluesky`."""
        return f"http://127.0.0.1:{self.port}"

    def inject(self, fault: Fault) -> None:
        """From now on, let `fault` happen."""
        with self._lock:
            self.faults.append(fault)

    def stop(self) -> None:
        """Close the port; returns when the server's thread has ended."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fault_for(self, path: str) -> Fault | None:
        """The fault that is due for `path`, counted down."""
        if not self.faults:
            return None
        with self._lock:
            return next((fault for fault in self.faults if fault.is_due(path)), None)


class _HTTP(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # clients may keep idle connections open: stopping does not wait for them
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    owner: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, *_: Any) -> None:
        """Say nothing: thousands of requests would drown what matters."""

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_POST(self) -> None:
        """`POST /_admin/faults` with the fields of a Fault as a JSON object: inject it from outside."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/_admin/faults":
            self._answer("POST", body)
            return
        try:
            self.owner.inject(Fault(**json.loads(body)))
        except (TypeError, ValueError) as error:
            self._send(Response(dumps({"error": f"not a fault: {error}"}), 400))
            return
        self._send(Response(b"{}"))

    def do_PUT(self) -> None:
        self._answer("PUT", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, method: str, body: bytes) -> None:
        owner = self.owner
        owner.requests += 1
        parts = urlsplit(self.path)
        head, _, rest = parts.path.removeprefix("/").partition("/")
        standin = owner.standins.get(f"/{head}")
        if standin is None:
            known = ", ".join(owner.standins)
            self._send(Response(dumps({"error": f"no stand-in here; there are {known}"}), 404))
            return
        base = f"http://{self.headers.get('Host') or f'127.0.0.1:{owner.port}'}{standin.prefix}"
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(f"/{rest}", query, base, method, headers, body, parts.query)
        fault = owner.fault_for(parts.path)
        response = self._response(standin, request, fault)
        if response is None:  # hung up
            self.close_connection = True
            return
        if owner.on_answer is not None:
            owner.on_answer(Exchange(standin, request, response, fault))
        self._send(response, is_cut=fault is not None and fault.kind == "cut")

    def _response(self, standin: StandIn, request: Request, fault: Fault | None) -> Response | None:
        """The right answer, or what the fault makes of it; None where nothing is said at all."""
        allowed, headers = standin.spend(request)
        if fault is not None:
            if fault.kind == "hangup":
                return None
            if fault.kind == "html":
                page = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
                return Response(page, content_type="text/html; charset=utf-8")
            if fault.kind == "empty":
                return Response(b"")
            if fault.kind == "status":
                return _failed(standin, fault)
            if fault.kind == "slow":
                time.sleep(fault.reset_after)
        if allowed:
            response = standin.get(request) if request.method == "GET" else standin.post(request)
        else:
            response = standin.error(429)
        response.headers = {**headers, **response.headers}
        if fault is not None and fault.kind == "truncated":
            half = response.body[: len(response.body) // 2]
            return Response(half, response.status, response.headers, response.content_type)
        return response

    def _send(self, response: Response, *, is_cut: bool = False) -> None:
        reason = self.responses[response.status][0] if response.status in self.responses else "Unknown"
        lines = [f"HTTP/1.1 {response.status} {reason}", f"Date: {self.date_time_string()}"]
        lines += [f"Content-Type: {response.content_type}", f"Content-Length: {len(response.body)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        body = response.body[: len(response.body) // 2] if is_cut else response.body
        self.close_connection = self.close_connection or is_cut
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def _failed(standin: StandIn, fault: Fault) -> Response:
    """The platform's error, and for a 429 when it ends."""
    response = standin.fault(fault)
    if fault.status != 429 or fault.reset == "none":
        return response
    ends = time.time() + fault.reset_after
    if fault.reset == "own":
        response.headers |= standin.limits.headers(standin.limits.limit, 0, ends)
    elif fault.reset == "seconds":
        response.headers["Retry-After"] = str(max(1, round(fault.reset_after)))
    else:
        response.headers["Retry-After"] = formatdate(ends, usegmt=True)
    return response
