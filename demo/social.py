"""The social channels: the company's posts with comments, and what customers bring up by themselves."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from demo.company import DAYS, RECALL_DAY, START, STORIES, day_of
from demo.dialogue import COURSES, converse, join_in, say
from demo.messages import Message
from demo.phrases import LANGUAGES, Line, Phrases, deal
from demo.rhythm import campaign_heat, company_moment, delivery_load, poisson, private_moment, rates, reply_at
from demo.scene import Scene, Stage, pick, weighted

GERMAN_SHARE = 0.59


@dataclass(frozen=True)
class Planned:
    """A post that the company has planned: it goes out on every channel, a few minutes apart."""

    at: datetime
    language: str
    kind: str
    line: Line


# Kind of company post -> topics of the comments below it.
_COMMENTS: dict[str, dict[str, float]] = {
    "company_post_campaign": {"story_campaign_praise": 70, "story_campaign_irony": 12, "purchase_intent": 6},
    "company_post_product": {
        "praise_product": 28,
        "question_product": 26,
        "complaint_product": 16,
        "price_objection": 8,
        "purchase_intent": 8,
        "suggestion_product": 10,
    },
    "company_post_job": {"story_employer_social": 1},
    "company_post_service": {"complaint_service": 40, "praise_service": 20, "question_service": 40},
    "batch": {"story_faulty_batch": 80, "question_service": 10, "complaint_service": 10},
    "delivery": {"story_delivery": 85, "complaint_service": 15},
    "employer": {"story_employer_social": 1},
}
_STATEMENT_DAYS = {"batch": (RECALL_DAY, 66, 73), "delivery": (58, 79), "employer": (67, 80)}


def plan(rng: Random, phrases: Phrases) -> list[Planned]:
    """The company's own posts over the whole time, in order."""
    planned = []
    for day in range(DAYS):
        weekend = (START + timedelta(days=day)).weekday() >= 5
        due = {
            "company_post_product": 0.12 if weekend else 0.62,
            "company_post_service": 0.0 if weekend else 0.3,
            "company_post_job": 0.0 if weekend or STORIES["employer"].onset <= day <= STORIES["employer"].end else 0.2,
            "company_post_campaign": 1.0 * (campaign_heat(day) > 0.05) * (0.9 if day > 21 else 2),
        }
        for kind, rate in due.items():
            for _ in range(poisson(rng, rate)):
                language = "de" if rng.random() < 0.66 else "en"
                options = [line for line in phrases.lines(language, kind) if _is_time_for(line.text, day)]
                planned.append(Planned(company_moment(rng, day), language, kind, deal(rng, options)))
    for story, days in _STATEMENT_DAYS.items():
        for language in ("de", "en"):
            lines = [line for line in phrases.lines(language, "company_statement") if line.fields[0] == story]
            for line, day in zip(lines, days, strict=False):
                line.uses += 1
                planned.append(Planned(company_moment(rng, day), language, story, line))
    return sorted(planned, key=lambda post: (post.at, post.line.place))


def perform(stage: Stage, planned: list[Planned], share: float, heat: float) -> None:
    """Fill `stage`: all planned posts with their comments, then the customers' own threads.

    :param share: which part of the customers' threads happens on this channel.
    :param heat: how many comments a company post draws here, 1 is the average.
    """
    for post in planned:
        company_post(stage, post, heat)
    for day in range(DAYS):
        for topic, rate in rates(day).items():
            for _ in range(poisson(stage.rng, rate * share)):
                customer_thread(stage, topic, private_moment(stage.rng, day))
    _rarities(stage, share)


def company_post(
    stage: Stage, post: Planned, heat: float, comments: dict[str, float] | None = None, appeal: float | None = None
) -> Message | None:
    """A post of the company with what is said below it; None where it would come too late.

    :param comments: topics of the comments and how often each; else by the kind of post.
    :param appeal: how many comments it draws on average; else by the kind of post and the day.
    """
    rng, company = stage.rng, stage.people.company
    scene = Scene(stage, post.language, topics=post.line.topics, at=post.at)
    scene.product = post.line.products[0] if post.line.products else pick(rng, ("Lavia 7", "Claro 45", "Frisko 300"))
    at = post.at + timedelta(seconds=int(rng.random() * 400))
    root: Message | None = None
    for part in _parts(scene.words(post.line.text), stage.limit):
        message = scene.say(company, at, part, post.kind if post.kind in _COMMENTS else "company_post", root)
        if message is None:
            return None
        root = root or message
        at += timedelta(seconds=40)
    if root is None:
        return None
    root.topic = post.kind if post.kind.startswith("company") else f"company_statement_{post.kind}"
    root.has_picture = post.kind in ("company_post_campaign", "company_post_product")
    day = day_of(post.at)
    for _ in range(poisson(rng, heat * (_appeal(post, day) if appeal is None else appeal))):
        topic = weighted(rng, comments or _COMMENTS[post.kind])
        if post.kind == "company_post_product" and rng.random() < 0.5 * delivery_load(day):
            topic = "story_delivery"
        language = post.language if rng.random() < 0.9 else ("en" if post.language == "de" else "de")
        comment_scene = Scene(stage, language, topics=scene.topics, used=scene.used, product=scene.product, at=post.at)
        line = comment_scene.choose(_lines(stage, language, topic), is_opening=True)
        if line is None:
            continue
        author = stage.people.somebody(language)
        comment = say(comment_scene, author, reply_at(rng, root.created_at, 4), line, topic, root)
        if comment is not None:
            converse(comment_scene, comment, topic)
            if rng.random() < 0.3:
                join_in(comment_scene, comment, topic)
    return root


