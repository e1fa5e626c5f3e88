"""Backfills and waits as a user starts them: a real Airflow that stays up, its own command line, its triggerer."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from loopback import Asked, Reply, serve
from mastodon_server import Mastodon

from resonanz.lake import Lake
from resonanz.local.airflow_api import AirflowApi
from resonanz.local.airflow_env import environment, password
from resonanz.local.supervisor import free_port

RESONANZ = Path(sys.executable).parent / "resonanz"
TOKEN = "tok-4711-never-to-be-seen"
SOURCES = """
[company]
name = "Weidenfels"

[[sources]]
name = "letters"
platform = "archive"
schedule = "@daily"
files = ["letters.csv"]
mapping = {{ id = "id", text = "text", created_at = "day" }}

[[sources]]
name = "fediverse"
platform = "mastodon"
base_url = "{base}"
hashtags = ["a"]
"""

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]


class Limited(Mastodon):
    """Answers the first request for a hashtag with 429 and a reset in 75 s, and keeps to that."""

    token = TOKEN
    reset: datetime | None = None

    def __call__(self, asked: Asked) -> Reply | None:
        if "/timelines/" in asked.path:
            now = datetime.now(UTC)
            self.reset = self.reset or now + timedelta(seconds=75)
            if now < self.reset:
                stamp = self.reset.isoformat().replace("+00:00", "Z")
                words = {"error": f"{TOKEN} makes too many requests"}
                return Reply(words, 429, {"X-RateLimit-Reset": stamp})
        return super().__call__(asked)


class Up:
    """A home with `resonanz up`."""

    def __init__(self, folder: Path, base: str) -> None:
        days = ["2025-12-31", "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
        rows = [f"{number},Brief {number},{day}" for number, day in enumerate(days, 1)]
        (folder / "letters.csv").write_text("\n".join(["id,text,day", *rows, ""]))
        (folder / "sources.toml").write_text(SOURCES.format(base=base))
        self.lake, self.port = Lake(folder / "var"), free_port()
        self.environment = os.environ | {
            "RESONANZ_HOME": str(self.lake.home),
            "RESONANZ_SOURCES": str(folder / "sources.toml"),
            "RESONANZ_UI_PORT": str(self.port),
            "RESONANZ_TOKEN_FEDIVERSE": TOKEN,
        }
        self.environment.pop("AIRFLOW_HOME", None)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(RESONANZ), *arguments], env=self.environment, capture_output=True, text=True, timeout=700
        )

    @property
    def api(self) -> AirflowApi:
        return AirflowApi(self.port, password(self.lake))

    def runs(self, dag: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api._call("GET", f"dags/{dag}/dagRuns?limit=100")["dag_runs"]
        return found

    def task_state(self, run: str) -> str | None:
        """The state of the run's extract task."""
        return next((task["state"] for task in self.api.tasks(run) if task["task_id"] == "extract"), None)

    def landed(self) -> list[str]:
        files = [file for batch in self.lake.batches("letters") for file in batch.files]
        return sorted(row["native_id"] for file in files for row in pq.read_table(file).to_pylist())


def waited_for(condition: Callable[[], bool], seconds: float = 900) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    server = Limited()
    server.say("anna", "Die Trommel klappert", 1, tags=("a",))
    with serve(server) as running:
        home = Up(tmp_path_factory.mktemp("runs"), running.address)
        started = home.call("up")
        try:
            assert started.returncode == 0, started.stdout + started.stderr
            home.api.trigger("extract_fediverse", "limited")
            ended = ("deferred", "success", "failed")
            assert waited_for(lambda: home.task_state("limited") in ended)
            assert home.task_state("limited") == "deferred"  # and stays so while other tests run
            yield home
        finally:
            home.call("down")


