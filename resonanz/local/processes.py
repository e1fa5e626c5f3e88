"""Which processes belong to a running Resonanz, and how they end: all of them, in order, none left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resonanz.errors import StageError
from resonanz.lake import Lake, read_json

_GRACE_S = 20


def state_file(lake: Lake) -> Path:
    """Where the supervisor says its pid, port and mode while it runs."""
    return lake.airflow / "supervisor.json"


def log_folder(lake: Lake) -> Path:
    """The output of Airflow's processes."""
    return lake.airflow / "processes"


def launch(lake: Lake, sources: Path, mode: str, on_step: Callable[[str], None]) -> subprocess.Popen[str]:
    """Start the supervisor as the leader of a session of its own; returns once Airflow is ready.

    :param mode: `up`, to stay, or `run`, to end with this process.
    :param on_step: is told each step.
    Raises StageError with the supervisor's own words where it could not start.
    """
    log = log_folder(lake) / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # Its errors go to a file: a pipe of ours would keep whoever reads it waiting as long as Airflow is up.
    with log.open("w") as errors:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "resonanz.local.supervisor", mode],
            env=os.environ | {"RESONANZ_HOME": str(lake.home), "RESONANZ_SOURCES": str(sources)},
            stdin=subprocess.PIPE if mode == "run" else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    for line in supervisor.stdout or ():
        match line.strip():
            case "ready":
                return supervisor
            case step if step.startswith("error: "):
                supervisor.wait()
                raise StageError(step.removeprefix("error: "))
            case step:
                on_step(step)
    supervisor.wait()
    raise StageError(f"Airflow did not start; see {log}")


def running(lake: Lake) -> dict[str, Any] | None:
    """The supervisor's state if it lives. What a killed supervisor left behind is ended first."""
    state = read_json(state_file(lake))
    if state is None:
        return None
    if state["pid"] in session_processes(state["pid"]):
        return state
    end_session(state["pid"])
    state_file(lake).unlink(missing_ok=True)
    return None


def end_session(session: int, keep: int | None = None) -> None:
    """End every process of a session but `keep`: asked first, killed after a grace of 20 s.

    The whole session, since a scheduler that is asked to end may leave its task processes running.
    """
    for number, grace in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + grace
        for pid in session_processes(session) - {keep}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while session_processes(session) - {keep} and time.monotonic() < deadline:
            _reap()
            time.sleep(0.1)
        if not session_processes(session) - {keep}:
            return


def session_processes(session: int) -> set[int]:
    """Process ids of a session, zombies left out. Only sessions that a Resonanz supervisor leads are looked at."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.add(int(entry.name))
    return found


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
