"""`make evaluate`: figures checked by hand, texts of one's own, and what it says where texts are missing."""

import csv
from pathlib import Path

import numpy as np
import pytest

from evaluation import sets, ways
from evaluation.__main__ import main
from evaluation.figures import calibration_error, measure
from evaluation.sets import LabelledSet, LabelledText, own_rows
from evaluation.ways import Answer
from resonanz.errors import ConfigError
from resonanz.sentiment import LABELS, load_model
from resonanz.settings import SHIPPED_MODEL

ROWS = [
    ("Das ist wirklich wunderbar, vielen Dank!", "positive", "de"),
    ("Der schlechteste Kundendienst, ich bin so enttäuscht.", "negative", "de"),
    ("Der Laden öffnet am Montag um 9 Uhr.", "neutral", "de"),
    ("Great service, really friendly and fast.", "positive", "en"),
    ("Worst customer service ever, I am so angry.", "negative", "en"),
    ("The store opens on Monday at 9 am.", "neutral", "en"),
]


def write(file: Path, rows: list[tuple[str, ...]], columns: tuple[str, ...] = ("text", "label", "language")) -> Path:
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([columns, *rows])
    return file


def test_own_texts_beside_the_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESONANZ_HOME", str(tmp_path / "var"))
    mine, more = write(tmp_path / "mine.csv", ROWS), write(tmp_path / "more.csv", ROWS * 4)
    assert main(["--csv", str(mine), "--train", str(more), "--data", str(tmp_path / "none")]) == 0
    printed = capsys.readouterr().out
    (written,) = (tmp_path / "var" / "evaluation").glob("*.csv")
    assert str(written.with_suffix(".md")) in printed
    with written.open(encoding="utf-8") as handle:
        lines = list(csv.DictReader(handle))
    assert [(line["set"], line["language"], line["texts"]) for line in lines] == [("mine", "de", "3")] * 3 + [
        ("mine", "en", "3")
    ] * 3
    model, tf_idf, vader = (next(line for line in lines[3:] if word in line["way"])
                            for word in ("resonanz-sentiment-de-en@", "TF-IDF", "VADER"))  # fmt: skip
    assert float(model["macro_f1"]) == float(tf_idf["macro_f1"]) == float(vader["macro_f1"]) == 1
    assert vader["calibration_error"] == "nan"
    assert 0 < float(model["calibration_error"]) < 1
    assert written.with_suffix(".md").read_text(encoding="utf-8").count("\n| mine") == 6


def test_without_the_public_sets_it_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    for file in sets.FILES:
        assert str(tmp_path / file) in said
    assert "CSV=mine.csv" in said
    assert "text, label" in said


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ([("a", "positive")], ("txt", "label"), "needs the columns text and label"),
        ([("a", "positive"), ("b", "angry")], ("text", "label"), "row 3: label 'angry' is none of negative"),
        ([], ("text", "label"), "it has no rows"),
    ],
)
def test_unfit_files_are_told(
    tmp_path: Path, rows: list[tuple[str, ...]], columns: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        own_rows(write(tmp_path / "mine.csv", rows, columns))


def test_a_language_that_is_not_given_is_detected(tmp_path: Path) -> None:
    found = own_rows(write(tmp_path / "mine.csv", [row[:2] for row in ROWS], ("text", "label")))
    assert [row.language for row in found] == ["de", "de", "de", "en", "en", "en"]


def test_figures_by_hand() -> None:
    labelled = LabelledSet("hand", "de", [LabelledText("", label, "de") for label in (0, 0, 1, 2)])
    answer = Answer(np.array([0, 1, 1, 2]), np.array([0.9, 0.6, 0.6, 0.9]), np.array([True, False, True, True]))
    figures = measure("way", labelled, answer).figures
    assert figures["precision_negative"] == 1
    assert figures["recall_negative"] == 0.5
    assert figures["precision_neutral"] == 0.5
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert figures["coverage"] == 0.75
    assert figures["macro_f1_kept"] == 1
    # Two at 0.9 and both right, two at 0.6 and one right: half of each gap of 0.1.
    assert figures["calibration_error"] == pytest.approx(0.1)
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0


def test_a_text_in_a_foreign_language_lowers_coverage_alone() -> None:
    answer = ways.of_model(load_model(str(SHIPPED_MODEL)))(
        ["La livraison est en retard de trois semaines.", ROWS[0][0]]
    )
    assert answer.is_kept.tolist() == [False, True]
    assert answer.confidence is not None
    assert np.isfinite(answer.confidence).all()
    assert LABELS[answer.labels[1]] == "positive"


def test_the_public_sets_hold_nothing_that_was_trained_on(datasets: Path) -> None:
    if absent := sets.missing(datasets):
        pytest.skip(f"{absent[0]} is not here")
    trained = {sets._key(row.text) for row in sets.training_rows(datasets)}
    found = sets.public_sets(datasets)
    assert {(one.name, one.language) for one in found} >= {
        ("UMSAB validation", "de"), ("UMSAB validation", "en"), ("Deutsche Bahn", "de"),
        ("US airlines, users not trained on", "en"),
    }  # fmt: skip
    for one in found:
        if one.name != "Deutsche Bahn":  # press copy of common words may stand anywhere; its posts were never read
            assert [row.text for row in one.rows if sets._key(row.text) in trained] == []
