"""Starts a local Airflow as one session of processes, watches it, and ends it with nothing left behind.

`python -m resonanz.local.supervisor run|up` is started by `resonanz run` and `resonanz up`, as the leader of its own
session. In `run` mode it also ends when its standard input closes, that is when whoever started it is gone.
"""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import IO

from resonanz.lake import Lake, read_json, write_json
from resonanz.local import processes
from resonanz.local.airflow_api import AirflowApi
from resonanz.local.airflow_env import BIN, database, environment, password
from resonanz.local.demo_tokens import demo_tokens
from resonanz.settings import DEMO_SOURCES, REPOSITORY, home, sources_file
from resonanz.stages import WAREHOUSE_POOL

UI_PORT = 8080
DEMO_PORT = 8765
_PRELOADED = Path(__file__).parent / "preloaded"
_STARTING_S = 600  # a busy machine takes minutes; a process that ends is told at once


class Stopped(Exception):
    """Somebody asked for the end."""


def main(mode: str) -> int:
    """Start everything, say each step on standard output, and stay until told to stop."""
    lake = Lake(home())
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        _serve(lake, mode)
    except Stopped:
        return 0
    except Exception as error:
        _say(f"error: {error}")
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        processes.end_session(os.getsid(0), keep=os.getpid())
        processes.state_file(lake).unlink(missing_ok=True)
    return 0


def _serve(lake: Lake, mode: str) -> None:
    scheduled = mode == "up"
    port = int(os.environ.get("RESONANZ_UI_PORT", UI_PORT)) if scheduled else free_port()
    sources = sources_file()
    is_demo = sources == DEMO_SOURCES.resolve()
    if is_demo:
        os.environ["RESONANZ_DEMO_PORT"] = str(DEMO_PORT if is_free(DEMO_PORT) else free_port())
        os.environ["RESONANZ_DEMO_ARCHIVES"] = str(lake.home / "demo")
        os.environ.update(demo_tokens())
    if not is_free(port):
        raise RuntimeError(f"port {port} on 127.0.0.1 is taken; set RESONANZ_UI_PORT to a free one")
    execution_port = free_port()
    env = environment(lake, port, execution_port, sources=sources, scheduled=scheduled)
    state = {"pid": os.getpid(), "mode": mode, "port": port, "sources": str(sources), "ready": False}
    if is_demo:
        state["demo_port"] = env["RESONANZ_DEMO_PORT"]
    write_json(processes.state_file(lake), state)

    if is_demo:
        _say("starting the demo company's stand-ins for the platforms")
        demo = [sys.executable, "-m", "demo", "serve", "--port", env["RESONANZ_DEMO_PORT"]]
        _start(lake, "demo", [*demo, "--archives", env["RESONANZ_DEMO_ARCHIVES"]], env)
    _migrate(lake, env)
    _say("starting Airflow")
    execution = [_airflow(), "api-server", "--apps", "execution", "--port", str(execution_port)]
    children = {
        "api-server": _start(lake, "api-server", [_airflow(), "api-server", "--apps", "core"], env),
        "execution-api": _start(lake, "execution-api", execution, env),
    }
    if scheduled:
        children["dag-processor"] = _start(lake, "dag-processor", [_airflow(), "dag-processor"], env)
        children["triggerer"] = _start(lake, "triggerer", [_airflow(), "triggerer"], env)
    else:
        _call(lake, "reserialize", [_airflow(), "dags", "reserialize"], env)
    preloaded = os.pathsep.join(filter(None, [str(_PRELOADED), env.get("PYTHONPATH")]))
    children["scheduler"] = _start(lake, "scheduler", [_airflow(), "scheduler"], env | {"PYTHONPATH": preloaded})
    _wait_until_ready(lake, AirflowApi(port, password(lake)), children)
    write_json(processes.state_file(lake), state | {"ready": True})
    _say("ready")
    _watch(lake, children, until_stdin_closes=not scheduled)


def _migrate(lake: Lake, env: dict[str, str]) -> None:
    done = lake.airflow / "migrated.json"
    wanted = {"airflow": version("apache-airflow")}
    if read_json(done) == wanted and database(lake).exists():
        return
    _say("creating Airflow's metadata database (first run only)")
    _call(lake, "migrate", [_airflow(), "db", "migrate"], env)
    with contextlib.closing(sqlite3.connect(database(lake))) as metadata:
        metadata.execute("pragma journal_mode = wal")  # kept in the file: readers no longer block writers
    write_json(done, wanted)


def _wait_until_ready(lake: Lake, api: AirflowApi, children: dict[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _STARTING_S
    said = time.monotonic()
    while time.monotonic() < deadline:
        _check(lake, children)
        with contextlib.suppress(OSError):
            if api.is_healthy():
                api.ensure_pool(WAREHOUSE_POOL, slots=1)
                return
        if time.monotonic() - said > 4:
            said = time.monotonic()
            _say("waiting for Airflow's API server and scheduler")
        time.sleep(0.3)
    raise RuntimeError(f"Airflow did not become ready within {_STARTING_S} s; see {processes.log_folder(lake)}")


def _watch(lake: Lake, children: dict[str, subprocess.Popen[bytes]], *, until_stdin_closes: bool) -> None:
    if until_stdin_closes:
        os.set_blocking(0, False)
    while True:
        _check(lake, children)
        if until_stdin_closes:
            try:
                if os.read(0, 1) == b"":
                    return
            except BlockingIOError:
                pass
        time.sleep(0.3)


def _check(lake: Lake, children: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            log = processes.log_folder(lake) / f"{name}.log"
            raise RuntimeError(f"Airflow's {name} ended with status {child.returncode}: {_tail(log)} (see {log})")


def _start(lake: Lake, name: str, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    with _log(lake, name) as log:
        return subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
        )


def _call(lake: Lake, name: str, command: list[str], env: dict[str, str]) -> None:
    child = _start(lake, name, command, env)
    while True:
        try:
            status = child.wait(timeout=4)
            break
        except subprocess.TimeoutExpired:
            _say(f"… still at `airflow {' '.join(command[1:])}`")
    if status != 0:
        log = processes.log_folder(lake) / f"{name}.log"
        raise RuntimeError(f"`{' '.join(command[1:])}` failed: {_tail(log)} (see {log})")


def _log(lake: Lake, name: str) -> IO[bytes]:
    folder = processes.log_folder(lake)
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{name}.log").open("wb")


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else "it printed nothing"


def _airflow() -> str:
    return str(BIN / "airflow")


def is_free(port: int) -> bool:
    """Whether a server may listen on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(line: str) -> None:
    # Whoever started `up` may be gone by now; that must not end Airflow.
    with contextlib.suppress(OSError):
        print(line, flush=True)


def _stop(*_: object) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
