"""One id for a post or comment in whatever form it comes.

Takeout's JSON (`activityId`) and API v1 (`id`) share the activity id. An HTML page, and the JSON of early Takeouts, has
only the address of the post, whose last part is the same in all forms. The form in which a post was met first decides
which of the two names it for good; this file remembers that, by the address.
"""

import hashlib
import re
from datetime import datetime

_POST_PATH = re.compile(r"^[^?#]*/posts/(?P<code>[\w-]+)")
_COMMENT_ID = re.compile(r"(?P<activity>z[0-9a-z]+)[#.](?P<number>\d+)")

# How the ids of a post's comments are made. Takeout writes `z12…#14…`, API v1 `z12…#14…` or `z12…14…` with a dot.
OPEN, HASH, DOT, DERIVED = " ", "#", ".", "~"


def code_of(address: str | None) -> str | None:
    """The last part of a post's address, `HYNhBAMeA7U` of `plus.google.com/118…/posts/HYNhBAMeA7U`."""
    found = _POST_PATH.search(address) if address else None
    return found["code"] if found else None


class Ids:
    """What is known of posts by now.

    :param known: code of the address (or id, where there is no address) -> one character for how comments are named,
        then the post's id. It grows with what is met, and is kept in the stream's state.
    """

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known

    def post(self, activity_id: str | None, code: str | None) -> str | None:
        """The id of a post; None where neither is known."""
        slot = code or activity_id
        if slot is None:
            return None
        if slot not in self._known:
            self._known[slot] = f"{OPEN if activity_id else DERIVED}{activity_id or code}"
        return self._known[slot][1:]

    def style(self, activity_id: str | None, code: str | None) -> str | None:
        """How the post's comments are named; None where the post was never met."""
        found = self._known.get(code or activity_id or "")
        return found[0] if found else None

    def comment(
        self, given: str | None, activity_id: str | None, code: str | None, said_at: datetime | None, text: str | None
    ) -> str | None:
        """The id of a comment on a post; `said_at` and `text` make one where the form has none.

        None where there is neither an id nor a time to make one of.
        """
        post = self.post(activity_id, code)
        slot = code or activity_id or ""
        style = self._known[slot][0] if post else OPEN
        if (given is None or style == DERIVED) and post and said_at:
            return f"{post}#{said_at:%Y%m%dT%H%M%SZ}-{_digest(text or '')}"
        found = _COMMENT_ID.fullmatch(given or "")
        if found is None:
            return given
        mark = given[len(found["activity"])] if given else HASH
        if post and style == OPEN:
            self._known[slot] = f"{mark}{post}"
        return f"{found['activity']}{style if style in (HASH, DOT) else mark}{found['number']}"

    def close(self, activity_id: str | None, code: str | None) -> None:
        """All comments of the post are known, as Takeout's JSON has them: nothing of a page is missing."""
        slot = code or activity_id or ""
        if self._known.get(slot, "").startswith(OPEN):
            self._known[slot] = HASH + self._known[slot][1:]

    def derive(self, activity_id: str | None, code: str | None) -> None:
        """Comments of the post have landed without ids of their own; from now on all of them are named so."""
        slot = code or activity_id or ""
        if self._known.get(slot, "").startswith(OPEN):
            self._known[slot] = DERIVED + self._known[slot][1:]


def _digest(words: str) -> str:
    return hashlib.sha256(" ".join(words.split()).encode()).hexdigest()[:12]
