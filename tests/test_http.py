"""The HTTP client against a real server on loopback: faults, limits, redirects, and what its messages say."""

import gzip
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

import pytest
from loopback import Asked, Reply, serve

from resonanz import exchange, http
from resonanz.budget import Budget
from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.http import Client, base_address
from resonanz.http_answers import Refusal, reset


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)


def ask(answers, *, token=None, what="hashtag #x", **options):
    with serve(answers) as server:
        client = Client(server.address, source="fediverse", token=token, **options)
        try:
            return client.get("/api/v1/things", {"q": "geheim@example.org"}, what=what), server
        except SourceError as error:
            error.server = server
            raise


def fault(answers, **options) -> SourceError:
    with pytest.raises(SourceError) as raised:
        ask(answers, **options)
    assert "geheim" not in raised.value.message, "the query must not stand in a message"
    assert raised.value.message.startswith("hashtag #x: ")
    return raised.value


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (401, Kind.CREDENTIALS, 1),
        (403, Kind.PERMISSION, 1),
        (404, Kind.GONE, 1),
        (410, Kind.GONE, 1),
        (422, Kind.CONTRACT, 1),
        (500, Kind.TRANSIENT, http.ATTEMPTS),
        (502, Kind.TRANSIENT, http.ATTEMPTS),
        (503, Kind.TRANSIENT, http.ATTEMPTS),
    ],
)
def test_a_status_becomes_a_fault_of_its_kind_with_the_servers_own_words(status, kind, requests):
    error = fault(lambda _: Reply({"error": "So nicht"}, status))
    assert error.kind is kind
    assert str(status) in error.message
    assert "So nicht" in error.message
    assert "/api/v1/things" in error.message
    assert len(error.server.asked) == requests


def test_a_page_that_is_missing_is_not_taken_for_the_apis_word_that_something_was_deleted():
    error = fault(lambda _: Reply(b"<html><h1>404 Not Found</h1><script>x()</script></html>", 404))
    assert error.kind is Kind.CONTRACT
    assert "404 Not Found" in error.message
    assert "x()" not in error.message


def test_a_server_that_recovers_is_asked_again_and_answers():
    turns = count()
    answer, server = ask(lambda _: Reply({"ok": True}) if next(turns) == 2 else Reply({}, 503))
    assert answer.value == {"ok": True}
    assert len(server.asked) == 3


def test_refused_credentials_name_where_to_renew_them():
    error = fault(lambda _: Reply({"error": "The access token is invalid"}, 401), token="s3cret-token")
    assert "RESONANZ_TOKEN_FEDIVERSE" in error.message
    assert "resonanz_fediverse" in error.message
    assert "s3cret" not in error.message


def test_the_apis_own_error_codes_can_say_more_than_the_status():
    error = fault(
        lambda _: Reply({"error": "NotFound", "message": "Post not found"}, 400), faults={"NotFound": Kind.GONE}
    )
    assert error.kind is Kind.GONE
    assert "Post not found" in error.message


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (
            b"<!DOCTYPE html><html><title>Wartung</title>" + b"x" * 500,
            {"Content-Type": "text/html"},
            "HTML instead of JSON",
        ),
        (b"", {}, "empty answer"),
        (b"   \n", {}, "empty answer"),
        (b'{"statuses": [{"id": "1", "content": "abge', {}, "breaks off"),
        (b"ok", {}, "not JSON"),
        (b'{"n": NaN}', {}, "not JSON"),
        (b"[" * 100_000, {}, "breaks off|not JSON"),
        (b'["a list"]', {}, "not an object"),
    ],
)
def test_an_answer_that_is_not_the_promised_json_is_a_contract_fault_with_its_first_characters(body, headers, words):
    error = fault(lambda _: Reply(body, headers=headers))
    assert error.kind is Kind.CONTRACT
    assert any(word in error.message for word in words.split("|")), error.message
    if body.strip():
        assert body[:10].decode() in error.message
    assert len(error.message) < 350
    assert len(error.server.asked) == (1 if "object" in words else http.ATTEMPTS), "garbage may be gone a moment later"


def test_a_connection_closed_without_an_answer_is_transient_and_tried_again():
    error = fault(lambda _: None)
    assert error.kind is Kind.TRANSIENT
    assert "cannot be reached" in error.message
    assert len(error.server.asked) == http.ATTEMPTS


