"""The few calls of Airflow's stable REST API (v2) that the main job needs."""

import time
from typing import Any

import requests

from resonanz.errors import StageError

_TIMEOUT_S = 5
_ATTEMPTS = 5


class AirflowApi:
    """A client of the Airflow that listens on 127.0.0.1:`port`; signs in on first use."""

    def __init__(self, port: int, password: str, user: str = "admin") -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._credentials = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy in the environment is not for loopback

    def is_healthy(self) -> bool:
        """Whether the metadata database and the scheduler answer; raises OSError while nobody listens."""
        answer = self._session.get(f"{self._base}/api/v2/monitor/health", timeout=_TIMEOUT_S)
        if not answer.ok:
            return False
        health = answer.json()
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler"))

    def ensure_pool(self, name: str, slots: int) -> None:
        """Create the pool where it is missing."""
        if self._call("GET", f"pools/{name}", accept=(404,)) is None:
            self._call("POST", "pools", {"name": name, "slots": slots, "include_deferred": False})

    def unpause(self, dag: str) -> None:
        """Let the scheduler start runs of `dag`."""
        self._call("PATCH", f"dags/{dag}", {"is_paused": False})

    def trigger(self, dag: str, run: str) -> None:
        """Start a run of `dag` with the id `run`; one that is there already is left as it is."""
        self._call("POST", f"dags/{dag}/dagRuns", {"dag_run_id": run, "logical_date": None}, accept=(409,))

    def fail_unfinished_runs(self, dag: str) -> None:
        """Mark runs that an earlier, killed Airflow left behind as failed: they would block the next one."""
        for state in ("running", "queued"):
            runs = self._call("GET", f"dags/{dag}/dagRuns?state={state}&limit=100", accept=(404,))
            for run in (runs or {}).get("dag_runs", []):
                self._call("PATCH", f"dags/{dag}/dagRuns/{run['dag_run_id']}", {"state": "failed"})

    def run_states(self, dags: list[str], run: str) -> dict[str, str]:
        """DAG id -> state of the runs of `dags` with the id `run`."""
        return {dag: self._call("GET", f"dags/{dag}/dagRuns/{run}")["state"] for dag in dags}

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """The task instances of all runs with the id `run`."""
        answer = self._call("POST", "dags/~/dagRuns/~/taskInstances/list", {"dag_run_ids": [run], "page_limit": 500})
        found: list[dict[str, Any]] = answer["task_instances"]
        return found

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None, *, accept: tuple[int, ...] = ()) -> Any:
        """The JSON of one call; None for a status in `accept`. Tried again while Airflow is too busy to answer."""
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._answer(method, path, body)
            except requests.RequestException as error:
                if attempt == _ATTEMPTS:
                    raise StageError(f"Airflow does not answer {method} {path}: {type(error).__name__}") from None
            else:
                if answer.status_code in accept:
                    return None
                if answer.ok:
                    return answer.json() if answer.content else None
                if answer.status_code < 500 or attempt == _ATTEMPTS:
                    said = f"{answer.status_code} to {method} {path}: {answer.text[:300]}"
                    raise StageError(f"Airflow's API answered {said}")
            time.sleep(attempt)

    def _answer(self, method: str, path: str, body: dict[str, Any] | None) -> requests.Response:
        if "Authorization" not in self._session.headers:
            token = self._session.post(f"{self._base}/auth/token", json=self._credentials, timeout=_TIMEOUT_S)
            token.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        return self._session.request(method, f"{self._base}/api/v2/{path}", json=body, timeout=_TIMEOUT_S)
