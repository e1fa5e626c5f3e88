"""The platforms that Resonanz can read: one file each, listed here by hand.

A platform file offers `Options` (a pydantic model of its own settings in sources.toml) and
`streams(options, context)`, the dlt resources that land messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from resonanz.errors import SourceError
from resonanz.privacy import Privacy

PLATFORMS = {
    "archive": "resonanz.platforms.archive",
    "bluesky": "resonanz.platforms.bluesky",
    "mastodon": "resonanz.platforms.mastodon",
}


@dataclass
class Context:
    """What a platform file gets to work with.

    :param source: the source's name in sources.toml.
    :param base: the folder of sources.toml; relative paths in options start here.
    :param privacy: keys private people, knows the company's accounts.
    :param token: the credential, where one is configured.
    :param problems: faults that touch one part only (one file, one thread). A platform appends them and goes
        on; the run lands the rest, names each and fails at the end.
    """

    source: str
    base: Path
    privacy: Privacy
    token: str | None = None
    problems: list[SourceError] = field(default_factory=list)


class Platform(Protocol):
    """What a platform module offers."""

    Options: type[BaseModel]

    def streams(self, options: Any, context: Context) -> Sequence[Any]:
        """The dlt resources of one source, made by `resonanz.landing.stream`."""
        ...


def platform(name: str) -> Platform:
    """Import the platform called `name`; it must stand in PLATFORMS."""
    module: Any = import_module(PLATFORMS[name])
    return module  # type: ignore[no-any-return]
