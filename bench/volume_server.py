"""A Mastodon server with as many statuses as wanted, made up as they are served: `python -m bench.volume_server 9000`.

What extraction costs by volume shows only on more data than the demo company has. The process prints its address.
"""

import json
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from demo.standin_mastodon import MastodonStandIn
from demo.web import Request
from demo.world import build

PAGE = 40
_FIRST = 115_000_000_000_000_000  # a status id of 2025


def main() -> None:
    """Serve until killed."""
    count = int(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(count, _templates()))
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


def _templates() -> list[tuple[bytes, bytes, bytes]]:
    """Statuses of the demo company's server, cut at their id and their author's."""
    standin = MastodonStandIn(build())
    answer = standin.get(Request("/api/v1/timelines/tag/weidenfels", {"limit": ["40"]}, "http://127.0.0.1"))
    found = []
    for status in json.loads(answer.body):
        status |= {"id": "@ID@", "created_at": "@AT@", "in_reply_to_id": None, "replies_count": 0}
        before, rest = json.dumps(status, ensure_ascii=False).encode().split(b"@ID@", 1)
        between, after = rest.split(b"@AT@", 1)
        found.append((before, between, after))
    return found


def _handler(count: int, templates: list[tuple[bytes, bytes, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers, body = {}, b'{"domain":"haushalt.example"}'
            if parts.path.startswith("/api/v1/timelines/tag/"):
                last = int(query["max_id"]) - _FIRST if "max_id" in query else count
                low = int(query["min_id"]) - _FIRST if "min_id" in query else -1
                numbers = range(last - 1, max(low, last - 1 - PAGE, -1), -1)
                body = b"[" + b",".join(_status(templates[n % len(templates)], n, count) for n in numbers) + b"]"
                if len(numbers) == PAGE:
                    address = f"http://{self.headers['Host']}{parts.path}?max_id={_FIRST + numbers[-1]}"
                    headers["Link"] = f'<{address}>; rel="next"'
            lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return Handler


def _status(template: tuple[bytes, bytes, bytes], number: int, count: int) -> bytes:
    """Status `number`; a minute apart, the newest in autumn 2026."""
    minutes = 29_700_000 - (count - number)
    at = datetime.fromtimestamp(minutes * 60, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    before, between, after = template
    return before + str(_FIRST + number).encode() + between + at.encode() + after


if __name__ == "__main__":
    main()
