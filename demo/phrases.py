"""The hand-written texts under phrases/: read, checked, and dealt out so that no line comes up too often."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

from demo.topics import products, topics

FOLDER = Path(__file__).parent / "phrases"
LANGUAGES = ("de", "en")
_SLOTS = "product product_kind shop plant city weeks days price order batch job first_name competitor mention"
SLOTS = frozenset(_SLOTS.split())
_SLOT = re.compile(r"\{([^{}]*)\}")

# File -> number of fields in a line, separated by " | ".
_PLAIN = """
praise_product complaint_product question_product suggestion_product story_faulty_batch story_campaign_praise
story_campaign_irony story_delivery story_employer_social complaint_service praise_service question_service
shop_praise shop_complaint purchase_intent competitor_comparison price_objection churn_threat neutral_mention
off_topic followup_customer_happy followup_customer_angry followup_customer_detail reply_bystander
company_post_campaign company_post_product company_post_job company_post_service company_reply_apology
company_reply_help company_reply_thanks company_reply_status company_reply_employer company_greeting
company_closing thread_continuation edit_suffix review_context
"""
FILES = {
    **dict.fromkeys(_PLAIN.split(), 1),
    **dict.fromkeys((f"review_product_{stars}" for stars in range(1, 6)), 2),
    **dict.fromkeys(("review_employer_good", "review_employer_mixed", "review_employer_storm"), 3),
    **dict.fromkeys(
        ("company_reply_general", "company_statement", "review_title", "reply_bystander_story", "long_read"), 2
    ),
}
SHARED_FILES = {"emoji": 2, "other_languages": 3}  # the same for all languages


class PhraseError(Exception):
    """A phrase file is missing or a line in it cannot be used. The message names file, line and cure."""


@dataclass(eq=False)
class Line:
    """One hand-written line: where it stands, its fields, and how often it has been used."""

    place: str
    fields: tuple[str, ...]
    uses: int = field(default=0)

    @cached_property
    def text(self) -> str:
        return self.fields[-1]

    @cached_property
    def topics(self) -> frozenset[str]:
        """The specific subjects it names, see demo.topics."""
        return topics(" | ".join(self.fields))

    @cached_property
    def products(self) -> tuple[str, ...]:
        """Names of the products it speaks of; empty where it fits any."""
        return products(" | ".join(self.fields))

    @cached_property
    def slots(self) -> frozenset[str]:
        return frozenset(name for part in self.fields for name in _SLOT.findall(part))


class Phrases:
    """All lines of all files, by language and file name; raises PhraseError where a file or a slot is wrong."""

    def __init__(self, folder: Path = FOLDER) -> None:
        wanted = [(folder / language / f"{name}.txt", n) for language in LANGUAGES for name, n in FILES.items()]
        wanted += [(folder / f"{name}.txt", n) for name, n in SHARED_FILES.items()]
        if missing := [str(path) for path, _ in wanted if not path.is_file()]:
            raise PhraseError(f"missing phrase files, one line of text each at least: {', '.join(missing)}")
        self._lines = {path.relative_to(folder).with_suffix("").as_posix(): _read(path, n) for path, n in wanted}

    def lines(self, language: str, name: str) -> list[Line]:
        """The lines of a file; shared files (emoji, other_languages) are the same for every language."""
        return self._lines[name if name in SHARED_FILES else f"{language}/{name}"]

    def all(self) -> list[Line]:
        """Every line of every file."""
        return [line for lines in self._lines.values() for line in lines]


def deal(rng: Random, lines: Collection[Line]) -> Line:
    """Pick one of the lines that came up least, and count it."""
    least = min(line.uses for line in lines)
    fresh = [line for line in lines if line.uses == least]
    line = fresh[int(rng.random() * len(fresh))]
    line.uses += 1
    return line


def fill(text: str, slots: Mapping[str, str]) -> str:
    """`text` with every slot filled; raises PhraseError for a slot that the moment has no value for."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in slots:
            raise PhraseError(f"no value for the slot {match[0]} here: {text!r}")
        return slots[match[1]]

    return _SLOT.sub(value, text)


def _read(path: Path, wanted: int) -> list[Line]:
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PhraseError(f"{path}: not UTF-8: {error}") from None
    lines = []
    for number, raw in enumerate(content.split("\n"), start=1):
        if not raw.strip() or re.match(r"#(\s|$)", raw):  # "# ..." is a comment, "#QuietSpin ..." a text
            continue
        place = f"{path}:{number}"
        parts = tuple(_unescape(part.strip()) for part in raw.split(" | ")) if wanted > 1 else (_unescape(raw),)
        if len(parts) != wanted:
            raise PhraseError(f"{place}: {wanted} fields separated by ' | ' expected, there are {len(parts)}")
        unknown = sorted({name for part in parts for name in _SLOT.findall(part)} - SLOTS)
        if unknown or "{" in _SLOT.sub("", raw) or "}" in _SLOT.sub("", raw):
            raise PhraseError(f"{place}: unknown slot {unknown or raw!r}; there are {', '.join(sorted(SLOTS))}")
        lines.append(Line(place, parts))
    if not lines:
        raise PhraseError(f"{path}: no line of text in it")
    return lines


def _unescape(text: str) -> str:
    return text.rstrip("\r").replace("\\n", "\n")
