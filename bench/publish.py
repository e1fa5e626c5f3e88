"""Publishing: the whole candidate, checked and swapped in, against a bare copy of the same tables."""

import tempfile
from pathlib import Path

import duckdb

from bench.timing import compare
from resonanz.lake import Lake
from resonanz.publish import publish
from resonanz.settings import home


def main() -> None:
    """a publish of what lies in RESONANZ_HOME"""
    source = Lake(home())
    if not source.warehouse.exists():
        print(f"no warehouse at {source.warehouse}: `make run` first")
        return
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        lake.warehouse.symlink_to(source.warehouse)
        rows = publish(lake).rows
        compare({"publish": lambda: publish(lake), "bare copy": lambda: _copy(lake)}, units=rows, unit="rows")


def _copy(lake: Lake) -> None:
    target = lake.home / "copy.duckdb"
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target)) as connection:
        connection.execute(f"attach '{lake.warehouse}' as warehouse (read_only)")
        with duckdb.connect(str(lake.published), read_only=True) as published:
            tables = published.execute(
                "select schema_name, table_name from duckdb_tables() where not internal"
            ).fetchall()
        for schema, table in tables:
            connection.execute(f'create schema if not exists "{schema}"')
            connection.execute(f'create table "{schema}"."{table}" as from warehouse."{schema}"."{table}"')
