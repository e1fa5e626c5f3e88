"""Errors that a person can act on. Whatever goes wrong ends in one of these, and says who must act."""

from enum import StrEnum


class Kind(StrEnum):
    """What sort of fault it was, and so who acts and whether trying again can help."""

    CREDENTIALS = "credentials"  # the owner of the connection renews the token; never retried
    PERMISSION = "permission"  # the owner of the account grants the right; never retried
    GONE = "gone"  # the account, file or item no longer exists; never retried
    LIMIT = "limit"  # the platform asks to wait; retried after `retry_after`
    TRANSIENT = "transient"  # network or server fault; retried
    CONTRACT = "contract"  # the answer or file is not what the platform or mapping promises; a person looks


WHO_ACTS = {
    Kind.CREDENTIALS: "the owner of the connection renews the token",
    Kind.PERMISSION: "the owner of the account grants the right",
    Kind.GONE: "whoever keeps sources.toml takes it out, or corrects its name",
    Kind.LIMIT: "nobody; it passes",
    Kind.TRANSIENT: "nobody, unless it lasts: then whoever runs the server or the network",
    Kind.CONTRACT: "a person looks: the file, the address, or a platform that has changed",
}


class ResonanzError(Exception):
    """A fault described in words: what, where, and how to cure it. The message is all a user needs."""


class ConfigError(ResonanzError):
    """The configuration is wrong. The message names the file, the field and the cure."""


class SourceError(ResonanzError):
    """A source could not be read, wholly or in part.

    :param kind: the sort of fault, see :class:`Kind`.
    :param message: what happened, where (file and line, or address without secrets) and the cure.
    :param retry_after: seconds until trying again makes sense, where the platform told.
    :param code: the platform's own name or number for the fault; empty where it gave none.
    """

    def __init__(self, kind: Kind, message: str, *, retry_after: float | None = None, code: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after
        self.code = code

    @property
    def is_retryable(self) -> bool:
        """Whether the same call may succeed later without anybody acting."""
        return self.kind in (Kind.LIMIT, Kind.TRANSIENT)


class BatchRefused(ResonanzError):
    """The guard refused a whole batch, or what was about to be published."""


class StageError(ResonanzError):
    """A warehouse stage failed (lock held, disk full, a model that does not build)."""
