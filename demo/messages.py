"""One message of the demo, on whatever channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from demo.people import Person


@dataclass(eq=False, kw_only=True)
class Message:
    """One utterance, as it stands at the end of the demo's time.

    :param channel: where it was said, a key of `World.messages`.
    :param topic: the phrase file from which it comes, or company_reply.
    :param text: with `@handle` of people and `#hashtags` in it; `old_text` is what stood there before an edit.
    :param language: what the author declared (None: nothing).
    :param details: what else is known: the values in the text's slots, or a review's further fields.
    :param is_deleted: gone by the end; its replies are still there where the platform keeps them.
    :param place: how the company comes to see a message that starts a thread. own: it stands on the company's account;
        visitor: somebody else's post on the company's page; mention: a post elsewhere that names the account;
        search: a post elsewhere that only speaks of the brand. Replies have the place of their thread.
    :param quoted: the message that this one quotes.
    :param reactions: kind -> count; they add up to `favourites`. Empty where the platform knows one kind only.
    :param views, impressions, reach, clicks, saves: counts at the end; None where the platform does not offer them.
    """

    channel: str
    author: Person
    created_at: datetime
    topic: str
    text: str
    language: str | None
    parent: Message | None = None
    product: str | None = None
    edited_at: datetime | None = None
    old_text: str | None = None
    is_deleted: bool = False
    title: str | None = None
    rating: float | None = None
    favourites: int = 0
    shares: int = 0
    quotes: int = 0
    saves: int | None = None
    views: int | None = None
    impressions: int | None = None
    reach: int | None = None
    clicks: int | None = None
    reactions: dict[str, int] = field(default_factory=dict)
    place: str = "own"
    quoted: Message | None = None
    has_picture: bool = False
    warning: str = ""
    native_id: str = ""
    details: dict[str, str] = field(default_factory=dict)
    replies: list[Message] = field(default_factory=list)

    @property
    def root(self) -> Message:
        """The first message of the thread, deleted or not."""
        message = self
        while message.parent is not None:
            message = message.parent
        return message

    @property
    def depth(self) -> int:
        """0 for a message that starts a thread, 1 for its replies, and so on."""
        return 0 if self.parent is None else 1 + self.parent.depth

    def below(self) -> list[Message]:
        """All messages below this one, depth first, deleted or not."""
        return [message for reply in self.replies for message in (reply, *reply.below())]

    def live_replies(self) -> list[Message]:
        """Direct replies that still exist, oldest first."""
        return [reply for reply in self.replies if not reply.is_deleted]
