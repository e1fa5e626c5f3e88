"""The main job: run every source's DAG and then the warehouse's once, in a real Airflow, and say what happens.

It only starts Airflow, triggers DAGs and watches. What is done and in which order stands in dags/ alone.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resonanz.errors import ResonanzError
from resonanz.lake import Lake
from resonanz.local import processes
from resonanz.local.airflow_api import AirflowApi
from resonanz.local.airflow_env import password
from resonanz.settings import Settings
from resonanz.stages import MAIN_JOB, NOTICES

WAREHOUSE_DAG = "build_warehouse"
_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
_SILENCE_S = 4.0
_PATIENCE_S = 30.0
_Task = tuple[str, str, int]  # DAG, task, and which one of a mapped task; -1 where it is not mapped


@dataclass(frozen=True)
class Failure:
    """A task that failed in the end, with its own words and where its log lies."""

    dag: str
    task: str
    message: str
    log: Path

    def __str__(self) -> str:
        return f"{self.dag}.{self.task}: {self.message}\n    log: {self.log}"


@dataclass(frozen=True)
class Outcome:
    """What failed, and what somebody should know although it did not fail: `<source>: <words>`."""

    failures: list[Failure]
    notices: list[str]


def run(settings: Settings) -> Outcome:
    """Extract all sources in parallel, then build and publish. Prints progress."""
    run_id = f"{MAIN_JOB}{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
    sources = [f"extract_{source.name}" for source in settings.sources]
    with airflow(settings) as api:
        say(f"Airflow is ready: reading {len(sources)} sources, then building the warehouse")
        for dag in [*sources, WAREHOUSE_DAG]:
            api.unpause(dag)
            api.fail_unfinished_runs(dag)
        failures: list[Failure] = []
        # A source that fails does not keep the others from being published.
        for step in (sources, [WAREHOUSE_DAG]):
            for dag in step:
                api.trigger(dag, run_id)
            failures += _watch(settings.lake, api, step, run_id)
    logs = [_log(settings.lake, (dag, "extract", -1), run_id) for dag in sources]
    return Outcome(failures, [notice for log in logs for notice in _notices(log)])


@contextmanager
def airflow(settings: Settings) -> Iterator[AirflowApi]:
    """The Airflow that `make up` left running for these sources, or one of our own for the while."""
    lake = settings.lake
    state = _waited_for(lake)
    if state and state["mode"] == "run":
        raise ResonanzError(f"another `make run` is at work (process {state['pid']}); wait for it to end")
    if state and state["sources"] != str(settings.file):
        raise ResonanzError(f"an Airflow is running with {state['sources']}; end it with `make down`, or run that file")
    if state:
        say(f"using the Airflow that is up on port {state['port']}")
        yield AirflowApi(state["port"], password(lake))
        return
    supervisor = processes.launch(lake, settings.file, "run", say)
    try:
        state = processes.running(lake) or {}
        yield AirflowApi(state["port"], password(lake))
    finally:
        say("ending Airflow")
        supervisor.terminate()
        while supervisor.poll() is None:
            try:
                supervisor.wait(timeout=_SILENCE_S)
            except subprocess.TimeoutExpired:
                say("… still ending Airflow")
        processes.end_session(supervisor.pid)


def _waited_for(lake: Lake) -> dict[str, Any] | None:
    """What runs already. One that is just starting or, its `make run` killed, just ending, is waited for."""
    deadline = time.monotonic() + _PATIENCE_S
    spoke = 0.0
    while (state := processes.running(lake)) and (state["mode"] == "run" or not state["ready"]):
        if time.monotonic() > deadline:
            break
        if time.monotonic() - spoke > _SILENCE_S:
            spoke = time.monotonic()
            say(f"waiting for process {state['pid']}, which is starting or ending an Airflow here")
        time.sleep(0.5)
    return state


def _watch(lake: Lake, api: AirflowApi, dags: list[str], run_id: str) -> list[Failure]:
    """Print each change of a task until all runs have ended; returns the tasks that failed."""
    known: dict[_Task, str] = {}
    spoke = time.monotonic()
    while True:
        ended = all(state in _ENDED for state in api.run_states(dags, run_id).values())
        tasks = [task for task in api.tasks(run_id) if task["dag_id"] in dags]
        for task in sorted(tasks, key=lambda task: task["start_date"] or "9"):
            key, state = (task["dag_id"], task["task_id"], task["map_index"]), task["state"] or "waiting"
            if known.get(key) != state:
                known[key] = state
                if line := _change(key, state, task["duration"]):
                    say(line)
                    spoke = time.monotonic()
        if ended:
            return [_failure(lake, task, run_id) for task in tasks if task["state"] == "failed"]
        if time.monotonic() - spoke > _SILENCE_S:
            spoke = time.monotonic()
            at_work = [key for key, state in known.items() if state == "running"]
            waiting = [key for key, state in known.items() if state == "up_for_retry"]
            for key in at_work or waiting:
                say(f"  … {_name(key)}: {_last_words(lake, key, run_id) or 'at work'}")
            if not at_work and not waiting:
                say("  … Airflow is about to start the next task")
        time.sleep(0.5)


def _change(key: _Task, state: str, seconds: float | None) -> str | None:
    name = _name(key)
    match state:
        case "running":
            return f"  {name}"
        case "success":
            return f"  {name} done ({seconds or 0:.1f} s)"
        case "failed":
            return f"  {name} FAILED"
        case "skipped":
            return f"  {name}: nothing new" if key[1] == "admit" else None
        case "up_for_retry":
            return f"  {name} failed, will be tried again"
    return None


def _name(key: _Task) -> str:
    dag, task, index = key
    task += f" {index + 1}" if index > 0 else ""  # one of several that do the same
    return f"{dag.removeprefix('extract_')} · {task}" if dag != WAREHOUSE_DAG else f"warehouse · {task}"


def _failure(lake: Lake, task: dict[str, Any], run_id: str) -> Failure:
    dag, task_id = str(task["dag_id"]), str(task["task_id"])
    log = _log(lake, (dag, task_id, task["map_index"]), run_id)
    return Failure(dag, task_id, _error(log) or "it ended without a word (killed?)", log)


def _log(lake: Lake, key: _Task, run_id: str) -> Path:
    dag, task, index = key
    folder = lake.airflow / "logs" / f"dag_id={dag}" / f"run_id={run_id}" / f"task_id={task}"
    if index >= 0:
        folder /= f"map_index={index}"
    return max(folder.glob("attempt=*.log"), default=folder / "attempt=1.log", key=lambda path: path.stat().st_mtime)


def _entries(log: Path) -> list[dict[str, object]]:
    """Airflow writes a task's log as one JSON object a line; the last may be half written."""
    entries = []
    if log.exists():
        for line in log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                entries.append(entry)
    return entries


def _error(log: Path) -> str | None:
    for entry in reversed(_entries(log)):
        detail = entry.get("error_detail")
        if isinstance(detail, list) and detail:
            kind, value = detail[0].get("exc_type", ""), detail[0].get("exc_value", "")
            return value if kind.startswith("Airflow") else f"{kind}: {value}"
        if entry.get("level") in ("error", "critical") and "signal" in entry:
            return f"{entry['event']} (signal {entry['signal']})"
    return None


def _notices(log: Path) -> list[str]:
    return [str(entry["event"]) for entry in _entries(log) if entry.get("logger") == NOTICES]


def _last_words(lake: Lake, key: _Task, run_id: str) -> str | None:
    for entry in reversed(_entries(_log(lake, key, run_id))):
        if str(entry.get("logger", "")).startswith("resonanz"):
            return str(entry["event"])
    return None


def say(line: str) -> None:
    """One line of progress, with the time, at once."""
    print(f"{datetime.now():%H:%M:%S} {line}", flush=True)