def test_airflows_backfill_reads_each_tick_of_the_range(up: Up) -> None:
    up.api.trigger("extract_letters", "usual")
    assert waited_for(lambda: up.api.run_states(["extract_letters"], "usual")["extract_letters"] == "success")
    assert up.landed() == ["1", "2", "3", "4", "5"]
    state = sorted(up.lake.landing.glob("letters/_dlt_pipeline_state/*"))

    dates = ["--from-date", "2026-01-01", "--to-date", "2026-01-03"]
    create = ["airflow", "backfill", "create", "--dag-id", "extract_letters", *dates]
    calls = [up.call(*create)]
    while "database is locked" in calls[0].stderr and calls[-1].returncode and len(calls) < 20:
        time.sleep(20)  # as docs/backfill.md says of Airflow on SQLite
        calls.append(up.call(*create))
    assert calls[-1].returncode == 0, calls[0].stdout + calls[0].stderr + calls[-1].stderr

    def backfills() -> list[str]:
        return [run["state"] for run in up.runs("extract_letters") if run["run_type"] == "backfill"]

    assert waited_for(lambda: backfills() == ["success"] * 3), backfills()
    assert up.landed() == ["1", "2", "2", "3", "3", "4", "4", "5"]
    assert sorted(up.lake.landing.glob("letters/_dlt_pipeline_state/*")) == state


def test_the_parameters_read_a_range_in_one_run(up: Up) -> None:
    before = up.landed()
    conf = ["--conf", '{"from": "2026-01-04", "to": "2026-01-04"}']
    triggered = up.call("airflow", "dags", "trigger", "extract_letters", "--run-id", "ranged", *conf)
    assert triggered.returncode == 0, triggered.stdout + triggered.stderr
    assert waited_for(lambda: up.api.run_states(["extract_letters"], "ranged")["extract_letters"] == "success")
    assert up.landed() == sorted([*before, "5"])

    conf = ["--conf", '{"from": "next week"}']
    refused = up.call("airflow", "dags", "trigger", "extract_letters", "--run-id", "wrong", *conf)
    assert refused.returncode != 0
    assert "wrong" not in [run["dag_run_id"] for run in up.runs("extract_letters")]


def test_a_limited_run_goes_on_after_the_reset(up: Up) -> None:
    assert waited_for(lambda: up.task_state("limited") in ("success", "failed"))
    folder = up.lake.airflow / "logs/dag_id=extract_fediverse/run_id=limited/task_id=extract"
    logs = "".join(path.read_text() for path in sorted(folder.glob("*")))
    assert up.task_state("limited") == "success", logs
    files = [file for batch in up.lake.batches("fediverse") for file in batch.files]
    texts = [row["text"] for file in files for row in pq.read_table(file).to_pylist()]
    assert texts == ["Die Trommel klappert"]


def test_connections_of_this_airflow_are_found_from_the_command_line(up: Up) -> None:
    connection = ["--conn-type", "generic", "--conn-login", "weidenfels", "--conn-extra", '{"client_id": "app-99"}']
    added = up.call("airflow", "connections", "add", "resonanz_letters", *connection)
    assert added.returncode == 0, added.stdout + added.stderr
    code = "from resonanz.local.at_hand import at_hand; from resonanz.settings import home, sources_file\n"
    code += "from resonanz.credentials import credentials\n"
    code += "with at_hand(sources_file(), home()): print(sorted(credentials('letters').secrets.items()))"
    inside = environment(up.lake, 0, 0, sources=Path(up.environment["RESONANZ_SOURCES"]), scheduled=True)
    for env in (up.environment, up.environment | inside):  # in a shell, and in a container that has Airflow's variables
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
        assert "[('client_id', 'app-99'), ('login', 'weidenfels')]" in done.stdout, done.stderr
    checked = up.call("sources", "check", "letters")
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (
        0,
        "ok    letters: letters.csv: 5 rows tried, 5 fit the mapping",
    )


def test_the_token_stands_nowhere_below_the_home(up: Up) -> None:
    found = [path for path in up.lake.home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert found == []
