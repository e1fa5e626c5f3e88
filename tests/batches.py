"""Landed batches for tests: real Parquet in landing's layout, without an extraction."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from resonanz.lake import Batch, Lake
from resonanz.landing import SCHEMA, Message, tables

OBSERVED = datetime(2025, 6, 1, 12, tzinfo=UTC)
LOAD_ID = "1748779200.25"


def message(number: int = 1, **changes: Any) -> Message:
    """A message without any fault."""
    values: dict[str, Any] = {
        "platform": "mastodon",
        "native_id": f"native-{number}",
        "kind": "post",
        "thread_native_id": f"native-{number}",
        "author_key": f"{number:032x}",
        "created_at": datetime(2025, 5, 1, 8, 30, tzinfo=UTC),
        "created_at_precision": "second",
        "text": f"Der Kühlschrank Nr. {number} brummt.",
        "url": f"https://social.example/{number}",
        "metrics": {"reactions": 3},
        "payload": {"id": number},
    }
    return Message(**values | changes)


def rows(messages: Iterable[Message], observed_at: datetime = OBSERVED) -> list[dict[str, Any]]:
    """Landed rows as dicts, to plant faults in that no extraction could make."""
    return [row for table in tables(messages, observed_at) for row in table.to_pylist()]


def land(
    lake: Lake,
    content: Sequence[Message] | Sequence[dict[str, Any]] | pa.Table,
    *,
    source: str = "shop",
    stream: str = "messages",
    load_id: str = LOAD_ID,
    observed_at: datetime = OBSERVED,
    files: int = 1,
) -> Batch:
    """Land `content` as one complete batch of `files` files."""
    batch = lake.batch(source, stream, load_id)
    if not isinstance(content, pa.Table):
        found = [row if isinstance(row, dict) else None for row in content]
        values = found if None not in found else rows(content, observed_at)  # type: ignore[arg-type]
        nullable = pa.schema([field.with_nullable(True) for field in SCHEMA])
        content = pa.Table.from_pylist(values, schema=nullable)
    each = max(1, -(-content.num_rows // files))
    for number in range(files):
        _write(batch.folder / f"part-{number}.parquet", content.slice(number * each, each))
    mark(batch)
    return batch


def mark(batch: Batch) -> None:
    """dlt's mark that the load is complete."""
    path = batch.folder.parent.parent / "_dlt_loads" / f"{batch.source}__{batch.load_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"load_id": batch.load_id, "status": 0}))


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
