"""`python -m training.compare`: a model folder beside TF-IDF with logistic regression, on texts it never saw.

    python -m training.compare --data ../shared/data [--model model]

The baseline learns from the same training rows: words and pairs of words, letters inside of words (2 to 5), labels
balanced within each source. The rail posts (GermEval 2017) are read here and nowhere else in this folder.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from resonanz.sentiment import load_model, normalise
from training import data, finetune
from training.data import LABELS, Row

_WORD = r"\w+|[^\w\s]+"  # signs count as well: ":)" says a lot


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.compare", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds sentiment/, labels/ and real/")
    parser.add_argument("--model", type=Path, default=Path("model"))
    given = parser.parse_args()
    training = data.labelled(given.data / "sentiment", "train")
    model = load_model(str(given.model))
    scorers: dict[str, Callable[[list[str]], np.ndarray]] = {
        "model": model.predict,
        "TF-IDF": tfidf(training),
        "TF-IDF, German rows alone": tfidf([row for row in training if row.language == "de"]),
    }
    sets = _sets(given.data)
    print("| set | texts |" + "".join(f" {name} |" for name in scorers))
    print("|---|---|" + "---|" * len(scorers))
    for name, rows in sets.items():
        cells = [_cell(rows, scorer([row.text for row in rows])) for scorer in scorers.values()]
        print(f"| {name} | {len(rows):,} | {' | '.join(cells)} |", flush=True)
    print("\nmacro-F1 / share of right labels (micro-F1)")


def tfidf(rows: Sequence[Row]) -> Callable[[list[str]], np.ndarray]:
    """Probabilities by a linear model that learnt from `rows`."""
    readers = (
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=_WORD),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True),
    )
    found = sparse.hstack([reader.fit_transform([row.text for row in rows]) for reader in readers]).tocsr()
    linear = LogisticRegression(C=2, max_iter=200, tol=1e-3)
    linear.fit(found, [row.label for row in rows], sample_weight=finetune.weights(rows).numpy())

    def score(texts: list[str]) -> np.ndarray:
        seen = [reader.transform([normalise(text) for text in texts]) for reader in readers]
        return linear.predict_proba(sparse.hstack(seen).tocsr())

    return score


def _sets(folder: Path) -> dict[str, list[Row]]:
    sets: dict[str, list[Row]] = {}
    for split in ("validation", "held_out"):
        for row in data.labelled(folder / "sentiment", split):
            sets.setdefault(f"{row.language} {row.source}, {split.replace('_', ' ')}", []).append(row)
    return dict(sorted(sets.items())) | {"de rail posts (GermEval 2017)": _rail(folder)}


def _rail(folder: Path) -> list[Row]:
    with (folder / "labels" / "deutsche_bahn_de.csv").open(encoding="utf-8", newline="") as handle:
        labels = [LABELS.index(record["sentiment"]) for record in csv.DictReader(handle)]
    with (folder / "real" / "deutsche_bahn_de.csv").open(encoding="utf-8", newline="") as handle:
        texts = [record["text"] for record in csv.DictReader(handle)]
    return [Row(text, label, "de", "rail") for text, label in zip(texts, labels, strict=True)]


def _cell(rows: Sequence[Row], probabilities: np.ndarray) -> str:
    labels, guesses = np.array([row.label for row in rows]), probabilities.argmax(axis=1)
    return f"{f1_score(labels, guesses, average='macro'):.3f} / {(labels == guesses).mean():.3f}"


if __name__ == "__main__":
    main()
