"""Figures of one way on one set, and the table of all."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, precision_recall_fscore_support

from evaluation.sets import LabelledSet
from evaluation.ways import Answer
from resonanz.sentiment import LABELS

FIGURES = (
    "macro_f1",
    *(f"{figure}_{label}" for label in LABELS for figure in ("precision", "recall")),
    "calibration_error",
    "coverage",
    "macro_f1_kept",
)
COLUMNS = ("set", "language", "way", "texts", *FIGURES)


@dataclass(frozen=True)
class Line:
    """One line of the table; `figures` by FIGURES, NaN where a way has none."""

    set: str
    language: str
    way: str
    texts: int
    figures: dict[str, float]

    def cells(self) -> list[str]:
        """As text, in the order of COLUMNS."""
        numbers = ["-" if np.isnan(value) else f"{value:.3f}" for value in (self.figures[name] for name in FIGURES)]
        return [self.set, self.language, self.way, str(self.texts), *numbers]


def measure(name: str, labelled: LabelledSet, answer: Answer) -> Line:
    """macro-F1 over all texts, precision and recall by label, expected calibration error, the share that is kept, and
    macro-F1 of what is kept. Labels that neither occur nor are given count as 0, as scikit-learn has it."""
    truth = np.array([row.label for row in labelled.rows])
    guess, kept = answer.labels, answer.is_kept
    every = list(range(len(LABELS)))
    precision, recall, _, _ = precision_recall_fscore_support(truth, guess, labels=every, zero_division=0)
    figures = {"macro_f1": _macro_f1(truth, guess), "coverage": float(kept.mean())}
    for number, label in enumerate(LABELS):
        figures |= {f"precision_{label}": float(precision[number]), f"recall_{label}": float(recall[number])}
    figures["calibration_error"] = (
        float("nan") if answer.confidence is None else calibration_error(answer.confidence, guess == truth)
    )
    figures["macro_f1_kept"] = _macro_f1(truth[kept], guess[kept]) if kept.any() else float("nan")
    return Line(labelled.name, labelled.language, name, len(truth), figures)


def calibration_error(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: how far confidence and share of right answers lie apart, over bins of equal width."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    found = [which == number for number in range(bins) if (which == number).any()]
    return float(sum(abs(confidence[mask].mean() - right[mask].mean()) * mask.mean() for mask in found))


def as_text(lines: Sequence[Line]) -> str:
    """A table for a terminal, which is Markdown, too."""
    heads = [*COLUMNS[:4], "macro-F1", *(f"{figure} {label[:3]}" for label in LABELS for figure in ("P", "R"))]
    rows = [[*heads, "ECE", "coverage", "F1 kept"], *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    padded = [
        [cell.ljust(width) if column < 3 else cell.rjust(width) for column, (cell, width) in enumerate(
            zip(row, widths, strict=True))]
        for row in rows
    ]  # fmt: skip
    rule = ["-" * width if column < 3 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [padded[0], rule, *padded[1:]])


def write(lines: Sequence[Line], file: Path, heading: str) -> None:
    """The table as Markdown in `file`, and with all digits as CSV beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"# {heading}\n\n{as_text(lines)}\n", encoding="utf-8")
    with file.with_suffix(".csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(COLUMNS)
        for line in lines:
            writer.writerow([line.set, line.language, line.way, line.texts, *(line.figures[name] for name in FIGURES)])


def _macro_f1(truth: npt.NDArray[np.int64], guess: npt.NDArray[np.int64]) -> float:
    return float(f1_score(truth, guess, labels=list(range(len(LABELS))), average="macro", zero_division=0))
