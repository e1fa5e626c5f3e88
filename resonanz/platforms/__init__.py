"""The platforms that Resonanz can read: one file each, listed here by hand.

A platform file offers `Options` (a pydantic model of its own settings in sources.toml), `streams(options, context)`,
the dlt resources that land messages, and `check(options, context)`, which asks whether the token, its permissions
and the quota suffice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from resonanz.budget import Budget
from resonanz.errors import SourceError
from resonanz.privacy import Privacy

PLATFORMS = {
    "archive": "resonanz.platforms.archive",
    "bluesky": "resonanz.platforms.bluesky",
    "facebook": "resonanz.platforms.facebook",
    "google_business": "resonanz.platforms.google_business",
    "google_plus": "resonanz.platforms.google_plus",
    "instagram": "resonanz.platforms.instagram",
    "linkedin": "resonanz.platforms.linkedin",
    "mastodon": "resonanz.platforms.mastodon",
    "x": "resonanz.platforms.x",
    "youtube": "resonanz.platforms.youtube",
}
# These read files that somebody has put there: copies of older days, which cannot show that a message lives again.
FROM_FILES = frozenset({"archive", "google_plus"})


@dataclass(frozen=True)
class Window:
    """A backfill's range: what was said from `since` on and before `until` (aware, UTC) is read anew."""

    since: datetime
    until: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


@dataclass(frozen=True)
class Check:
    """One thing that `resonanz sources check` asked a platform.

    :param subject: what was asked for: "token", "permission read_insights", "page 123", "quota".
    :param problem: what is wrong and the cure, in words; None where it is fine.
    :param words: what was found, without secrets and private names.
    """

    subject: str
    words: str
    problem: str | None = None


@dataclass
class Context:
    """What a platform file gets to work with.

    :param source: the source's name in sources.toml.
    :param base: the folder of sources.toml; relative paths in options start here.
    :param privacy: keys private people, knows the company's accounts.
    :param token: the credential, where one is configured: the connection's password.
    :param secrets: what else the Airflow connection holds: `login`, and the fields of its extra (`client_id`, ...).
    :param window: for a backfill, the range to read; None in a usual run. The running cursor is out of reach then.
    :param budget: what the source may spend, and what it has spent.
    :param memory: the file in which a source keeps what it remembers of young messages; None: in memory only.
    :param problems: faults that touch one part only (one file, one thread). A platform appends them and goes
        on; the run lands the rest, names each and fails at the end.
    :param notices: what somebody should know although nothing failed (a metric was retired), in words.
    :param on_landed: called once everything that the streams gave has landed and its cursors are committed.
    :param on_ended: called in any case when the extraction is over, after `on_landed`.
    """

    source: str
    base: Path
    privacy: Privacy
    token: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    window: Window | None = None
    budget: Budget = field(default_factory=Budget)
    memory: Path | None = None
    problems: list[SourceError] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    on_landed: list[Callable[[], None]] = field(default_factory=list)
    on_ended: list[Callable[[], None]] = field(default_factory=list)

    def notice(self, words: str) -> None:
        """Note `words`, once."""
        if words not in self.notices:
            self.notices.append(words)


class Platform(Protocol):
    """What a platform module offers. A quota that the platform gives to everybody stands in `BUDGET` (as in
    sources.toml: `units_per_day`), and the time zone in which its days begin in `BUDGET_ZONE`; both may be missing."""

    Options: type[BaseModel]

    def streams(self, options: Any, context: Context) -> Sequence[Any]:
        """The dlt resources of one source, made by `resonanz.landing.stream`."""
        ...

    def check(self, options: Any, context: Context) -> Iterator[Check]:
        """Ask the platform, with a few requests, whether token, permissions and quota suffice."""
        ...


def platform(name: str) -> Platform:
    """Import the platform called `name`; it must stand in PLATFORMS."""
    module: Any = import_module(PLATFORMS[name])
    return module  # type: ignore[no-any-return]
