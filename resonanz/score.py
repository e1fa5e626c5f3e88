"""Score: sentiment and language for every text that this revision of the model has not scored yet."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from resonanz import settings
from resonanz.lake import Lake
from resonanz.language import detect
from resonanz.sentiment import LABELS, SentimentModel, load_model
from resonanz.warehouse import open_warehouse

log = logging.getLogger(__name__)
TEXTS_PER_COMMIT = 2_000  # a killed run repeats at most this many

_PENDING = """
    select text_hash, any_value(text) as text
    from intermediate.int_messages
    where text is not null
        and text_hash not in (
            select text_hash from enrichment.sentiment where model_id = $model_id and model_revision = $revision
        )
    group by text_hash
    order by text_hash
"""


@dataclass(frozen=True)
class Scored:
    """How many texts were scored, by which model."""

    texts: int
    abstained: int
    model_id: str
    model_revision: str

    def __str__(self) -> str:
        return f"{self.texts} texts scored by {self.model_id}@{self.model_revision}, {self.abstained} abstained"


def score(lake: Lake, wanted: settings.Sentiment) -> Scored:
    """Score what is new in intermediate.int_messages into enrichment.sentiment; each chunk is one commit.

    A text is scored once per model revision, whatever happens in between: what is committed is not scored again.
    """
    model = load_model(wanted.model, wanted.revision, labels=wanted.labels, languages=wanted.languages)
    with open_warehouse(lake) as warehouse:
        key = {"model_id": model.model_id, "revision": model.revision}
        texts: list[tuple[str, str]] = warehouse.execute(_PENDING, key).fetchall()
        abstained = 0
        for start in range(0, len(texts), TEXTS_PER_COMMIT):
            rows = rate(model, texts[start : start + TEXTS_PER_COMMIT])
            abstained += sum(row["is_abstained"] for row in rows)
            _insert(warehouse, rows)
            log.info("%d of %d texts scored", start + len(rows), len(texts))
        _make_current(warehouse, model)
    return Scored(len(texts), abstained, model.model_id, model.revision)


def rate(model: SentimentModel, texts: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Rows of enrichment.sentiment for (hash, text) pairs.

    A text in a language that the model does not claim gets no label; one below the model's threshold keeps its
    label and is marked as abstained. Where no language can be told (emoji, two words), the model decides.
    """
    languages = detect([text for _, text in texts])
    claimed = [code is None or code in model.languages for code, _ in languages]
    probabilities = iter(model.predict([text for (_, text), ours in zip(texts, claimed, strict=True) if ours]))
    now = datetime.now(UTC)
    rows = []
    for (text_hash, _), (code, certainty), ours in zip(texts, languages, claimed, strict=True):
        row: dict[str, Any] = {
            "text_hash": text_hash,
            "language": code,
            "language_confidence": certainty,
            "sentiment": None,
            "p_negative": None,
            "p_neutral": None,
            "p_positive": None,
            "confidence": None,
            "is_abstained": True,
            "abstain_reason": "language not covered by the model",
            "model_id": model.model_id,
            "model_revision": model.revision,
            "scored_at": now,
        }
        if ours:
            p = next(probabilities)
            best = int(np.argmax(p))
            unsure = bool(p[best] < model.threshold)
            row |= {f"p_{label}": float(value) for label, value in zip(LABELS, p, strict=True)}
            row |= {
                "sentiment": LABELS[best],
                "confidence": float(p[best]),
                "is_abstained": unsure,
                "abstain_reason": "low confidence" if unsure else None,
            }
        rows.append(row)
    return rows


def _insert(warehouse: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    scored = pa.Table.from_pylist(rows)  # noqa: F841  DuckDB finds it by its name
    warehouse.execute("insert into enrichment.sentiment by name select * from scored")


def _make_current(warehouse: duckdb.DuckDBPyConnection, model: SentimentModel) -> None:
    current = warehouse.execute("select model_id, model_revision from enrichment.current_model").fetchone()
    if current == (model.model_id, model.revision):
        return
    warehouse.begin()
    warehouse.execute("delete from enrichment.current_model")
    warehouse.execute(
        "insert into enrichment.current_model values (?, ?, ?)", [model.model_id, model.revision, datetime.now(UTC)]
    )
    warehouse.commit()
