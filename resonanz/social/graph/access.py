"""Signing in to the Graph API, and trying what a token may read."""

from typing import Any

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context
from resonanz.social.graph.requests import Graph, explain


def client(options: Any, context: Context, token: str) -> Client:
    """A client with the source's token.

    :param token: what it is called where it is missing: "a page's access token".
    """
    if not context.token:
        raise SourceError(
            Kind.CREDENTIALS,
            f"sources.{context.source}: {token} is needed; put it into "
            f"RESONANZ_TOKEN_{context.source.upper()} or the Airflow connection resonanz_{context.source}",
        )
    return Client(
        options.base_url,
        source=context.source,
        token=context.token,
        workers=options.concurrency,
        explain=explain,
        budget=context.budget,
    )


def refused(graph: Graph, path: str, what: str, **params: Any) -> str | None:
    """What is said against reading `path`; None where it can be read."""
    try:
        graph.get(path, what=what, **params)
    except SourceError as error:
        return error.message
    return None
