"""The stand-ins' server: what a stand-in gets to see, and the faults that tests and rehearsals let happen."""

import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest
import requests

from demo.web import Exchange, Fault, Limits, Request, Response, Server, StandIn, dumps


class Echo(StandIn):
    """Answers with what it was asked."""

    prefix = "/echo"

    def __init__(self) -> None:
        self.limits = Limits(1_000, 60.0, lambda limit, left, reset: {"X-Left": str(left), "X-Reset": str(int(reset))})

    def get(self, request: Request) -> Response:
        return Response(dumps({"method": request.method, "token": request.headers.get("authorization")}))

    def post(self, request: Request) -> Response:
        return Response(dumps({"method": request.method, "sent": json.loads(request.body)}), 201)

    def error(self, status: int) -> Response:
        return Response(dumps({"error": status}), status)

    def fault(self, fault: Fault) -> Response:
        return Response(dumps({"error": fault.code or fault.status}), fault.status)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server([Echo()]) as running:
        yield running


def get(server: Server, path: str = "/echo/a") -> requests.Response:
    return requests.get(f"{server.url}{path}", headers={"Authorization": "Bearer x"}, timeout=5)


def test_a_stand_in_sees_method_headers_and_body(server: Server) -> None:
    assert get(server).json() == {"method": "GET", "token": "Bearer x"}
    answer = requests.post(f"{server.url}/echo/a", json={"ids": [1]}, timeout=5)
    assert (answer.status_code, answer.json()) == (201, {"method": "POST", "sent": {"ids": [1]}})
    assert int(answer.headers["X-Left"]) == 998


def test_every_nth_request_fails_as_often_as_asked(server: Server) -> None:
    server.inject(Fault(every=3, times=2, status=503, code="busy"))
    answers = [get(server) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200, 200, 503] * 2 + [200] * 6
    assert answers[2].json() == {"error": "busy"}


@pytest.mark.parametrize("reset", ["own", "seconds", "date", "none"])
def test_a_429_says_when_it_ends_in_each_way(server: Server, reset: str) -> None:
    server.inject(Fault(status=429, reset_after=90, reset=reset))
    answer = get(server)
    assert answer.status_code == 429
    assert ("X-Reset" in answer.headers) == (reset == "own")
    assert ("Retry-After" in answer.headers) == (reset in ("seconds", "date"))
    if reset == "own":
        assert 80 < int(answer.headers["X-Reset"]) - time.time() <= 90
    elif reset == "seconds":
        assert answer.headers["Retry-After"] == "90"
    elif reset == "date":
        assert 80 < parsedate_to_datetime(answer.headers["Retry-After"]).timestamp() - time.time() <= 90


def test_a_cut_body_is_shorter_than_announced(server: Server) -> None:
    server.inject(Fault(kind="cut"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(server)
    server.inject(Fault(kind="truncated"))
    answer = get(server)
    assert len(answer.content) == int(answer.headers["Content-Length"]) > 0
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert get(server).status_code == 200


def test_a_listener_hears_of_every_answer_and_its_fault(server: Server) -> None:
    heard: list[Exchange] = []
    server.on_answer = heard.append
    server.inject(Fault(path="/b"))
    get(server)
    get(server, "/echo/b?q=1")
    assert [(e.request.path, e.response.status, e.fault is None) for e in heard] == [
        ("/a", 200, True),
        ("/b", 500, False),
    ]
    assert heard[1].request.query == {"q": ["1"]}
