"""Access tokens that renew themselves, against a real token endpoint on loopback."""

from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest
from loopback import Asked, Reply, serve

from resonanz import http
from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context
from resonanz.privacy import Privacy
from resonanz.social.oauth import fresh_token, has_refresh_token

SECRETS = {"client_id": "app.example", "client_secret": "hush-hush", "refresh_token": "1//renewal", "login": "anna"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(http, "BACKOFF", 0.01)


def context(**secrets: str) -> Context:
    return Context("tube", Path(), Privacy(b"0123456789abcdef"), secrets=secrets)


class Endpoint:
    """Gives tokens t1, t2, ...; the API beside it takes only those in `good`."""

    def __init__(self, life: object = 3600) -> None:
        self.life, self.given, self.good = life, 0, {"t1", "t2", "t3"}
        self.refusal: Reply | None = None

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/token":
            assert asked.method == "POST"
            form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
            assert form == {
                "client_id": "app.example",
                "client_secret": "hush-hush",
                "refresh_token": "1//renewal",
                "grant_type": "refresh_token",
            }
            assert not asked.query
            if self.refusal:
                return self.refusal
            self.given += 1
            return Reply({"access_token": f"t{self.given}", "expires_in": self.life, "token_type": "Bearer"})
        if asked.headers.get("Authorization", "").removeprefix("Bearer ") not in self.good:
            return Reply({"error": f"bad token {asked.headers.get('Authorization')}"}, 401)
        return Reply({"ok": True})


def ask(endpoint: Endpoint, times: int = 1, **client: object) -> list[str]:
    with serve(endpoint) as server:
        token = fresh_token(context(**SECRETS), f"{server.address}/token")
        api = Client(server.address, source="tube", token=token, **client)
        for _ in range(times):
            assert api.get("/things", what="things").value == {"ok": True}
        return server.paths()


def test_one_token_serves_until_it_ends():
    assert ask(Endpoint(), 3) == ["/token", "/things", "/things", "/things"]


def test_a_token_that_ends_is_renewed_before():
    assert ask(Endpoint(life=0), 2) == ["/token", "/things", "/token", "/things"]


def test_a_life_that_is_not_told_is_an_hour():
    assert ask(Endpoint(life=None), 2) == ["/token", "/things", "/things"]


def test_a_refused_token_is_renewed_once():
    endpoint = Endpoint()
    endpoint.good = {"t2"}
    assert ask(endpoint, 2) == ["/token", "/things", "/token", "/things", "/things"]
    endpoint = Endpoint()
    endpoint.good = set()
    with pytest.raises(SourceError) as raised:
        ask(endpoint)
    assert raised.value.kind is Kind.CREDENTIALS
    assert endpoint.given == 2, "renewed once, then given up"
    assert "t2" not in raised.value.message


def test_a_token_that_another_thread_has_renewed_is_not_renewed_again():
    endpoint = Endpoint()
    with serve(endpoint) as server:
        token = fresh_token(context(**SECRETS), f"{server.address}/token")
        assert token() == "t1"
        other = Thread(target=lambda: (token(), token.renew()))
        other.start()
        other.join()
        token.renew()
        assert token() == "t2"
        assert endpoint.given == 2


REVOKED = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (
            Reply({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400),
            "credentials",
        ),
        (Reply({"error": "invalid_client"}, 401), "credentials"),
        (Reply({"error": "server_error"}, 503), "transient"),
        (Reply({"token_type": "Bearer"}), "contract"),
    ],
)
def test_what_is_wrong_with_the_refresh_token_is_said_without_it(reply, kind):
    endpoint = Endpoint()
    endpoint.refusal = reply
    with pytest.raises(SourceError) as raised:
        ask(endpoint)
    assert raised.value.kind == kind
    assert not any(secret in raised.value.message for secret in ("hush", "renewal"))
    if kind == "credentials":
        assert "refresh_token" in raised.value.message


def test_what_is_missing_in_the_connection_is_named():
    assert has_refresh_token(context(**SECRETS))
    assert not has_refresh_token(context(client_id="x"))
    with pytest.raises(ConfigError, match="lacks client_id and client_secret"):
        fresh_token(context(refresh_token="1//renewal"), "https://oauth.example/token")
    with pytest.raises(ConfigError, match="https only"):
        fresh_token(context(**SECRETS), "http://oauth.example/token")
