"""The compose file's services started natively, with its own commands and environment, on Debian's servers."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import compose_file
import psycopg2
import pytest
from compose_native import Native, postgres_folder
from psycopg2.extensions import connection

from resonanz.lake import Lake, read_json
from resonanz.local.airflow_api import AirflowApi
from resonanz.stages import WAREHOUSE_POOL

MISSING = [
    name
    for name, found in {
        "PostgreSQL (Debian: postgresql)": postgres_folder(),
        "Redis (Debian: redis-server)": shutil.which("redis-server"),
        "openssl": shutil.which("openssl"),
    }.items()
    if not found
]
AIRFLOW = ("apiserver", "scheduler", "dag-processor", "triggerer", "worker")
SOURCES = """
[company]
name = "Example"

[[sources]]
name = "reviews"
platform = "archive"
schedule = "@yearly"
files = ["reviews.csv"]
[sources.mapping]
id = "id"
text = "text"
created_at = "written"
kind = { constant = "review" }
"""
REVIEWS = """id,text,written
1,The dishwasher leaks.,2026-01-05T08:00:00Z
2,Schnelle Lieferung!,2026-01-06T09:30:00Z
3,Was kostet der Filter?,2026-01-07T10:15:00Z
"""


@pytest.fixture
def native() -> Iterator[Native]:
    home = Path(tempfile.mkdtemp(prefix="resonanz-compose-"))
    home.chmod(0o711)  # PostgreSQL's own user must get through
    try:
        services = Native(home, compose_file.generated_env())
        try:
            yield services
        finally:
            services.stop()
            left = services.left_over()
        assert left == []
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.services
@pytest.mark.airflow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_services_become_healthy_and_the_worker_executes_a_run(native: Native):
    (native.sources / "sources.toml").write_text(SOURCES)
    (native.sources / "reviews.csv").write_text(REVIEWS)
    native.start_postgres()
    native.start_redis()
    native.wait_until_healthy("redis", timeout=120)
    native.start("init")
    assert native.wait("init") == 0, native.log("init")
    assert not native.is_healthy("apiserver")
    assert not native.is_healthy("scheduler")

    for name in AIRFLOW:
        native.start(name)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: native.wait_until_healthy(name, timeout=600), AIRFLOW))

    admin = native.services["init"]["environment"]["AIRFLOW_ADMIN_PASSWORD"]
    with contextlib.closing(_metadata(native)) as metadata:
        assert _rows(metadata, f"select slots from slot_pool where pool = '{WAREHOUSE_POOL}'") == [(1,)]
        _wait_for(metadata, "select 1 from dag where dag_id = 'extract_reviews' and not is_paused")
        api = AirflowApi(native.port(8080), admin)
        api.trigger("extract_reviews", "try")
        # The asset of this run starts build_warehouse; its first task shows that the pool lets a writer in.
        _wait_for_tasks(native, metadata, {f"extract_reviews.{task}" for task in ("extract", "admit", "report")})
        _wait_for_tasks(native, metadata, {"build_warehouse.load"})
        api.fail_unfinished_runs("build_warehouse")
        _wait_for(metadata, "select 1 where 4 <= (select count(*) from celery_taskmeta where status = 'SUCCESS')")

    lake = Lake(native.home / "var/lib/resonanz")
    (batch,) = lake.batches("reviews")
    verdict = read_json(lake.admission(batch))
    assert verdict is not None
    assert (verdict["status"], verdict["extracted"], verdict["quarantined"]) == ("admitted", 3, 0)
    assert lake.warehouse.exists()


@pytest.mark.skipif("openssl" in MISSING, reason="openssl is not installed")
def test_the_demo_profile_serves_on_the_workers_loopback(native: Native):
    native.start("demo")
    native.wait_until_healthy("demo", timeout=300)
    exports = Path(native.services["worker"]["environment"]["RESONANZ_DEMO_ARCHIVES"])
    assert list(exports.iterdir()), "the worker finds the exports on the volume that both share"


def _metadata(native: Native) -> connection:
    """Airflow's metadata database, by the services' own address and password."""
    address = native.services["scheduler"]["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    opened = psycopg2.connect(address.replace("+psycopg2", ""))
    opened.autocommit = True
    return opened


def _rows(metadata: connection, query: str) -> list[tuple[Any, ...]]:
    with metadata.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _wait_for(metadata: connection, query: str) -> None:
    deadline = time.monotonic() + 300
    while not _rows(metadata, query):
        assert not (problems := _rows(metadata, "select filename, stacktrace from import_error")), problems
        assert time.monotonic() < deadline, f"nothing came of: {query}"
        time.sleep(0.5)


def _wait_for_tasks(native: Native, metadata: connection, tasks: set[str]) -> None:
    deadline = time.monotonic() + 600
    while True:
        states = dict(_rows(metadata, "select dag_id || '.' || task_id, state from task_instance"))
        if all(states.get(task) == "success" for task in tasks):
            return
        failed = [task for task, state in states.items() if state in ("failed", "up_for_retry", "upstream_failed")]
        if failed or time.monotonic() > deadline:
            logs = [log.read_text()[-3000:] for log in (native.home / "opt/airflow/logs").glob("dag_id=*/*/*/*.log")]
            pytest.fail(f"waiting for {sorted(tasks)}: {states}\n" + "\n".join(logs))
        time.sleep(0.5)
