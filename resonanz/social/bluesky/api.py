"""What the AT Protocol's servers are asked: feeds, records, searches, notifications, threads; over XRPC."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.http_answers import GARBLED
from resonanz.platforms import Context
from resonanz.social.pages import CURSOR_EXPIRED, Page

PAGE = 100
BATCH = 25  # so many posts can be asked for at once
# XRPC answers most faults with 400 and a name.
FAULTS = {
    **dict.fromkeys(("NotFound", "AccountTakedown", "AccountDeactivated", "HandleNotFound"), Kind.GONE),
    **dict.fromkeys(("RepoNotFound", "RepoTakendown", "RepoDeactivated", "RepoSuspended"), Kind.GONE),
    **dict.fromkeys(("AuthMissing", "AuthenticationRequired", "ExpiredToken", "InvalidToken"), Kind.CREDENTIALS),
    "RateLimitExceeded": Kind.LIMIT,
    "UpstreamFailure": Kind.TRANSIENT,
    "UpstreamTimeout": Kind.TRANSIENT,
}
_NOBODY = re.compile(r"InvalidRequest: (Profile not found|Unable to resolve handle|Could not find repo)")
_POST = "/app.bsky.feed.post/"
NAMING = ("mention", "reply", "quote")  # reasons for notifications that somebody's post gives


@dataclass(frozen=True)
class Session:
    """A login: whose it is, and what asks as that account."""

    did: str
    handle: str
    client: Client


class Api:
    """The servers of one source.

    :param options: `Options` of resonanz.platforms.bluesky.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context
        self.client = self._client(options.service, options.concurrency)
        self._profiles: dict[str, dict[str, Any]] = {}

    def _client(self, base: str, workers: int, token: str | None = None) -> Client:
        proxy = {"atproto-proxy": self.options.proxy} if token and self.options.proxy else {}
        return Client(
            base,
            source=self.context.source,
            token=token,
            headers=proxy,
            workers=workers,
            faults=FAULTS,
            budget=self.context.budget,
        )

    def profile(self, account: str) -> dict[str, Any]:
        """The profile of a handle or DID, asked for once a run; from a server without an AppView only its DID."""
        account = account.lstrip("@")
        if account not in self._profiles:
            if self.options.via == "appview":
                found = self.ask("app.bsky.actor.getProfile", {"actor": account}, what=f"the account @{account}")
            elif account.startswith("did:"):
                found = {"did": account}
            else:
                params = {"handle": account}
                found = self.ask("com.atproto.identity.resolveHandle", params, what=f"the handle @{account}")
            if not isinstance(found.get("did"), str):
                raise SourceError(Kind.CONTRACT, f"@{account}: the server gives no DID for it")
            self._profiles[account] = found
        return self._profiles[account]

    def did(self, account: str) -> str:
        """The DID behind a handle."""
        account = account.lstrip("@")
        return account if account.startswith("did:") else str(self.profile(account)["did"])

    def ask(self, method: str, params: Mapping[str, Any], *, what: str, client: Client | None = None) -> dict[str, Any]:
        """What an XRPC query answers; private DIDs in the words of a fault are keyed."""
        try:
            return dict((client or self.client).get(f"/xrpc/{method}", params, what=what).value)
        except SourceError as error:
            words = re.sub(r"did:[a-z]+:\S*", "did:…", error.message)
            kind = Kind.GONE if _NOBODY.search(words) else error.kind
            raise SourceError(kind, words, retry_after=error.retry_after, code=error.code) from None

    def feed(self, actor: str, cursor: str | None) -> Page:
        """The newest of an account's posts and answers, or the page at `cursor`."""
        did = self.did(actor)
        if self.options.via == "appview":
            params = {"actor": did, "filter": "posts_with_replies"}
            return self._page("app.bsky.feed.getAuthorFeed", params, "feed", f"feed @{actor}", cursor)
        author = {"did": did, "handle": actor}
        params = {"repo": did, "collection": "app.bsky.feed.post"}
        page, following = self._page("com.atproto.repo.listRecords", params, "records", f"posts @{actor}", cursor)
        views = [{**item, "author": author, "record": item.get("value")} for item in page if isinstance(item, dict)]
        return [{name: part for name, part in view.items() if name != "value"} for view in views], following

    def search(self, query: str, cursor: str | None, bounds: Mapping[str, str] | None = None) -> Page:
        """The newest posts that `query` finds, or the page at `cursor`.

        :param bounds: `since` and `until`, where only a range is asked for.
        """
        params = {"q": query, "sort": "latest", **(bounds or {})}
        try:
            client = self.client if self.options.identifier is None else self.session.client
            return self._page("app.bsky.feed.searchPosts", params, "posts", f"search {query}", cursor, client)
        except SourceError as error:
            if self.options.identifier or error.kind not in (Kind.PERMISSION, Kind.CREDENTIALS):
                raise
            token = f"RESONANZ_TOKEN_{self.context.source.upper()}"
            raise SourceError(
                Kind.PERMISSION,
                f"search: {self.client.base} lets nobody search without a login. Set identifier (and auth_service) in "
                f"sources.toml and put an app password into {token}, or take `search` out. The rest was read.",
            ) from None

    def mentions(self, cursor: str | None) -> Page:
        """The newest posts that the account which is logged in was told of, or the page at `cursor`; each as a feed
        shows it, with the moment of the notification as its reason."""
        params = {"reasons": list(NAMING)}
        method, client = "app.bsky.notification.listNotifications", self.session.client
        page, following = self._page(method, params, "notifications", "mentions", cursor, client)
        told: dict[str, Any] = {}
        for item in page:
            if isinstance(item, dict) and item.get("reason") in NAMING and _POST in str(item.get("uri")):
                told.setdefault(str(item["uri"]), item.get("indexedAt"))
        posts = self.posts(list(told))
        return [
            {"post": posts[uri], "reason": {"$type": "notification", "indexedAt": at}}
            for uri, at in told.items()
            if uri in posts
        ], following

    def posts(self, uris: Sequence[str]) -> dict[str, Any]:
        """at:// address -> post, of those that can be seen now."""
        found = {}
        for start in range(0, len(uris), BATCH):
            params = {"uris": list(uris[start : start + BATCH])}
            posts = self.ask("app.bsky.feed.getPosts", params, what="posts").get("posts")
            if not isinstance(posts, list):
                raise SourceError(Kind.CONTRACT, "posts: app.bsky.feed.getPosts answered without a list of posts")
            found.update({str(post["uri"]): post for post in posts if isinstance(post, dict) and "uri" in post})
        return found

    @cached_property
    def session(self) -> Session:
        """The account's own server, logged in with the app password of `identifier`; asks once a run."""
        options, context = self.options, self.context
        if context.token is None:
            token = f"RESONANZ_TOKEN_{context.source.upper()} or the Airflow connection resonanz_{context.source}"
            raise SourceError(Kind.CREDENTIALS, f"login as {options.identifier}: put an app password into {token}.")
        server = self._client(options.auth_service, 1)
        body = {"identifier": options.identifier, "password": context.token}
        session = server.post("/xrpc/com.atproto.server.createSession", body, what=f"login as {options.identifier}")
        token, did = session.value.get("accessJwt"), session.value.get("did")
        if not isinstance(token, str):
            raise SourceError(
                Kind.CONTRACT, f"login as {options.identifier}: {options.auth_service} gives no accessJwt"
            )
        handle = str(session.value.get("handle") or options.identifier)
        return Session(str(did or ""), handle, self._client(options.auth_service, 1, token))

    def _page(
        self,
        method: str,
        params: Mapping[str, Any],
        items: str,
        what: str,
        cursor: str | None,
        client: Client | None = None,
    ) -> Page:
        """A page, newest first, and the cursor of the one after. A page may be empty and still lead on."""
        asked = {**params, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
        try:
            answer = self.ask(method, asked, what=what, client=client)
        except SourceError as error:
            if cursor and error.kind in (Kind.CONTRACT, Kind.GONE) and error.code != GARBLED:
                raise SourceError(error.kind, error.message, code=CURSOR_EXPIRED) from None
            raise
        page, following = answer.get(items), answer.get("cursor")
        if not isinstance(page, list):
            raise SourceError(Kind.CONTRACT, f"{what}: {method} answered without a list of {items}")
        if not isinstance(following, str) or not following or (not page and following == cursor):
            return page, None
        return page, following

    def thread(self, uri: str, native_id: str, depth: int, height: int) -> dict[str, Any]:
        """The thread around the post at `uri`, which messages name `native_id`; raises a SourceError of kind GONE where
        the post cannot be seen any more."""
        params = {"uri": uri, "depth": depth, "parentHeight": height}
        answer = self.ask("app.bsky.feed.getPostThread", params, what=f"thread {native_id}")
        node = answer.get("thread")
        if isinstance(node, Mapping) and (node.get("notFound") or node.get("blocked")):
            raise SourceError(Kind.GONE, f"thread {native_id}: the post is not there any more")
        if not isinstance(node, Mapping) or not isinstance(node.get("post"), Mapping):
            raise SourceError(Kind.CONTRACT, f"thread {native_id}: the answer has no post")
        return dict(node)
