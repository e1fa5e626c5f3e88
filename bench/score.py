"""Scoring: batches of like length against one text at a time, same model, same texts, two threads."""

from bench.timing import compare
from demo import world
from resonanz.sentiment import load_model
from resonanz.settings import SHIPPED_MODEL

TEXTS = 1_000


def main() -> None:
    """texts scored by the shipped model"""
    texts = _texts()
    model = load_model(str(SHIPPED_MODEL))
    compare(
        {
            "sorted by length, in batches": lambda: model.predict(texts),
            "one by one": lambda: [model.predict([text]) for text in texts],
        },
        units=len(texts),
        unit="texts",
    )


def _texts() -> list[str]:
    """Distinct texts of the demo company, in their own order."""
    channels = world.build().messages.values()
    distinct = dict.fromkeys(message.text for channel in channels for message in channel if message.text)
    return list(distinct)[:TEXTS]
