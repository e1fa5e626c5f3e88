"""Where everything lies. The only module that knows paths below RESONANZ_HOME."""

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, order=True)
class Batch:
    """One landed load of one stream of one source: a folder of immutable Parquet files."""

    load_id: str
    source: str
    stream: str
    folder: Path

    @property
    def files(self) -> list[Path]:
        """The batch's Parquet files, in a stable order."""
        return sorted(self.folder.glob("*.parquet"))

    def __str__(self) -> str:
        return f"{self.source}/{self.stream}/{self.load_id}"


@dataclass(frozen=True)
class Lake:
    """The layout below one RESONANZ_HOME. Properties name places; nothing here creates data."""

    home: Path

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.home / "published" / "marts.duckdb"

    @property
    def pipelines(self) -> Path:
        """dlt's working folder: pending packages and cursors live here until they reach landing."""
        return self.home / "dlt"

    @property
    def backfills(self) -> Path:
        """The same for backfills, whose cursors are none of the running ones."""
        return self.home / "dlt_backfill"

    def backfill(self, source: str) -> Path:
        """All that a source's backfill remembers, until its range is read."""
        return self.backfills / f"{source}_backfill"

    def backfill_memory(self, source: str) -> Path:
        return self.backfill(source) / "memory.sqlite"

    def lock(self, source: str) -> Path:
        """Held while a source is read: two runs at once would spoil its cursor."""
        return self.home / "locks" / f"{source}.lock"

    def memory(self, source: str) -> Path:
        """What a source remembers of young messages, between two of its runs."""
        return self.home / "memory" / f"{source}.sqlite"

    def usage(self, source: str) -> Path:
        """What a source has spent, day by day."""
        return self.home / "usage" / f"{source}.json"

    @property
    def airflow(self) -> Path:
        return self.home / "airflow"

    @property
    def dbt_target(self) -> Path:
        return self.home / "dbt"

    @property
    def scoring(self) -> Path:
        """Shards of texts on their way to the model, and finished scores on theirs back; empty between two runs."""
        return self.home / "scoring"

    @property
    def evaluation(self) -> Path:
        """The tables that `make evaluate` writes."""
        return self.home / "evaluation"

    @property
    def secret_file(self) -> Path:
        return self.home / "author_key.secret"

    def batch(self, source: str, stream: str, load_id: str) -> Batch:
        return Batch(load_id, source, stream, self.landing / source / stream / load_id)

    def quarantine(self, batch: Batch) -> Path:
        return self.home / "quarantine" / batch.source / batch.stream / f"{batch.load_id}.parquet"

    def admission(self, batch: Batch) -> Path:
        """The guard's verdict on a batch, written last and atomically: no file, not judged yet."""
        return self.home / "admission" / batch.source / batch.stream / f"{batch.load_id}.json"

    def batches(self, source: str | None = None) -> Iterator[Batch]:
        """All completely landed batches, oldest load first.

        dlt writes `_dlt_loads/<schema>__<load id>.jsonl` after the last file of a load package. A folder
        without that mark is a load that was cut off; it is finished by the next extraction.
        """
        marks = sorted(self.landing.glob(f"{source or '*'}/_dlt_loads/*__*.jsonl"))
        found = []
        for mark in marks:
            load_id = mark.stem.rsplit("__", 1)[1]
            owner = mark.parent.parent
            found += [
                Batch(load_id, owner.name, folder.parent.name, folder)
                for folder in owner.glob(f"*/{load_id}")
                if not folder.parent.name.startswith("_dlt")
            ]
        yield from sorted(found)

    def unjudged(self, source: str) -> list[Batch]:
        """The source's landed batches that have no verdict yet, oldest first."""
        return [batch for batch in self.batches(source) if not self.admission(batch).exists()]


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write `value` so that a reader sees either the old file or the whole new one, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object at `path`, or None where there is no such file."""
    if not path.exists():
        return None
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value
