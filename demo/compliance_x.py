"""X's batch compliance: jobs, and the files that go with them, which lie on another host in truth."""

import json
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.errors_x import Refused, invalid, not_found
from demo.render_x import stamp
from demo.web import Request, Response, dumps

_SIGNATURE = "demo"


class Jobs:
    """The jobs of one app."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, Any]] = {}
        self._uploads: dict[str, list[str]] = {}

    def jobs(self, request: Request) -> Response:
        """List them, or make a new one."""
        if request.method == "GET":
            if request.one("type") not in ("tweets", "users"):
                raise invalid("type", str(request.one("type")), "The `type` query parameter must be tweets or users")
            return Response(dumps({"data": list(self._jobs.values())}))
        try:
            wanted = json.loads(request.body)["type"]
        except (ValueError, KeyError, TypeError):
            wanted = None
        if wanted != "tweets":
            raise invalid("type", str(wanted), "type must be tweets")
        number = str(len(self._jobs) + 1)
        now, files = datetime.now(UTC), f"{request.base}/_files/{number}"
        self._jobs[number] = {
            "id": number,
            "type": "tweets",
            "status": "created",
            "created_at": stamp(now),
            "upload_url": f"{files}/up?X-Goog-Signature={_SIGNATURE}",
            "upload_expires_at": stamp(now + timedelta(minutes=15)),
            "download_url": f"{files}/down?X-Goog-Signature={_SIGNATURE}",
            "download_expires_at": stamp(now + timedelta(days=7)),
            "resumable": False,
        }
        return Response(dumps({"data": self._jobs[number]}))

    def job(self, _: Request, number: str) -> Response:
        """One of them; it is complete once the ids have come."""
        if number not in self._jobs:
            raise Refused(404, not_found(number, "Could not find the job", "compliance-job", "id"))
        if number in self._uploads:
            self._jobs[number]["status"] = "complete"
        return Response(dumps({"data": self._jobs[number]}))

    def file(self, request: Request, number: str, way: str, alive: Container[str]) -> Response:
        """Take the ids, or tell which of them are gone. The addresses are signed, and no token is taken."""
        is_signed = request.one("X-Goog-Signature") == _SIGNATURE and "authorization" not in request.headers
        if not is_signed or number not in self._jobs:
            return Response(b"<Error><Code>AccessDenied</Code></Error>", 403, content_type="application/xml")
        if way == "up":
            self._uploads[number] = request.body.decode().split()
            return Response(b"")
        gone = [one for one in self._uploads.get(number, ()) if one not in alive]
        lines = [dumps({"id": one, "action": "delete", "reason": "deleted"}) for one in gone]
        return Response(b"\n".join(lines), content_type="application/x-ndjson")
