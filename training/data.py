"""Labelled and unlabelled texts, in the form that the model will meet them."""

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from resonanz.sentiment import normalise

LABELS = ("negative", "neutral", "positive")
# The hotel and restaurant sets hide names behind marks ($HOTEL$) that no post in the wild carries, and some hotel
# sentences still open with their own labels (__label__ZIMMER:negativ).
_PLACEHOLDER = re.compile(r"\$([A-Z]+)\$")
_LABEL = re.compile(r"__label__\S+")
_NO_LETTER = re.compile(r"@user|http|[\W_]+")
# One text in so many is never trained on: UMSAB's validation split alone is too small to choose or calibrate by.
_ONE_IN = 12


@dataclass(frozen=True)
class Row:
    text: str
    label: int
    language: str
    source: str


def labelled(folder: Path, split: str) -> list[Row]:
    """Rows of one split: `train`, `held_out` (a twelfth of each training source) or `validation` (UMSAB's).

    A text is kept once, and never in two splits. Texts are told apart by their letters alone: SB10k and UMSAB hold
    the same German tweets, there with blanks around each sign and links, here without."""
    rows: dict[str, Row] = {}
    elsewhere: set[str] = set()
    with (folder / "labelled_de_en.csv").open(encoding="utf-8", newline="") as handle:
        for record in csv.DictReader(handle):
            text = normalise(_LABEL.sub("", _PLACEHOLDER.sub(lambda mark: mark[1].lower(), record["text"])))
            key = letters(text)
            part = record["split"] if record["split"] == "validation" else _part(key)
            if part != split:
                elsewhere.add(key)
            elif text:
                rows.setdefault(key, Row(text, LABELS.index(record["label"]), record["language"], record["source"]))
    # Only a validation text can be in two splits; it stays there.
    return [row for key, row in rows.items() if split == "validation" or key not in elsewhere]


def letters(text: str) -> str:
    """What two spellings of one post have in common; a text of signs alone is itself."""
    return _NO_LETTER.sub("", text.casefold()) or text


def unlabelled(folder: Path) -> list[str]:
    """German comments and reviews, one a line."""
    with (folder / "unlabelled_de.txt").open(encoding="utf-8") as handle:
        return [text for line in handle if (text := normalise(line))]


def _part(key: str) -> str:
    digest = hashlib.sha256(key.encode()).digest()
    return "held_out" if int.from_bytes(digest[:4]) % _ONE_IN == 0 else "train"
