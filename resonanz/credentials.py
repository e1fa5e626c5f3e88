"""The credentials of one source: its token, and what else its Airflow connection holds. Never written anywhere."""

import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from resonanz.errors import ConfigError

HIDDEN = "***"
_SHORTEST = 4  # a shorter token would hide every other word
_SHORTEST_FIELD = 8  # so would a connection's "true", "v25.0" or "admin"


@dataclass(frozen=True)
class Credentials:
    """What a source signs in with.

    :param token: RESONANZ_TOKEN_<SOURCE>, else the connection's password.
    :param secrets: the connection's `login` and the fields of its extra, as strings.
    """

    token: str | None = field(default=None, repr=False)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    def hidden_in(self, words: str) -> str:
        """`words` with `***` wherever the token or a secret stands in it."""
        for value in sorted(self._forms(), key=len, reverse=True):
            words = words.replace(value, HIDDEN)
        return words

    def hide_from_airflow(self) -> None:
        """Have Airflow write `***` for them in its logs; outside of Airflow there is nothing to tell."""
        if "airflow.sdk" not in sys.modules:
            return
        from airflow.sdk.log import mask_secret

        for value in self._forms():
            mask_secret(value)

    def _forms(self) -> set[str]:
        """What must not be seen: every value as it is, in an address, and in JSON."""
        values = [self.token] if self.token and len(self.token) >= _SHORTEST else []
        values += [value for value in self.secrets.values() if len(value) >= _SHORTEST_FIELD]
        return {form for value in values for form in (value, quote(value, safe=""), json.dumps(value)[1:-1])}


def credentials(source: str) -> Credentials:
    """The credentials of `source`; raises ConfigError where its connection cannot be read.

    The connection is `resonanz_<source>`: from AIRFLOW_CONN_RESONANZ_<SOURCE> (a URI or JSON, as Airflow has it)
    anywhere, and from Airflow's other stores inside a task.
    """
    connection = _connection(source)
    token = os.environ.get(f"RESONANZ_TOKEN_{source.upper()}") or (connection.password if connection else None)
    found = Credentials(token or None, _secrets(source, connection) if connection else {})
    found.hide_from_airflow()
    return found


def _connection(source: str) -> Any:
    name = f"resonanz_{source}"
    variable = f"AIRFLOW_CONN_{name.upper()}"
    if text := os.environ.get(variable, "").strip():
        from airflow.sdk import Connection

        try:
            return Connection.from_json(text, name) if text.startswith("{") else Connection.from_uri(text, name)
        except Exception:
            raise ConfigError(
                f"{variable} is neither a connection as URI nor as JSON; write for instance "
                '{"conn_type": "generic", "login": "...", "password": "...", "extra": {"client_id": "..."}}'
            ) from None
    if "AIRFLOW_HOME" not in os.environ:
        return None
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    try:
        return Connection.get(name)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None


def _secrets(source: str, connection: Any) -> dict[str, str]:
    found = {"login": connection.login} if connection.login else {}
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConfigError(f"the Airflow connection resonanz_{source}: its extra must be a JSON object")
    return found | {
        str(name): value if isinstance(value, str) else json.dumps(value)
        for name, value in extra.items()
        if value is not None
    }
