"""Compact: the warehouse written anew after something was redacted, so that its free space holds none of it.

DuckDB marks old blocks as free and leaves their bytes. The new file is written beside the old one, checked, and takes
its place in one step; killed before that, the old one stays and the next run does it again.
"""

import logging
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from resonanz.errors import StageError
from resonanz.lake import Lake
from resonanz.warehouse import literal, open_warehouse, read_warehouse

log = logging.getLogger(__name__)

_SETTLE_S = 0.1  # who opened the old file just before it was replaced finds it locked, and opens the new one
# All that a database consists of, but for its rows.
_PARTS = (
    "select schema_name from duckdb_schemas() where database_name = ? and not internal",
    "select schema_name, table_name, comment from duckdb_tables() where database_name = ?",
    "select schema_name, view_name, comment, sql from duckdb_views() where database_name = ? and not internal",
    "select schema_name, table_name, column_name, data_type, column_default, is_nullable, comment "
    "from duckdb_columns() where database_name = ? and not internal",
    "select schema_name, table_name, constraint_text from duckdb_constraints() where database_name = ?",
)


@dataclass(frozen=True)
class Compacted:
    """Sizes of the warehouse in bytes; the same twice where there was nothing to do."""

    before: int
    after: int

    def __str__(self) -> str:
        if self.before == self.after:
            return "nothing was redacted, the warehouse stays as it is"
        return f"warehouse written anew without what was redacted: {self.before:,} bytes before, {self.after:,} now"


def compact(lake: Lake) -> Compacted:
    """Write the warehouse anew where something was redacted since the last time; else do nothing.

    Raises StageError where that is not possible (disk full, warehouse held); the warehouse stays as it was then.
    """
    before = lake.warehouse.stat().st_size if lake.warehouse.exists() else 0
    if not _has_remains(lake):
        return Compacted(before, before)
    candidate = lake.warehouse.with_name(f".{lake.warehouse.name}.candidate")
    try:
        _remove(candidate)
        with read_warehouse(lake) as connection:
            _copy(connection, candidate)
            _put(candidate, lake.warehouse)
            time.sleep(_SETTLE_S)
    except (duckdb.Error, OSError) as error:
        raise StageError(
            f"{lake.warehouse} could not be written anew: {str(error).splitlines()[0]}. Redacted texts may still stand "
            f"in its free space; the next run tries again."
        ) from error
    finally:
        _remove(candidate)
    done = Compacted(before, lake.warehouse.stat().st_size)
    log.info("%s", done)
    return done


def _has_remains(lake: Lake) -> bool:
    if not lake.warehouse.exists():
        return False
    with open_warehouse(lake) as warehouse:
        known = warehouse.execute(
            "select 1 from duckdb_tables() where schema_name = 'redaction' and table_name = 'remains'"
        ).fetchone()
        if known is None or warehouse.execute("select count(*) from redaction.remains").fetchone() == (0,):
            return False
        warehouse.execute("force checkpoint")  # what a crash left in the log belongs to the file
    return True


def _copy(connection: duckdb.DuckDBPyConnection, candidate: Path) -> None:
    """`warehouse` as `candidate`, with its keys, views and comments."""
    connection.execute(f"attach {literal(candidate)} as candidate")
    connection.execute("copy from database warehouse to candidate")
    for parts in (_parts, _counts):
        if missing := parts(connection, "warehouse") - parts(connection, "candidate"):
            raise StageError(f"The warehouse could not be written anew: the new file lacks {sorted(missing)[:3]}")
    connection.execute("delete from candidate.redaction.remains")
    connection.execute("checkpoint candidate")
    connection.execute("detach candidate")


def _parts(connection: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    return {str(part) for query in _PARTS for part in connection.execute(query, [database]).fetchall()}


def _counts(connection: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    names = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    counts = [
        f"select '{schema}.{table} with ' || count(*) || ' rows' from {database}.\"{schema}\".\"{table}\""  # noqa: S608
        for schema, table in names
    ]
    return {str(found) for (found,) in connection.execute(" union all ".join(counts)).fetchall()}


def _put(candidate: Path, warehouse: Path) -> None:
    log_of_old = warehouse.with_name(f"{warehouse.name}.wal")
    if log_of_old.exists() and log_of_old.stat().st_size:
        raise StageError(f"{warehouse} was written to while it was copied; the next run tries again")
    for path in (candidate, warehouse.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    log_of_old.unlink(missing_ok=True)
    candidate.replace(warehouse)
    # What a killed process had no memory for; nobody writes now.
    shutil.rmtree(warehouse.with_name(f"{warehouse.name}.tmp"), ignore_errors=True)


def _remove(candidate: Path) -> None:
    for path in (candidate, candidate.with_name(f"{candidate.name}.wal")):
        path.unlink(missing_ok=True)
