"""The few calls of Airflow's stable REST API (v2) that the main job needs."""

from typing import Any

import requests

_TIMEOUT_S = 30


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
        if self._call("GET", f"pools/{name}", missing_is_none=True) is None:
            self._call("POST", "pools", {"name": name, "slots": slots, "include_deferred": False})

    def unpause(self, dag: str) -> None:
        """Let the scheduler start runs of `dag`."""
        self._call("PATCH", f"dags/{dag}", {"is_paused": False})

    def trigger(self, dag: str, run: str) -> None:
        """Start a run of `dag` with the id `run`."""
        self._call("POST", f"dags/{dag}/dagRuns", {"dag_run_id": run, "logical_date": None})

    def fail_unfinished_runs(self, dag: str) -> None:
        """Mark runs that an earlier, killed Airflow left behind as failed: they would block the next one."""
        for state in ("running", "queued"):
            runs = self._call("GET", f"dags/{dag}/dagRuns?state={state}&limit=100", missing_is_none=True)
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

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, missing_is_none: bool = False
    ) -> Any:
        if "Authorization" not in self._session.headers:
            token = self._session.post(f"{self._base}/auth/token", json=self._credentials, timeout=_TIMEOUT_S)
            token.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        answer = self._session.request(method, f"{self._base}/api/v2/{path}", json=body, timeout=_TIMEOUT_S)
        if missing_is_none and answer.status_code == 404:
            return None
        if not answer.ok:
            raise OSError(f"Airflow's API answered {answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.content else None
