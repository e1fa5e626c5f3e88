"""Finds deleted posts through X's batch compliance ("Batch compliance" in X's documentation): ids go up, and what
became of them comes back. It reads no posts and costs none.

A job may take longer than a run: its number is noted, and a later run fetches what it found.
"""

import json
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import urllib3

from resonanz.errors import Kind, SourceError
from resonanz.exchange import Exchange, Request
from resonanz.http import LOOPBACK
from resonanz.landing import Message
from resonanz.social.faults import report
from resonanz.social.notes import Notes
from resonanz.social.reader import Reader

POLLS: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0)  # seconds before each look at a job that was just created
_NAME = "compliance"
_ATTEMPTS = 3
_HOST = "the host for its files"  # its addresses hold their own signatures
_HARMLESS = frozenset({"scrub_geo"})  # where somebody was is never kept
_UNFINISHED = frozenset({"created", "in_progress"})


class Compliance:
    """The compliance stream of one run. Its files go to other hosts than the API, and over plain http only where the
    API itself is on this machine.

    :param read_now: posts that this run was given by X, and so are there.
    """

    def __init__(self, reader: Reader, notes: Notes, read_now: Container[str]) -> None:
        self.reader = reader
        self.client = client = reader.network.client
        self._read_now = read_now
        self._may_be_plain = urlsplit(client.base).hostname in LOOPBACK
        self._notes = notes

    def read(self) -> Iterator[Message]:
        """The deletions that a job found: the one of an earlier run, or a new one where that is done in time."""
        try:
            job, polls = self._notes.get(_NAME), POLLS[:1]
            if job is None:
                job, polls = self._create(), POLLS
            if job is not None:
                yield from self._results(str(job), polls)
        except SourceError as error:
            report(self.reader.context, self.client, error)

    def _create(self) -> str | None:
        """Have X look at all young posts; the new job's id, None where there are none."""
        ids = [native_id for native_id in self.reader.memory.young() if native_id not in self._read_now]
        if not ids:
            return None
        sent = {"type": "tweets", "name": self.reader.context.source[:64]}
        job = _job(self.client.post("/2/compliance/jobs", sent, what="compliance job", bucket="compliance").value)
        self._send(str(job.get("upload_url")), "\n".join(ids).encode() + b"\n")
        self._notes[_NAME] = str(job["id"])
        return str(job["id"])

    def _results(self, job_id: str, polls: tuple[float, ...]) -> Iterator[Message]:
        for pause in polls:
            time.sleep(pause)
            try:
                path = f"/2/compliance/jobs/{job_id}"
                job = _job(self.client.get(path, what="compliance job", bucket="compliance").value)
            except SourceError as error:
                if error.kind is Kind.GONE:
                    self._notes.pop(_NAME, None)
                raise
            status = job.get("status")
            if status in _UNFINISHED:
                continue
            if status == "complete":
                for native_id in self._deleted(str(job.get("download_url"))):
                    yield from self.reader.gone(native_id, _NAME)
            self._notes.pop(_NAME, None)
            if status != "complete":
                raise SourceError(Kind.TRANSIENT, f"compliance job: X says {status}. The next run creates another one.")
            return

    def _deleted(self, url: str) -> Iterator[str]:
        for line in self._lines(url):
            try:
                found = json.loads(line)
                native_id, action = str(found["id"]), str(found.get("action") or found["reason"])
            except (ValueError, TypeError, KeyError, AttributeError):
                raise SourceError(Kind.CONTRACT, "compliance job: a result is not what X promises") from None
            if action not in _HARMLESS and found.get("reason") not in _HARMLESS:
                yield native_id

    def _send(self, url: str, body: bytes) -> None:
        headers = {"Content-Type": "text/plain"}
        with self._opened("PUT", url, "sending the ids", data=body, headers=headers):
            pass

    def _lines(self, url: str) -> Iterator[str]:
        with self._opened("GET", url, "fetching the results") as response:
            for line in response:
                if line.strip():
                    yield line.decode("utf-8", "replace")

    @contextmanager
    def _opened(self, method: str, url: str, what: str, **request: Any) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer of an address that holds its own signature: asked without the token, and never named in words."""
        said = f"compliance job: {what}"
        parts = urlsplit(url)
        if not (parts.scheme == "https" or (self._may_be_plain and parts.hostname in LOOPBACK)):
            raise SourceError(Kind.CONTRACT, f"{said}: X gave no https address for it")
        asked = Request(method=method, address=url, is_led_on=False, shown=_HOST, **request)
        with ExitStack() as stack:
            yield self._tried(stack, Exchange(url, {}), asked, said)

    def _tried(self, stack: ExitStack, exchange: Exchange, asked: Request, said: str) -> urllib3.BaseHTTPResponse:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = stack.enter_context(exchange.opened(asked, said))
            except SourceError as error:
                fault = error
            else:
                if 200 <= response.status < 300:
                    return response
                kind = Kind.TRANSIENT if response.status >= 500 else Kind.CONTRACT
                words = f"{said}: {_HOST} answered {response.status}"
                fault = SourceError(kind, f"{words}. The next run tries again.")
            if not fault.is_retryable or attempt == _ATTEMPTS:
                raise fault
            time.sleep(0.5 * attempt)


def _job(value: Mapping[str, Any]) -> Mapping[str, Any]:
    job = value.get("data")
    if not isinstance(job, Mapping) or not job.get("id"):
        raise SourceError(Kind.CONTRACT, "compliance job: X's answer has none")
    return job
