"""One thread while it is being written: what has come up in it, which lines were used, who speaks about what."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TypeVar

from demo.company import (
    CITIES,
    COMPETITORS,
    FAULTY_BATCH,
    JOBS,
    PLANTS,
    PRODUCT,
    PRODUCTS,
    STORES,
    day_of,
    last_moment,
)
from demo.messages import Message
from demo.people import People, Person
from demo.phrases import Line, Phrases, deal, fill
from demo.rhythm import delivery_load

T = TypeVar("T")
FIRST_NAMES = ("Jana", "Mo", "Tilda", "Ben", "Aylin", "Kim", "Rosa", "Nils")
LIMITS = {  # characters in a message
    "mastodon": 5_000,
    "bluesky": 300,
    "shop": 10_000,
    "employer": 10_000,
    "facebook": 8_000,
    "instagram": 2_200,
    "x": 280,
    "youtube": 5_000,
    "linkedin": 1_250,
    "google_business": 4_096,
}
DEPTHS = {"facebook": 3, "instagram": 2, "youtube": 2, "linkedin": 2, "google_business": 1}  # else as deep as it goes


@dataclass
class Stage:
    """One channel while it fills: its people, its dice, the messages so far."""

    channel: str
    rng: Random
    people: People
    phrases: Phrases
    messages: list[Message] = field(default_factory=list)

    @property
    def limit(self) -> int:
        return LIMITS[self.channel]


class Scene:
    """One thread, or one conversation below a company post (then `used` is shared with the whole thread)."""

    def __init__(
        self,
        stage: Stage,
        language: str,
        *,
        topics: Iterable[str] = (),
        product: str | None = None,
        used: set[Line] | None = None,
        at: datetime | None = None,
        shop: str | None = None,
    ) -> None:
        rng = self.rng = stage.rng
        self.stage = stage
        self.language = language
        self.topics = set(topics)
        self.product = product
        self.used = set() if used is None else used
        backlog = delivery_load(day_of(at)) if at else 0.0
        self._fixed = {
            "weeks": str(2 + int(rng.random() * (4 + 6 * backlog))),
            "days": str(2 + int(rng.random() * 12)),
            "order": f"WH-{100_000 + int(rng.random() * 900_000)}",
            "shop": pick(rng, STORES[language]),
            "plant": pick(rng, PLANTS),
            "city": pick(rng, CITIES[language]),
            "competitor": pick(rng, COMPETITORS),
            "job": pick(rng, JOBS[language]),
            "first_name": pick(rng, FIRST_NAMES),
        } | ({"shop": shop} if shop else {})

    def fits(self, line: Line) -> bool:
        """Whether `line` can be said now: not said before here, about this product, naming nothing unheard of."""
        return (
            line not in self.used
            and len(line.text) <= self.stage.limit - 20
            and (not line.products or self.product in line.products)
            and line.topics <= self.topics
        )

    def choose(self, lines: Iterable[Line], *, is_opening: bool = False) -> Line | None:
        """Deal a line. An opening may name anything of one product, and sets what the scene is about."""
        limit = self.stage.limit - 20
        if is_opening:
            options = [
                line
                for line in lines
                if line not in self.used
                and len(line.text) <= limit
                and (self.product is None or not line.products or self.product in line.products)
            ]
        else:
            options = [line for line in lines if self.fits(line)]
        if not options:
            return None
        line = deal(self.rng, options)
        self.used.add(line)
        self.topics |= line.topics
        if self.product is None and (line.products or line.slots & {"product", "product_kind", "price"}):
            self.product = line.products[0] if line.products else pick(self.rng, PRODUCTS).name
        return line

    def words(self, text: str, mention: Person | None = None) -> str:
        """`text` with the scene's own values in its slots; `mention` is who is spoken to or about."""
        product = PRODUCT[self.product or "Lavia 7"]
        company = self.stage.people.company
        slots = {
            **self._fixed,
            "product": product.name,
            "product_kind": product.kind(self.language),
            "price": str(product.price + 10 * int(self.rng.random() * 8)),
            "batch": FAULTY_BATCH,
        }
        if mention is not None:
            slots["mention"] = mention.called
        text = re.sub(r"@weidenfels\b", company.called, text, flags=re.IGNORECASE)
        text = re.sub(r"#\{(\w+)\}", lambda match: "#" + slots[match[1]].replace(" ", ""), text)
        return fill(text, slots)

    def say(
        self,
        author: Person,
        at: datetime,
        text: str,
        topic: str,
        parent: Message | None = None,
        language: str | None = None,
    ) -> Message | None:
        """Put a message on the stage; None where it would come after the demo's last day.

        Where the platform nests no deeper, it stands beside the message that it answers.
        """
        if at >= last_moment():
            return None
        while parent is not None and parent.depth >= DEPTHS.get(self.stage.channel, parent.depth + 1):
            parent = parent.parent
        message = Message(
            channel=self.stage.channel,
            author=author,
            created_at=at,
            topic=topic,
            text=text,
            language=language or self.language,
            parent=parent,
            product=self.product,
            details=self._fixed | ({"product": self.product} if self.product else {}),
        )
        if parent is not None:
            parent.replies.append(message)
        self.stage.messages.append(message)
        return message


def pick(rng: Random, options: Iterable[T]) -> T:
    """One of the options, each as likely as the others."""
    options = tuple(options)
    return options[int(rng.random() * len(options))]


def weighted(rng: Random, options: dict[str, float]) -> str:
    """One of the keys, as often as its weight says."""
    drawn = rng.random() * sum(options.values())
    for value, weight in options.items():
        drawn -= weight
        if drawn < 0:
            return value
    return next(iter(options))