def test_an_answer_cut_off_in_the_middle_is_tried_again():
    turns = count()
    answer, server = ask(lambda _: Reply({"text": "x" * 1000}, cut=500 if next(turns) == 0 else None))
    assert answer.value == {"text": "x" * 1000}
    assert len(server.asked) == 2


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_answer_is_unpacked(encoding, packed):
    reply = Reply(packed(b'{"text": "Gr\xc3\xbc\xc3\x9fe"}'), headers={"Content-Encoding": encoding})
    answer, server = ask(lambda _: reply)
    assert answer.value == {"text": "Grüße"}
    headers = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert encoding in headers["accept-encoding"]


def test_a_compressed_answer_that_is_broken_is_tried_again():
    turns = count()
    whole, broken = gzip.compress(b'{"ok": true}'), b"no gzip at all"
    answer, server = ask(lambda _: Reply(whole if next(turns) else broken, headers={"Content-Encoding": "gzip"}))
    assert answer.value == {"ok": True}
    assert len(server.asked) == 2


def test_the_proxy_of_the_environment_is_asked_and_signed_in_to(monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serve(lambda _: Reply({"ok": 1})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.address.replace("://", "://somebody:password@"))
        answer = Client("http://social.example", source="fediverse").get("/x", what="x")
    assert answer.value == {"ok": 1}
    assert proxy.asked[0].headers["Host"] == "social.example"
    assert proxy.asked[0].headers["Proxy-Authorization"].startswith("Basic ")


def test_nobody_listening_is_said_in_words():
    client = Client("http://127.0.0.1:1", source="fediverse")
    with pytest.raises(SourceError) as raised:
        client.get("/x", what="hashtag #x")
    assert raised.value.kind is Kind.TRANSIENT
    assert "Connection refused" in raised.value.message


def test_a_server_that_does_not_answer_runs_into_the_timeout(monkeypatch):
    monkeypatch.setattr(exchange, "TIMEOUT", (1.0, 0.1))
    monkeypatch.setattr(http, "ATTEMPTS", 1)

    def sleepy(_: Asked) -> Reply:
        time.sleep(0.5)
        return Reply({})

    assert "did not answer in time" in fault(sleepy).message


def test_an_endless_answer_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(exchange, "ANSWER_BYTES", 1000)
    assert fault(lambda _: Reply({"text": "x" * 200_000})).kind is Kind.CONTRACT


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Retry-After", lambda: "1"),
        ("Retry-After", lambda: format_datetime(in_seconds(1.5), usegmt=True)),
        ("X-RateLimit-Reset", lambda: in_seconds(1).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        ("RateLimit-Reset", lambda: str(int(in_seconds(1.5).timestamp()))),
    ],
)
def test_a_near_limit_is_waited_for(name, value):
    turns = count()
    started = time.monotonic()
    answer, server = ask(lambda _: Reply({"ok": 1}) if next(turns) else Reply({}, 429, {name: value()}))
    assert answer.value == {"ok": 1}
    assert len(server.asked) == 2
    assert 0.9 < time.monotonic() - started < 5


@pytest.mark.parametrize(
    "headers",
    [
        lambda: {"Retry-After": "300"},
        lambda: {"X-RateLimit-Reset": in_seconds(300).isoformat()},
        lambda: {"RateLimit-Reset": str(int(in_seconds(300).timestamp()))},
    ],
)
def test_a_far_limit_ends_the_request_at_once_and_says_when_to_come_back(headers):
    error = fault(lambda _: Reply({"error": "Too many requests"}, 429, headers()))
    assert error.kind is Kind.LIMIT
    assert 290 < error.retry_after <= 301
    assert len(error.server.asked) == 1


def test_waiting_for_limits_is_bounded_in_all(monkeypatch):
    monkeypatch.setattr(http, "PATIENCE", 1.5)
    started = time.monotonic()
    error = fault(lambda _: Reply({}, 429, {"Retry-After": "1"}))
    assert error.kind is Kind.LIMIT
    assert time.monotonic() - started < 3


def test_a_limit_without_a_reset_is_tried_a_few_times():
    error = fault(lambda _: Reply({}, 429))
    assert error.kind is Kind.LIMIT
    assert len(error.server.asked) == http.ATTEMPTS


