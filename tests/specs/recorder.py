"""What a running stand-in was asked and what it answered, and whether all of it keeps to the specification."""

from collections.abc import Callable
from typing import Any

from demo.web import Exchange, Server

Violations = Callable[..., list[str]]


class Recorder:
    """Listens to a server from the moment it is made.

    :param violations: prefix of a stand-in -> how its exchanges are checked: `{"/mastodon": mastodon().violations}`.
    """

    def __init__(self, server: Server, violations: dict[str, Violations]) -> None:
        self.exchanges: list[Exchange] = []
        self._violations = violations
        server.on_answer = self.exchanges.append

    def requests(self) -> list[str]:
        """`GET /path` of everything that was asked of the stand-ins that are checked, in order."""
        return [f"{e.request.method} {e.request.path}" for e in self._checked()]

    def violations(self) -> list[str]:
        """What is wrong with anything that was asked or answered since; answers that a fault spoilt are left out."""
        found: dict[str, None] = {}
        for exchange in self._checked():
            check = self._violations[exchange.standin.prefix]
            request, response = exchange.request, exchange.response
            asked = (request.method, request.path, request.query)
            found |= dict.fromkeys(check(*asked, response.status, response.body, request.headers, request.body))
        return list(found)

    def _checked(self) -> list[Any]:
        return [e for e in self.exchanges if e.fault is None and e.standin.prefix in self._violations]
