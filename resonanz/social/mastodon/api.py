"""What a Mastodon server is asked, apart from its timelines: itself, accounts, single statuses."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context
from resonanz.social.mastodon.people import Instance
from resonanz.social.mastodon.status import PUBLIC

BATCH = 20  # so many statuses can be asked for at once (from version 4.3 on)
_NEEDS_TOKEN = (
    "This method requires an authenticated user",
    "This API requires an authenticated user",
    "The access token is invalid",
    "The access token was revoked",
    "The access token expired",
)
_SCOPE = "This action is outside the authorized scopes"
Found = dict[str, Any]


class Api:
    """The server of one source.

    :param options: `Options` of resonanz.platforms.mastodon.
    """

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context
        self.client = Client(
            options.base_url,
            source=context.source,
            token=context.token,
            workers=options.concurrency,
            faults={**dict.fromkeys(_NEEDS_TOKEN, Kind.CREDENTIALS), _SCOPE: Kind.PERMISSION},
            budget=context.budget,
        )
        self._accounts: dict[str, Found] = {}
        self.gives_batches = True  # as far as it is known

    def description(self) -> Found:
        """`GET /api/v2/instance`."""
        return dict(self.client.get("/api/v2/instance", what="the server's description").value)

    @cached_property
    def instance(self) -> Instance:
        """The server by its own domain, which may differ from its address, and from which keys of local accounts
        follow: asked once a run, remembered for when it cannot be told, the address' host where it never is."""
        import dlt

        memory = dlt.current.source_state()
        try:
            told = self.description().get("domain")
        except SourceError as error:
            if error.kind is not Kind.GONE and "domain" not in memory:
                raise
        else:
            if isinstance(told, str) and told:
                memory["domain"] = told
        domain = memory.setdefault("domain", urlsplit(self.options.base_url).netloc)
        instance, privacy = Instance(domain, self.context.privacy), self.context.privacy
        own = str(self.me.get("acct") or "") if self.options.mentions else ""
        return Instance(domain, privacy.knowing(own, instance.full(own))) if own else instance

    @cached_property
    def me(self) -> Found:
        """The account whose token it is; nothing where there is none, or where it may not be asked for that."""
        if not self.context.token:
            return {}
        try:
            return self.who()
        except SourceError as error:
            if error.kind in (Kind.PERMISSION, Kind.GONE, Kind.CONTRACT):
                return {}
            raise

    def who(self) -> Found:
        """`GET /api/v1/accounts/verify_credentials`."""
        return dict(self.client.get("/api/v1/accounts/verify_credentials", what="the token's account").value)

    def scopes(self) -> list[str]:
        """What the token's app may ask for; empty where the server does not tell (before version 4.3)."""
        told = self.client.get("/api/v1/apps/verify_credentials", what="the token's app").value.get("scopes")
        return [str(scope) for scope in told] if isinstance(told, list) else []

    def account(self, name: str) -> Found:
        """The account called `name`; asked for once a run."""
        if name not in self._accounts:
            found = self.client.get("/api/v1/accounts/lookup", {"acct": name}, what=f"the account @{name}").value
            if not isinstance(found.get("id"), str | int):
                raise SourceError(Kind.CONTRACT, f"the account @{name}: the server gives no id for it")
            self._accounts[name] = dict(found)
        return self._accounts[name]

    def status(self, native_id: str) -> Found:
        """One status as it is now; raises a SourceError of kind GONE where it was deleted."""
        found = self.client.get(f"/api/v1/statuses/{quote(native_id, safe='')}", what=f"status {native_id}").value
        if found.get("visibility", "public") not in PUBLIC:
            raise SourceError(Kind.GONE, f"status {native_id} is not public any more")
        return dict(found)

    def statuses(self, native_ids: Iterable[str]) -> Iterator[tuple[str, Found | SourceError]]:
        """Statuses as they are now, as many at once as the server allows; what is missing there is asked for alone."""
        waiting = iter(native_ids)
        while chunk := list(islice(waiting, BATCH)):
            try:
                found = (self.batch(chunk) or {}) if len(chunk) > 1 else {}
            except SourceError as error:
                yield from ((native_id, error) for native_id in chunk)
                continue
            yield from found.items()
            yield from self.client.each(self.status, [name for name in chunk if name not in found])

    def batch(self, native_ids: list[str]) -> dict[str, Found] | None:
        """Those of at most BATCH statuses that are public now; None where the server cannot be asked for several."""
        if not self.gives_batches:
            return None
        try:
            items = self.client.get("/api/v1/statuses", {"id[]": native_ids}, what="statuses", expect=list).value
        except SourceError as error:
            if error.is_retryable:
                raise
            self.gives_batches = False
            return None
        public = [item for item in items if isinstance(item, dict) and item.get("visibility", "public") in PUBLIC]
        return {str(item["id"]): item for item in public if item.get("id") in native_ids}