def customer_thread(stage: Stage, topic: str, at: datetime) -> Message | None:
    """A thread that a customer starts; None where nothing is left to say, or no time."""
    rng = stage.rng
    language = "de" if rng.random() < GERMAN_SHARE else "en"
    scene = Scene(stage, language, topics=COURSES[topic].topics, at=at)
    if topic == "story_faulty_batch":
        scene.product = "Lavia 7"
    lines = _lines(stage, language, topic)
    line = scene.choose(lines, is_opening=True)
    if line is None:
        return None
    is_news = topic == "neutral_mention" and rng.random() < 0.45
    news = [person for person in stage.people.news if person.language == language]
    author = pick(rng, news) if is_news else stage.people.somebody(language)
    text = line.text
    if is_news and rng.random() < 0.8:
        text += f" https://{author.handle.split('@')[0].replace('_', '-').split('.')[0]}.example/{at:%Y/%m/%d}"
    elif len(text) < 120 and rng.random() < 0.03:
        text += " cc " + " ".join(stage.people.somebody(language, again=0.9).called for _ in range(2))
    root = say(scene, author, at, text, topic, None)
    if root is None:
        return None
    root.has_picture = rng.random() < {"story_faulty_batch": 0.3, "off_topic": 0.2}.get(topic, 0.06)
    converse(scene, root, topic)
    join_in(scene, root, topic)
    _again(scene, root)
    return root


def _again(scene: Scene, root: Message) -> None:
    """Some say the same once more: bots their deals, the unheard their complaint, word for word."""
    rng = scene.rng
    chance = 0.25 if root.author.is_bot else 0.02
    if rng.random() < chance:
        at = root.created_at + timedelta(hours=3 + 60 * rng.random())
        copy = scene.say(root.author, at, root.text, root.topic)
        if copy is not None:
            copy.has_picture = root.has_picture


def _rarities(stage: Stage, share: float) -> None:
    """The few who write a whole page (where there is room for it), and those who write in other languages."""
    if stage.channel == "mastodon":
        for language in LANGUAGES:
            for line in stage.phrases.lines(language, "long_read"):
                _rarity(stage, language, line.fields[0], line, language)
    for line in stage.phrases.lines("de", "other_languages"):
        if stage.rng.random() < share + 0.35:
            _rarity(stage, "en", line.fields[1], line, line.fields[0])


def _rarity(stage: Stage, language: str, topic: str, line: Line, own_language: str) -> None:
    rng = stage.rng
    peak = next((story.peak for story in STORIES.values() if topic in story.files), int(rng.random() * DAYS))
    at = private_moment(rng, min(DAYS - 1, peak + int(rng.random() * 6)))
    scene = Scene(stage, language, topics=COURSES[topic].topics, at=at)
    scene.product = line.products[0] if line.products else "Claro 45"
    line.uses += 1
    root = say(scene, stage.people.somebody(own_language), at, line, topic, None)
    if root is not None:
        root.language = own_language
        converse(scene, root, topic)


def _lines(stage: Stage, language: str, topic: str) -> list[Line]:
    return stage.phrases.lines(language, topic)


def _appeal(post: Planned, day: int) -> float:
    """How many comments a company post draws on average."""
    if post.kind == "company_post_campaign":
        return 2 + 12 * campaign_heat(day)
    if post.kind == "company_post_job":
        return 2.5 if day >= STORIES["employer"].onset else 0.0
    if post.kind == "batch":
        return 5.0 if day == RECALL_DAY else 2.5
    return {"company_post_product": 4.5, "company_post_service": 3.0, "delivery": 5.0, "employer": 5.0}[post.kind]


def _is_time_for(text: str, day: int) -> bool:
    """Whether the company would say that yet: no recall before there is one, no word on a backlog that isn't."""
    if re.search(r"L7-|\{batch\}|rückruf", text, re.IGNORECASE):
        return day >= RECALL_DAY
    if re.search(r"waiting for a delivery|delivery times|lieferzeit|lieferung", text, re.IGNORECASE):
        return day >= STORIES["delivery"].onset + 20
    return True


def _parts(text: str, limit: int) -> list[str]:
    """`text` as one message, or as a thread of several where the channel takes fewer characters."""
    if len(text) <= limit:
        return [text]
    parts, part = [], ""
    for piece in re.split(r"(?<=[.!?:])\s+", text):
        if part and len(part) + 1 + len(piece) > limit:
            parts.append(part)
            part = piece
        else:
            part = f"{part} {piece}".strip()
    return [*parts, part]
