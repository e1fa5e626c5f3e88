"""A small HTTP/1.1 server on loopback, with rate limits as the platforms announce them and faults on demand."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

JSON = "application/json; charset=utf-8"
Query = Mapping[str, list[str]]


@dataclass
class Request:
    """What a stand-in gets to see. `path` is decoded only where it says so; `base` is scheme, host and prefix."""

    path: str
    query: Query
    base: str

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


@dataclass
class Fault:
    """Something that goes wrong, for the first `times` requests whose path contains `path`.

    :param kind: `status` answers with `status` and the platform's error body (429: with its reset header, `reset_after`
        seconds from now); `html` a web page with status 200; `empty` no body; `hangup` closes the connection;
        `truncated` half of the right answer; `slow` the right answer after `reset_after` seconds.
    """

    path: str = ""
    kind: Literal["status", "html", "empty", "hangup", "truncated", "slow"] = "status"
    status: int = 500
    times: int = 1
    reset_after: float = 1.0


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
    """One platform's API below a prefix. Subclasses answer in `get`."""

    prefix = ""
    limits: Limits

    def get(self, request: Request) -> Response:
        """Answer a request whose path has lost the prefix."""
        raise NotImplementedError

    def error(self, status: int) -> Response:
        """The platform's own body for an error status."""
        raise NotImplementedError


class Server:
    """Stand-ins behind one port of 127.0.0.1, in a thread of their own until `stop`."""

    def __init__(self, standins: Iterable[StandIn], port: int = 0, faults: Iterable[Fault] = ()) -> None:
        self.standins = {standin.prefix: standin for standin in standins}
        self.faults = list(faults)
        self.requests = 0
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
            for fault in self.faults:
                if fault.times > 0 and fault.path in path:
                    fault.times -= 1
                    return fault
        return None


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
        request = Request(f"/{rest}", parse_qs(parts.query, keep_blank_values=True), base)
        fault = owner.fault_for(parts.path)
        allowed, headers = standin.limits.spend()
        if fault is not None and self._fail(fault, standin, request):
            return
        response = standin.get(request) if allowed else standin.error(429)
        response.headers = {**headers, **response.headers}
        if fault is not None and fault.kind == "truncated":
            response = Response(response.body[: len(response.body) // 2], response.status, response.headers)
        self._send(response)

    def do_POST(self) -> None:
        """`POST /_admin/faults` with the fields of a Fault as a JSON object: inject it from outside."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/_admin/faults":
            self._send(Response(b'{"error":"not found"}', 404))
            return
        try:
            self.owner.inject(Fault(**json.loads(body)))
        except (TypeError, ValueError) as error:
            self._send(Response(dumps({"error": f"not a fault: {error}"}), 400))
            return
        self._send(Response(b"{}"))

    def _fail(self, fault: Fault, standin: StandIn, request: Request) -> bool:
        """Let the fault happen; False where the right answer is still to be sent."""
        if fault.kind == "hangup":
            self.close_connection = True
            return True
        if fault.kind == "slow":
            time.sleep(fault.reset_after)
            return False
        if fault.kind == "truncated":
            return False
        if fault.kind == "html":
            page = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
            self._send(Response(page, content_type="text/html; charset=utf-8"))
            return True
        if fault.kind == "empty":
            self._send(Response(b""))
            return True
        response = standin.error(fault.status)
        if fault.status == 429:
            limits = standin.limits
            response.headers |= limits.headers(limits.limit, 0, time.time() + fault.reset_after)
        self._send(response)
        return True

    def _send(self, response: Response) -> None:
        reason = HTTPStatus(response.status).phrase
        lines = [f"HTTP/1.1 {response.status} {reason}", f"Date: {self.date_time_string()}"]
        lines += [f"Content-Type: {response.content_type}", f"Content-Length: {len(response.body)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
