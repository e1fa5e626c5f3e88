"""What follows on a customer's message: the company's answers, the customer's reaction, others who join in."""

import re
from dataclasses import dataclass
from datetime import datetime

from demo.company import RECALL_DAY, day_of
from demo.messages import Message
from demo.people import Person
from demo.phrases import Line
from demo.rhythm import answered_at, delivery_load, poisson, reply_at
from demo.scene import DEPTHS, Scene, Stage, pick, weighted

MAX_DEPTH = 8


@dataclass(frozen=True)
class Course:
    """How a topic goes on: how likely an answer is, of which kinds, how many bystanders join, what it is about."""

    answered: float
    kinds: dict[str, float]
    bystanders: float = 0.2
    story: str | None = None
    topics: tuple[str, ...] = ()
    mood: str = "any"


_SORRY = {"apology": 0.65, "help": 0.35}
COURSES = {
    "praise_product": Course(0.34, {"thanks": 1}, 0.16, mood="good"),
    "complaint_product": Course(0.68, _SORRY, 0.3, mood="bad"),
    "question_product": Course(0.82, {"answer": 1}, 0.3),
    "suggestion_product": Course(0.5, {"thanks": 0.7, "help": 0.3}, 0.2, topics=("idea",)),
    "complaint_service": Course(
        0.66, {"apology": 0.8, "status": 0.2}, 0.25, topics=("phone", "technician"), mood="bad"
    ),
    "praise_service": Course(0.5, {"thanks": 1}, 0.12, topics=("technician",), mood="good"),
    "question_service": Course(0.8, {"answer": 0.85, "status": 0.15}, 0.15, topics=("phone", "receipt")),
    "shop_praise": Course(0.5, {"thanks": 1}, 0.1, topics=("store",), mood="good"),
    "shop_complaint": Course(0.6, {"apology": 1}, 0.2, topics=("store",), mood="bad"),
    "purchase_intent": Course(0.4, {"answer": 0.6, "thanks": 0.4}, 0.45),
    "competitor_comparison": Course(0.15, {"thanks": 1}, 0.4),
    "price_objection": Course(0.2, {"help": 0.5, "apology": 0.5}, 0.25, mood="bad"),
    "churn_threat": Course(0.7, {"apology": 1}, 0.3, topics=("technician",), mood="bad"),
    "neutral_mention": Course(0.03, {"thanks": 1}, 0.08),
    "off_topic": Course(0.0, {}, 0.1),
    "story_faulty_batch": Course(
        0.62, {"apology": 0.5, "help": 0.1, "batch": 0.4}, 0.8, "batch", ("water", "technician", "part", "phone"), "bad"
    ),
    "story_campaign_praise": Course(0.3, {"thanks": 1}, 0.3, "campaign", ("campaign",), "good"),
    "story_campaign_irony": Course(0.15, {"apology": 1}, 0.4, "campaign", ("campaign",), "bad"),
    "story_delivery": Course(
        0.56,
        {"apology": 0.55, "status": 0.45},
        0.45,
        "delivery",
        ("delivery", "order", "part", "phone", "invoice"),
        "bad",
    ),
    "story_employer_social": Course(0.28, {"employer": 1}, 0.6, "employer", ("employer",), "bad"),
}


def converse(scene: Scene, said: Message, topic: str) -> None:
    """Let the company answer `said`, and the customer react, back and forth, until somebody stops."""
    rng, course = scene.rng, COURSES[topic]
    scene.topics.update(course.topics)
    day = day_of(said.created_at)
    if topic == "story_faulty_batch" and day >= RECALL_DAY:
        course = Course(0.72, {"batch": 0.6, "status": 0.2, "apology": 0.2}, 0.6, "batch", course.topics, "bad")
    if not course.kinds or rng.random() >= course.answered * (1 - 0.3 * delivery_load(day)):
        return
    kind = weighted(rng, course.kinds)
    while said.depth < MAX_DEPTH:
        answer = company_reply(scene, said, kind)
        if answer is None or answer.depth >= MAX_DEPTH or rng.random() >= _goes_on(kind, topic):
            return
        feeling = _feeling(scene, kind, day)
        line = scene.choose(scene.stage.phrases.lines(scene.language, f"followup_customer_{feeling}"))
        if line is None:
            return
        at = reply_at(rng, answer.created_at, 1.4)
        reply = say(scene, said.author, at, line, f"followup_customer_{feeling}", answer)
        if reply is None or rng.random() >= {"happy": 0.22, "angry": 0.55, "detail": 0.72}[feeling]:
            return
        said = reply
        kind = {"happy": "thanks", "angry": "apology", "detail": weighted(rng, {"help": 0.4, "status": 0.6})}[feeling]


def join_in(scene: Scene, root: Message, topic: str) -> None:
    """Let bystanders react to anything private in the thread, and the author go on by themselves."""
    rng, course, stage = scene.rng, COURSES[topic], scene.stage
    thread = [root, *root.replies]
    for _ in range(poisson(rng, course.bystanders)):
        parent = root if rng.random() < 0.6 else pick(rng, thread)
        if parent.author.is_company and rng.random() < 0.7:
            parent = root
        language = scene.language if rng.random() < 0.95 else ("en" if scene.language == "de" else "de")
        somebody = stage.people.somebody(language)
        if somebody is parent.author or parent.depth >= MAX_DEPTH:
            continue
        reply = bystander(scene, somebody, parent, course)
        if reply is not None:
            thread.append(reply)
            if "?" in reply.text and rng.random() < 0.35 and reply.depth < MAX_DEPTH:
                line = scene.choose(stage.phrases.lines(scene.language, "followup_customer_detail"))
                if line is not None:
                    say(scene, root.author, reply_at(rng, reply.created_at, 1), line, "followup_customer_detail", reply)
    if not root.author.is_company and not root.author.is_bot and rng.random() < 0.07:
        line = scene.choose(stage.phrases.lines(scene.language, "thread_continuation"))
        if line is not None:
            say(scene, root.author, reply_at(rng, root.created_at, 9), line, "thread_continuation", root)


