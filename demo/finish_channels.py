"""The last touches on the channels of demo.channels and on Google: deletions, counts, titles and native ids."""

import math
from datetime import timedelta
from random import Random

from demo.channels import SHAPES, cut
from demo.company import FACEBOOK_PAGE_ID, PRODUCT, first_moment
from demo.finish import touch
from demo.messages import Message
from demo.native_ids import (
    comment_thread_id,
    digits,
    reply_suffix,
    review_id,
    share_number,
    snowflake,
    video_id,
)
from demo.phrases import Phrases
from demo.scene import LIMITS, Stage, pick, weighted

REACTIONS = {
    "facebook": {"like": 60.0, "love": 14.0, "haha": 9.0, "wow": 5.0, "sad": 5.0, "angry": 5.0, "care": 2.0},
    "linkedin": {"like": 62.0, "celebrate": 12.0, "support": 7.0, "love": 6.0, "insightful": 10.0, "funny": 3.0},
}
_UPSET = {"sad": 5.0, "angry": 7.0, "funny": 4.0, "haha": 1.5, "love": 0.2, "celebrate": 0.1}


def finish(stage: Stage, phrases: Phrases) -> list[Message]:
    """Put the last touches on all messages of a channel; returns them oldest first, parents before replies."""
    channel, messages, rng = stage.channel, stage.messages, stage.rng
    messages.sort(key=lambda message: message.created_at)
    if channel in SHAPES:
        touch(messages, rng, phrases, edited=SHAPES[channel].edited)
    _deletions(messages, rng, removes_below=channel == "google_business" or SHAPES[channel].removes_below)
    _distinct_moments(messages)
    for number, message in enumerate(messages):
        _count(message, rng)
        _IDS[channel](message, number)
    if channel == "x":
        _versions(messages, rng, phrases)
    return messages


def _deletions(messages: list[Message], rng: Random, *, removes_below: bool) -> None:
    """People take back what they wrote, and the company a post that nobody needs; with the replies, or without."""
    company = [m for m in messages if m.author.is_company and m.parent is None and len(m.below()) <= 3]
    chosen = company[7:8]
    chosen += [m for m in messages if not m.author.is_company and len(m.below()) <= 6 and rng.random() < 0.025]
    for message in chosen:
        for gone in (message, *message.below()) if removes_below else (message,):
            gone.is_deleted = True


def _distinct_moments(messages: list[Message]) -> None:
    """No two messages in one millisecond: ids hold the moment, and timelines have an order."""
    last = first_moment()
    for message in messages:
        moment = message.created_at
        message.created_at = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        message.created_at = max(message.created_at, last + timedelta(milliseconds=1))
        last = message.created_at


def _count(message: Message, rng: Random) -> None:
    """Views, reach, clicks and kinds of reactions, in proportion to the likes; as far as the platform has them."""
    channel, is_post = message.channel, message.parent is None and message.author.is_company
    seen = int((message.favourites + 3) * math.exp(rng.gauss(3.2, 0.5)))
    if channel == "x":
        message.impressions, message.saves = seen, int(message.favourites * 0.2 * rng.random())
        message.clicks = int(seen * 0.02 * rng.random()) if message.author.is_company else None
    elif is_post:
        message.views = seen if channel != "linkedin" else None
        message.impressions = int(seen * 1.3) if channel in ("facebook", "linkedin") else None
        message.reach = int(seen * (0.6 + 0.2 * rng.random())) if channel != "youtube" else None
        message.clicks = int(seen * 0.03 * rng.random()) if channel in ("facebook", "linkedin") else None
        message.saves = int(message.favourites * 0.15 * rng.random()) if channel == "instagram" else None
    if channel not in ("x", "facebook", "linkedin") and not is_post:
        message.shares = 0
    if channel != "x":
        message.quotes = 0
    if channel in REACTIONS and message.favourites:
        weights = dict(REACTIONS[channel])
        if message.topic.startswith(("complaint", "story_faulty", "story_delivery", "story_employer", "batch")):
            weights = {kind: weight * _UPSET.get(kind, 1.0) for kind, weight in weights.items()}
        for _ in range(min(message.favourites, 40)):
            kind = weighted(rng, weights)
            message.reactions[kind] = message.reactions.get(kind, 0) + 1
        message.reactions["like"] = message.reactions.get("like", 0) + max(0, message.favourites - 40)
        message.reactions = {kind: message.reactions[kind] for kind in weights if message.reactions.get(kind)}


