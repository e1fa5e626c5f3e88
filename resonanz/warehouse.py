"""Opening the warehouse. DuckDB lets one writing process in and shuts every other out, readers included, so a
held file is waited for, and when that takes too long the error says who holds it."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from resonanz.errors import StageError
from resonanz.lake import Lake

log = logging.getLogger(__name__)

WAIT_S = 60.0
_PAUSE_S = 0.25
_HOLDER = re.compile(r"lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_SMALLEST = 12_288  # DuckDB's three headers: a shorter file was cut off while it was made, and holds nothing
# Extensions are never fetched: what is needed is built in, and a warehouse must not wait for a network.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": False}


@contextmanager
def open_warehouse(lake: Lake, *, wait_s: float = WAIT_S) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse for writing, made where there is none; times are in UTC.

    Raises StageError where another process still holds it after `wait_s` seconds, and where it cannot be opened.
    """
    lake.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with _opened(lake, lambda: duckdb.connect(str(lake.warehouse), config=_CONFIG), wait_s) as connection:
        yield connection


@contextmanager
def read_warehouse(lake: Lake, *, wait_s: float = WAIT_S) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory connection with the warehouse attached read-only as `warehouse`, and in use; times are in UTC.

    Other databases can be attached beside it. Raises StageError as `open_warehouse` does, and where there is none.
    """
    if not lake.warehouse.exists():
        raise StageError(f"{lake.warehouse}: there is no warehouse yet. Run `make run`; its load stage makes it.")

    def attached() -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config=_CONFIG)
        try:
            connection.execute(f"attach {literal(lake.warehouse)} as warehouse (read_only)")
        except duckdb.Error:
            connection.close()
            raise
        connection.execute("use warehouse")
        return connection

    with _opened(lake, attached, wait_s) as connection:
        yield connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that the block writes, or nothing."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def literal(value: str | Path) -> str:
    """`value` as an SQL string, for the statements in which DuckDB takes no parameter."""
    return "'" + str(value).replace("'", "''") + "'"


@contextmanager
def _opened(
    lake: Lake, connect: Callable[[], duckdb.DuckDBPyConnection], wait_s: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _patiently(lake.warehouse, connect, wait_s)
    try:
        connection.execute("set global TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def _patiently(
    path: Path, connect: Callable[[], duckdb.DuckDBPyConnection], wait_s: float
) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + wait_s
    is_told = False
    while True:
        try:
            return connect()
        except duckdb.Error as error:
            if (holder := _HOLDER.search(str(error))) is None:
                if _is_cut_off(path, error):
                    path.unlink()
                    continue
                raise StageError(_reason(path, error)) from error
            if time.monotonic() >= deadline:
                raise StageError(_held(path, holder, wait_s)) from error
            if not is_told:
                log.info("%s is in use by process %s; waiting up to %.0f s", path, holder["pid"], wait_s)
                is_told = True
            time.sleep(_PAUSE_S)


def _is_cut_off(path: Path, error: duckdb.Error) -> bool:
    """Whether a process was killed while it made the file. The maker's lock is gone, or the error were another."""
    return "not a valid DuckDB database" in str(error) and path.stat().st_size < _SMALLEST


def _held(path: Path, holder: re.Match[str], wait_s: float) -> str:
    return (
        f"{path} is in use: process {holder['pid']} ({holder['program']}) has held it for the {wait_s:.0f} s that "
        f"this stage waited. If it is another run, let it end; if it is a SQL client, close it (or `kill "
        f"{holder['pid']}`) and let it read the published marts instead, which are always free. Then run again."
    )


def _reason(path: Path, error: duckdb.Error) -> str:
    text = str(error).splitlines()[0]
    if "already attached" in text or "different configuration" in text:
        return f"{path} is open already in this very process ({text}). Each stage runs in a process of its own."
    is_damaged = any(words in text for words in ("not a valid DuckDB database", "replaying WAL", "corrupt"))
    if is_damaged or isinstance(error, duckdb.SerializationException):
        return (
            f"{path} is damaged or not a DuckDB file ({text}). Move it away, with {path.name}.wal if there is one, and "
            f"run again: it is made anew from landing/ and admission/ beside it, where nothing is ever changed."
        )
    return f"{path} cannot be opened: {text}"
