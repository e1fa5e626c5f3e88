"""Credentials: from the environment or an Airflow connection, and never in words or logs."""

import json
from pathlib import Path

import pytest

from resonanz.credentials import Credentials, credentials
from resonanz.errors import ConfigError

VARIABLE = "AIRFLOW_CONN_RESONANZ_LETTERS"
TOKEN = "tok-12345/äö=="


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_HOME", VARIABLE, "RESONANZ_TOKEN_LETTERS"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_configured_is_no_token() -> None:
    assert credentials("letters") == Credentials()


def test_a_connection_as_json_outside_of_any_task(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"client_id": "app-99", "version": 25, "scopes": ["read"], "nothing": None}
    connection = {"conn_type": "generic", "login": "weidenfels", "password": TOKEN, "extra": extra}
    monkeypatch.setenv(VARIABLE, json.dumps(connection))
    found = credentials("letters")
    assert found.token == TOKEN
    assert found.secrets == {"login": "weidenfels", "client_id": "app-99", "version": "25", "scopes": '["read"]'}


def test_a_connection_as_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "generic://weidenfels:p%40ss%2Fword@/?client_id=app-99&client_secret=s3cr3t-s3cr3t")
    found = credentials("letters")
    assert found.token == "p@ss/word"
    assert found.secrets == {"login": "weidenfels", "client_id": "app-99", "client_secret": "s3cr3t-s3cr3t"}


def test_the_tokens_own_variable_wins_and_the_connection_gives_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"login": "weidenfels", "password": "old-token"}')
    monkeypatch.setenv("RESONANZ_TOKEN_LETTERS", "new-token")
    assert credentials("letters").token == "new-token"
    assert credentials("letters").secrets == {"login": "weidenfels"}


@pytest.mark.parametrize(
    "value", ["{not json s3cr3t-s3cr3t", "a://b://s3cr3t-s3cr3t://c", '{"nonsense": "s3cr3t-s3cr3t"}']
)
def test_a_broken_connection_is_said_without_what_it_holds(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(ConfigError, match=VARIABLE) as caught:
        credentials("letters")
    assert "s3cr3t" not in str(caught.value)


def test_an_extra_that_is_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"password": "x" * 9, "extra": "no json"}))
    with pytest.raises(ConfigError, match=r"resonanz_letters.*extra"):
        credentials("letters")


def test_no_words_hold_a_token_or_secret() -> None:
    held = Credentials(TOKEN, {"client_secret": "very/secret value", "version": "v25.0"})
    words = (
        f"refused: {TOKEN}, https://h/?t=tok-12345%2F%C3%A4%C3%B6%3D%3D, {json.dumps(TOKEN)}, very/secret value, v25.0"
    )
    hidden = held.hidden_in(words)
    assert "tok-12345" not in hidden
    assert "secret" not in hidden
    assert "v25.0" in hidden
    assert TOKEN not in repr(held)
    assert "very/secret" not in repr(held)


def test_airflow_masks_them_in_its_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from airflow.sdk._shared.secrets_masker import redact
    from airflow.sdk.log import mask_secret  # noqa: F401  loads airflow.sdk, as a task has

    monkeypatch.setenv("RESONANZ_TOKEN_LETTERS", "a-token-to-be-masked")
    monkeypatch.setenv(VARIABLE, '{"extra": {"client_secret": "a-secret-to-be-masked"}}')
    credentials("letters")
    assert redact("Bearer a-token-to-be-masked and a-secret-to-be-masked") == "Bearer *** and ***"
