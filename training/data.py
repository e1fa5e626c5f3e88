"""Labelled and unlabelled texts, in the form that the model will meet them."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from resonanz.sentiment import normalise

LABELS = ("negative", "neutral", "positive")
# The hotel and restaurant sets hide names behind marks ($HOTEL$) that no post in the wild carries.
_PLACEHOLDER = re.compile(r"\$([A-Z]+)\$")


@dataclass(frozen=True)
class Row:
    text: str
    label: int
    language: str
    source: str


def labelled(folder: Path, split: str) -> list[Row]:
    """Rows of one split; a text that is also in the validation split, or twice in one split, is kept once only."""
    rows: dict[str, Row] = {}
    held_out: set[str] = set()
    with (folder / "labelled_de_en.csv").open(encoding="utf-8", newline="") as handle:
        for record in csv.DictReader(handle):
            text = normalise(_PLACEHOLDER.sub(lambda mark: mark[1].lower(), record["text"]))
            key = text.casefold()
            if record["split"] != split:
                held_out.add(key)
            elif text:
                rows.setdefault(key, Row(text, LABELS.index(record["label"]), record["language"], record["source"]))
    if split == "train":
        return [row for key, row in rows.items() if key not in held_out]
    return list(rows.values())


def unlabelled(folder: Path) -> list[str]:
    """German comments and reviews, one a line."""
    with (folder / "unlabelled_de.txt").open(encoding="utf-8") as handle:
        return [text for line in handle if (text := normalise(line))]
