"""Labelled texts to measure on: none of them was trained on. The public sets, or CSV files of one's own."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resonanz.errors import ConfigError
from resonanz.language import detect
from resonanz.sentiment import LABELS, normalise
from training.data import labelled

TRAINING = Path("sentiment", "labelled_de_en.csv")
FILES = (
    TRAINING,
    Path("labels", "deutsche_bahn_de.csv"),
    Path("real", "deutsche_bahn_de.csv"),
    Path("labels", "us_airlines_en.csv"),
    Path("real", "us_airlines_en.csv"),
)


@dataclass(frozen=True)
class LabelledText:
    """:param label: index into LABELS."""

    text: str
    label: int
    language: str


@dataclass(frozen=True)
class LabelledSet:
    """One set in one language."""

    name: str
    language: str
    rows: list[LabelledText]


def missing(data: Path) -> list[Path]:
    """Files of the public sets that are not below `data`."""
    return [data / file for file in FILES if not (data / file).is_file()]


def training_rows(data: Path) -> list[LabelledText]:
    """What the shipped model is trained on."""
    return _split(data, "train")


def public_sets(data: Path) -> list[LabelledSet]:
    """The public sets below `data`, by language."""
    return [
        *_by_language("UMSAB validation", _split(data, "validation")),
        *_by_language("training sources, held out", _split(data, "held_out")),
        *_by_language("Deutsche Bahn", list(_deutsche_bahn(data))),
        *_by_language("US airlines, users not trained on", list(_airlines(data))),
    ]


def own_set(file: Path) -> list[LabelledSet]:
    """A CSV file with the columns text, label and, if it is known, language; raises ConfigError where it is not one."""
    return _by_language(file.stem, own_rows(file))


def own_rows(file: Path) -> list[LabelledText]:
    """The rows of such a file; a language that is not given is detected."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            first = handle.readline()
            handle.seek(0)
            separator = max(",;\t", key=first.count)
            records = list(csv.DictReader(handle, delimiter=separator))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file} cannot be read as a CSV file in UTF-8: {error}") from None
    for column in ("text", "label"):
        if not records or column not in records[0]:
            found = ", ".join(map(str, records[0])) if records else "no rows"
            raise ConfigError(f"{file} needs the columns text and label (and language, if you know it); it has {found}")
    languages = detect([record["text"] or "" for record in records])
    rows = []
    for number, (record, (code, _)) in enumerate(zip(records, languages, strict=True), 2):
        label = (record["label"] or "").strip().casefold()
        if label not in LABELS:
            raise ConfigError(f"{file}, row {number}: label {record['label']!r} is none of {', '.join(LABELS)}")
        language = (record.get("language") or code or "unknown").strip().lower()
        rows.append(LabelledText(record["text"] or "", LABELS.index(label), language))
    return rows


def _split(data: Path, split: str) -> list[LabelledText]:
    """As the training splits them, whatever it does with the texts; empty where it has no such split."""
    return [LabelledText(row.text, row.label, row.language) for row in labelled(data / TRAINING.parent, split)]


def _by_language(name: str, rows: list[LabelledText]) -> list[LabelledSet]:
    languages = sorted({row.language for row in rows})
    return [LabelledSet(name, code, [row for row in rows if row.language == code]) for code in languages]


def _deutsche_bahn(data: Path) -> Iterator[LabelledText]:
    """Texts and labels stand in two files, row by row the same posts."""
    texts, labels = _records(data / FILES[2]), _records(data / FILES[1])
    for said, judged in zip(texts, labels, strict=True):
        if said["url"] != judged["url"]:
            raise ConfigError(f"{data / FILES[1]} does not label the rows of {data / FILES[2]}: {said['url']}")
        yield LabelledText(said["text"], LABELS.index(judged["sentiment"]), "de")


def _airlines(data: Path) -> Iterator[LabelledText]:
    """Tweets of users of whom no tweet is among the training texts, and of these none whose words are."""
    with (data / TRAINING).open(encoding="utf-8", newline="") as handle:
        known = {_key(record["text"]) for record in csv.DictReader(handle)}
    tweets = list(_records(data / FILES[4]))
    trained = {tweet["name"] for tweet in tweets if _key(tweet["text"]) in known}
    labels = {record["tweet_id"]: record["airline_sentiment"] for record in _records(data / FILES[3])}
    held_out = {tweet["tweet_id"]: tweet for tweet in tweets if tweet["name"] not in trained}
    for number, tweet in held_out.items():
        yield LabelledText(tweet["text"], LABELS.index(labels[number]), "en")


def _key(text: str) -> str:
    return normalise(text).casefold()


def _records(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)
