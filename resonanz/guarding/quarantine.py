"""Quarantine: bad rows as they came, each with its reason in words and the expectation that it failed.

Files are written whole or not at all. What cannot be read of a damaged file stays in landing, where nothing is
ever changed; here a row without values stands for each such row, so that the ledger still balances.
"""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from resonanz.lake import Batch, Lake
from resonanz.landing import LATER, SCHEMA
from resonanz.warehouse import literal


def scan(files: Sequence[Path]) -> str:
    """The SQL that reads `files`, and nothing into their folders' names, where `[`, `*` or `key=value` may stand."""
    names = ", ".join(literal(glob.escape(str(file))) for file in files)
    return f"read_parquet([{names}], hive_partitioning = false)"


def landed(files: Sequence[Path]) -> str:
    """The SQL that reads a landed batch in landing's columns; those that it is too old to have are null."""
    columns = ", ".join(f'"{column}"' for column in SCHEMA.names)
    later = ", ".join(f'null::varchar as "{column}"' for column in LATER)
    return f"(select {columns} from (select {later} where false union all by name from {scan(files)}))"  # noqa: S608


def write_rows(
    lake: Lake,
    batch: Batch,
    connection: duckdb.DuckDBPyConnection,
    failures: Mapping[int, tuple[str, str]],
    refusal: tuple[str, str] | None = None,
) -> int:
    """Put the rows that failed into the quarantine file of `batch`, all of them where it is refused.

    :param connection: one in which `landed` is the batch, in landing's schema.
    :param failures: row_number -> (reason, expectation).
    :param refusal: the reason and the expectation for which the batch is refused as a whole.
    Returns the number of rows written; where it is 0 there is no file.
    """
    numbers = sorted(failures)
    failed = pa.table(
        {
            "number": pa.array(numbers, pa.int64()),
            "row_reason": pa.array([failures[number][0] for number in numbers], pa.string()),
            "row_expectation": pa.array([failures[number][1] for number in numbers], pa.string()),
        }
    )
    connection.register("failed", failed)
    join, values = ("join", [None, None]) if refusal is None else ("left join", list(refusal))
    written = _copy(
        lake.quarantine(batch),
        connection,
        f"""
        select
            landed.*,
            concat_ws('; ', nullif({_text(values[0])}, ''), row_reason) as reason,
            concat_ws('; ', nullif({_text(values[1])}, ''), row_expectation) as expectation
        from landed {join} failed on row_number = number
        order by row_number
        """,  # noqa: S608
    )
    connection.unregister("failed")
    return written


def write_unreadable(lake: Lake, batch: Batch, reason: str, expectation: str, *, known: int = 0) -> int:
    """Put what can be read of a damaged or wrongly shaped `batch` into its quarantine file, under one reason.

    :param known: how many rows it is known to have; where fewer can be read, rows without values stand for the rest.
    Returns the number of rows written; where it is 0 there is no file.
    """
    tables = [table for file in batch.files for table in _salvage(file)]
    rows = _together(tables) if tables else _nullable(SCHEMA).empty_table()
    if (missing := known - rows.num_rows) > 0:
        stubs = pa.table([pa.nulls(missing, field.type) for field in rows.schema], schema=rows.schema)
        rows = pa.concat_tables([rows, stubs])
    for name, value in (("reason", reason), ("expectation", expectation)):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    path = lake.quarantine(batch)
    if rows.num_rows:
        with _whole(path) as temporary:
            pq.write_table(rows, temporary, compression="zstd")
    else:
        path.unlink(missing_ok=True)
    return int(rows.num_rows)


def rows_in(file: Path) -> int | None:
    """The number of rows that `file` says it has, or None where its footer is damaged."""
    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError):
        return None


def _copy(path: Path, connection: duckdb.DuckDBPyConnection, query: str) -> int:
    with _whole(path) as temporary:
        copied = connection.execute(f"copy ({query}) to {literal(temporary)} (format parquet, compression zstd)")
        (written,) = copied.fetchone() or (0,)
    if not written:
        path.unlink()
    return int(written)


def _salvage(file: Path) -> Iterator[pa.Table]:
    """The row groups of `file` that can be read."""
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowException, OSError):
        return
    with parquet:
        for group in range(parquet.num_row_groups):
            try:
                yield parquet.read_row_group(group)
            except (pa.ArrowException, OSError):
                continue


def _together(tables: list[pa.Table]) -> pa.Table:
    """One table; where the same column has types that do not go together, it becomes text."""
    tables = [table.cast(_nullable(table.schema)) for table in tables]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = [table.cast(pa.schema([(name, pa.string()) for name in table.schema.names])) for table in tables]
        return pa.concat_tables(texts, promote_options="default")


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def _text(value: str | None) -> str:
    return literal(value or "")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary file that takes the place of `path` when all is written, also through a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
