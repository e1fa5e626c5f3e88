"""Followers of the company's accounts on a Mastodon server, as they stand now."""

from collections.abc import Iterator
from typing import Any

from resonanz.errors import SourceError
from resonanz.landing import Message, account_metrics
from resonanz.social.faults import report
from resonanz.social.mastodon.people import PLATFORM
from resonanz.social.mastodon.reader import Reader
from resonanz.social.memory import name_of

_KEPT = ("id", "acct", "followers_count", "statuses_count")


class Accounts:
    """The accounts stream of one run; what the timelines have asked for is not asked for twice."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def read(self, state: dict[str, Any]) -> Iterator[Message]:
        """The figures of each account, where they changed."""
        reader = self.reader
        line = reader.line("accounts", state)
        if reader.is_refused:
            return
        line.is_complete = True
        try:
            for found in self._own(line):
                message = self._figures(found)
                line.saw(name_of(message), None)
                if message.metrics and reader.memory.sightings.news(message):
                    yield message
        except SourceError as error:
            line.is_complete = False
            report(reader.context, reader.client, error)
        line.settle([])

    def _own(self, line: Any) -> Iterator[dict[str, Any]]:
        api, instance, seen = self.reader.api, self.reader.api.instance, set()
        for name in filter(instance.is_company, self.reader.options.accounts):
            try:
                found = api.account(name)
            except SourceError as error:
                line.is_complete = False
                report(self.reader.context, self.reader.client, error)
            else:
                seen.add(str(found["id"]))
                yield found
        if self.reader.options.mentions and "id" in api.me and str(api.me["id"]) not in seen:
            yield api.me

    def _figures(self, found: dict[str, Any]) -> Message:
        name = self.reader.api.instance.full(str(found.get("acct")))
        followers = found.get("followers_count")  # -1 where a server does not tell
        metrics = {"followers": float(followers)} if isinstance(followers, int) and followers >= 0 else {}
        kept = {key: found[key] for key in _KEPT if key in found}
        return account_metrics(PLATFORM, str(found["id"]), name, metrics, payload=kept, origin="accounts")
