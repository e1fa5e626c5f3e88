"""What a command that asks the platforms needs beside it: the local Airflow's connections, the demo's stand-ins."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resonanz.errors import StageError
from resonanz.lake import Lake
from resonanz.local import processes
from resonanz.local.airflow_env import database, environment
from resonanz.local.demo_tokens import demo_tokens
from resonanz.local.supervisor import DEMO_PORT, free_port, is_free
from resonanz.settings import DEMO_SOURCES, REPOSITORY


@contextmanager
def at_hand(sources: Path, home: Path) -> Iterator[None]:
    """For the block, tokens kept in the local Airflow can be read, and the demo company's platforms answer.

    To be entered before the settings are read. Changes this process's environment.
    """
    lake = Lake(home)
    _open_connections(lake, sources)
    if sources != DEMO_SOURCES.resolve():
        yield
        return
    with _demo(lake):
        yield


def _open_connections(lake: Lake, sources: Path) -> None:
    """Let Airflow's own code read the connections of the Airflow around us, or of the local one if it has any."""
    if "AIRFLOW_HOME" not in os.environ:
        if not _has_connections(database(lake)):
            return
        env = environment(lake, 0, 0, sources=sources, scheduled=True)
        os.environ.update({name: value for name, value in env.items() if name.startswith("AIRFLOW")})
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"  # reads its database, as its own servers do


def _has_connections(metadata: Path) -> bool:
    if not metadata.exists():
        return False
    with contextlib.closing(sqlite3.connect(f"file:{metadata}?mode=ro", uri=True)) as opened:
        try:
            return bool(
                opened.execute("select 1 from connection where conn_id like 'resonanz~_%' escape '~'").fetchone()
            )
        except sqlite3.Error:
            return False


@contextmanager
def _demo(lake: Lake) -> Iterator[None]:
    """The stand-ins that a running Airflow has beside it, or others for the while."""
    running = processes.running(lake) or {}
    os.environ["RESONANZ_DEMO_ARCHIVES"] = str(lake.home / "demo")
    os.environ.update(demo_tokens())
    if "demo_port" in running:
        os.environ["RESONANZ_DEMO_PORT"] = running["demo_port"]
        yield
        return
    port = str(DEMO_PORT if is_free(DEMO_PORT) else free_port())
    os.environ["RESONANZ_DEMO_PORT"] = port
    command = [sys.executable, "-m", "demo", "serve", "--port", port, "--archives", str(lake.home / "demo")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as serving:
        try:
            if not serving.stdout or not serving.stdout.readline():
                raise StageError("the demo company's stand-ins did not start")
            yield
        finally:
            serving.terminate()
