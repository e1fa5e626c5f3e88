"""`make up` and `make down`: a local Airflow that stays, and its end."""

import os
from pathlib import Path

from resonanz.errors import ResonanzError
from resonanz.lake import Lake
from resonanz.local import processes
from resonanz.local.airflow_env import BIN, USER, database, environment, password, password_file
from resonanz.settings import Settings, sources_file


def up(settings: Settings) -> int:
    """Start Airflow in a session of its own and return once it is ready; says where its UI is."""
    lake = settings.lake
    if (state := processes.running(lake)) is None:
        processes.launch(lake, settings.file, "up", lambda step: print(step, flush=True))
        state = processes.running(lake) or {}
    if state["mode"] != "up" or state["sources"] != str(settings.file):
        raise ResonanzError(f"something else runs here already: `make {state['mode']}` with {state['sources']}")
    print(
        f"Airflow is up: http://127.0.0.1:{state['port']}  user {USER}, password {password(lake)}\n"
        f"(the password lies in {password_file(lake)}; processes log to {processes.log_folder(lake)})\n"
        "Sources run on their schedules, the warehouse when something new was admitted. `make down` ends it."
    )
    return 0


def down(home: Path) -> int:
    """End what `up` started; returns once no process of it is left."""
    lake = Lake(home)
    state = processes.running(lake)
    if state is None:
        print("Airflow is not running")
        return 0
    processes.end_session(state["pid"])
    processes.state_file(lake).unlink(missing_ok=True)
    print("Airflow has ended")
    return 0


def airflow(home: Path, arguments: list[str]) -> int:
    """Airflow's own command line for the Airflow of `make up`; takes this process's place.

    :param arguments: as `airflow` takes them: ["backfill", "create", ...].
    """
    lake = Lake(home)
    if not database(lake).exists():
        raise ResonanzError("there is no Airflow here yet; start one with `make up`")
    state = processes.running(lake) or {"port": 0, "sources": sources_file()}
    port = int(state["port"])
    env = environment(lake, port, port, sources=Path(state["sources"]), scheduled=True)
    os.execve(BIN / "airflow", ["airflow", *arguments], env)  # noqa: S606  no shell
