"""From a network to the dlt resources of its source."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from resonanz.landing import Message
from resonanz.social import feeds
from resonanz.social.conversations import Conversations
from resonanz.social.network import Network
from resonanz.social.reader import Reader


def streams(network: Network) -> list[Any]:
    """One dlt resource per stream that the network names, then `comments`, then `accounts`, as far as it has them."""
    reader = Reader(network)
    timelines: dict[str, Callable[[dict[str, Any]], Iterator[Message]]] = {
        name: partial(reader.timelines, lines) for name, lines in network.timelines().items()
    }
    if network.has_accounts:
        timelines["accounts"] = reader.accounts
    conversations: dict[str, Callable[[], Iterator[Message]]] = {}
    if network.options.replies and network.has_threads:
        conversations["comments"] = Conversations(reader).read
    return feeds.streams(timelines, conversations, reader.finish)
