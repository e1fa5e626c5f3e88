"""Great Expectations on DuckDB, which it does not know: a SQLAlchemy dialect, and a suite's outcome as data.

Great Expectations judges; it shows 20 or 200 bad rows at most, whatever is asked for. So the rows themselves are
fetched here, with the very query that it judged by, and their number must be the one that it counted.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import duckdb
import great_expectations as gx
import sqlalchemy
from duckdb_engine import ConnectionWrapper, Dialect
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from resonanz.errors import StageError
from resonanz.guarding.expectations import Expectation, Suite

_NAME = "resonanz_duckdb"
_numbers = count(1)
_connections: dict[str, Callable[[], duckdb.DuckDBPyConnection]] = {}


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations says of one expectation.

    :param count: bad rows; 1 where it fails for the table as a whole, 0 where it holds.
    :param observed: the value it saw, where the expectation is about the table as a whole.
    :param rows: the bad rows: all of them in the scope `row`, one as an example in the scope `batch`. Each has the
        columns of the expectation's query, or the suite's key and the expectation's column.
    """

    expectation: Expectation
    is_met: bool
    count: int = 0
    observed: Any = None
    rows: list[dict[str, Any]] = field(default_factory=list)


class DuckDBDialect(Dialect):  # type: ignore[misc]
    """duckdb-engine's dialect on a connection of ours, without the statements that break a result being read."""

    name = _NAME
    supports_statement_cache = False

    def connect(self, *_: Any, **arguments: Any) -> Any:
        return ConnectionWrapper(_connections[arguments["database"]]())

    def do_begin(self, dbapi_connection: Any) -> None:
        """Nothing: all is read-only, and a transaction's end would drop the result that SQLAlchemy still reads."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Nothing, see do_begin."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Nothing, see do_begin. SQLAlchemy calls it whenever a connection goes back to its pool."""

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **_: Any) -> list[Any]:
        name = ".".join(f'"{part}"' for part in (schema, table_name) if part)
        described = connection.exec_driver_sql(f"describe {name}").fetchall()
        return [
            {"name": row[0], "type": self.ischema_names.get(row[1].lower(), sqlalchemy.types.NullType)()}
            | {"nullable": True, "default": None}
            for row in described
        ]


sqlalchemy.dialects.registry.register(_NAME, __name__, DuckDBDialect.__name__)


def validate(
    connection: duckdb.DuckDBPyConnection, suite: Suite, *, parameters: Mapping[str, Any] | None = None
) -> list[Outcome]:
    """Judge `suite.meta.table`, as `connection` sees it, by `suite`; one outcome per expectation, in its order.

    :param parameters: values for `$PARAMETER` in the suite.
    Raises StageError where an expectation cannot be evaluated (its SQL or its arguments are wrong).
    """
    schema, _, table = suite.meta.table.rpartition(".")
    catalog = (connection.execute("select current_catalog()").fetchone() or ("memory",))[0]
    with _shared(connection, catalog) as address:
        context = gx.get_context(mode="ephemeral", project_config=_project())
        asset = context.data_sources.add_sql(suite.name, connection_string=address).add_table_asset(
            suite.name, table_name=table, schema_name=schema or None
        )
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        result = batch.validate(
            gx.ExpectationSuite(suite.name, expectations=[_configuration(entry) for entry in suite.expectations]),
            result_format={"result_format": "COMPLETE"}
            | ({"unexpected_index_column_names": [suite.meta.key]} if suite.meta.key else {}),
            expectation_parameters=dict(parameters or {}),
        )
    by_id = {item.expectation_config.meta["id"]: item for item in result.results}
    return [_outcome(connection, suite, entry, by_id[entry.id]) for entry in suite.expectations]


@contextmanager
def _shared(connection: duckdb.DuckDBPyConnection, catalog: str) -> Iterator[str]:
    """An address under which SQLAlchemy reaches `connection`'s database; all it opened is closed at the end."""
    key = f"{next(_numbers)}"
    opened = []

    def cursor() -> duckdb.DuckDBPyConnection:
        fresh = connection.cursor()
        opened.append(fresh)
        fresh.execute(f'use "{catalog}"')  # not inherited, unlike the attached databases
        return fresh

    _connections[key] = cursor
    level = logging.getLogger("great_expectations").level
    logging.getLogger("great_expectations").setLevel(logging.ERROR)  # it warns about dialects at every column
    try:
        yield f"{_NAME}:///{key}"
    finally:
        logging.getLogger("great_expectations").setLevel(level)
        del _connections[key]
        for fresh in opened:
            fresh.close()


def _project() -> DataContextConfig:
    """A project that lives in memory only: no files, no report to anybody, no progress bars in a log."""
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _configuration(entry: Expectation) -> ExpectationConfiguration:
    return ExpectationConfiguration(
        type=entry.type, kwargs=dict(entry.kwargs), severity=entry.severity, meta=entry.meta.model_dump()
    )


def _outcome(connection: duckdb.DuckDBPyConnection, suite: Suite, entry: Expectation, result: Any) -> Outcome:
    # Where a metric failed, exception_info maps each metric to its own exception; else it is one such entry.
    info = result.exception_info or {}
    for exception in [info] if "raised_exception" in info else info.values():
        if exception["raised_exception"]:
            raise StageError(
                f"expectations/{suite.name}.yml: {entry.id} cannot be evaluated, so nothing was decided: "
                f"{_first_line(exception)}"
            )
    if result.success:
        return Outcome(entry, True, observed=result.result.get("observed_value"))
    detail, query = result.result, entry.kwargs.get("unexpected_rows_query")
    if query is not None:
        counted, query = int(detail["observed_value"]), query.format(batch=suite.meta.table)
    elif query := detail.get("unexpected_index_query"):
        counted, query = int(detail["unexpected_count"]), query.rstrip("; ")
    else:
        return Outcome(entry, False, int(detail.get("unexpected_count", 1)), detail.get("observed_value"))
    is_by_row = entry.meta.scope == "row"
    rows = _rows(connection.sql(query if is_by_row else f"from ({query}) limit 1"))
    if is_by_row and (len(rows) != counted or suite.meta.key not in rows[0]):
        raise StageError(
            f"expectations/{suite.name}.yml: {entry.id}: {counted} rows were judged bad and {len(rows)} of them found; "
            f"in the scope `row` its query must return {suite.meta.key}, and nothing that changes from call to call"
        )
    return Outcome(entry, False, counted, detail.get("observed_value"), rows)


def _rows(relation: duckdb.DuckDBPyRelation) -> list[dict[str, Any]]:
    names = relation.columns
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def _first_line(exception: Mapping[str, Any]) -> str:
    lines = str(exception.get("exception_message") or exception.get("exception_traceback")).strip().splitlines()
    said = [line for line in lines if "Error" in line] or lines
    return said[0].strip()
