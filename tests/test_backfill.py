"""Backfills: any range is read anew beside the running cursor, which neither sees nor feels them."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from resonanz.backfill import from_parameters, from_schedule
from resonanz.errors import ConfigError, Kind, SourceError
from resonanz.extract import extract
from resonanz.lock import held
from resonanz.pipelines import Pipeline
from resonanz.platforms import Window
from resonanz.settings import Settings, load

SOURCES = """
[company]
name = "Test"

[[sources]]
name = "letters"
platform = "archive"
files = ["letters.csv"]
mapping = { id = "id", text = "text", created_at = "day" }
"""
NOW = datetime(2026, 11, 23, 15, 30, 5, 123, UTC)
JANUARY = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    days = ["2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", ""]
    rows = [f"{number},Brief {number},{day}" for number, day in enumerate(days, 1)]
    (tmp_path / "letters.csv").write_text("\n".join(["id,text,day", *rows, ""]))
    (tmp_path / "sources.toml").write_text(SOURCES)
    return load(tmp_path / "sources.toml", tmp_path / "var")


def landed(settings: Settings, load_ids: set[str] | None = None) -> list[str]:
    """Native ids in all complete batches, or those of some loads."""
    return [
        row["native_id"]
        for batch in settings.lake.batches("letters")
        if load_ids is None or batch.load_id in load_ids
        for file in batch.files
        for row in pq.read_table(file).to_pylist()
    ]


def running_state(settings: Settings) -> dict[Path, bytes]:
    """All that keeps the running cursor: dlt's working folder, and the copy beside the data."""
    kept = [
        *settings.lake.landing.glob("letters/_dlt_pipeline_state/*"),
        settings.lake.pipelines / "letters/state.json",
    ]
    return {path: path.read_bytes() for path in kept if path.is_file()}


def test_a_backfill_lands_its_range_and_leaves_the_running_cursor_alone(settings: Settings) -> None:
    assert len(extract(settings, "letters").batches) == 1
    before = running_state(settings)
    assert before

    brought = extract(settings, "letters", JANUARY).batches
    assert landed(settings, {batch.load_id for batch in brought}) == ["2", "3"]
    assert running_state(settings) == before

    assert extract(settings, "letters").batches == []
    again = extract(settings, "letters", JANUARY).batches
    assert landed(settings, {batch.load_id for batch in again}) == ["2", "3"]
    assert len({batch.load_id for batch in settings.lake.batches()}) == 3


def test_a_first_run_after_a_backfill_reads_everything_also_without_its_working_folder(settings: Settings) -> None:
    extract(settings, "letters", JANUARY)
    assert len(landed(settings)) == 2
    brought = extract(settings, "letters").batches
    assert landed(settings, {batch.load_id for batch in brought}) == ["1", "2", "3", "4", "5"]
    extract(settings, "letters", JANUARY)
    shutil.rmtree(settings.lake.pipelines)
    assert extract(settings, "letters").batches == []


def test_an_archive_without_dates_says_that_it_cannot_be_backfilled(settings: Settings) -> None:
    settings.file.write_text(SOURCES.replace(', created_at = "day"', ""))
    undated = load(settings.file, settings.home)
    with pytest.raises(ConfigError, match=r"letters.*created_at"):
        extract(undated, "letters", JANUARY)


def test_two_runs_of_one_source_never_overlap(settings: Settings) -> None:
    lock = settings.lake.lock("letters")
    code = "import pathlib, sys; from resonanz.lock import held; lock = held(pathlib.Path(sys.argv[1]), 'x')\n"
    code += "with lock: print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SourceError, match=rf"letters is being read .*process {other.pid}") as caught:
            extract(settings, "letters", JANUARY)
        assert caught.value.kind is Kind.TRANSIENT
    finally:
        other.kill()
        other.wait()
    assert extract(settings, "letters").batches  # a killed holder holds nothing


def test_the_lock_says_who_holds_it_now(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "x.lock"
    for _ in range(2):
        with held(lock, "source x"):
            pass
    assert lock.read_text().isdigit()


@pytest.mark.parametrize(
    ("first", "last", "since", "until"),
    [
        ("2026-01-01", "2026-01-31", "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"),
        ("2026-01-05", "2026-01-05", "2026-01-05T00:00:00+00:00", "2026-01-06T00:00:00+00:00"),
        ("2026-11-20", None, "2026-11-20T00:00:00+00:00", "2026-11-23T15:30:05+00:00"),
        ("2026-11-20", "2026-11-23", "2026-11-20T00:00:00+00:00", "2026-11-23T15:30:05+00:00"),
    ],
)
def test_days_include_the_last_one_and_never_reach_into_the_future(
    first: str, last: str | None, since: str, until: str
) -> None:
    window = from_parameters(first, last, NOW)
    assert window is not None
    assert (window.since.isoformat(), window.until.isoformat()) == (since, until)


def test_no_dates_are_no_backfill() -> None:
    assert from_parameters(None, None, NOW) is None
    assert from_parameters("", "", NOW) is None


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-02-01", "2026-01-01", "after"),
        ("2026-13-01", None, "2026-13-01.*no date"),
        ("yesterday", None, "yesterday.*2026-01-31"),
        ("2026-11-24", None, "after|future"),
        ("2026-11-01", "2026-11-24", "`to`.*future"),
        (None, "2026-01-01", "without `from`"),
        (20260101, "x", "no date"),
    ],
)
def test_wrong_dates_are_refused_in_words(first: str | None, last: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        from_parameters(first, last, NOW)


@pytest.mark.parametrize(
    ("logical", "schedule", "since", "until"),
    [
        ("2026-01-01T00:00+00:00", "@daily", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"),
        ("2026-01-01T05:00+00:00", "@hourly", "2026-01-01T05:00:00+00:00", "2026-01-01T06:00:00+00:00"),
        ("2026-01-02T06:15+00:00", "15 6 * * 1-5", "2026-01-02T06:15:00+00:00", "2026-01-05T06:15:00+00:00"),
        ("2026-11-23T15:00+00:00", "@hourly", "2026-11-23T15:00:00+00:00", "2026-11-23T15:30:05+00:00"),
    ],
)
def test_airflows_own_backfill_reads_from_tick_to_tick(logical: str, schedule: str, since: str, until: str) -> None:
    window = from_schedule(datetime.fromisoformat(logical), schedule, NOW)
    assert (window.since.isoformat(), window.until.isoformat()) == (since, until)


def test_ticks_count_in_the_time_zone_of_the_schedule() -> None:
    berlin = datetime(2026, 6, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    window = from_schedule(berlin, "@daily", NOW)
    assert (window.since.isoformat(), window.until.isoformat()) == (
        "2026-05-31T22:00:00+00:00",
        "2026-06-01T22:00:00+00:00",
    )


def test_a_backfill_that_was_cut_short_goes_on_and_the_next_one_starts_afresh(settings: Settings) -> None:
    """Its own cursor lasts as long as problems that pass are left; see resonanz.pipelines."""
    marker = settings.lake.backfills / "letters.json"
    (settings.file.parent / "letters.csv").rename(settings.file.parent / "gone.csv")
    assert extract(settings, "letters", JANUARY).problems[0].kind is Kind.GONE
    assert not marker.exists()

    Pipeline(settings, "letters", JANUARY)
    assert json.loads(marker.read_text())["since"] == "2026-01-01T00:00:00+00:00"
    left = settings.lake.backfill_memory("letters")
    left.write_text("a cursor")
    Pipeline(settings, "letters", JANUARY)
    assert left.exists()
    Pipeline(settings, "letters", Window(JANUARY.since, NOW))
    assert not left.exists()
