"""What is asked of Graph API about an Instagram account: itself, its lists of media, and the comments below one.

Source: Meta's reference of IG User, its Media, Stories and Tags, IG Media Comments, IG Comment Replies (v25.0).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.social import pages
from resonanz.social.fields import mappings
from resonanz.social.graph.requests import Graph, following
from resonanz.social.instagram.insights import MediaInsights
from resonanz.social.instagram.media import COMMENT_FIELDS, MEDIA_FIELDS, REPLY_FIELDS, TAGGED_FIELDS, Account
from resonanz.social.once import Once

ACCOUNT_FIELDS = "id,username,followers_count,follows_count,media_count"
COMMENTS_AT_ONCE = 50


class AccountApi:
    """The accounts of one source, by the id under which sources.toml has them.

    :param size: media in one answer.
    """

    def __init__(self, graph: Graph, size: int, insights: MediaInsights) -> None:
        self.graph = graph
        self.insights = insights
        self.figures: dict[str, dict[str, int]] = {}  # account id -> followers_count, follows_count, media_count
        self._size = size
        self._accounts = Once(self._asked)
        self._takes_span = True
        self._read: dict[str, _Read] = {}  # by medium, while its comments are read

    def account(self, name: str) -> Account:
        """The account, asked for once."""
        return self._accounts(name)

    def called(self, username: str | None) -> Account | None:
        """The account with this user name, of those that were asked for in this run."""
        return next((account for account in self._accounts.answers() if account.name == username), None)

    def media(self, name: str, cursor: str | None, span: Mapping[str, int]) -> pages.Page:
        """Media of the account, newest first, with their insights. Stories are not among them.

        :param span: `since` and `until`, in seconds since 1970. Meta lists them for this edge, while its guide knows
            them for insights only: where they are refused, they are left out.
        """
        span = span if self._takes_span else {}
        try:
            return self._with_insights(name, "media", cursor, span)
        except SourceError as error:
            if not span or cursor is not None or error.kind is not Kind.CONTRACT:
                raise
        page = self._with_insights(name, "media", cursor, {})
        self._takes_span = False
        return page

    def stories(self, name: str, cursor: str | None) -> pages.Page:
        """Stories of the last 24 hours."""
        return self._with_insights(name, "stories", cursor, {})

    def tags(self, name: str, cursor: str | None) -> pages.Page:
        """Public media of others in which the account is tagged, newest first."""
        return self._list(name, "tags", cursor, TAGGED_FIELDS)

    def by_ids(self, ids: Sequence[str]) -> dict[str, Any]:
        """Media of the accounts by id, with their insights; see `Graph.by_ids`."""

        def ask(names: Sequence[str]) -> dict[str, Any]:
            return self.graph.by_ids(ids, what="media by id", fields=_fields(MEDIA_FIELDS, names))

        return self.insights.read(ask, lambda found: found.values()) if ids else {}

    def comments(self, medium: str, cursor: str | None, count: float | None) -> pages.Page:
        """Comments on a medium, newest first, each with its first replies.

        :param count: comments and replies that there should be. Where fewer came, and no reply at all, replies are
            asked for comment by comment.
        """
        what = f"comments on {medium}"
        items, place = self.graph.page(
            f"{medium}/comments", cursor, what=what, fields=COMMENT_FIELDS, limit=COMMENTS_AT_ONCE, edge="comments"
        )
        read = self._read.setdefault(medium, _Read()) if cursor else self._read.setdefault(medium, _Read()).anew()
        read.saw(items)
        if place is None:
            del self._read[medium]
            if not read.has_replies and count is not None and len(read.ids) < count:
                items = [*items, *self._unshown(read.ids, what)]
        return items, place

    def replies(self, comment: Mapping[str, Any]) -> Iterator[Any]:
        """The replies that came with a comment, and those that did not come along."""
        shown = comment.get("replies")
        if not isinstance(shown, Mapping):
            return
        comment_id = str(comment.get("id"))
        what = f"replies to {comment_id}"
        yield from _below(comment_id, shown.get("data"))
        if (place := following(shown.get("paging"), what)) is not None:
            yield from self._replies(comment_id, place, what)

    def _unshown(self, comments: Sequence[str], what: str) -> Iterator[Any]:
        for comment in comments:
            yield from self._replies(comment, None, what)

    def _replies(self, comment: str, place: str | None, what: str) -> Iterator[Any]:
        ask = partial(
            self.graph.page,
            f"{comment}/replies",
            what=what,
            fields=REPLY_FIELDS,
            limit=COMMENTS_AT_ONCE,
            edge="replies",
        )
        try:
            for items, _ in pages.paged(ask, place, what):
                yield from _below(comment, items)
        except SourceError as error:
            if error.code != pages.CURSOR_EXPIRED:
                raise
            for items, _ in pages.paged(ask, None, what):
                yield from _below(comment, items)

    def _with_insights(self, name: str, edge: str, cursor: str | None, span: Mapping[str, int]) -> pages.Page:
        def ask(names: Sequence[str]) -> pages.Page:
            return self._list(name, edge, cursor, _fields(MEDIA_FIELDS, names), **span)

        return self.insights.read(ask, lambda page: page[0])

    def _list(self, name: str, edge: str, cursor: str | None, fields: str, **more: Any) -> pages.Page:
        what = f"{edge} of the account {name}"
        return self.graph.page(f"{name}/{edge}", cursor, what=what, fields=fields, limit=self._size, edge=edge, **more)

    def _asked(self, name: str) -> Account:
        found = self.graph.get(name, what=f"account {name}", fields=ACCOUNT_FIELDS)
        account_id = str(found.get("id") or "")
        if not account_id:
            raise SourceError(Kind.CONTRACT, f"account {name}: the answer has no id")
        self.figures[account_id] = {
            figure: value for figure, value in found.items() if figure.endswith("_count") and isinstance(value, int)
        }
        return Account(account_id, str(found.get("username") or name))


class _Read:
    """What the pages of one medium's comments have shown."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.has_replies = False

    def anew(self) -> "_Read":
        self.ids, self.has_replies = [], False
        return self

    def saw(self, items: Sequence[Any]) -> None:
        for item in mappings(items):
            self.has_replies = self.has_replies or "replies" in item or bool(item.get("parent_id"))
            self.ids.append(str(item.get("id")))


def _below(comment: str, items: Any) -> Iterator[Any]:
    """Replies with their parent, which older answers leave out."""
    for item in items if isinstance(items, list) else ():
        yield {"parent_id": comment, **item} if isinstance(item, Mapping) else item


def _fields(fields: str, names: Sequence[str]) -> str:
    return f"{fields},insights.metric({','.join(names)})" if names else fields
