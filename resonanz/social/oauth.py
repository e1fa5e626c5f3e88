"""OAuth 2.0 access tokens that renew themselves, from a refresh token in the source's Airflow connection.

Source: RFC 6749, sections 5 and 6; Google's "Using OAuth 2.0 for Web Server Applications".
"""

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.http import LOOPBACK, Client
from resonanz.http_answers import Refusal
from resonanz.platforms import Context

FIELDS = ("client_id", "client_secret", "refresh_token")  # of the connection's extra
_AHEAD = 120.0  # seconds before its end at which a token is renewed
_USUAL_LIFE = 3600.0  # seconds, where the server does not tell
_CREDENTIALS = frozenset({"invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope"})


class FreshToken:
    """Call it for an access token that is good now. Safe to use from several threads."""

    def __init__(self, client: Client, fields: Mapping[str, str]) -> None:
        self._client = client
        self._fields = dict(fields)
        self._lock = threading.Lock()
        self._ends = 0.0  # on the monotonic clock
        self._given = threading.local()
        self.latest = ""

    def __call__(self) -> str:
        """The token; asks for one where there is none yet or the last one ends soon. Raises SourceError."""
        with self._lock:
            if time.monotonic() >= self._ends:
                self._ask()
            self._given.token = self.latest
            return self.latest

    def renew(self) -> None:
        """The server has refused this thread's token before its time: get another, unless somebody has done so."""
        with self._lock:
            if getattr(self._given, "token", "") == self.latest:
                self._ask()

    def _ask(self) -> None:
        form = {**self._fields, "grant_type": "refresh_token"}
        try:
            value = self._client.post("", form, what="access token", as_form=True).value
        except SourceError as error:
            if error.kind is not Kind.CREDENTIALS:
                raise
            raise SourceError(
                error.kind,
                f"access token: {self._client.base} refused the refresh token ({error.code}). Sign in once more, and "
                f"put client_id, client_secret and the new refresh_token into the extra of the Airflow connection "
                f"resonanz_{self._client.source}.",
                code=error.code,
            ) from None
        token, life = value.get("access_token"), value.get("expires_in")
        if not isinstance(token, str) or not token:
            raise SourceError(Kind.CONTRACT, f"access token: {self._client.base} gave an answer without access_token")
        seconds = float(life) if isinstance(life, int | float) and not isinstance(life, bool) else _USUAL_LIFE
        # A token that lives shorter than the margin is used for half its life.
        self._ends = time.monotonic() + max(seconds - _AHEAD, seconds / 2)
        self.latest = token


def has_refresh_token(context: Context) -> bool:
    """Whether the source signs in by OAuth; else by what stands in its token alone."""
    return bool(context.secrets.get("refresh_token"))


def fresh_token(context: Context, address: str) -> FreshToken:
    """What gives access tokens for `context.source`.

    :param address: of the token endpoint.
    :raises ConfigError: where a field is missing in the connection, or secrets would go over plain http.
    """
    missing = [name for name in FIELDS if not context.secrets.get(name)]
    if missing:
        raise ConfigError(
            f"sources.{context.source}: the extra of the Airflow connection resonanz_{context.source} lacks "
            f"{' and '.join(missing)}"
        )
    parts = urlsplit(address)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"sources.{context.source}: {address}: secrets are sent over https only; write https://")
    client = Client(address, source=context.source, explain=_explain)
    return FreshToken(client, {name: context.secrets[name] for name in FIELDS})


def _explain(status: int, body: Any, headers: Mapping[str, str]) -> Refusal | None:
    """What {"error": "invalid_grant", "error_description": "Token has been expired or revoked."} means."""
    code = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(code, str):
        return None
    said = body.get("error_description")
    words = f"{code}: {said}" if isinstance(said, str) and said else code
    return Refusal(Kind.CREDENTIALS if code in _CREDENTIALS else None, code, words)
