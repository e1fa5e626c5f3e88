"""Followers of the company's accounts on Bluesky, as they stand now."""

from collections.abc import Iterator
from typing import Any

from resonanz.errors import SourceError
from resonanz.landing import Message, account_metrics
from resonanz.social.bluesky.people import PLATFORM
from resonanz.social.bluesky.reader import Reader
from resonanz.social.faults import report
from resonanz.social.memory import name_of

_KEPT = ("did", "handle", "followersCount", "postsCount")


class Accounts:
    """The accounts stream of one run; the profiles were asked for when the company's DIDs were looked up."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def read(self, state: dict[str, Any]) -> Iterator[Message]:
        """The figures of each account, where they changed."""
        reader, seen = self.reader, set()
        line = reader.line("accounts", state)
        line.is_complete = True
        for account in self._own():
            try:
                found = reader.api.profile(account)
            except SourceError as error:
                line.is_complete = False
                report(reader.context, reader.client, error)
                continue
            followers = found.get("followersCount")
            if found["did"] in seen or not isinstance(followers, int):
                continue
            seen.add(found["did"])
            kept = {key: found[key] for key in _KEPT if key in found}
            name = str(found.get("handle") or account)
            metrics = {"followers": float(followers)}
            message = account_metrics(PLATFORM, found["did"], name, metrics, payload=kept, origin="accounts")
            line.saw(name_of(message), None)
            if reader.memory.sightings.news(message):
                yield message
        line.settle([])

    def _own(self) -> Iterator[str]:
        people = self.reader.people
        names = [actor.lstrip("@") for actor in self.reader.options.actors]
        own = [name for name in names if people.is_company(name)]
        yield from own
        identifier = self.reader.options.identifier
        if self.reader.options.mentions and not self.reader.is_refused:
            session = self.reader.api.session
            if not {session.did, session.handle, identifier} & set(own):
                yield session.did or session.handle
