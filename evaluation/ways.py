"""Ways to tell a sentiment: the model, through the code that scores in production, and two baselines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from evaluation.sets import LabelledText
from resonanz.scoring.rate import rate
from resonanz.sentiment import LABELS, Probabilities, SentimentModel, normalise

_VADER_BAR = 0.05  # its authors' own, on the compound value


@dataclass(frozen=True)
class Answer:
    """What one way says of n texts.

    :param labels: (n,) indices into LABELS.
    :param confidence: (n,) probability of the label, 0 to 1; None where the way has none.
    :param is_kept: (n,) whether the way stands by its label.
    """

    labels: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64] | None
    is_kept: npt.NDArray[np.bool_]


Way = Callable[[Sequence[str]], Answer]


def of_model(model: SentimentModel) -> Way:
    """The model; a text on which it abstains for its language counts with the label that it would give."""

    def answer(texts: Sequence[str]) -> Answer:
        ratings = rate(model, texts)
        shares = np.array([[r.p_negative, r.p_neutral, r.p_positive] for r in ratings], dtype=np.float64)
        unasked = [row for row, rating in enumerate(ratings) if rating.sentiment is None]
        shares[unasked] = model.predict([texts[row] for row in unasked])
        return _chosen(shares, np.array([not rating.is_abstained for rating in ratings]))

    return answer


def tf_idf(rows: Sequence[LabelledText]) -> Way:
    """Words, pairs of words and parts of words, weighed by TF-IDF, and a logistic regression on `rows`."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, strip_accents=None)
    parts = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True, max_features=100_000)
    classifier = LogisticRegression(C=3.0, class_weight="balanced", max_iter=200, tol=1e-3)
    machine = make_pipeline(make_union(words, parts), classifier)
    machine.fit([normalise(row.text) for row in rows], [row.label for row in rows])

    def answer(texts: Sequence[str]) -> Answer:
        shares = machine.predict_proba([normalise(text) for text in texts])
        return _chosen(shares, np.ones(len(texts), dtype=bool))

    return answer


def vader() -> Way:
    """The lexicon of English words, with its authors' bar for neutral."""
    lexicon = SentimentIntensityAnalyzer()

    def answer(texts: Sequence[str]) -> Answer:
        values = np.array([lexicon.polarity_scores(normalise(text))["compound"] for text in texts])
        labels = np.where(values >= _VADER_BAR, 2, np.where(values <= -_VADER_BAR, 0, 1))
        return Answer(labels.astype(np.int64), None, np.ones(len(texts), dtype=bool))

    return answer


def _chosen(shares: npt.NDArray[np.float64] | Probabilities, is_kept: npt.NDArray[np.bool_]) -> Answer:
    assert shares.shape[1] == len(LABELS)  # noqa: S101  a baseline that never saw a label would shift the columns
    return Answer(shares.argmax(axis=1), shares.max(axis=1).astype(np.float64), is_kept)
