"""`resonanz up` and `down`: an Airflow that stays, in which an admitted batch alone starts the warehouse."""

import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
import requests

from resonanz.lake import Lake
from resonanz.local import processes
from resonanz.local.airflow_api import AirflowApi
from resonanz.local.airflow_env import password
from resonanz.local.supervisor import free_port

RESONANZ = Path(sys.executable).parent / "resonanz"
SOURCES = """
[company]
name = "Test"

[[sources]]
name = "letters"
platform = "archive"
files = ["letters.csv"]
mapping = { id = "id", text = "text" }
"""

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]


def test_up_runs_the_warehouse_when_a_batch_was_admitted_and_down_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "letters.csv").write_text("id,text\n1,Die Lieferung kam vier Wochen zu spät.\n")
    (tmp_path / "sources.toml").write_text(SOURCES)
    lake = Lake(tmp_path / "var")
    port = free_port()
    environment = os.environ | {
        "RESONANZ_HOME": str(lake.home),
        "RESONANZ_SOURCES": str(tmp_path / "sources.toml"),
        "RESONANZ_UI_PORT": str(port),
    }

    up = subprocess.run([str(RESONANZ), "up"], env=environment, capture_output=True, text=True, timeout=700)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert f"http://127.0.0.1:{port}" in up.stdout
        assert password(lake) in up.stdout
        session = (processes.running(lake) or {})["pid"]
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=120).ok
        assert requests.get(f"http://127.0.0.1:{port}/api/v2/dags", timeout=120).status_code == 401

        api = AirflowApi(port, password(lake))
        api.trigger("extract_letters", "by_hand")
        deadline = time.monotonic() + 900
        while not lake.published.exists() and time.monotonic() < deadline:
            time.sleep(1)
        with duckdb.connect(str(lake.published), read_only=True) as marts:
            assert marts.execute("select count(*) from core.fct_messages").fetchone() == (1,)
    finally:
        down = subprocess.run([str(RESONANZ), "down"], env=environment, capture_output=True, text=True, timeout=300)
    assert down.returncode == 0, down.stdout + down.stderr
    assert processes.session_processes(session) == set()
    assert processes.running(lake) is None
