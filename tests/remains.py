"""Looking for words in everything below a lake's home: decoded, as rows, and as plain bytes."""

import gzip
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

from resonanz.lake import Lake


def remaining(lake: Lake, words: str) -> list[str]:
    """Where `words` (plain ASCII) stand below the lake's home: files, and tables of the databases among them."""
    DuckDBConnectionManager.close_all_connections()
    found = []
    for path in sorted(lake.home.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if words.encode() in content or (content[:2] == b"\x1f\x8b" and words.encode() in gzip.decompress(content)):
            found.append(str(path))
        if content[:4] == b"PAR1" and words in str(pq.read_table(path).to_pylist()):
            found.append(f"{path}, decoded")
        if content[8:12] == b"DUCK":
            found += [f"{path}, {table}" for table in _tables(path, words)]
    return found


def _tables(path: Path, words: str) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        return [
            f"{schema}.{table}"
            for schema, table in names
            if any(words in str(row) for row in connection.execute(f'from "{schema}"."{table}"').fetchall())
        ]
