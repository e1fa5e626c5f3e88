"""What the AT Protocol's servers are asked: feeds, records, searches, threads; over XRPC."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context

Pages = Iterator[tuple[list[Any], str | None]]
PAGE = 100
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


class Api:
    """The servers of one source.

    :param options: `Options` of resonanz.platforms.bluesky.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context
        self.client = Client(options.service, source=context.source, workers=options.concurrency, faults=FAULTS)

    def did(self, account: str) -> str:
        """The DID behind a handle."""
        account = account.lstrip("@")
        if account.startswith("did:"):
            return account
        if self.options.via == "appview":
            found = self.ask("app.bsky.actor.getProfile", {"actor": account}, what=f"the account @{account}")
        else:
            found = self.ask("com.atproto.identity.resolveHandle", {"handle": account}, what=f"the handle @{account}")
        if not isinstance(found.get("did"), str):
            raise SourceError(Kind.CONTRACT, f"@{account}: the server gives no DID for it")
        return str(found["did"])

    def ask(self, method: str, params: Mapping[str, Any], *, what: str, client: Client | None = None) -> dict[str, Any]:
        """What an XRPC query answers; private DIDs in the words of a fault are keyed."""
        try:
            return dict((client or self.client).get(f"/xrpc/{method}", params, what=what).value)
        except SourceError as error:
            words = re.sub(r"did:[a-z]+:\S*", "did:…", error.message)
            kind = Kind.GONE if _NOBODY.search(words) else error.kind
            raise SourceError(kind, words, retry_after=error.retry_after) from None

    def feed(self, actor: str, cursor: str | None) -> Pages:
        did = self.did(actor)
        if self.options.via == "appview":
            params = {"actor": did, "filter": "posts_with_replies"}
            yield from self._pages("app.bsky.feed.getAuthorFeed", params, "feed", f"feed @{actor}", cursor)
            return
        author = {"did": did, "handle": actor}
        params = {"repo": did, "collection": "app.bsky.feed.post"}
        for page, following in self._pages(
            "com.atproto.repo.listRecords", params, "records", f"posts @{actor}", cursor
        ):
            views = [{**item, "author": author, "record": item.get("value")} for item in page if isinstance(item, dict)]
            yield [{name: part for name, part in view.items() if name != "value"} for view in views], following

    def search(self, query: str, cursor: str | None) -> Pages:
        params = {"q": query, "sort": "latest"}
        try:
            client = self._search_client
            yield from self._pages("app.bsky.feed.searchPosts", params, "posts", f"search {query}", cursor, client)
        except SourceError as error:
            if self.options.identifier or error.kind not in (Kind.PERMISSION, Kind.CREDENTIALS):
                raise
            token = f"RESONANZ_TOKEN_{self.context.source.upper()}"
            raise SourceError(
                Kind.PERMISSION,
                f"search: {self.client.base} lets nobody search without a login. Set identifier (and auth_service) in "
                f"sources.toml and put an app password into {token}, or take `search` out. The rest was read.",
            ) from None

    @cached_property
    def _search_client(self) -> Client:
        """The API, or where an identifier is given the account's own server, logged in with its app password."""
        options, context = self.options, self.context
        if options.identifier is None:
            return self.client
        if context.token is None:
            token = f"RESONANZ_TOKEN_{context.source.upper()} or the Airflow connection resonanz_{context.source}"
            raise SourceError(Kind.CREDENTIALS, f"search as {options.identifier}: put an app password into {token}.")
        server = Client(options.auth_service, source=context.source, workers=1, faults=FAULTS)
        body = {"identifier": options.identifier, "password": context.token}
        session = server.post("/xrpc/com.atproto.server.createSession", body, what=f"login as {options.identifier}")
        token = session.value.get("accessJwt")
        if not isinstance(token, str):
            raise SourceError(
                Kind.CONTRACT, f"login as {options.identifier}: {options.auth_service} gives no accessJwt"
            )
        return Client(options.auth_service, source=context.source, token=token, workers=1, faults=FAULTS)

    def _pages(
        self,
        method: str,
        params: dict[str, Any],
        items: str,
        what: str,
        cursor: str | None,
        client: Client | None = None,
    ) -> Pages:
        """Pages, newest first, each with the cursor of the one after. A page may be empty and still lead on."""
        while True:
            asked = {**params, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
            answer = self.ask(method, asked, what=what, client=client)
            page, following = answer.get(items), answer.get("cursor")
            if not isinstance(page, list):
                raise SourceError(Kind.CONTRACT, f"{what}: {method} answered without a list of {items}")
            if not isinstance(following, str) or not following or following == cursor:
                yield page, None
                return
            yield page, following
            cursor = following

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