def test_after_the_last_allowed_request_the_next_one_waits_for_the_reset():
    left = count(1)

    def answers(_: Asked) -> Reply:
        last = next(left) == 1
        return Reply(
            {}, headers={"X-RateLimit-Remaining": "0" if last else "9", "X-RateLimit-Reset": in_seconds(1).isoformat()}
        )

    with serve(answers) as server:
        client = Client(server.address, source="fediverse")
        started = time.monotonic()
        client.get("/a", what="a")
        assert time.monotonic() - started < 0.5
        client.get("/b", what="b")
        assert time.monotonic() - started >= 0.9


def test_a_reset_is_measured_by_the_servers_clock():
    skewed = datetime(2020, 1, 1, 12, 0, 0, tzinfo=UTC)
    headers = {"Date": format_datetime(skewed, usegmt=True), "X-RateLimit-Reset": "2020-01-01T12:05:00.000000Z"}
    assert reset(headers) == 300
    assert reset({"RateLimit-Reset": "30"}) == 30, "the IETF draft counts seconds"
    assert reset({"X-RateLimit-Reset": "soon"}) is None


@pytest.mark.parametrize(
    ("options", "sent"), [({}, "Bearer s3cret-token"), ({"sent_in": "X-Goog-Api-Key"}, "s3cret-token")]
)
def test_a_redirect_to_another_host_loses_the_token(options, sent):
    with serve(lambda _: Reply({"ok": 1})) as other:
        elsewhere = other.address.replace("127.0.0.1", "localhost") + "/landed"

        def here(asked: Asked) -> Reply:
            if asked.path == "/start":
                return Reply({}, 302, {"Location": "/same"})
            return Reply({}, 302, {"Location": elsewhere})

        with serve(here) as server:
            client = Client(server.address, source="fediverse", token="s3cret-token", **options)
            assert client.get("/start", what="x").value == {"ok": 1}
        header = options.get("sent_in", "Authorization")
        assert [asked.headers.get(header) for asked in server.asked] == [sent] * 2
        assert header not in other.asked[0].headers
        assert all("s3cret" not in asked.path and "s3cret" not in str(asked.query) for asked in server.asked)


def test_redirects_in_a_circle_end():
    error = fault(lambda _: Reply({}, 302, {"Location": "/api/v1/things"}))
    assert error.kind is Kind.CONTRACT
    assert "circle" in error.message


def test_a_token_is_never_sent_unencrypted_to_another_machine():
    with pytest.raises(ConfigError, match="https only"):
        Client("http://social.example", source="fediverse", token="t")


def test_cookies_and_netrc_are_left_alone(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serve(lambda _: Reply({}, headers={"Set-Cookie": "track=1"})) as server:
        client = Client(server.address, source="fediverse")
        for _ in range(2):
            client.get("/x", what="x")
    assert all("Authorization" not in asked.headers and "Cookie" not in asked.headers for asked in server.asked)


def test_each_keeps_the_order_and_puts_faults_in_their_place():
    def answers(asked: Asked) -> Reply:
        number = int(asked.path.strip("/"))
        time.sleep(0.02 * (number % 3))
        return Reply({"n": number}) if number != 7 else Reply({"error": "weg"}, 404)

    with serve(answers) as server:
        client = Client(server.address, source="fediverse", workers=4)
        results = list(client.each(lambda n: client.get(f"/{n}", what=str(n)).value["n"], range(20)))
    assert [item for item, _ in results] == list(range(20))
    assert [result for item, result in results if item != 7] == [n for n in range(20) if n != 7]
    assert isinstance(results[7][1], SourceError)


def test_a_server_that_is_down_is_not_asked_for_ever():
    with serve(lambda _: Reply({}, 500)) as server:
        client = Client(server.address, source="fediverse", workers=1)
        results = [result for _, result in client.each(lambda n: client.get(f"/{n}", what=f"thread {n}"), range(50))]
    assert len(server.asked) == http.DOWN_AFTER * http.ATTEMPTS
    assert all(isinstance(result, SourceError) for result in results)
    assert "not asked for" in results[-1].message


@pytest.mark.parametrize(
    "value",
    ["social.example", "ftp://social.example", "https://", "https://me:pw@social.example", "https://a.example/?x=1"],
)
def test_a_base_address_that_cannot_be_one_is_refused_with_the_cure(value):
    with pytest.raises(ValueError, match=r"https://<host>|RESONANZ_TOKEN|leave out"):
        base_address(value)


def test_broken_utf8_is_replaced_and_not_fatal():
    answer, _ = ask(lambda _: Reply(b'{"text": "Gr\xfc\xdfe"}'))
    assert answer.value == {"text": "Gr��e"}


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"X-App-Usage": '{"call_count":28,"total_time":25,"total_cputime":25}'}, None),
        ({"X-App-Usage": '{"call_count":28,"total_time":96,"total_cputime":25}'}, 300),
        (
            {
                "X-Business-Use-Case-Usage": '{"123":[{"type":"pages","call_count":100,"total_time":1,'
                '"total_cputime":1,"estimated_time_to_regain_access":19}]}'
            },
            19 * 60,
        ),
        ({"X-App-Usage": "not json"}, None),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "in 900 s"}, 900),
        ({"x-rate-limit-remaining": "1", "x-rate-limit-reset": "in 900 s"}, None),
    ],
)
def test_a_limit_that_is_nearly_reached_is_not_run_into(headers, waits):
    headers = {name: value.replace("in 900 s", str(int(time.time()) + 900)) for name, value in headers.items()}
    with serve(lambda _: Reply({"ok": 1}, headers=headers)) as server:
        client = Client(server.address, source="page")
        client.get("/a", what="a")
        if waits is None:
            client.get("/b", what="b")
            return
        with pytest.raises(SourceError) as raised:
            client.get("/b", what="b")
        assert raised.value.kind is Kind.LIMIT
        assert raised.value.retry_after == pytest.approx(waits, abs=5)
        assert server.paths() == ["/a"]


