"""Extraction through the real dlt: what a killed process leaves behind, and what the next one makes of it."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from resonanz.extract import extract
from resonanz.settings import Settings, load

ROWS = 20_000
SOURCES = """
[company]
name = "Test"

[[sources]]
name = "letters"
platform = "archive"
files = ["letters.csv"]
mapping = { id = "id", text = "text" }
"""
EXTRACT = "import sys, pathlib; from resonanz.settings import load; from resonanz.extract import extract; "
EXTRACT += "extract(load(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])), 'letters')"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    lines = [f"{number},Brief Nummer {number}: die Lieferung fehlt" for number in range(ROWS)]
    (tmp_path / "letters.csv").write_text("\n".join(["id,text", *lines, ""]))
    (tmp_path / "sources.toml").write_text(SOURCES)
    return load(tmp_path / "sources.toml", tmp_path / "var")


def landed(settings: Settings) -> tuple[int, int]:
    """(rows, different messages) in all complete batches."""
    files = [str(file) for batch in settings.lake.batches("letters") for file in batch.files]
    if not files:
        return 0, 0
    counted = duckdb.execute("select count(*), count(distinct native_id) from read_parquet(?)", [files]).fetchone()
    assert counted is not None
    return counted


@pytest.mark.parametrize("seconds", [0.9, 1.6, 2.2, 2.8, 3.5])
def test_a_killed_extraction_loses_and_repeats_nothing(settings: Settings, seconds: float) -> None:
    """Wherever the kill strikes, complete batches hold every row once after the next extraction."""
    command = [sys.executable, "-c", EXTRACT, str(settings.file), str(settings.home)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()

    extract(settings, "letters")
    assert landed(settings) == (ROWS, ROWS)


def test_what_is_unchanged_is_not_read_again(settings: Settings) -> None:
    assert len(extract(settings, "letters").batches) == 1
    assert extract(settings, "letters").batches == []
    assert landed(settings) == (ROWS, ROWS)


def test_the_cursor_survives_the_loss_of_the_working_folder(settings: Settings) -> None:
    """dlt keeps its state beside the data; without its own folder it takes the cursor from there."""

    extract(settings, "letters")
    shutil.rmtree(settings.lake.pipelines)
    assert extract(settings, "letters").batches == []
