"""What can go wrong on purpose when a stand-in answers."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class Fault:
    """Something that goes wrong, for every `every`-th request whose path contains `path`, `times` times in all.

    :param kind: `status` answers with `status` and the platform's error body; `html` a web page with status 200;
        `empty` no body; `hangup` closes the connection; `truncated` half of the right answer, as if it were whole;
        `cut` half of it, then the connection closes; `slow` the right answer after `reset_after` seconds.
    :param reset: how a 429 says when it ends, `reset_after` seconds from now: `own` the platform's own headers,
        `seconds` and `date` a Retry-After, `none` not at all.
    :param code: the platform's own error code (Graph: `4`, `190`; YouTube: `quotaExceeded`), where `status` is not
        enough; a stand-in that knows it answers with it, see :meth:`demo.web.StandIn.fault`.
    """

    path: str = ""
    kind: Literal["status", "html", "empty", "hangup", "truncated", "cut", "slow"] = "status"
    status: int = 500
    times: int = 1
    reset_after: float = 1.0
    every: int = 1
    reset: Literal["own", "seconds", "date", "none"] = "own"
    code: str = ""
    seen: int = 0  # requests that matched so far

    def is_due(self, path: str) -> bool:
        """Whether it happens to this request; counts the request."""
        if self.times <= 0 or self.path not in path:
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.times -= 1
        return True
