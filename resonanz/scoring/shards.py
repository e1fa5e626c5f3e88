"""Shards: texts on their way to a model and scores on their way back, as Parquet files in the lake.

DuckDB lets one process write, so those that score do not touch the warehouse: each has a shard of texts and leaves
finished batches beside it. A batch takes its place in one step, so a shard that was killed has whole batches or none,
and goes on behind them.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from resonanz.lake import Lake
from resonanz.scoring.rate import Rating
from resonanz.sentiment import SentimentModel

TEXTS_PER_BATCH = 2_000  # a shard that is killed repeats at most this many

_OF_RATING = {
    "language": pa.string(),
    "language_confidence": pa.float64(),
    "sentiment": pa.string(),
    "p_negative": pa.float64(),
    "p_neutral": pa.float64(),
    "p_positive": pa.float64(),
    "confidence": pa.float64(),
    "is_abstained": pa.bool_(),
    "abstain_reason": pa.string(),
}
SCHEMA = pa.schema(
    {"text_hash": pa.string()}
    | _OF_RATING
    | {"model_id": pa.string(), "model_revision": pa.string(), "scored_at": pa.timestamp("us", tz="UTC")}
)
assert [field.name for field in fields(Rating)] == list(_OF_RATING)  # noqa: S101  both name the same columns


@dataclass(frozen=True)
class Shard:
    """One folder with `texts.parquet` (text_hash, text) and the batches that are done."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def texts(self) -> Path:
        return self.folder / "texts.parquet"

    def scores(self, batch: int) -> Path:
        """Where the scores of the batch with this number, from 0, lie once it is done."""
        return self.folder / f"scores-{batch:05d}.parquet"

    def count(self) -> int:
        """Texts in all."""
        return int(pq.read_metadata(self.texts).num_rows)

    def batches(self) -> Iterator[tuple[int, list[str], list[str]]]:
        """Number, hashes and texts of each batch, always the same ones."""
        with pq.ParquetFile(self.texts) as file:
            for number, batch in enumerate(file.iter_batches(TEXTS_PER_BATCH, columns=["text_hash", "text"])):
                yield number, batch.column("text_hash").to_pylist(), batch.column("text").to_pylist()

    def write(self, batch: int, model: SentimentModel, hashes: Sequence[str], ratings: Sequence[Rating]) -> None:
        """Leave a finished batch, whole or not at all."""
        origin = {"model_id": model.model_id, "model_revision": model.revision, "scored_at": datetime.now(UTC)}
        rows = [{"text_hash": key} | asdict(rating) | origin for key, rating in zip(hashes, ratings, strict=True)]
        part = self.scores(batch).with_suffix(f".{os.getpid()}.part")
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), part)
        part.replace(self.scores(batch))


def open_shard(lake: Lake, name: str) -> Shard:
    """The shard called `name`, as the plan named it."""
    return Shard(lake.scoring / name)


def finished(lake: Lake) -> Iterator[list[Path]]:
    """The finished batches, shard by shard."""
    for folder in sorted(lake.scoring.glob("*")):
        if files := sorted(folder.glob("scores-*.parquet")):
            yield files


def clear(lake: Lake) -> None:
    """Remove every shard, texts and all."""
    shutil.rmtree(lake.scoring, ignore_errors=True)