def _versions(messages: list[Message], rng: Random, phrases: Phrases) -> None:
    """On X, an edited post is a new one, at a new moment; both know all ids of its history, in `edit_history`."""
    for number, message in enumerate(messages):
        first = message.created_at - timedelta(minutes=1 + 25 * rng.random())
        is_free = not message.replies and message.created_at > first_moment() + timedelta(hours=1)
        is_free = is_free and (message.parent is None or message.parent.created_at < first)
        if not is_free or message.author.is_bot or rng.random() >= 0.04:
            continue
        language = message.author.language if message.author.language in ("de", "en") else "en"
        lines = [line for line in phrases.lines(language, "edit_suffix") if not (line.slots or line.topics)]
        suffix = pick(rng, lines).text
        if len(message.text) + len(suffix) <= LIMITS["x"] and not message.author.is_company:
            message.old_text, message.text = message.text, message.text + suffix
            message.details["edit_history"] = f"{snowflake(first, number)} {message.native_id}"


def _facebook(message: Message, number: int) -> None:
    """`<page>_<post>`, and `<post>_<comment>` for everything below it."""
    root = message.root
    own = digits(f"facebook:{number}:{message.created_at}", 18)
    if message is root:
        owner = message.author.native_id if message.place == "mention" else FACEBOOK_PAGE_ID
        message.native_id = f"{owner}_{own}"
    else:
        message.native_id = f"{root.native_id.partition('_')[2]}_{own}"


def _instagram(message: Message, number: int) -> None:
    message.native_id = ("18" if message.parent is None else "17") + digits(f"instagram:{number}", 15)
    if message.parent is None:
        message.details["media_type"] = "VIDEO" if message.topic == "company_post_campaign" else "IMAGE"


def _x(message: Message, number: int) -> None:
    message.native_id = snowflake(message.created_at, number * 40_503)


def _youtube(message: Message, number: int) -> None:
    seed = f"youtube:{number}:{message.created_at}"
    if message.parent is None:
        message.native_id = video_id(seed)
        first = message.text.split("\n")[0].split(". ")[0]
        message.title = cut(first.replace("<", "").replace(">", ""), 100)
        seconds = 35 + number * 7919 % 560
        message.details["duration"] = f"PT{seconds // 60}M{seconds % 60}S" if seconds >= 60 else f"PT{seconds}S"
        message.details["tags"] = ",".join(
            ["Weidenfels", *([PRODUCT[message.product].hashtag] if message.product else [])]
        )
    elif message.parent.parent is None:
        message.native_id = comment_thread_id(seed)
    else:
        message.native_id = f"{message.parent.native_id}.{reply_suffix(seed)}"


def _linkedin(message: Message, number: int) -> None:
    """`urn:li:share:…`; comments at every level `urn:li:comment:(<the post's activity>,…)`."""
    share = share_number(message.created_at, number * 40_503)
    if message.parent is None:
        message.native_id = f"urn:li:share:{share}"
        message.details["activity"] = (
            f"urn:li:activity:{share_number(message.created_at + timedelta(seconds=1), number)}"
        )
    else:
        message.native_id = f"urn:li:comment:({message.root.details['activity']},{share})"


def _google_business(message: Message, number: int) -> None:
    """A review's id; Google gives none to an answer, here it is `<review>/reply`."""
    if message.parent is None:
        message.native_id = review_id(f"google:{number}:{message.created_at}")
    else:
        message.native_id = f"{message.parent.native_id}/reply"


_IDS = {
    "facebook": _facebook,
    "instagram": _instagram,
    "x": _x,
    "youtube": _youtube,
    "linkedin": _linkedin,
    "google_business": _google_business,
}
