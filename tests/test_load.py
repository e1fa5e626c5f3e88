"""Load: each judged batch once, wholly or not at all, and a ledger that balances."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from batches import OBSERVED, land, message, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resonanz.errors import StageError
from resonanz.guard import admit
from resonanz.guarding.quarantine import write_rows
from resonanz.lake import Batch, Lake, write_json
from resonanz.landing import LATER, SCHEMA
from resonanz.load import LedgerRow, load_pending
from resonanz.platforms import PLATFORMS
from resonanz.warehouse import open_warehouse, read_warehouse


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "var")


def land_judged(
    lake: Lake, content: Any, *, bad: tuple[int, ...] = (), platform: str = "archive", **where: Any
) -> Batch:
    """A batch with the verdict that the guard would write; the rows numbered `bad` are in quarantine."""
    batch = land(lake, content, **where)
    with duckdb.connect() as connection:
        connection.execute(f"create view landed as from read_parquet('{batch.folder}/*.parquet')")
        (extracted,) = connection.execute("select count(*) from landed").fetchone() or (0,)
        write_rows(lake, batch, connection, dict.fromkeys(bad, ("bad", "is_good")))
    judge_as(lake, batch, platform=platform, extracted=extracted, quarantined=len(bad))
    return batch


def judge_as(lake: Lake, batch: Batch, **changes: Any) -> None:
    verdict = {
        "load_id": batch.load_id,
        "source": batch.source,
        "stream": batch.stream,
        "platform": "archive",
        "status": "admitted",
        "extracted": 0,
        "quarantined": 0,
        "reason": None,
        "started_at": OBSERVED.isoformat(),
        "judged_at": datetime.now(UTC).isoformat(),
    }
    write_json(lake.admission(batch), verdict | changes)


def query(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with read_warehouse(lake) as connection:
        return connection.execute(sql).fetchall()


def counts(row: LedgerRow) -> tuple[str, int, int, int, int]:
    assert row.extracted == row.loaded + row.duplicates + row.quarantined
    return row.status, row.extracted, row.duplicates, row.quarantined, row.loaded


def test_tables_are_made_for_every_platform_with_landings_columns(lake: Lake) -> None:
    assert load_pending(lake) == []
    found = defaultdict(list)
    for schema, table, column, kind in query(
        lake,
        "select table_schema, table_name, column_name, data_type from information_schema.columns "
        "where table_catalog = 'warehouse' order by ordinal_position",
    ):
        found[f"{schema}.{table}"].append((column, kind))
    own = [("source", "VARCHAR"), ("stream", "VARCHAR"), ("load_id", "VARCHAR"), ("row_hash", "VARCHAR")]
    for connector in PLATFORMS:
        columns = found[f"raw.{connector}"]
        assert [name for name, _ in columns] == [*SCHEMA.names, *(name for name, _ in own), "loaded_at"]
        assert columns[len(SCHEMA) :] == [*own, ("loaded_at", "TIMESTAMP WITH TIME ZONE")]
        assert dict(columns)["created_at"] == "TIMESTAMP WITH TIME ZONE"
    assert [name for name, _ in found["ops.load_ledger"]] == [
        *("load_id", "source", "stream", "extracted", "duplicates", "quarantined", "loaded"),
        *("status", "reason", "started_at", "finished_at"),
    ]
    assert {"enrichment.sentiment", "enrichment.current_model"} <= set(found)


def test_rows_arrive_as_they_landed(lake: Lake) -> None:
    odd = message(1, text="NUL \x00, Zeilen\nende, 👩‍🔧", rating=4.5, edited_at=OBSERVED, declared_language="de")
    land_judged(lake, [odd, message(2, created_at=None, created_at_precision="unknown")])
    (row,) = load_pending(lake)
    assert counts(row) == ("loaded", 2, 0, 0, 2)
    landed = rows([odd, message(2, created_at=None, created_at_precision="unknown")])
    found = query(lake, f"select {', '.join(SCHEMA.names)} from raw.archive order by row_number")
    assert [dict(zip(SCHEMA.names, row, strict=True)) for row in found] == landed
    assert query(
        lake, "select distinct source, stream, load_id, length(row_hash), loaded_at > '2020-01-01' from raw.archive"
    ) == [("shop", "messages", "1748779200.25", 64, True)]


def test_quarantined_rows_stay_out(lake: Lake) -> None:
    land_judged(lake, [message(n) for n in range(1, 11)], bad=(3, 7), files=3)
    (row,) = load_pending(lake)
    assert counts(row) == ("loaded", 10, 0, 2, 8)
    assert query(lake, "select list(row_number order by row_number) from raw.archive") == [([1, 2, 4, 5, 6, 8, 9, 10],)]


def test_the_same_message_again_is_a_duplicate_and_a_change_is_a_version(lake: Lake) -> None:
    later = OBSERVED + timedelta(hours=1)
    land_judged(lake, [message(1), message(1), message(2), message(1, text="edited"), message(1, text="edited")])
    again = [message(1, text="edited"), message(2, origin="elsewhere", payload={"id": 2, "seen": "again"}), message(3)]
    land_judged(lake, again, load_id="1748782800.0", observed_at=later)
    land_judged(
        lake,
        [message(1, text="edited", is_deleted=True), message(2, metrics={"reactions": 4}), message(3)],
        load_id="1748786400.0",
        observed_at=later + timedelta(hours=1),
    )
    assert [counts(row) for row in load_pending(lake)] == [
        ("loaded", 5, 2, 0, 3),
        ("loaded", 3, 2, 0, 1),
        ("loaded", 3, 1, 0, 2),
    ]
    assert query(lake, "select native_id, count(*) from raw.archive group by all order by 1") == [
        ("native-1", 3),
        ("native-2", 2),
        ("native-3", 1),
    ]


def test_a_change_back_is_a_version_too(lake: Lake) -> None:
    texts = ["first", "second", "first"]
    land_judged(lake, [message(1, text=text) for text in texts])
    assert counts(load_pending(lake)[0]) == ("loaded", 3, 0, 0, 3)


def test_a_metric_that_becomes_unavailable_is_a_version(lake: Lake) -> None:
    retired = {"views": "retired on 2025-11-15"}
    land_judged(lake, [message(1), message(1, unavailable_metrics=retired), message(1, unavailable_metrics=retired)])
    assert counts(load_pending(lake)[0]) == ("loaded", 3, 1, 0, 2)
    assert query(lake, "select unavailable_metrics->>'views' from raw.archive order by row_number") == [
        (None,),
        ("retired on 2025-11-15",),
    ]


def test_an_older_warehouse_and_older_batches_take_later_columns_without_new_versions(lake: Lake) -> None:
    older = pa.Table.from_pylist(rows([message(1), message(2)]), schema=SCHEMA).drop_columns(list(LATER))
    land_judged(lake, older, load_id="1.0", bad=(2,))
    load_pending(lake)
    with open_warehouse(lake) as warehouse:
        for column in LATER:
            warehouse.execute(f"alter table raw.archive drop column {column}")
    land_judged(lake, older, load_id="2.0", observed_at=OBSERVED + timedelta(hours=1))
    land_judged(lake, [message(1)], load_id="3.0", observed_at=OBSERVED + timedelta(hours=2))
    assert [counts(row) for row in load_pending(lake)] == [("loaded", 2, 1, 0, 1), ("loaded", 1, 1, 0, 0)]
    assert query(lake, f"select native_id, {', '.join(LATER)} from raw.archive order by 1") == [
        ("native-1", None),
        ("native-2", None),
    ]


def test_a_batch_that_comes_late_is_compared_with_what_was_before_it(lake: Lake) -> None:
    land_judged(lake, [message(1, text="old")], load_id="1.0", observed_at=OBSERVED)
    land_judged(lake, [message(1, text="new")], load_id="3.0", observed_at=OBSERVED + timedelta(hours=2))
    assert len(load_pending(lake)) == 2
    land_judged(lake, [message(1, text="old")], load_id="2.0", observed_at=OBSERVED + timedelta(hours=1))
    assert counts(load_pending(lake)[0]) == ("loaded", 1, 1, 0, 0)


def test_connectors_have_tables_of_their_own_and_know_each_others_messages(lake: Lake) -> None:
    land_judged(lake, [message(1)], source="export", platform="archive")
    land_judged(lake, [message(1), message(2)], source="live", platform="mastodon", load_id="1748782800.0")
    assert [counts(row) for row in load_pending(lake)] == [("loaded", 1, 0, 0, 1), ("loaded", 2, 1, 0, 1)]
    assert query(lake, "select native_id from raw.mastodon") == [("native-2",)]


def test_platforms_do_not_share_ids(lake: Lake) -> None:
    land_judged(lake, [message(1), message(1, platform="twitter")])
    assert counts(load_pending(lake)[0]) == ("loaded", 2, 0, 0, 2)


def test_a_second_call_has_nothing_to_do(lake: Lake) -> None:
    land_judged(lake, [message(1)])
    load_pending(lake)
    before = query(lake, "select * from ops.load_ledger") + query(lake, "select * from raw.archive")
    assert load_pending(lake) == []
    assert query(lake, "select * from ops.load_ledger") + query(lake, "select * from raw.archive") == before


def test_a_batch_without_a_verdict_waits(lake: Lake) -> None:
    land(lake, [message(1)])
    assert load_pending(lake) == []


def test_a_refused_batch_has_a_ledger_row_and_no_other(lake: Lake) -> None:
    batch = land(lake, [message(1), message(2)])
    judge_as(lake, batch, status="refused", extracted=2, quarantined=2, reason="the mapping is likely wrong")
    (row,) = load_pending(lake)
    assert counts(row) == ("refused", 2, 0, 2, 0)
    assert query(lake, "select status, reason from ops.load_ledger") == [("refused", "the mapping is likely wrong")]
    assert query(lake, "select count(*) from raw.archive") == [(0,)]
    assert load_pending(lake) == []


def test_a_batch_judged_anew_takes_the_place_of_its_refusal(lake: Lake) -> None:
    batch = land(lake, [message(1), message(2)])
    judge_as(lake, batch, status="refused", extracted=2, quarantined=2, reason="a bar that was too high")
    load_pending(lake)
    assert admit(lake, batch, "archive").status == "admitted"
    assert [counts(row) for row in load_pending(lake)] == [("loaded", 2, 0, 0, 2)]
    assert query(lake, "select status, loaded from ops.load_ledger") == [("loaded", 2)]
    judge_as(lake, batch, extracted=2)  # judged once more: what is loaded is loaded
    assert load_pending(lake) == []


def test_what_cannot_be_read_any_more_fails_alone_and_says_so(lake: Lake) -> None:
    broken = land_judged(lake, [message(1), message(2)], load_id="1.0")
    land_judged(lake, [message(3)], load_id="2.0")
    broken.files[0].write_bytes(b"PAR1 but no more")
    with pytest.raises(StageError, match=r"1 of 2 batches could not be loaded.*shop/messages/1\.0") as raised:
        load_pending(lake)
    assert str(lake.admission(broken)) in str(raised.value)
    assert query(lake, "select load_id, status, extracted, quarantined, loaded from ops.load_ledger order by 1") == [
        ("1.0", "failed", 2, 2, 0),
        ("2.0", "loaded", 1, 0, 1),
    ]
    assert duckdb.sql(f"select count(*) from '{lake.quarantine(broken)}'").fetchone() == (2,)
    assert load_pending(lake) == []  # told once; the ledger and the doctor keep it


@pytest.mark.parametrize("change", ["rows", "quarantine", "platform"])
def test_a_batch_that_is_not_what_was_judged_is_not_loaded(lake: Lake, change: str) -> None:
    batch = land_judged(lake, [message(1), message(2), message(3)], bad=(2,))
    if change == "rows":
        land(lake, [message(1), message(2)])
    elif change == "quarantine":
        lake.quarantine(batch).unlink()
    else:
        judge_as(lake, batch, platform="myspace", extracted=3, quarantined=1)
    with pytest.raises(StageError):
        load_pending(lake)
    assert query(lake, "select status, extracted, quarantined from ops.load_ledger") == [("failed", 3, 3)]
    assert query(lake, "select count(*) from raw.archive") == [(0,)]


# ── Killed, locked, full ──────────────────────────────────────────────────────────────────────────────────────

_TELLING = "import logging, sys; logging.basicConfig(stream=sys.stdout); "
_TELLING += "logging.getLogger('resonanz.load').setLevel('INFO'); "
_LOAD = "from pathlib import Path; from resonanz.lake import Lake; from resonanz.load import load_pending; import sys; "
_LOAD += "print('ready', flush=True); load_pending(Lake(Path(sys.argv[1])))"


def test_killed_at_any_moment_and_run_again_gives_the_same_tables(tmp_path: Path) -> None:
    undisturbed, killed = Lake(tmp_path / "undisturbed"), Lake(tmp_path / "killed")
    for lake in (undisturbed, killed):
        for number in range(12):
            content = [message(n, text=f"{n}, {number % 5}") for n in range(number * 50, number * 50 + 400)]
            land_judged(
                lake, content, load_id=f"{number}.0", bad=(1, 5), observed_at=OBSERVED + timedelta(hours=number)
            )
    load_pending(undisturbed)
    moments = []
    for batches, delay in ((0, 0.0), (0, 0.05), (1, 0.0), (1, 0.01), (2, 0.02), (3, 0.03)):
        process = subprocess.Popen([sys.executable, "-c", _TELLING + _LOAD, killed.home], stdout=subprocess.PIPE)
        assert process.stdout
        for _ in range(1 + batches):  # "ready", then a line per batch
            process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if killed.warehouse.exists():
            with open_warehouse(killed, wait_s=5) as connection:
                moments.append(_whole(connection))
    assert moments == sorted(moments)  # what was committed stays
    assert moments[-1] >= 7
    load_pending(killed)
    same = f"select {', '.join(SCHEMA.names)}, source, stream, load_id, row_hash from raw.archive order by all"
    assert query(killed, same) == query(undisturbed, same)
    same = "select * exclude (started_at, finished_at) from ops.load_ledger order by all"
    assert query(killed, same) == query(undisturbed, same)


def test_a_crash_right_after_the_tables_are_made_leaves_a_warehouse_that_opens(lake: Lake) -> None:
    """DuckDB 1.5 cannot replay its log for every kind of table: see warehouse_tables.py."""
    crash = "from pathlib import Path; from resonanz.lake import Lake; from resonanz.warehouse import open_warehouse; "
    crash += "from resonanz.warehouse_tables import create_tables; import os, sys\n"
    crash += "with open_warehouse(Lake(Path(sys.argv[1]))) as warehouse:\n"
    crash += " create_tables(warehouse); create_tables(warehouse); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", crash, lake.home], check=False).returncode == 9
    assert lake.warehouse.with_name("warehouse.duckdb.wal").exists()
    assert load_pending(lake) == []


def _whole(connection: duckdb.DuckDBPyConnection) -> int:
    """How many batches are loaded; what stands in raw must be what the ledger says, batch by batch."""
    tables = {name for (name,) in connection.execute("select table_name from information_schema.tables").fetchall()}
    if not {"load_ledger", "archive"} <= tables:
        return 0
    found = connection.execute(
        """
        select loaded, coalesce(present, 0) from ops.load_ledger
        full join (select load_id, count(*) as present from raw.archive group by all) using (load_id)
        """
    ).fetchall()
    assert all(loaded == present for loaded, present in found)
    return len(found)


def test_a_held_warehouse_is_named_with_its_holder(lake: Lake) -> None:
    load_pending(lake)
    hold = f"import duckdb, time; c = duckdb.connect({str(lake.warehouse)!r}); print(1, flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
    try:
        assert holder.stdout
        holder.stdout.readline()
        for opened in (open_warehouse, read_warehouse):
            with pytest.raises(StageError, match=rf"in use: process {holder.pid} ") as raised, opened(lake, wait_s=0.3):
                pass
            assert str(lake.warehouse) in str(raised.value)
    finally:
        holder.kill()
        holder.communicate()


def test_a_warehouse_that_comes_free_is_waited_for(lake: Lake) -> None:
    load_pending(lake)
    hold = f"import duckdb, time; c = duckdb.connect({str(lake.warehouse)!r}); print(1, flush=True); time.sleep(0.6)"
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with open_warehouse(lake, wait_s=20) as connection:
            assert connection.execute("select current_setting('TimeZone')").fetchone() == ("UTC",)


@pytest.mark.parametrize("content", [b"", b"\x00" * 4096])
def test_a_warehouse_that_was_cut_off_while_it_was_made_is_made_anew(lake: Lake, content: bytes) -> None:
    lake.warehouse.parent.mkdir(parents=True)
    lake.warehouse.write_bytes(content)
    land_judged(lake, [message(1)])
    assert len(load_pending(lake)) == 1


def test_a_damaged_warehouse_is_left_alone_and_named(lake: Lake) -> None:
    lake.warehouse.parent.mkdir(parents=True)
    lake.warehouse.write_bytes(b"no database " * 10_000)
    with pytest.raises(StageError, match=r"Move it away, with warehouse\.duckdb\.wal if there is one, and run again"):
        load_pending(lake)
    assert lake.warehouse.stat().st_size == 120_000


def test_reading_before_the_first_load_says_what_to_do(lake: Lake) -> None:
    with pytest.raises(StageError, match="there is no warehouse yet"), read_warehouse(lake):
        pass


_FULL = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
_FULL += "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); "


def test_a_full_disk_is_told_in_words_and_made_up_for(lake: Lake) -> None:
    """The limit on a file's size stands for the disk: writing fails in the middle."""
    content = [message(n, text=os.urandom(2_000).hex()) for n in range(1_500)]
    land_judged(lake, content)
    failing = _FULL + _LOAD
    done = subprocess.run([sys.executable, "-c", failing, lake.home], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "StageError" in done.stderr
    assert "the rest is loaded by the next run" in done.stderr
    assert [counts(row) for row in load_pending(lake)] == [("loaded", 1_500, 0, 0, 1_500)]


# ── The ledger, whatever comes ────────────────────────────────────────────────────────────────────────────────

_sighting = st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"]), st.booleans())
_batch = st.tuples(st.lists(_sighting, min_size=1, max_size=8), st.integers(0, 5))


@given(batches=st.lists(_batch, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_ledger_balances_and_raw_keeps_exactly_the_changes(
    batches: list[tuple[list[tuple[int, str, bool]], int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Batches of (message, content, bad?) sightings observed in any order, against a plain account of them."""
    lake = Lake(tmp_path_factory.mktemp("ledger"))
    versions: dict[int, list[tuple[tuple[int, int, int], str]]] = defaultdict(list)
    expected = []
    for number, (sightings, hour) in enumerate(batches):
        bad = tuple(row for row, (_, _, is_bad) in enumerate(sightings, 1) if is_bad)
        content = [message(which, text=text) for which, text, _ in sightings]
        land_judged(lake, content, bad=bad, load_id=f"{number}.0", observed_at=OBSERVED + timedelta(hours=hour))
        good = [(which, (hour, number, row), text) for row, (which, text, b) in enumerate(sightings, 1) if not b]
        seen = {
            which: sorted(versions[which] + [(at, text) for w, at, text in good if w == which]) for which, _, _ in good
        }
        kept = 0
        for which, at, text in good:
            before = [t for a, t in seen[which] if a < at]
            if not before or before[-1] != text:
                versions[which].append((at, text))
                kept += 1
        expected.append(("loaded", len(sightings), len(good) - kept, len(bad), kept))
    assert [counts(row) for row in load_pending(lake)] == expected
    found = query(lake, "select count(*) from raw.archive")
    assert found == [(sum(map(len, versions.values())),)]
    assert query(lake, "select sum(loaded)::bigint from ops.load_ledger") == found
