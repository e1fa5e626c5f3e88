"""The main job as a user starts it: a real Airflow, real processes, and the published file as the only witness."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from resonanz.lake import Lake
from resonanz.local import processes

REPOSITORY = Path(__file__).resolve().parent.parent
RESONANZ = Path(sys.executable).parent / "resonanz"

# What differs between two runs over the same input for good reason: when something was done, and under which load id.
_OF_THE_RUN = frozenset({
    "load_id", "started_at", "finished_at", "scored_at", "first_observed_at", "last_observed_at", "observed_at",
    "first_loaded_at", "last_loaded_at", "last_load_at", "redacted_at", "unavailable_since",
})  # fmt: skip

# A run takes some two minutes where nothing else runs, and the tasks that are killed are tried again after a while.
pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]


def start(home: Path, sources: Path | None = None) -> subprocess.Popen[str]:
    environment = os.environ | {"RESONANZ_HOME": str(home)}
    environment.pop("RESONANZ_SOURCES", None)
    if sources:
        environment["RESONANZ_SOURCES"] = str(sources)
    return subprocess.Popen(
        [str(RESONANZ), "run"], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(home: Path, sources: Path | None = None) -> tuple[int, str, str]:
    job = start(home, sources)
    out, err = job.communicate(timeout=1500)
    return job.returncode, out, err


def differences(one: Path, other: Path, without: frozenset[str] = frozenset()) -> dict[str, list]:
    """What two homes publish differently, by table: a few rows that only one of them has."""
    ours, theirs = marts(one, without), marts(other, without)
    found = {}
    for table in ours.keys() | theirs.keys():
        # Whole rows compared in a plain assert would make pytest draw a difference of tens of thousands of them.
        left, right = Counter(map(repr, ours.get(table, []))), Counter(map(repr, theirs.get(table, [])))
        if left != right:
            found[table] = [*(left - right).elements()][:3] + [*(right - left).elements()][:3]
    return found


def marts(home: Path, without: frozenset[str] = frozenset()) -> dict[str, list[tuple]]:
    """Every published table as sorted rows."""
    found = {}
    with duckdb.connect(str(Lake(home).published), read_only=True) as published:
        tables = published.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall()
        for schema, table in tables:
            columns = [
                name
                for name, *_ in published.execute(f'describe "{schema}"."{table}"').fetchall()
                if name not in without
            ]
            names = ", ".join(f'"{name}"' for name in columns)
            rows = published.execute(f'select {names} from "{schema}"."{table}" order by all').fetchall()
            found[f"{schema}.{table}"] = rows
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A home after one undisturbed run of the demo company, and what it printed."""
    home = tmp_path_factory.mktemp("demo") / "var"
    status, out, err = run(home)
    assert status == 0, f"{out}\n{err}"
    yield home, out
    assert processes.running(Lake(home)) is None


def test_the_summary_speaks_of_every_source_and_department(demo: tuple[Path, str]) -> None:
    home, out = demo
    for word in ("weidenfels_mastodon", "weidenfels_bluesky", "shop_reviews", "employer_reviews", "net sentiment"):
        assert word in out
    for department in ("marketing", "product_management", "customer_service", "human_resources"):
        assert department in out
    assert str(Lake(home).published) in out
    assert "select " in out


def test_the_ledger_balances_and_the_marts_hold_what_it_says(demo: tuple[Path, str]) -> None:
    home, _ = demo
    with duckdb.connect(str(Lake(home).published), read_only=True) as published:
        ledger = published.execute(
            "select sum(extracted), sum(loaded + duplicates + quarantined), sum(loaded) from ops.load_ledger"
        ).fetchone()
        messages = published.execute("select count(*) from core.fct_messages").fetchone()
    assert ledger is not None
    assert messages is not None
    assert ledger[0] == ledger[1]
    assert 5_000 <= messages[0] <= ledger[2]


