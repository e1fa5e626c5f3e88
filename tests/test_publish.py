"""Publish: readers see the old file or the new one, whole, whatever happens to the publisher."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from resonanz.errors import StageError
from resonanz.lake import Lake
from resonanz.publish import SCHEMAS, publish
from resonanz.warehouse import open_warehouse

MARTS = """
create or replace table core.fct_messages as
select
    'mastodon:' || i as message_id, {generation} as generation, 'Text ' || i || ' ' || repeat('x', 200) as text,
    timestamptz '2025-01-01 00:00:00+00' + to_minutes(i::int) as created_at, ['sales', 'production'] as departments,
    (i / 7)::double as p_negative, (i % 100)::bigint as n
from range({rows}) as r(i) order by hash(i + {generation});
create or replace table marketing.summary as select {generation} as generation, {rows} as messages;
"""
PUBLISH = "from pathlib import Path; from resonanz.lake import Lake; from resonanz.publish import publish; import sys; "
PUBLISH += "print('ready', flush=True); publish(Lake(Path(sys.argv[1])))"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "var")
    with open_warehouse(lake) as warehouse:
        for schema in ("raw", "enrichment", "staging", "intermediate", "seeds", "ops", "core", "marketing"):
            warehouse.execute(f"create schema {schema}")
        for schema in ("raw", "enrichment", "intermediate", "seeds", "main"):
            warehouse.execute(f"create table {schema}.private as select 'handle' as secret")
        warehouse.execute("create table ops.load_ledger as select '1.0' as load_id, 3 as extracted")
    build(lake, 1)
    return lake


def build(lake: Lake, generation: int, rows: int = 500) -> None:
    with open_warehouse(lake) as warehouse:
        warehouse.begin()
        warehouse.execute(MARTS.format(generation=generation, rows=rows))
        warehouse.commit()


def read(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(lake.published), read_only=True) as reader:
        reader.execute("set TimeZone = 'UTC'")
        return reader.execute(sql).fetchall()


def beside(lake: Lake) -> list[str]:
    return sorted(path.name for path in lake.published.parent.iterdir() if not path.name.endswith(".lock"))


def test_marts_are_published_and_nothing_private(lake: Lake) -> None:
    published = publish(lake)
    assert published.path == lake.published
    assert published.tables == {"core.fct_messages": 500, "marketing.summary": 1, "ops.load_ledger": 1}
    assert published.rows == 502
    found = read(lake, "select table_schema || '.' || table_name from information_schema.tables order by 1")
    assert [name for (name,) in found] == list(published.tables)
    assert b"handle" not in lake.published.read_bytes()
    assert not set(SCHEMAS) & {"raw", "enrichment", "staging", "intermediate", "seeds", "main"}


def test_values_are_those_of_the_warehouse(lake: Lake) -> None:
    publish(lake)
    sql = "select * from core.fct_messages order by all"
    with open_warehouse(lake) as warehouse:
        expected = warehouse.execute(sql).fetchall()
        types = warehouse.execute("describe core.fct_messages").fetchall()
    assert read(lake, sql) == expected
    assert read(lake, "describe core.fct_messages") == types


def test_the_same_marts_give_the_same_rows_in_the_same_order(lake: Lake) -> None:
    publish(lake)
    before = read(lake, "from core.fct_messages")
    with open_warehouse(lake) as warehouse:
        warehouse.execute("create or replace table core.fct_messages as from core.fct_messages order by random()")
    publish(lake)
    assert read(lake, "from core.fct_messages") == before


def test_descriptions_are_kept(lake: Lake) -> None:
    with open_warehouse(lake) as warehouse:
        warehouse.execute("create view core.seen as select message_id, n + 1 as more from core.fct_messages")
        warehouse.execute("comment on table core.fct_messages is 'One row per message; it''s the latest version.'")
        warehouse.execute("comment on column core.fct_messages.n is 'A number'")
        warehouse.execute("comment on view core.seen is 'A view'")
        warehouse.execute("comment on column core.seen.more is 'One more'")
    publish(lake)
    assert read(lake, "select table_name, comment from duckdb_tables() where comment is not null order by 1") == [
        ("fct_messages", "One row per message; it's the latest version."),
        ("seen", "A view"),
    ]
    assert read(lake, "select column_name, comment from duckdb_columns() where comment is not null order by 1") == [
        ("more", "One more"),
        ("n", "A number"),
    ]
    assert read(lake, "select count(*) from core.seen") == [(500,)]  # a table now: what it was made from is private


def test_the_file_is_of_the_oldest_format_that_duckdb_1_reads(lake: Lake) -> None:
    publish(lake)
    header = lake.published.read_bytes()[:20]
    # A checksum, the magic bytes, the version of the storage format: 64 is that of DuckDB 0.10 to 1.1.
    assert header[8:12] == b"DUCK"
    assert struct.unpack("<Q", header[12:20]) == (64,)


def test_nothing_is_left_beside_the_file(lake: Lake) -> None:
    publish(lake)
    assert beside(lake) == ["marts.duckdb"]


def test_what_killed_runs_left_is_removed(lake: Lake) -> None:
    lake.published.parent.mkdir(parents=True)
    for name in (".marts.duckdb.candidate", ".marts.duckdb.candidate.wal", "marts.duckdb.wal"):
        (lake.published.parent / name).write_bytes(b"cut off")
    publish(lake)
    assert beside(lake) == ["marts.duckdb"]
    assert read(lake, "select generation from marketing.summary") == [(1,)]


def test_the_warehouse_is_only_read(lake: Lake) -> None:
    before = lake.warehouse.read_bytes()
    publish(lake)
    assert lake.warehouse.read_bytes() == before


def test_without_marts_nothing_is_published(lake: Lake) -> None:
    with open_warehouse(lake) as warehouse:
        warehouse.execute("drop schema core cascade; drop schema marketing cascade; drop schema ops cascade")
    with pytest.raises(StageError, match="no marts yet"):
        publish(lake)
    assert beside(lake) == []


@pytest.fixture
def reader(lake: Lake, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A process that opens and queries the published file all the time; (what it saw, the file that ends it)."""
    publish(lake)
    log, stop = tmp_path / "seen.txt", tmp_path / "stop"
    code = f"""
import duckdb, pathlib, time
stop, seen = pathlib.Path({str(stop)!r}), open({str(log)!r}, "w", buffering=1)
while not stop.exists():
    try:
        with duckdb.connect({str(lake.published)!r}, read_only=True) as c:
            one = c.execute("select min(generation), max(generation), count(*) from core.fct_messages").fetchone()
            time.sleep(0.01)
            two = c.execute("select generation, generation, messages from marketing.summary").fetchone()
        print("whole" if one == two else f"torn {{one}} {{two}}", one[0], file=seen)
    except Exception as error:
        print("error", repr(error), file=seen)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        _wait_for(lambda: log.exists() and log.stat().st_size > 0)
        yield log, stop
    finally:
        stop.touch()
        try:
            process.wait(20)
        finally:
            process.kill()


def test_a_reader_never_sees_an_error_nor_half_a_state(lake: Lake, reader: tuple[Path, Path]) -> None:
    log, stop = reader
    for generation in range(2, 52):
        build(lake, generation, rows=500 + generation)
        publish(lake)
    size = log.stat().st_size
    _wait_for(lambda: log.stat().st_size > size + 200)
    stop.touch()
    seen = log.read_text().splitlines()
    assert {line.split()[0] for line in seen} == {"whole"}
    generations = [int(line.split()[1]) for line in seen]
    assert generations == sorted(generations)
    assert generations[-1] == 51
    assert len(set(generations)) > 20


def test_killed_at_any_moment_the_file_is_the_old_or_the_new_one(lake: Lake, reader: tuple[Path, Path]) -> None:
    log, _ = reader
    build(lake, 1, rows=20_000)
    began = time.monotonic()
    publish(lake)
    takes = time.monotonic() - began
    generation = 1
    for number in range(12):
        build(lake, number + 2, rows=20_000)
        process = subprocess.Popen([sys.executable, "-c", PUBLISH, lake.home], stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        time.sleep(takes * number / 10)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        ((found, messages),) = read(lake, "select generation, messages from marketing.summary")
        assert found in (generation, number + 2)
        assert read(lake, "select min(generation), max(generation), count(*) from core.fct_messages") == [
            (found, found, messages)
        ]
        generation = found
    publish(lake)
    assert read(lake, "select generation from marketing.summary") == [(13,)]
    assert beside(lake) == ["marts.duckdb"]
    assert {line.split()[0] for line in log.read_text().splitlines()} == {"whole"}


def test_a_full_disk_leaves_the_last_file_serving(lake: Lake) -> None:
    """The limit on a file's size stands for the disk: writing fails in the middle."""
    publish(lake)
    before = lake.published.read_bytes()
    build(lake, 2, rows=50_000)
    full = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    full += "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); "
    done = subprocess.run(
        [sys.executable, "-c", full + PUBLISH, lake.home], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "StageError: Publishing failed" in done.stderr
    assert f"{lake.published} still serves what was published last" in done.stderr
    assert lake.published.read_bytes() == before
    assert beside(lake) == ["marts.duckdb"]


def test_who_has_the_old_file_open_reads_on_in_it(lake: Lake) -> None:
    publish(lake)
    with duckdb.connect(str(lake.published), read_only=True) as open_reader:
        build(lake, 2)
        publish(lake)
        assert open_reader.execute("select max(generation) from core.fct_messages").fetchone() == (1,)
    assert read(lake, "select max(generation) from core.fct_messages") == [(2,)]


def test_a_reader_that_opened_the_file_for_writing_does_not_stop_publishing(lake: Lake) -> None:
    publish(lake)
    code = (
        f"import duckdb, time; c = duckdb.connect({str(lake.published)!r}); c.execute('create table mine as select 1');"
    )
    code += "print(1, flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert holder.stdout
        holder.stdout.readline()
        build(lake, 2)
        publish(lake)
        assert beside(lake) == ["marts.duckdb"]
        assert read(lake, "select generation from marketing.summary") == [(2,)]
    finally:
        holder.kill()
        holder.communicate()
    assert read(lake, "select generation from marketing.summary") == [(2,)]


def _wait_for(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the reader has stopped"
        time.sleep(0.02)


def test_the_folder_may_be_new(tmp_path: Path, lake: Lake) -> None:
    moved = Lake(tmp_path / "else where" / "it's")
    moved.home.mkdir(parents=True)
    os.link(lake.warehouse, moved.warehouse)
    assert publish(moved).rows == 502
