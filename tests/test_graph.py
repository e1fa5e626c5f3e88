"""Graph API: what its errors mean, its pages, several objects at once, metrics one by one."""

import hashlib
import hmac
from pathlib import Path

import pytest
from facebook_server import failing, usage
from loopback import Asked, Reply, Server, serve

from resonanz import http
from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context
from resonanz.privacy import Privacy
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.requests import NOT_THERE, Graph, explain
from resonanz.social.notes import Notes
from resonanz.social.pages import CURSOR_EXPIRED


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)


def told(code, message="No", *, headers=None, status=400, **more):
    return explain(status, {"error": {"message": message, "code": code, **more}}, headers or {})


@pytest.mark.parametrize(
    ("code", "more", "kind"),
    [
        *[(code, {}, Kind.LIMIT) for code in (4, 17, 32, 613, 80001, 80002, 80009, 80014)],
        (4, {"is_transient": True}, Kind.LIMIT),
        *[(code, {}, Kind.CREDENTIALS) for code in (102, 104, 190, 463, 467)],
        (190, {"error_subcode": 463}, Kind.CREDENTIALS),
        (100, {"message": "API calls from the server require an appsecret_proof argument"}, Kind.CREDENTIALS),
        (2500, {"message": "An active access token must be used"}, Kind.CREDENTIALS),
        *[(code, {}, Kind.PERMISSION) for code in (3, 10, 200, 210, 299)],
        (100, {"error_subcode": 33}, Kind.GONE),
        (100, {"message": "Unsupported get request. Object with ID '1' does not exist, ..."}, Kind.GONE),
        (100, {"status": 404}, Kind.GONE),
        (803, {}, Kind.GONE),
        (1, {}, Kind.TRANSIENT),
        (2, {}, Kind.TRANSIENT),
        (9999, {"is_transient": True}, Kind.TRANSIENT),
        (1, {"message": "Please reduce the amount of data you're asking for"}, Kind.CONTRACT),
        (12, {}, Kind.CONTRACT),
        (100, {"message": "(#100) Tried accessing nonexisting field (x) on node type (Post)"}, Kind.CONTRACT),
        ("190", {}, Kind.CREDENTIALS),
        (9999, {}, None),
    ],
)
def test_each_code_says_who_must_act(code, more, kind):
    assert told(code, **{"message": "No", **more}).kind is kind


def test_codes_by_which_reading_goes_on():
    assert told(100, "(#100) The value must be a valid insights metric").code == "invalid metric"
    assert told(100, "Invalid parameter", error_user_msg="metric[0] must be one of").code == "invalid metric"
    assert told(100, "(#100) The After Cursor specified exceeds the max limit").code == CURSOR_EXPIRED
    assert told(100, error_subcode=33).code == NOT_THERE
    assert told(12, "(#12) is deprecated").code == "12"


def test_a_limit_says_when_it_ends():
    assert told(80001, headers=usage(7)).retry_after == 420
    assert told(4, headers={"Retry-After": "9"}).retry_after == 9
    assert told(17).retry_after == 300
    assert told(17, headers={"X-Business-Use-Case-Usage": "not JSON"}).retry_after == 300


@pytest.mark.parametrize("body", [None, [], {"error": "words"}, {"data": []}, "text"])
def test_bodies_of_others_are_left_to_the_status(body):
    assert explain(500, body, {}) is None


def graph_of(server: Server, **more) -> Graph:
    client = Client(server.address, source="page", token="t-1234567890", explain=explain)
    return Graph(client, "v26.0", **more)


def test_the_next_page_is_asked_for_by_its_cursor_and_not_by_the_address_with_the_token():
    address = "https://elsewhere.example/x?access_token=secret&after=c2&until=5"
    pages = {
        None: {"data": [{"id": "1"}], "paging": {"cursors": {"after": "c1"}, "next": address}},
        "c1": {"data": [], "paging": {"next": "https://elsewhere.example/x?access_token=secret&after=c2"}},
        "c2": {"data": [{"id": "2"}], "paging": {"next": "https://elsewhere.example/?until=9&__paging_token=p"}},
    }

    def answers(asked: Asked) -> Reply:
        assert asked.headers["Authorization"] == "Bearer t-1234567890"
        assert "access_token" not in asked.query
        if asked.query.get("until"):
            assert asked.query["__paging_token"] == "p"
            return Reply({"data": [{"id": "3"}], "paging": {"cursors": {"after": "c9"}}})
        return Reply(pages[asked.query.get("after")])

    with serve(answers) as server:
        graph, cursor, found = graph_of(server), None, []
        for _ in range(4):
            items, cursor = graph.page("1/feed", cursor, what="feed", fields="id", limit=5)
            found += [item["id"] for item in items]
            assert "secret" not in str(cursor)
        assert (found, cursor) == (["1", "2", "3"], None), "a cursor without a next address ends it"
        assert {asked.path for asked in server.asked} == {"/v26.0/1/feed"}


