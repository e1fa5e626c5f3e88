"""Figures of a model folder, measured through the same code that scores in production."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from resonanz.sentiment import LABELS, Probabilities, load_model
from training.data import Row

_KEEP = 0.8  # the share of texts that shall keep their label; the threshold follows from it


def calibrate(folder: Path, rows: Sequence[Row]) -> tuple[float, float]:
    """Temperature with the least negative log-likelihood, and the confidence below which a fifth of the texts lie.

    The folder's config must still hold temperature 1."""
    logits = np.log(np.clip(load_model(str(folder)).predict([row.text for row in rows]), 1e-9, 1))
    labels = _labels(rows)
    temperature = min(
        np.arange(0.5, 3.001, 0.05), key=lambda t: -_log_softmax(logits / t)[range(len(rows)), labels].mean()
    )
    confidence = np.exp(_log_softmax(logits / temperature)).max(axis=1)
    return round(float(temperature), 2), round(float(np.quantile(confidence, 1 - _KEEP)), 3)


def measure(folder: Path, fp32: Path, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Figures by language, with those of the fp32 file beside them."""
    texts, labels = [row.text for row in rows], _labels(rows)
    model = load_model(str(folder))
    ours, whole = model.predict(texts), _predict_fp32(folder, fp32, texts)
    result = {}
    for language in sorted({row.language for row in rows}):
        chosen = np.array([row.language == language for row in rows])
        result[language] = _figures(ours[chosen], whole[chosen], labels[chosen], model.threshold)
    return result


def elsewhere(folder: Path, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Figures by language and source, of texts from the training sources that were held out."""
    labels, guesses = _labels(rows), load_model(str(folder)).predict([row.text for row in rows]).argmax(axis=1)
    result = {}
    for group in sorted({(row.language, row.source) for row in rows}):
        chosen = np.array([(row.language, row.source) == group for row in rows])
        result[" ".join(group)] = {
            "texts": int(chosen.sum()),
            "macro_f1": round(float(f1_score(labels[chosen], guesses[chosen], average="macro")), 4),
            "accuracy": round(float((labels == guesses)[chosen].mean()), 4),
        }
    return result


def _figures(ours: Probabilities, whole: Probabilities, labels: np.ndarray, threshold: float) -> dict[str, float]:
    guess, confidence = ours.argmax(axis=1), ours.max(axis=1)
    kept = confidence >= threshold
    precision, recall, _, _ = precision_recall_fscore_support(labels, guess, labels=range(len(LABELS)), zero_division=0)
    figures = {
        "texts": len(labels),
        "macro_f1": f1_score(labels, guess, average="macro"),
        "macro_f1_fp32": f1_score(labels, whole.argmax(axis=1), average="macro"),
        "agreement_with_fp32": float((guess == whole.argmax(axis=1)).mean()),
        "accuracy": accuracy_score(labels, guess),
        "coverage": float(kept.mean()),
        "accuracy_where_kept": accuracy_score(labels[kept], guess[kept]),
        "calibration_error": _calibration_error(confidence, guess == labels),
    }
    for number, label in enumerate(LABELS):
        figures |= {f"precision_{label}": precision[number], f"recall_{label}": recall[number]}
    return {name: round(float(value), 4) for name, value in figures.items()}


def _calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(confidence[which == number].mean() - right[which == number].mean()) * (which == number).mean()
            for number in range(bins)
            if (which == number).any()
        )
    )


def _predict_fp32(folder: Path, fp32: Path, texts: list[str]) -> Probabilities:
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "model"
        shutil.copytree(folder, copy)
        shutil.copy(fp32, copy / "model.onnx")
        return load_model(str(copy)).predict(texts)


def _labels(rows: Sequence[Row]) -> np.ndarray:
    return np.array([row.label for row in rows])


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def as_json(figures: dict[str, dict[str, float]]) -> str:
    return json.dumps(figures, indent=2) + "\n"
