"""`make evaluate`: one table of figures for the configured sentiment model, or any other, beside TF-IDF and VADER."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation import figures, ways
from evaluation.sets import LabelledSet, LabelledText, missing, own_rows, own_set, public_sets, training_rows
from resonanz.errors import ConfigError, ResonanzError
from resonanz.lake import Lake
from resonanz.sentiment import SentimentModel, load_model
from resonanz.settings import REPOSITORY, home, sentiment

DATA = REPOSITORY.parent / "shared" / "data"
_NEEDED = """The public sets are not all here. Missing:
  {files}
README.md of that folder, where you have it, says what they are. Without them, measure on texts of your own:
  make evaluate CSV=mine.csv              columns text, label (negative, neutral, positive) and, if known, language
  make evaluate CSV=mine.csv TRAIN=more.csv      with more.csv, of the same columns, to train the baseline TF-IDF on"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; returns the exit status: 0 fine, 2 something is missing or wrong."""
    given = _arguments(arguments)
    try:
        print(evaluate(given.model, given.csv, given.train, given.data))
    except ResonanzError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0


def evaluate(name: str | None, own: Sequence[Path], train: Path | None, data: Path) -> str:
    """The table in words, and where it was written. Raises ConfigError where texts are missing or unfit."""
    sets, rows = _texts(own, train, data)
    wanted = sentiment(name)
    model = load_model(wanted.model, wanted.revision, labels=wanted.labels, languages=wanted.languages)
    ask = {f"{model.model_id}@{model.revision[:12]}": ways.of_model(model)}
    notes = []
    if rows:
        print(f"training TF-IDF on {len(rows):,} texts ...", file=sys.stderr, flush=True)
        ask["TF-IDF"] = ways.tf_idf(rows)
    else:
        notes.append(f"TF-IDF is left out: no training texts ({DATA / 'sentiment'}, or TRAIN=<file>).")
    ask["VADER (English lexicon)"] = ways.vader()
    lines = []
    for labelled in sets:
        texts = [row.text for row in labelled.rows]
        print(f"{labelled.name}, {labelled.language}: {len(texts):,} texts ...", file=sys.stderr, flush=True)
        lines += [figures.measure(way, labelled, answer(texts)) for way, answer in ask.items()]
    file = _file(model)
    figures.write(lines, file, f"{model.model_id} at {model.revision}")
    notes.append(f"written to {file} and {file.with_suffix('.csv').name}")
    return "\n".join([figures.as_text(lines), "", *notes])


def _texts(own: Sequence[Path], train: Path | None, data: Path) -> tuple[list[LabelledSet], list[LabelledText]]:
    absent = missing(data)
    if absent and not own:
        raise ConfigError(_NEEDED.format(files="\n  ".join(map(str, absent))))
    sets = [found for file in own for found in own_set(file)] if own else public_sets(data)
    if train:
        return sets, own_rows(train)
    return sets, training_rows(data) if not absent else []


def _file(model: SentimentModel) -> Path:
    name = re.sub(r"[^\w.\-]+", "_", f"{model.model_id}-{model.revision[:12]}")
    return Lake(home()).evaluation / f"{name}.md"


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make evaluate", description=__doc__)
    parser.add_argument("--model", help="owner/name@<commit> or a folder; default: the model of sources.toml")
    parser.add_argument("--csv", type=Path, action="append", default=[], help="labelled texts of your own")
    parser.add_argument("--train", type=Path, help="labelled texts to train TF-IDF on, instead of the public ones")
    parser.add_argument("--data", type=Path, default=DATA, help="where the public sets lie")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
