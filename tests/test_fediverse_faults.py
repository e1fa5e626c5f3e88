"""Mastodon and Bluesky while things go wrong: once the faults end, what has landed is what the server has."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any

import bluesky_server
import mastodon_server
import pytest
from bluesky_server import Bluesky
from extraction import Feed
from loopback import Asked, Reply, Server, serve
from mastodon_server import Mastodon

from resonanz import exchange, http, http_answers
from resonanz.privacy import Privacy

PRIVACY = Privacy(b"a secret for tests only", [])
FAULTS = 8  # then all is well again
EXTRACT = "import sys, pathlib; from resonanz.settings import load; from resonanz.extract import extract; "
EXTRACT += "extract(load(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])), 'fediverse')"


def mastodon(server: Server) -> tuple[dict[str, Any], Callable[[], set[str]]]:
    """Options of a source, and what it should have landed: 45 posts, answers to the company and answers to these."""
    network = server.answers = Mastodon(limit=20)
    for number in range(45):
        network.say(f"leute{number}@anderswo.example", f"Nummer {number}", 60 * number, tags=("weidenfels",))
    for number in range(12):
        post = network.say(mastodon_server.COMPANY, f"Neues {number}", 3000 + 10 * number)
        comment = network.say("anna@x.example", "wie laut?", 3001 + 10 * number, post)
        network.say("bert@x.example", "das frage ich mich auch", 3002 + 10 * number, comment)
    options = {"base_url": server.address, "hashtags": ["weidenfels"], "accounts": [mastodon_server.COMPANY]}
    return {"platform": "mastodon", **options}, lambda: set(map(str, network.statuses))


def bluesky(server: Server) -> tuple[dict[str, Any], Callable[[], set[str]]]:
    network = server.answers = Bluesky(page=20)
    for number in range(45):
        network.say(bluesky_server.COMPANY, f"Nummer {number}", 60 * number)
    for number, post in enumerate(sorted(network.posts)[-12:]):
        comment = network.say("anna.test", "wie laut?", 3001 + 10 * number, post)
        network.say("bert.test", "das frage ich mich auch", 3002 + 10 * number, comment)
    options = {"service": server.address, "actors": [bluesky_server.COMPANY]}

    def expected() -> set[str]:
        company = bluesky_server.did(bluesky_server.COMPANY)
        dids = {uri.split("/")[2] for uri in network.posts} - {company}
        keys = {did: PRIVACY.author_key("bluesky", did) for did in dids}
        return {uri.replace(did, keys.get(did, did)) for uri in network.posts for did in [uri.split("/")[2]]}

    return {"platform": "bluesky", **options}, expected


def now() -> datetime:
    return datetime.now(UTC)


def cut(reply: Reply) -> Reply:
    return replace(reply, cut=20)


def truncated(reply: Reply) -> Reply:
    body = http_answers.orjson.dumps(reply.body)
    return Reply(body[: len(body) // 2])


def silent(reply: Reply) -> Reply:
    time.sleep(0.6)
    return reply


WRONG: dict[str, Callable[[Reply], Reply | None]] = {
    "500": lambda _: Reply({"error": "InternalServerError"}, 500),
    "429, seconds": lambda _: Reply({"error": "RateLimitExceeded"}, 429, {"Retry-After": "0"}),
    "429, date": lambda _: Reply({"error": "Too many"}, 429, {"Retry-After": format_datetime(now(), usegmt=True)}),
    "429, ISO": lambda _: Reply({"error": "Too many"}, 429, {"X-RateLimit-Reset": now().isoformat()}),
    "429, epoch": lambda _: Reply({"error": "Too many"}, 429, {"RateLimit-Reset": str(int(now().timestamp()))}),
    "429, nothing": lambda _: Reply({"error": "Too many"}, 429),
    "connection cut in the body": cut,
    "truncated JSON": truncated,
    "HTML page": lambda _: Reply(
        b"<!DOCTYPE html><html><body>Maintenance</body></html>", headers={"Content-Type": "text/html"}
    ),
    "empty body": lambda _: Reply(b""),
    "hung up": lambda _: None,
    "silence": silent,
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(lambda _: None) as running:
        yield running


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BACKOFF", 0.01)
    monkeypatch.setattr(exchange, "TIMEOUT", (2.0, 0.3))
    monkeypatch.setattr(http_answers, "SHORTEST_WAIT", 0.01)


def wrong(server: Server, fault: Callable[[Reply], Reply | None], every: int, in_a_row: int = 1) -> None:
    """From every `every`-th request on, `in_a_row` go wrong; FAULTS in all."""
    real, turns, left = server.answers, count(1), count()

    def answers(asked: Asked) -> Reply | None:
        reply = real(asked)
        if reply is not None and next(turns) % every < in_a_row and next(left) < FAULTS:
            return fault(reply)
        return reply

    server.answers = answers


def all_landed(source: Feed) -> list[str]:
    return [row["native_id"] for row in source.landed() if row["kind"] != "account"]


@pytest.mark.parametrize("network", [mastodon, bluesky])
@pytest.mark.parametrize("fault", WRONG.values(), ids=WRONG)
def test_after_the_faults_everything_has_landed_once(server, tmp_path, network, fault):
    options, expected = network(server)
    source = Feed(tmp_path, options, [mastodon_server.COMPANY, bluesky_server.COMPANY])
    wrong(server, fault, every=5)
    source.run()
    source.run()
    assert sorted(all_landed(source)) == sorted(expected())
    assert source.run().problems == []
    assert source.rows == []


@pytest.mark.parametrize("network", [mastodon, bluesky])
def test_faults_that_outlast_all_patience_leave_gaps_that_the_next_runs_close(server, tmp_path, network):
    options, expected = network(server)
    source = Feed(tmp_path, options, [mastodon_server.COMPANY, bluesky_server.COMPANY])
    wrong(server, WRONG["500"], every=10, in_a_row=http.ATTEMPTS)
    for _ in range(4):
        source.run()
    assert set(all_landed(source)) == expected()
    assert source.run().problems == []
    assert source.rows == []


@pytest.mark.parametrize("network", [mastodon, bluesky])
@pytest.mark.parametrize("request_number", [3, 9])
def test_a_run_killed_in_the_middle_of_a_page_loses_and_repeats_nothing(server, tmp_path, network, request_number):
    options, expected = network(server)
    source = Feed(tmp_path, options, [mastodon_server.COMPANY, bluesky_server.COMPANY])
    real, turns, processes = server.answers, count(1), []

    def kill(asked: Asked) -> Reply | None:
        if next(turns) == request_number:
            os.kill(processes[0].pid, signal.SIGKILL)
        return real(asked)

    server.answers = kill
    command = [sys.executable, "-c", EXTRACT, str(source.write()), str(tmp_path / "var")]
    processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert processes[0].wait(60) == -signal.SIGKILL
    server.answers = real
    assert source.run().problems == []
    assert sorted(all_landed(source)) == sorted(expected())
