"""The company on the big platforms: what it posts on each, who writes to it there, and in which shape."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from demo.company import CAMPAIGN_HASHTAGS, DAYS, NAME, STORIES, day_of
from demo.messages import Message
from demo.people import Person
from demo.rhythm import poisson, private_moment, rates
from demo.scene import Stage, pick
from demo.social import Planned, company_post, customer_thread

_EVERYTHING = (
    "company_post_campaign",
    "company_post_product",
    "company_post_job",
    "company_post_service",
    "batch",
    "delivery",
    "employer",
)


@dataclass(frozen=True)
class Shape:
    """What happens on a channel.

    :param posts: kind of planned post -> share of them that goes out here.
    :param heat: how many comments a post draws here, 1 is the average.
    :param threads: which part of the customers' own threads happens here.
    :param places: where those threads stand, each as likely as the others; for X, what their texts say decides.
    :param comments: kind of post -> topics of the comments below it, where that differs from other channels.
    :param appeal: kind of post -> number of comments, where that differs.
    :param edited: whether the platform says that something was edited.
    :param removes_below: whether the platform removes the replies together with what they answer.
    """

    posts: dict[str, float]
    heat: float
    threads: float = 0.0
    places: tuple[str, ...] = ("search",)
    comments: dict[str, dict[str, float]] = field(default_factory=dict)
    appeal: dict[str, float] = field(default_factory=dict)
    edited: bool = True
    removes_below: bool = True


_ABOUT_JOBS = {"praise_product": 4.0, "neutral_mention": 2.0, "praise_service": 2.0, "suggestion_product": 1.0}
SHAPES = {
    "facebook": Shape(dict.fromkeys(_EVERYTHING, 0.9), 0.5, 0.055, ("visitor", "visitor", "visitor", "mention")),
    "instagram": Shape(
        {"company_post_campaign": 1.0, "company_post_product": 0.9, "batch": 1.0, "delivery": 0.5},
        0.5,
        0.02,
        ("mention",),
        edited=False,
    ),
    "x": Shape(dict.fromkeys(_EVERYTHING, 0.6), 0.3, 0.11, edited=False, removes_below=False),
    "youtube": Shape(
        {"company_post_campaign": 0.3, "company_post_product": 0.3, "batch": 0.5},
        1.4,
    ),
    "linkedin": Shape(
        {
            "company_post_job": 1.0,
            "employer": 1.0,
            "company_post_product": 0.25,
            "batch": 0.5,
            "company_post_service": 0.2,
        },
        1.0,
        comments={
            "company_post_job": _ABOUT_JOBS,
            "company_post_service": {"praise_service": 1, "question_service": 1},
        },
        appeal={"company_post_job": 3.5, "employer": 16.0, "company_post_product": 2.5, "batch": 5.0},
    ),
}


def perform(stage: Stage, planned: Sequence[Planned], times: int = 1) -> None:
    """Fill `stage` as its channel's shape says, `times` over."""
    for _ in range(times):
        _perform(stage, planned)
    _make_findable(stage)
    if stage.channel == "x":
        _quotes(stage)


def _perform(stage: Stage, planned: Sequence[Planned]) -> None:
    shape, rng = SHAPES[stage.channel], stage.rng
    for post in planned:
        if rng.random() >= shape.posts.get(post.kind, 0.0):
            continue
        comments, appeal = shape.comments.get(post.kind), shape.appeal.get(post.kind)
        if post.kind == "company_post_job" and day_of(post.at) >= STORIES["employer"].onset:
            comments = None  # from now on, people speak of the shifts
        company_post(stage, post, shape.heat, comments, appeal)
    for day in range(DAYS):
        for topic, rate in rates(day).items():
            for _ in range(poisson(rng, rate * shape.threads)):
                root = customer_thread(stage, topic, private_moment(rng, day))
                if root is not None:
                    root.place = pick(rng, shape.places)


def _make_findable(stage: Stage) -> None:
    """A mention names the account, a search finds a word of the brand; answers stand where their thread stands."""
    company = stage.people.company
    for root in stage.messages:
        if root.parent is not None or root.author.is_company:
            continue
        if stage.channel == "x":
            is_named = company.called in root.text or stage.rng.random() < 0.3
            root.place = "mention" if is_named else "search"
        elif root.place == "own":  # said once more, word for word
            root.place = SHAPES[stage.channel].places[0]
        if root.place == "mention" and company.called not in root.text:
            root.text = cut(root.text, stage.limit - len(company.called) - 1) + f" {company.called}"
        elif root.place == "search" and not is_found(root.text):
            tag = CAMPAIGN_HASHTAGS[root.author.language != "de"] if "campaign" in root.topic else NAME
            root.text = cut(root.text, stage.limit - len(tag) - 2) + f" #{tag}"
    for message in stage.messages:
        message.text = cut(message.text, stage.limit)
        message.place = message.root.place


def is_found(text: str) -> bool:
    """Whether a search for `weidenfels OR #LeiseWäscht OR #QuietSpin` finds `text`."""
    return any(word.casefold() in text.casefold() for word in (NAME, *(f"#{tag}" for tag in CAMPAIGN_HASHTAGS)))


def cut(text: str, limit: int) -> str:
    """`text` with at most `limit` characters, ended with an ellipsis where something was cut off."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _quotes(stage: Stage) -> None:
    """Some say what they say by quoting a post of the company from the days before."""
    posts = [m for m in stage.messages if m.author.is_company and m.parent is None]
    for message in stage.messages:
        if message.parent is not None or message.author.is_company or stage.rng.random() >= 0.12:
            continue
        recent = [p for p in posts if 0 < (message.created_at - p.created_at).total_seconds() < 5 * 86_400]
        if recent:
            message.quoted = pick(stage.rng, recent)


def mentions(message: Message, people: Iterable[Person]) -> list[tuple[int, int, Person]]:
    """Who is mentioned in a message's text: (first character, number of characters, who), in that order."""
    found: list[tuple[int, int, Person]] = []
    taken: set[int] = set()
    for person in sorted(people, key=lambda p: -len(p.called)):
        start = message.text.find(person.called)
        while start >= 0:
            span = range(start, start + len(person.called))
            end = message.text[span.stop : span.stop + 1]
            if not taken & set(span) and not (end.isalnum() or end == "_"):
                taken |= set(span)
                found.append((start, len(person.called), person))
            start = message.text.find(person.called, start + 1)
    return sorted(found, key=lambda mention: mention[0])
