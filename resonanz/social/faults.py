"""Which faults touch one part of a source only, and which end its run."""

from resonanz.errors import Kind, SourceError
from resonanz.http import Client
from resonanz.platforms import Context

_SOURCE_WIDE = (Kind.LIMIT, Kind.CREDENTIALS, Kind.PERMISSION)


def report(context: Context, client: Client, error: SourceError) -> None:
    """Put `error` on the list of problems, once; raise it where nothing of the source could be read at all."""
    if error.is_retryable and not client.has_answered:
        raise error
    if error.message not in {problem.message for problem in context.problems}:
        context.problems.append(error)


def is_final(client: Client, error: SourceError) -> bool:
    """Whether the next request of the same sort would fail in the same way."""
    return error.kind in _SOURCE_WIDE or client.is_down
