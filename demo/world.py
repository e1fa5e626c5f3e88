"""Everything that is said about Weidenfels in 90 days, from one seed."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

from demo import channels, finish_channels
from demo.channels import SHAPES
from demo.company import day_of
from demo.finish import finish
from demo.messages import Message
from demo.people import People, Person
from demo.phrases import FOLDER, Phrases
from demo.reviews import employer_reviews, finish_reviews, place_reviews, shop_reviews
from demo.scene import Stage
from demo.social import perform, plan

_WORD = re.compile(r"\w+")
SEED = 1921  # the year in which Weidenfels made its first bicycle bell


@dataclass(frozen=True)
class World:
    """All messages and people by channel, oldest first; deleted messages are in it, too.

    Channels: mastodon, bluesky, shop, employer, facebook, instagram, x, youtube, linkedin, google_business.

    `phrases` knows how often each line was used.
    """

    seed: int
    messages: dict[str, list[Message]]
    people: dict[str, list[Person]]
    phrases: Phrases

    def company(self, channel: str) -> Person:
        """The company's own account on `channel`."""
        return self.people[channel][0]

    def mentions(self, message: Message) -> list[tuple[int, int, Person]]:
        """Who is mentioned in a message's text: (first character, number of characters, who), in that order."""
        called = self._called[message.channel]
        words = dict.fromkeys(_WORD.findall(message.text))
        return channels.mentions(message, [person for word in words for person in called.get(word, ())])

    @cached_property
    def by_handle(self) -> dict[str, dict[str, Person]]:
        """Channel -> handle -> whose it is."""
        return {channel: {person.handle: person for person in people} for channel, people in self.people.items()}

    @cached_property
    def own_by_day(self) -> dict[str, dict[int, list[Message]]]:
        """Channel -> day -> what the company wrote then and has not deleted."""
        found: dict[str, dict[int, list[Message]]] = {}
        for channel, messages in self.messages.items():
            by_day = found[channel] = defaultdict(list)
            for message in messages:
                if message.author.is_company and not message.is_deleted:
                    by_day[day_of(message.created_at)].append(message)
        return found

    @cached_property
    def _called(self) -> dict[str, dict[str, list[Person]]]:
        """Channel -> the first word of what people are called -> who they are."""
        found: dict[str, dict[str, list[Person]]] = {}
        for channel, people in self.people.items():
            by_word = found[channel] = defaultdict(list)
            for person in people:
                by_word[_WORD.findall(person.called)[0]].append(person)
        return found


def build(seed: int = SEED, folder: Path = FOLDER, times: Mapping[str, int] | None = None) -> World:
    """The demo's world: the same for the same seed and phrases, on every machine and Python from 3.11.

    :param times: social channel -> how often everything happens there; for measuring, a company about which more is
        said. Else once.
    :raises demo.phrases.PhraseError: a phrase file is missing, or a line in it names an unknown slot.
    """
    phrases = Phrases(folder)
    planned = plan(Random(f"{seed}:plan"), phrases)
    stages = {}
    for channel in ("mastodon", "bluesky", "shop", "employer"):
        rng = Random(f"{seed}:{channel}")
        stages[channel] = Stage(channel, rng, People(channel, Random(f"{seed}:{channel}:people")), phrases)
    often = Counter(times or {})
    for _ in range(often["mastodon"] or 1):
        perform(stages["mastodon"], planned, share=0.6, heat=0.75)
    for _ in range(often["bluesky"] or 1):
        perform(stages["bluesky"], planned, share=0.4, heat=0.5)
    shop_reviews(stages["shop"], per_day=9.0)
    employer_reviews(stages["employer"], per_day=1.8)
    messages = {
        channel: finish(channel, stages[channel].messages, stages[channel].rng, phrases)
        for channel in ("mastodon", "bluesky")
    }
    messages["shop"] = finish_reviews(stages["shop"], "R")
    messages["employer"] = finish_reviews(stages["employer"], "A")
    for channel in (*SHAPES, "google_business"):  # last: whatever they take from the phrases, the others had their pick
        rng = Random(f"{seed}:{channel}")
        stage = stages[channel] = Stage(channel, rng, People(channel, Random(f"{seed}:{channel}:people")), phrases)
        if channel in SHAPES:
            channels.perform(stage, planned, often[channel] or 1)
        else:
            place_reviews(stage, per_day=2.1 * (often[channel] or 1))
        messages[channel] = finish_channels.finish(stage, phrases)
    return World(seed, messages, {channel: stage.people.all() for channel, stage in stages.items()}, phrases)
