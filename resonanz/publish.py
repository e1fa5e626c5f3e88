"""Publish: the marts as one compact file that takes the place of the last one in a single step.

Readers see the old file or the new one, whole, whatever happens here: the new one is written beside it under another
name, checked, and renamed. Who has the old one open reads on in it.
"""

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from resonanz.errors import StageError
from resonanz.lake import Lake
from resonanz.warehouse import literal, read_warehouse

log = logging.getLogger(__name__)

# What may be seen outside, by name: what is not listed here (raw payloads, scores by text, ...) never is.
SCHEMAS = (
    "core",
    "ops",
    "marketing",
    "public_relations",
    "sales",
    "product_management",
    "human_resources",
    "production",
    "customer_service",
)
_STORAGE = "v1.0.0"  # the oldest file format that every DuckDB from 1.0 on reads, and so every BI driver
_WAIT_S = 60.0
_PAUSE_S = 0.25


@dataclass(frozen=True)
class Published:
    """What readers see now.

    :param tables: `schema.table` -> its number of rows.
    """

    path: Path
    tables: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    def __str__(self) -> str:
        return f"{self.path}: {len(self.tables)} tables, {self.rows:,} rows"


def publish(lake: Lake) -> Published:
    """Write the warehouse's marts to a new file and put it in the place of the published one.

    The same marts give the same tables row for row, in the same order. Raises StageError where that is not possible
    (disk full, warehouse held); the published file stays as it was then.
    """
    target = lake.published
    target.parent.mkdir(parents=True, exist_ok=True)
    candidate = target.with_name(f".{target.name}.candidate")
    with _alone(target):
        try:
            _remove(candidate)  # what a killed run left
            tables = _write(lake, candidate)
            _check(candidate, tables)
            _put(candidate, target)
        except (duckdb.Error, OSError) as error:
            raise StageError(_reason(target, error)) from error
        finally:
            _remove(candidate)
    return Published(target, tables)


def _write(lake: Lake, candidate: Path) -> dict[str, int]:
    with read_warehouse(lake) as connection:
        tables = _counts(connection)
        if not tables:
            raise StageError(
                f"{lake.warehouse} has no marts yet, so nothing is published. Run the stage `marts` first (make run)."
            )
        connection.execute(f"attach {literal(candidate)} as candidate (storage_version '{_STORAGE}')")
        for schema, table in _marts(connection):
            name = f'"{schema}"."{table}"'
            connection.execute(f'create schema if not exists candidate."{schema}"')
            # In one order, so that the same rows always make the same table.
            connection.execute(f"create table candidate.{name} as from warehouse.{name} order by all")
            _describe(connection, schema, table)
        connection.execute("checkpoint candidate")
        connection.execute("detach candidate")
    return tables


def _marts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        """
        select table_schema, table_name from information_schema.tables
        where table_catalog = current_catalog() and list_contains($schemas, table_schema)
        order by all
        """,
        {"schemas": list(SCHEMAS)},
    ).fetchall()


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = {}
    for schema, table in _marts(connection):
        found = connection.execute(f'select count(*) from "{schema}"."{table}"').fetchone()  # noqa: S608
        counts[f"{schema}.{table}"] = int(found[0]) if found else 0
    return counts


def _describe(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    """Copy the descriptions, which BI tools show beside tables and columns."""
    values = {"schema": schema, "table": table}
    found = connection.execute(
        """
        select comment from (
            select schema_name, table_name as name, comment, database_name from duckdb_tables()
            union all by name
            select schema_name, view_name as name, comment, database_name from duckdb_views()
        )
        where database_name = 'warehouse' and schema_name = $schema and name = $table and comment is not null
        """,
        values,
    ).fetchone()
    name = f'candidate."{schema}"."{table}"'
    if found:
        connection.execute(f"comment on table {name} is {literal(found[0])}")
    for column, comment in connection.execute(
        """
        select column_name, comment from duckdb_columns()
        where database_name = 'warehouse' and schema_name = $schema and table_name = $table and comment is not null
        """,
        values,
    ).fetchall():
        connection.execute(f'comment on column {name}."{column}" is {literal(comment)}')


def _check(candidate: Path, tables: dict[str, int]) -> None:
    """Read the new file as a reader would; it must hold what was written to it."""
    with duckdb.connect(str(candidate), read_only=True) as connection:
        found = _counts(connection)
    if found != tables:
        wrong = sorted(name for name in tables | found if tables.get(name) != found.get(name))
        raise StageError(f"{candidate} does not hold what was written to it ({', '.join(wrong)}); it is not published")


def _put(candidate: Path, target: Path) -> None:
    """Rename, so that it is there after a power cut too: first the file's bytes, then its name."""
    _sync(candidate)
    # Whoever opened the published file for writing may have left a log; it must not be applied to the new one.
    _log(target).unlink(missing_ok=True)
    candidate.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(candidate: Path) -> None:
    candidate.unlink(missing_ok=True)
    _log(candidate).unlink(missing_ok=True)


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """One publisher at a time: the kernel drops the lock with the process that holds it."""
    deadline = time.monotonic() + _WAIT_S
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise StageError(
                        f"{target.parent}: another process has been publishing for {_WAIT_S:.0f} s. Let it end first."
                    ) from None
                time.sleep(_PAUSE_S)
        yield


def _reason(target: Path, error: duckdb.Error | OSError) -> str:
    text = str(error).splitlines()[0]
    is_full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in text
    cure = f"Free space in {target.parent} and run again." if is_full else "Run again when that is cured."
    serves = f"{target} still serves what was published last" if target.exists() else "nothing is published yet"
    return f"Publishing failed: {text}. {cure} Until then {serves}."