def test_too_much_data_halves_the_page_and_goes_on():
    def answers(asked: Asked) -> Reply:
        if int(asked.query["limit"]) > 12:
            return failing(1, "Please reduce the amount of data you're asking for, then retry your request", 500)
        return Reply({"data": []})

    with serve(answers) as server:
        graph = graph_of(server)
        graph.page("1/feed", None, what="feed", fields="id", limit=100, edge="feed")
        graph.page("2/feed", None, what="feed", fields="id", limit=100, edge="feed")
        assert [asked.query["limit"] for asked in server.asked] == ["100", "50", "25", "12", "12"]


def test_too_much_data_for_a_single_item_is_a_fault():
    with (
        serve(lambda _: failing(1, "Please reduce the amount of data", 500)) as server,
        pytest.raises(SourceError) as e,
    ):
        graph_of(server).page("1/feed", None, what="feed", fields="id", limit=4)
    assert e.value.kind is Kind.CONTRACT
    assert len(server.asked) == 3


def test_a_refused_cursor_is_an_expired_one_and_the_same_refusal_without_it_is_not():
    with serve(lambda _: failing(100, "(#100) Invalid parameter")) as server:
        for cursor, code in (("c1", CURSOR_EXPIRED), (None, "100")):
            with pytest.raises(SourceError) as raised:
                graph_of(server).page("1/feed", cursor, what="feed", fields="id", limit=4)
            assert raised.value.code == code


def test_one_id_that_is_gone_is_found_among_many():
    gone = {"3", "17"}

    def answers(asked: Asked) -> Reply:
        names = asked.query["ids"].split(",") if "ids" in asked.query else [asked.path.rpartition("/")[2]]
        if gone & set(names):
            return failing(803, "(#803) Some of the aliases you requested do not exist", 404)
        return Reply({name: {"id": name} for name in names} if len(names) > 1 else {"id": names[0]})

    with serve(answers) as server:
        names = [str(number) for number in range(20)]
        found = graph_of(server).by_ids(names, what="posts", fields="id")
        assert set(found) == set(names)
        assert {name for name, item in found.items() if item is None} == gone
        assert len(server.asked) < 20


def test_the_proof_goes_with_every_request():
    with serve(lambda _: Reply({"data": []})) as server:
        graph = graph_of(server, token="t-1234567890", app_secret="app-secret")
        graph.page("1/feed", None, what="feed", fields="id", limit=4)
        graph.get("1", what="page")
        proof = hmac.new(b"app-secret", b"t-1234567890", hashlib.sha256).hexdigest()
        assert [asked.query["appsecret_proof"] for asked in server.asked] == [proof, proof]


def insights(refused: dict[str, Kind], notes: Notes | None = None):
    context = Context("page", Path(), Privacy(b"0123456789abcdef"))
    names = {"a": "views", "b": "reach", "b2": "reach", "c": "clicks"}
    metrics = Insights("post insights", names, context, Notes() if notes is None else notes, {"c": "2025-11-15"})
    asked = []

    def request(names):
        asked.append(list(names))
        for name in names:
            if name in refused:
                raise SourceError(refused[name], f"{name} is refused", code="invalid metric")
        return list(names)

    return metrics, request, asked, context


def test_a_refused_metric_does_not_cost_the_others_and_is_left_out_from_then_on():
    notes = Notes()
    metrics, request, asked, context = insights({"c": Kind.CONTRACT, "b": Kind.PERMISSION}, notes)
    assert metrics.ask(request) == ["a", "b2"]
    assert set(metrics.unavailable) == {"clicks"}, "reach comes from b2"
    assert metrics.unavailable["clicks"].startswith("retired on 2025-11-15")
    assert len(context.notices) == 2
    metrics, request, asked, context = insights({"c": Kind.CONTRACT}, notes)
    assert metrics.ask(request) == ["a", "b2"]
    assert (asked, context.notices) == ([["a", "b2"]], [])


def test_what_fails_without_any_metric_is_no_metrics_fault():
    metrics, _, _, context = insights({})

    def request(names):
        raise SourceError(Kind.PERMISSION, "the whole feed is closed", code="10")

    with pytest.raises(SourceError, match="whole feed"):
        metrics.ask(request)
    assert (metrics.unavailable, context.notices) == ({}, [])


def test_values_of_both_forms():
    metrics, *_ = insights({})
    data = [
        {"name": "b2", "values": [{"value": 4}]},
        {"name": "b", "total_value": {"value": 5}},
        {"name": "a", "values": [{"value": {"x": 1}}, {"value": True}]},
        {"name": "other", "values": [{"value": 1}]},
    ]
    assert metrics.totals({"data": data}) == {"reach": 5.0}
    assert metrics.totals(None) == {}
