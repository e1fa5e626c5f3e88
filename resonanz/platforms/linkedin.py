"""LinkedIn organisations: their posts with comments and replies, reactions, share statistics, followers."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Check, Context
from resonanz.social import sources
from resonanz.social.fields import mappings
from resonanz.social.linkedin.errors import explain
from resonanz.social.linkedin.metrics import SHARES, SOCIAL
from resonanz.social.linkedin.network import LinkedIn, Options
from resonanz.social.oauth import fresh_token, has_refresh_token

__all__ = ["Options", "check", "streams"]


def streams(options: Options, context: Context) -> Sequence[Any]:
    """`posts`, `accounts` and `comments`."""
    return sources.streams(_network(options, context))


def check(options: Options, context: Context) -> Iterator[Check]:
    """Whether the token is good, which role it has on each organisation, and what it may read of it."""
    network = _network(options, context)
    asked = {"q": "roleAssignee", "state": "APPROVED"}
    try:
        roles = list(mappings(network.api.get("organizationAcls", "roles", **asked).get("elements")))
        yield Check("token", "is good")
    except SourceError as error:
        yield Check("token", "was refused" if error.kind is Kind.CREDENTIALS else "roles cannot be read", error.message)
        if error.kind is Kind.CREDENTIALS or error.code == "NONEXISTENT_VERSION":
            return
        roles = []
    for urn in options.organizations:
        held = sorted({str(one.get("role")) for one in roles if one.get("organization") == urn})
        cure = f"an administrator of the page must give the token's owner the role ADMINISTRATOR on {urn}"
        if roles:
            is_enough = "ADMINISTRATOR" in held or not options.statistics
            yield Check(f"role on {urn}", ", ".join(held) or "none", None if is_enough else cure)
        yield from _checked(network, urn)


def _checked(network: LinkedIn, urn: str) -> Iterator[Check]:
    try:
        name = network.name(urn)
        posts, _ = network.api.posts(urn, None, 1)
        yield Check(f"organization {urn}", f"{name}, posts can be read")
    except SourceError as error:
        yield Check(f"organization {urn}", "cannot be read", error.message)
        return
    first = next((str(post["id"]) for post in mappings(posts) if "id" in post), None)
    tries: dict[str, Callable[[], Any]] = {}
    if first is not None:
        tries["comments"] = partial(network.api.comments, first, None)
        tries["reactions"] = partial(network.api.batch, SOCIAL, "reactions of the newest post", [first])
    if network.options.statistics:
        what = f"statistics of {name}"
        tries["statistics"] = partial(network.api.get, SHARES, what, q="organizationalEntity", organizationalEntity=urn)
    for subject, attempt in tries.items():
        try:
            attempt()
            yield Check(f"{subject} of {name}", "can be read")
        except SourceError as error:
            yield Check(f"{subject} of {name}", "cannot be read", error.message)


def _network(options: Options, context: Context) -> LinkedIn:
    is_renewed = has_refresh_token(context)
    if not context.token and not is_renewed:
        raise SourceError(
            Kind.CREDENTIALS,
            f"sources.{context.source}: LinkedIn needs a token in RESONANZ_TOKEN_{context.source.upper()} or as "
            f"the password of the Airflow connection resonanz_{context.source}, or client_id, client_secret and "
            "refresh_token in that connection's extra",
        )
    client = Client(
        options.base_url,
        source=context.source,
        token=fresh_token(context, options.auth_url) if is_renewed else context.token,
        headers={"LinkedIn-Version": options.version, "X-Restli-Protocol-Version": "2.0.0"},
        workers=options.concurrency,
        explain=explain,
        budget=context.budget,
    )
    return LinkedIn(options, context, client)
