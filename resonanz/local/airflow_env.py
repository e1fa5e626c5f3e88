"""The environment of a local Airflow: SQLite, LocalExecutor, everything below RESONANZ_HOME, loopback only."""

import os
import secrets
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from resonanz.lake import Lake, read_json, write_json
from resonanz.settings import REPOSITORY

USER = "admin"
BIN = Path(sys.executable).parent


def environment(lake: Lake, port: int, execution_port: int, *, sources: Path, scheduled: bool) -> dict[str, str]:
    """Environment variables for every Airflow process of one installation.

    :param port: where the UI and the public API listen, on 127.0.0.1.
    :param execution_port: where the tasks' own API listens. A server of its own: in one process with the public
        API, two SQLite transactions can wait for each other until one times out.
    :param sources: the sources.toml that the DAGs are made from.
    :param scheduled: False: nothing runs unless it is triggered (`make run`).
    """
    keys = _keys(lake)
    return os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        "RESONANZ_HOME": str(lake.home),
        "RESONANZ_SOURCES": str(sources),
        "RESONANZ_TRIGGER": "schedule" if scheduled else "manual",
        "AIRFLOW_HOME": str(lake.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{execution_port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(lake)),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__SECRET_KEY": keys["session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        # Several processes write; each waits for its turn instead of failing after SQLite's five seconds.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database(lake)}?timeout=120",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(lake.airflow / "logs"),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DO_NOT_TRACK": "1",
    }


def database(lake: Lake) -> Path:
    """Airflow's metadata."""
    return lake.airflow / "airflow.db"


def password_file(lake: Lake) -> Path:
    """The file with the UI's generated password, as Airflow's simple auth manager keeps it."""
    path = lake.airflow / "passwords.json"
    if read_json(path) is None:
        write_json(path, {USER: secrets.token_urlsafe(12)})
        path.chmod(0o600)
    return path


def password(lake: Lake) -> str:
    """The generated password of the UI's and the API's only user."""
    return str((read_json(password_file(lake)) or {})[USER])


def _keys(lake: Lake) -> dict[str, str]:
    path = lake.airflow / "keys.json"
    keys = read_json(path)
    if keys is None:
        keys = {
            "fernet": Fernet.generate_key().decode(),
            "jwt": secrets.token_urlsafe(48),
            "session": secrets.token_urlsafe(48),
        }
        write_json(path, keys)
        path.chmod(0o600)
    return keys
