"""Rate: texts to language, label and probabilities, or to an abstention with its reason. The one way in which any text
here is scored, in the warehouse and in a file of one's own."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonanz.language import detect
from resonanz.sentiment import LABELS, Probabilities, SentimentModel, normalise

NOTHING_TO_READ = "nothing to read"  # empty, blanks, only links or handles
NOT_COVERED = "language not covered by the model"
UNSURE = "low confidence"
NO_ANSWER = "the model gave no number"
REASONS = (NOTHING_TO_READ, NOT_COVERED, UNSURE, NO_ANSWER)

_STAND_INS = re.compile(r"(?<!\w)(?:@user|http)(?!\w)")  # what `normalise` makes of handles and links


@dataclass(frozen=True)
class Rating:
    """What the model says of one text.

    :param language: ISO 639-1; None where none stands out.
    :param sentiment: one of LABELS; None where the model was not asked, or gave no answer.
    :param p_negative: and the next two: probabilities, 0 to 1, which sum to 1; None as `sentiment`.
    :param confidence: the probability of `sentiment`.
    :param is_abstained: the label, if there is one, is not to be counted.
    :param abstain_reason: one of REASONS; None where it did not abstain.
    """

    language: str | None
    language_confidence: float
    sentiment: str | None
    p_negative: float | None
    p_neutral: float | None
    p_positive: float | None
    confidence: float | None
    is_abstained: bool
    abstain_reason: str | None


def rate(model: SentimentModel, texts: Sequence[str]) -> list[Rating]:
    """Rate any texts, in order: broken, empty and hostile ones get an abstention, never an error and never NaN.

    A text in a language that the model does not claim gets no label; one below the model's threshold keeps its label
    and is marked as abstained. Where no language can be told (emoji, two words), the model decides.
    """
    languages = detect(texts)
    ratings: list[Rating | None] = [None] * len(texts)
    to_ask = []
    for row, (text, (code, certainty)) in enumerate(zip(texts, languages, strict=True)):
        if not is_readable(text):
            ratings[row] = _silent(code, certainty, NOTHING_TO_READ)
        elif code is not None and code not in model.languages:
            ratings[row] = _silent(code, certainty, NOT_COVERED)
        else:
            to_ask.append(row)
    for row, shares in zip(to_ask, model.predict([texts[row] for row in to_ask]), strict=True):
        ratings[row] = _rated(model, *languages[row], shares)
    return [rating for rating in ratings if rating is not None]


def is_readable(text: str) -> bool:
    """Whether anything is left to read once links, handles, blanks and invisible characters are gone."""
    return any(unicodedata.category(sign)[0] not in "CMZ" for sign in _STAND_INS.sub("", normalise(text)))


def _rated(model: SentimentModel, code: str | None, certainty: float, shares: Probabilities) -> Rating:
    if not np.isfinite(shares).all():
        return _silent(code, certainty, NO_ANSWER)
    best = int(np.argmax(shares))
    is_unsure = bool(shares[best] < model.threshold)
    negative, neutral, positive = map(float, shares)
    return Rating(
        language=code,
        language_confidence=certainty,
        sentiment=LABELS[best],
        p_negative=negative,
        p_neutral=neutral,
        p_positive=positive,
        confidence=float(shares[best]),
        is_abstained=is_unsure,
        abstain_reason=UNSURE if is_unsure else None,
    )


def _silent(code: str | None, certainty: float, reason: str) -> Rating:
    return Rating(code, certainty, None, None, None, None, None, is_abstained=True, abstain_reason=reason)
