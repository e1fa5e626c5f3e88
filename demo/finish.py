"""The last touches on a social channel: hashtags, edits, deletions, languages left out, counts and native ids."""

import base64
import hashlib
import math
import re
from datetime import timedelta
from random import Random

from demo.company import CAMPAIGN_HASHTAGS, HASHTAGS, PRODUCT, last_moment
from demo.messages import Message
from demo.phrases import Phrases, fill
from demo.scene import LIMITS, pick
from demo.topics import topics

_TAG = re.compile(r"(?<![\w&])#(\w+)")
_EDITABLE = ("complaint_product", "question_product", "story_delivery", "story_faulty_batch", "complaint_service")
_WARNINGS = {
    "de": ("Gemecker", "Haushalt", "lang", "Waschmaschinendrama"),
    "en": ("rant", "household", "long", "first world problems"),
}
_B32_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"


def finish(channel: str, messages: list[Message], rng: Random, phrases: Phrases) -> list[Message]:
    """Put the last touches on all messages of a social channel; returns them in the order of their ids."""
    messages.sort(key=lambda message: message.created_at)  # stable: written order where the instant is the same
    _hashtags(channel, messages, rng)
    if channel == "mastodon":
        _edits(messages, rng, phrases)
    _deletions(messages, rng)
    for message in messages:
        _touch(message, rng)
    _ids(channel, messages)
    return messages


def hashtags(text: str) -> list[str]:
    """The hashtags in `text`, without `#`, in the order in which they stand there."""
    return _TAG.findall(text)


def touch(messages: list[Message], rng: Random, phrases: Phrases, *, edited: bool) -> None:
    """Counts, languages left out and, where the platform shows them, edits; for the channels of demo.channels."""
    if edited:
        _edits(messages, rng, phrases)
    for message in messages:
        _touch(message, rng)


def _hashtags(channel: str, messages: list[Message], rng: Random) -> None:
    """Threads that the company is not part of can only be found by a hashtag (or, on Bluesky, by a word)."""
    known = {tag.casefold() for tag in HASHTAGS}
    for root in messages:
        if root.parent is not None or root.author.is_company:
            continue
        found = {tag.casefold() for tag in hashtags(root.text)}
        is_findable = bool(found & known) if channel == "mastodon" else bool(found & known) or _says_name(root.text)
        if is_findable or (_is_answered_alone(root) and rng.random() < 0.7):
            continue
        tag = HASHTAGS[0]
        if root.topic == "off_topic" and root.product:
            tag = PRODUCT[root.product].hashtag
        elif root.topic.startswith("story_campaign") or root.topic == "off_topic":
            tag = CAMPAIGN_HASHTAGS[0 if root.author.language == "de" else 1]
        elif root.product and root.product in root.text and rng.random() < 0.5:
            tag = PRODUCT[root.product].hashtag
        tag = tag.lower() if rng.random() < 0.25 else tag
        text = root.text + pick(rng, (" ", "\n\n", "\n")) + f"#{tag}"
        if len(text) <= LIMITS[channel]:
            root.text = text


def _says_name(text: str) -> bool:
    """Whether a search for the company or one of its products finds `text` (it looks for the beginnings of words)."""
    names = ("weidenfels", *(name.casefold() for name in PRODUCT))
    return any(re.search(rf"\b{re.escape(name)}", text.casefold()) for name in names)


def _is_answered_alone(message: Message) -> bool:
    """Whether the company answered and nobody else: then the thread is found through the company's account."""
    return bool(message.replies) and all(reply.author.is_company for reply in message.replies)


def _edits(messages: list[Message], rng: Random, phrases: Phrases) -> None:
    for message in messages:
        language = message.author.language
        if message.author.is_company or message.author.is_bot or language not in ("de", "en"):
            continue
        if rng.random() >= (0.09 if message.topic in _EDITABLE else 0.008):
            continue
        edited = message.created_at + timedelta(minutes=2 + 400 * rng.random() ** 4)
        lines = [line for line in phrases.lines(language, "edit_suffix") if line.topics <= topics(message.text)]
        lines = [line for line in lines if not line.products or message.product in line.products]
        lines = [line for line in lines if line.slots <= message.details.keys()]
        if edited >= last_moment() or not lines:
            continue
        line = pick(rng, lines)
        line.uses += 1
        message.old_text = message.text
        message.text += fill(line.text, message.details)
        message.edited_at = edited


def _deletions(messages: list[Message], rng: Random) -> None:
    """Some take back what they wrote after the company has answered it: the answers stay."""
    for message in messages:
        if not message.author.is_company and _is_answered_alone(message) and rng.random() < 0.06:
            message.is_deleted = True


def _touch(message: Message, rng: Random) -> None:
    """Reactions with a heavy tail, a content warning here and there, a language that was never set."""
    liked = {"story_campaign_praise": 1.1, "off_topic": 0.7, "neutral_mention": -0.3, "story_faulty_batch": 0.8}
    mean = 0.2 + liked.get(message.topic, 0.0) + 0.12 * math.log1p(message.author.followers)
    if message.author.is_company:
        mean = {"company_post_campaign": 4.6, "company_reply": 0.0}.get(
            message.topic, 1.6 if message.parent is None else -0.2
        )
    elif message.parent is not None:
        mean -= 0.8
    message.favourites = max(0, int(math.exp(rng.gauss(mean, 1.25)) - 0.5))
    message.shares = int(message.favourites * 0.45 * rng.random() ** 2)
    message.quotes = int(message.shares * 0.3 * rng.random() ** 2)
    if message.parent is None and not message.author.is_company and rng.random() < 0.015:
        message.warning = pick(rng, _WARNINGS["en" if message.language == "en" else "de"])
    if not message.author.is_company and rng.random() < 0.04:
        message.language = None if rng.random() < 0.7 else ("en" if message.language == "de" else "de")


def _ids(channel: str, messages: list[Message]) -> None:
    last = 0
    for number, message in enumerate(messages):
        milliseconds = max(last + 1, int(message.created_at.timestamp() * 1000))
        message.created_at += timedelta(milliseconds=milliseconds) - timedelta(
            milliseconds=int(message.created_at.timestamp() * 1000)
        )
        last = milliseconds
        if channel == "mastodon":
            message.native_id = str((milliseconds << 16) | (number * 40_503) % 65_536)
        else:
            message.native_id = _tid(milliseconds * 1000 + number % 1000, number % 1024)


def _tid(microseconds: int, clock: int) -> str:
    """A record key as AT Protocol makes it: 13 characters that sort by time."""
    value = (microseconds << 10) | clock
    return "".join(_B32_SORTABLE[(value >> shift) & 31] for shift in range(60, -1, -5))


def cid(content: bytes) -> str:
    """A content id for a record: CIDv1, dag-cbor, SHA-256 (of the JSON, which is all that is served here)."""
    digest = b"\x01\x71\x12\x20" + hashlib.sha256(content).digest()
    return "b" + base64.b32encode(digest).decode().lower().rstrip("=")