def test_each_endpoint_may_have_a_limit_of_its_own():
    used_up = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(time.time()) + 900)}
    with serve(lambda asked: Reply({"ok": 1}, headers=used_up if asked.path == "/search" else {})) as server:
        client = Client(server.address, source="brand")
        client.get("/search", what="search", bucket="search")
        client.get("/users", what="users", bucket="users")
        with pytest.raises(SourceError):
            client.get("/search", what="search", bucket="search")
    assert server.paths() == ["/search", "/users"]


def test_a_platform_may_explain_its_own_errors_and_its_token_is_never_quoted():
    body = {"fault": {"number": 190, "says": "the token s3cret-token has expired"}}

    def explain(status, value, headers):
        return Refusal(Kind.CREDENTIALS, str(value["fault"]["number"]), value["fault"]["says"])

    error = fault(lambda _: Reply(body, 400), token="s3cret-token", explain=explain)
    assert (error.kind, error.code) == (Kind.CREDENTIALS, "190")
    assert "the token *** has expired" in error.message
    assert len(error.server.asked) == 1, "a credential fault is never tried again"


def test_a_budget_ends_the_requests_before_they_are_sent(tmp_path):
    budget = Budget({"requests_per_day": 2}, tmp_path / "usage.json")
    with serve(lambda _: Reply({"ok": 1})) as server:
        client = Client(server.address, source="brand", budget=budget)
        client.get("/1", what="first")
        client.get("/2", what="second")
        with pytest.raises(SourceError) as raised:
            client.get("/3", what="third")
        assert (raised.value.kind, raised.value.code) == (Kind.LIMIT, "budget")
        assert 0 < raised.value.retry_after <= 86_400
        assert len(server.asked) == 2
        budget.flush()
        assert Budget({"requests_per_day": 5}, tmp_path / "usage.json").left("requests") == 3


def test_a_request_pays_what_its_bucket_costs_retries_included():
    budget = Budget({"searches_per_day": 3})
    replies = iter([Reply({"error": "no"}, 500), Reply({})])
    with serve(lambda _: next(replies, Reply({}))) as server:
        client = Client(server.address, source="tube", budget=budget, pays={"": "units", "search": "searches"})
        client.get("/list", what="list")
        client.get("/search", what="search", bucket="search")
        assert budget.now_spent == {"units": 2, "searches": 1, "requests": 3}
        for _ in range(2):
            client.get("/search", what="search", bucket="search")
        with pytest.raises(SourceError, match="searches_per_day"):
            client.get("/search", what="search", bucket="search")
        assert len(server.asked) == 5