def bystander(scene: Scene, author: Person, parent: Message, course: Course) -> Message | None:
    """One reply of somebody who is neither the company nor the one who began."""
    rng, stage = scene.rng, scene.stage
    at = reply_at(rng, parent.created_at, 3.5)
    if rng.random() < 0.07:
        moods = (course.mood, "any")
        emoji = scene.choose(line for line in stage.phrases.lines("de", "emoji") if line.fields[0] in moods)
        return say(scene, author, at, emoji, "emoji", parent) if emoji else None
    lines = list(stage.phrases.lines(author.language, "reply_bystander"))
    if course.story and rng.random() < 0.6:
        stories = stage.phrases.lines(author.language, "reply_bystander_story")
        lines = [line for line in stories if line.fields[0] == course.story]
    line = scene.choose(lines)
    return say(scene, author, at, line, "reply_bystander", parent) if line else None


def company_reply(scene: Scene, said: Message, kind: str) -> Message | None:
    """An answer of the service team: one line of the kind, often with a greeting or a name below."""
    rng, phrases = scene.rng, scene.stage.phrases
    language = scene.language
    kinds = ("help", "answer") if kind == "answer" else (kind,)
    lines = [line for line in phrases.lines(language, "company_reply_general") if line.fields[0] in kinds]
    if kind != "batch":
        lines += phrases.lines(language, f"company_reply_{kinds[0]}")
    is_social = scene.stage.channel not in ("shop", "google_business")
    line = scene.choose(line for line in lines if is_social or _is_for_shop(line))
    if line is None:
        return None
    text = line.text
    if is_social and "{mention}" not in text and not _GREETING.match(text) and rng.random() < 0.5:
        text = pick(rng, phrases.lines(language, "company_greeting")).text + " " + text
    if "{first_name}" not in text and rng.random() < 0.6:
        text += " " + pick(rng, phrases.lines(language, "company_closing")).text
    if len(text) > scene.stage.limit - 30:
        text = line.text
    return say(
        scene, scene.stage.people.company, answered_at(rng, said.created_at), text, f"company_reply_{kind}", said
    )


def say(
    scene: Scene, author: Person, at: datetime, line: Line | str, topic: str, parent: Message | None
) -> Message | None:
    """Fill a line and say it; {mention} is who is answered, or a friend where nobody is."""
    text = line if isinstance(line, str) else line.text
    stage: Stage = scene.stage
    mention = None
    if "{mention}" in text:
        is_answer = parent is not None and parent.author is not author and topic != "reply_bystander"
        mention = (
            parent.author if is_answer and parent is not None else stage.people.somebody(scene.language, again=0.8)
        )
    text = scene.words(text, mention)
    if parent is not None and parent.author is not author and _is_named(stage.channel, parent):
        handle = parent.author.called
        if handle not in text and (stage.channel == "mastodon" or len(text) + len(handle) < stage.limit):
            text = f"{handle} {text}"  # as the apps do: who is answered stands in front
    return scene.say(author, at, text, topic, parent, scene.language if author.is_company else author.language)


def _is_named(channel: str, parent: Message) -> bool:
    """Whether the apps put the one who is answered in front: always, or where answers stand beside each other."""
    return channel in ("mastodon", "x") or parent.depth >= DEPTHS.get(channel, MAX_DEPTH)


def _goes_on(kind: str, topic: str) -> float:
    """How likely the customer reacts to the company's answer."""
    if kind == "thanks":
        return 0.08 if topic != "suggestion_product" else 0.15
    return 0.2 if kind == "employer" else 0.56


def _feeling(scene: Scene, kind: str, day: int) -> str:
    load = delivery_load(day)
    weights = {
        "answer": {"happy": 0.62, "detail": 0.33, "angry": 0.05 + 0.1 * load},
        "batch": {"happy": 0.3, "detail": 0.5, "angry": 0.2 + 0.2 * load},
        "help": {"happy": 0.55, "detail": 0.35, "angry": 0.1 + 0.2 * load},
        "status": {"happy": 0.45, "detail": 0.15, "angry": 0.25 + 0.5 * load},
        "apology": {"happy": 0.2, "detail": 0.45, "angry": 0.3 + 0.3 * load},
        "thanks": {"happy": 1.0, "detail": 0.0, "angry": 0.0},
        "employer": {"happy": 0.0, "detail": 0.0, "angry": 1.0},
    }[kind]
    return weighted(scene.rng, weights)


_GREETING = re.compile(r"(hallo|hi|hey|hello|moin|guten|dear|liebe|good morning|servus)\b", re.IGNORECASE)
_SHOP_TABOO = re.compile(r"\{mention\}|\bDM\b|thread|foto|photo|twitter|direkt", re.IGNORECASE)


def _is_for_shop(line: Line) -> bool:
    return not _SHOP_TABOO.search(line.text)
