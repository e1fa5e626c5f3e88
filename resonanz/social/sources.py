"""From a network to the dlt resources of its source."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from resonanz.landing import Message
from resonanz.social import feeds
from resonanz.social.conversations import Conversations
from resonanz.social.network import Network
from resonanz.social.reader import Reader

Following = Mapping[str, Callable[[Reader], Iterator[Message]]]


def streams(network: Network, following: Following | None = None) -> list[Any]:
    """One dlt resource per stream that the network names, then `accounts`, then `comments`, as far as it has them.

    :param following: stream name -> what reads it once the timelines are through, where that is not `comments` alone.
    """
    reader = Reader(network)
    timelines: dict[str, Callable[[dict[str, Any]], Iterator[Message]]] = {
        name: partial(reader.timelines, lines) for name, lines in network.timelines().items()
    }
    if network.has_accounts:
        timelines["accounts"] = reader.accounts
    conversations: dict[str, Callable[[], Iterator[Message]]] = {}
    if following is not None:
        conversations |= {name: partial(read, reader) for name, read in following.items()}
    elif network.options.replies and network.has_threads:
        conversations["comments"] = Conversations(reader).read
    return feeds.streams(timelines, conversations, reader.finish)
