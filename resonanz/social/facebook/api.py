"""What is asked of Graph API about a page: itself, its lists, and the comments below a post.

Source: Meta's reference of Page, Page Feed, Page Tagged, Page Ratings, Object Comments (v25.0).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.social import pages
from resonanz.social.facebook.post import COMMENT_FIELDS, POST_FIELDS, REVIEW_FIELDS, Page
from resonanz.social.fields import mappings
from resonanz.social.graph.insights import Insights
from resonanz.social.graph.requests import Graph
from resonanz.social.once import Once

_COMMENTS_AT_ONCE = 100


class PageApi:
    """The pages of one source, by the name under which sources.toml has them.

    :param size: posts in one answer.
    :param insights: the metrics of posts.
    """

    def __init__(self, graph: Graph, size: int, insights: Insights) -> None:
        self.graph = graph
        self.insights = insights
        self.followers: dict[str, float] = {}  # by page id
        self._size = size
        self._pages = Once(self._asked)
        self._unanswered: dict[str, set[str]] = {}  # post -> comments that have replies, of which none was shown yet

    def page(self, name: str) -> tuple[Page, str | None]:
        """The page and its user name, asked for once."""
        return self._pages(name)

    def with_id(self, page_id: str) -> Page | None:
        """The page with this id, of those that were asked for in this run."""
        return next((page for page, _ in self._pages.answers() if page.id == page_id), None)

    def feed(self, page: Page, cursor: str | None, since: int | None) -> pages.Page:
        """Posts on the page, by itself and by visitors, newest first, with the metrics of its own.

        There is no `until`: Graph has been seen to hold it against the time of the last comment.
        """
        more = {"since": since} if since else {}

        def ask(names: Sequence[str]) -> pages.Page:
            items, following = self._list(page, "feed", cursor, _with_insights(names), "feed of the page", **more)
            self._complete(page, items, names)
            return items, following

        return self.insights.ask(ask)

    def tagged(self, page: Page, cursor: str | None) -> pages.Page:
        """Public posts of others that tag the page, newest first."""
        return self._list(page, "tagged", cursor, POST_FIELDS, "posts that tag the page")

    def ratings(self, page: Page, cursor: str | None) -> pages.Page:
        """Recommendations of the page, newest first."""
        return self._list(page, "ratings", cursor, REVIEW_FIELDS, "recommendations of the page")

    def posts(self, ids: Sequence[str]) -> dict[str, Any]:
        """Posts by id, see `Graph.by_ids`."""
        return self.insights.ask(
            lambda names: self.graph.by_ids(ids, what="posts by id", fields=_with_insights(names)) if ids else {}
        )

    def comments(self, post: str, cursor: str | None, what: str) -> pages.Page:
        """Comments and replies at any depth below a post, oldest first.

        Where the list leaves the replies of a comment out, though that says it has some, they follow its last page.
        """
        if cursor is None:
            self._unanswered[post] = set()
        unanswered = self._unanswered.setdefault(post, set())
        items, following = self._comments(post, what, cursor)
        _note(items, unanswered)
        if following is None:
            del self._unanswered[post]
            items = [*items, *self._replies(unanswered, what)]
        return items, following

    def _complete(self, page: Page, items: list[Any], names: Sequence[str]) -> None:
        """Ask for insights post by post, where a list that was asked for them leaves them out and they are there."""
        posts = [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]
        own = [post for post in posts if isinstance(who := post.get("from"), dict) and who.get("id") == page.id]
        if not names or any("insights" in post for post in posts):
            return
        for post in own:
            found = self.graph.get(f"{post['id']}/insights", what=f"insights of {post['id']}", metric=",".join(names))
            if not found.get("data"):
                return
            post["insights"] = found

    def _replies(self, parents: set[str], what: str) -> Iterator[Any]:
        waiting, asked = sorted(parents), set(parents)
        while waiting:
            parent = waiting.pop(0)
            below: set[str] = set()
            for items, _ in pages.paged(partial(self._comments, parent, what), None, what):
                items = [{"parent": {"id": parent}, **item} for item in mappings(items)]
                _note(items, below)
                yield from items
            waiting += sorted(below - asked)
            asked |= below

    def _comments(self, below: str, what: str, cursor: str | None) -> pages.Page:
        return self.graph.page(
            f"{below}/comments",
            cursor,
            what=what,
            fields=COMMENT_FIELDS,
            limit=_COMMENTS_AT_ONCE,
            edge="comments",
            filter="stream",
            order="chronological",
        )

    def _list(self, page: Page, edge: str, cursor: str | None, fields: str, what: str, **more: Any) -> pages.Page:
        words = f"{what} {page.name}"
        return self.graph.page(
            f"{page.id}/{edge}", cursor, what=words, fields=fields, limit=self._size, edge=edge, **more
        )

    def _asked(self, name: str) -> tuple[Page, str | None]:
        found = self.graph.get(name, what=f"page {name}", fields="id,name,username,followers_count")
        page_id, followers, username = str(found.get("id") or ""), found.get("followers_count"), found.get("username")
        if not page_id:
            raise SourceError(Kind.CONTRACT, f"page {name}: the answer has no id")
        if isinstance(followers, int):
            self.followers[page_id] = float(followers)
        return Page(page_id, str(found.get("name") or username or name)), username


def _with_insights(names: Sequence[str]) -> str:
    return f"{POST_FIELDS},insights.metric({','.join(names)})" if names else POST_FIELDS


def _note(items: Sequence[Any], unanswered: set[str]) -> None:
    """Take note of comments that say they have replies, and strike those off of which one is here."""
    for item in items:
        if isinstance(item, dict) and item.get("comment_count"):
            unanswered.add(str(item.get("id")))
    if unanswered:
        for item in items:
            if isinstance(item, dict) and isinstance(parent := item.get("parent"), dict):
                unanswered.discard(str(parent.get("id")))
