"""What one social network is to the reader of timelines and threads: a platform file fills this in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from resonanz.errors import Kind
from resonanz.http import Client
from resonanz.landing import Message
from resonanz.platforms import Context
from resonanz.social.memory import Sighting
from resonanz.social.options import SocialOptions
from resonanz.social.pages import Page


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A list of messages that a platform shows newest first.

    :param name: names it in the state, in problems and as its messages' origin ("page feed", "mentions"); unique in
        its source.
    :param page: (cursor, newest) -> the items there and the next cursor, see `pages.paged`. `newest` is the native id
        up to which an earlier run has read everything, for platforms that can be asked for what came since; None on
        a first load and in a backfill.
    :param parse: item -> its message, or several where answers stand within it, the item's own first; None for what is
        no utterance or not ours. Never raises for bad data: a message with `parse_error` says what is wrong.
    :param is_sorted: whether items come newest first. If not, every run reads the whole list.
    :param sorted_at: the time by which they are sorted, of the item's own message: `edited_at` where what was changed
        last stands at the top.
    :param rereads: how young messages are read again: `walk` reads the list down through the look-back window (and
        asks for those that are missing there), `lookup` reads only what is new, and asks for all young ones by id,
        `none` reads only what is new and leaves the young ones to a stream of their own.
    :param fetch_ahead: whether a first load may fetch pages before it is known that they are wanted; not where each
        item costs money.
    :param reread_every: at least so long between two such lookups, where each one costs.
    :param is_complete_list: whether a message that is missing in the list is deleted, without asking for it by id.
    """

    name: str
    page: Callable[[str | None, str | None], Page]
    parse: Callable[[Any], Message | Sequence[Message] | None]
    is_sorted: bool = True
    sorted_at: Callable[[Message], datetime | None] = attrgetter("created_at")
    fetch_ahead: bool = True
    rereads: str = "walk"
    reread_every: timedelta | None = None
    is_complete_list: bool = False


class Network:
    """One run over one source of a platform. Subclasses say what to ask and how to read the answers.

    A method that asks raises SourceErrors; the reader makes each the problem of one timeline, account or thread.

    :cvar platform: the first part of every message's id.
    :cvar lookup_size: how many ids `lookup` can be asked for at once; 0: single messages cannot be asked for.
    :cvar has_threads: whether there are conversations to read below messages.
    :cvar has_accounts: whether `accounts` reads metrics of the company's accounts.
    :cvar threads_die: whether a message's answers are gone when it is deleted.
    :cvar reads_uncounted: whether conversations are read whose first message does not tell how many answers it has;
        then each time that a timeline shows it.
    :cvar source_wide: kinds of faults of one thread that all others would meet, too.
    :ivar known: native id -> what an earlier reading of this source saw, as far as it is remembered. Set by the reader.
    """

    platform: str
    lookup_size: int = 0
    has_threads: bool = True
    has_accounts: bool = False
    threads_die: bool = True
    reads_uncounted: bool = False
    source_wide: tuple[Kind, ...] = (Kind.LIMIT, Kind.CREDENTIALS, Kind.PERMISSION)

    def __init__(self, options: SocialOptions, context: Context, client: Client) -> None:
        self.options = options
        self.context = context
        self.client = client
        self.known: Callable[[str], Sighting | None] = lambda _: None

    def timelines(self) -> Mapping[str, Sequence[Timeline]]:
        """Stream name -> its timelines. Asks nothing: what must be looked up first is looked up by the first page."""
        raise NotImplementedError

    def accounts(self) -> Mapping[str, Callable[[], Iterator[Message]]]:
        """Account -> what reads its metrics, as `landing.account_metrics` rows."""
        raise NotImplementedError

    def lookup(self, native_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Single messages as they are now, at most `lookup_size` of them; None: deleted. Ids of whose fate nothing is
        known are left out."""
        raise NotImplementedError

    def thread_of(self, message: Message) -> str | None:
        """By which message the conversation is asked for whose growth `message` shows; None: it is not read.

        A thread's first message by default. Where a platform gives the answers to one comment alone, it may be that
        comment: then an old thread need not be read as a whole for one new reply.
        """
        return message.thread_native_id or message.native_id

    def can_ask(self, first: str) -> bool:
        """Whether this run can ask for the conversation below the message `first`; if not, it stays due."""
        return True

    def thread_page(self, first: str, cursor: str | None) -> Page:
        """Items of the conversation below the message `first`, in any order."""
        raise NotImplementedError

    def answers(self, first: str, item: Any) -> Iterator[Message]:
        """The comments and replies in one item of `thread_page`; may ask for more of them."""
        raise NotImplementedError