def test_a_second_run_extracts_nothing_and_changes_no_row(demo: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = demo
    before = tmp_path / "before"
    Lake(before).published.parent.mkdir(parents=True)
    shutil.copy(Lake(home).published, Lake(before).published)
    status, out, err = run(home)
    assert status == 0, f"{out}\n{err}"
    assert differences(before, home) == {}


def test_tasks_killed_in_every_stage_leave_the_same_marts(demo: tuple[Path, str], tmp_path: Path) -> None:
    """SIGKILL of the task's process in load, score, marts and publish; a reader watches all the while."""
    undisturbed, _ = demo
    home = tmp_path / "var"
    to_kill = ["load", "score", "marts", "publish"]
    killed: list[str] = []
    reader = Reader(Lake(home).published)
    job = start(home)
    assert job.stdout is not None
    with reader:
        for line in job.stdout:
            stage = line.strip().rsplit(" · ", 1)[-1]
            if "warehouse ·" in line and stage in to_kill and stage not in killed and _kill_task(home):
                killed.append(stage)
        status = job.wait(timeout=600)
    assert status == 0, job.stderr.read() if job.stderr else ""
    assert killed == to_kill
    assert reader.errors == []
    assert differences(undisturbed, home, _OF_THE_RUN) == {}


def test_a_failing_source_fails_the_run_with_its_own_words_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESONANZ_TOKEN_PAID", "a-token-of-nobody")
    (tmp_path / "good.csv").write_text("id,text\n1,Die neue Maschine ist super leise!\n2,Terrible service.\n")
    (tmp_path / "bad.csv").write_text("id,message\n1,hello\n")
    sources = tmp_path / "sources.toml"
    table = """
[[sources]]
name = "{name}"
platform = "archive"
files = ["{file}"]
mapping = {{ id = "id", text = "text" }}
"""
    sources.write_text(
        '[company]\nname = "Test"\n'
        + table.format(name="good", file="good.csv")
        + table.format(name="bad", file="bad.csv")
        + table.format(name="gone", file="nowhere.csv")
        + '[[sources]]\nname = "paid"\nplatform = "facebook"\npages = ["1"]\nbase_url = "http://127.0.0.1:9"\n'
        + "budget = { requests_per_day = 0 }\n"
    )
    home = tmp_path / "var"
    status, out, err = run(home, sources)
    assert status == 1, f"{out}\n{err}"
    assert "bad.csv" in err
    assert "text" in err
    assert "nowhere.csv" in err
    assert "Traceback" not in out + err
    assert "NOTICE paid: the budget requests_per_day = 0" in out  # a spent budget is no fault
    assert "paid" not in err
    with duckdb.connect(str(Lake(home).published), read_only=True) as published:
        assert published.execute("select count(*) from core.fct_messages").fetchone() == (2,)


class Reader(threading.Thread):
    """Queries the published file again and again; what goes wrong is kept in `errors`."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.errors: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.5):
            if not self.file.exists():
                continue
            try:
                with duckdb.connect(str(self.file), read_only=True) as published:
                    messages, routed = published.execute(
                        "select (select count(*) from core.fct_messages), (select count(*) from ops.load_ledger)"
                    ).fetchone() or (0, 0)
                if not messages or not routed:
                    self.errors.append(f"half-built: {messages} messages, {routed} ledger rows")
            except duckdb.Error as error:
                self.errors.append(str(error))

    def __enter__(self) -> "Reader":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


def _kill_task(home: Path) -> bool:
    """SIGKILL the process that runs the warehouse task: a child of one of the executor's workers."""
    state = processes.running(Lake(home))
    deadline = time.monotonic() + 5
    while state and time.monotonic() < deadline:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parent = (Path("/proc") / fields[1] / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[3]) == state["pid"] and b"LocalExecutor" in parent:
                os.kill(int(entry.name), signal.SIGKILL)
                return True
        time.sleep(0.05)
    return False
