"""Everything that is said about Weidenfels in 90 days, from one seed."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo import channels, finish_channels
from demo.channels import SHAPES
from demo.finish import finish
from demo.messages import Message
from demo.people import People, Person
from demo.phrases import FOLDER, Phrases
from demo.reviews import employer_reviews, finish_reviews, place_reviews, shop_reviews
from demo.scene import Stage
from demo.social import perform, plan

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
        return channels.mentions(message, self.people[message.channel])


def build(seed: int = SEED, folder: Path = FOLDER) -> World:
    """The demo's world: the same for the same seed and phrases, on every machine and Python from 3.11.

    :raises demo.phrases.PhraseError: a phrase file is missing, or a line in it names an unknown slot.
    """
    phrases = Phrases(folder)
    planned = plan(Random(f"{seed}:plan"), phrases)
    stages = {}
    for channel in ("mastodon", "bluesky", "shop", "employer"):
        rng = Random(f"{seed}:{channel}")
        stages[channel] = Stage(channel, rng, People(channel, Random(f"{seed}:{channel}:people")), phrases)
    perform(stages["mastodon"], planned, share=0.6, heat=0.75)
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
            channels.perform(stage, planned)
        else:
            place_reviews(stage, per_day=2.1)
        messages[channel] = finish_channels.finish(stage, phrases)
    return World(seed, messages, {channel: stage.people.all() for channel, stage in stages.items()}, phrases)
