"""Transform: one dbt process per stage. DuckDB admits one writer, so dbt's own threads do the parallel work.

By hand: `python -m resonanz.transform <dbt's arguments>` is dbt on the warehouse of RESONANZ_HOME.
"""

import json
import logging
import os
import sys
from pathlib import Path

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.results import RunExecutionResult

from resonanz.errors import StageError
from resonanz.lake import Lake
from resonanz.platforms import FROM_FILES, PLATFORMS
from resonanz.settings import REPOSITORY, home

log = logging.getLogger(__name__)
PROJECT = REPOSITORY / "dbt_project"


def transform(lake: Lake, selector: str, *, full_refresh: bool = False) -> None:
    """Build and test the models of `selector` (`prepare` or `marts`) in the warehouse.

    Raises StageError that names each failed model or test with dbt's own message.
    """
    invoke(lake, ["build", "--selector", selector, *(["--full-refresh"] if full_refresh else [])])


def invoke(lake: Lake, command: list[str]) -> None:
    """Run one dbt command on the lake's warehouse; raises StageError in words where anything failed."""
    _environment(lake)
    try:
        result = dbtRunner().invoke([*command, *_arguments(), "--no-use-colors", "--quiet"])
    finally:
        DuckDBConnectionManager.close_all_connections()  # else this process keeps the warehouse open
    if isinstance(result.result, RunExecutionResult):
        failed = [node for node in result.result.results if node.status in ("error", "fail", "runtime error")]
        for node in result.result.results:
            if node.status == "warn":
                log.warning("%s: %s", node.node.name, node.message)
        log.info("dbt %s: %d nodes built, %d failed", command[0], len(result.result.results), len(failed))
        if failed:
            raise StageError(
                "; ".join(f"dbt {node.node.name}: {' '.join(str(node.message).split())}" for node in failed)
            )
    if not result.success:
        raise StageError(f"dbt {' '.join(command)}: {result.exception}")


def main(command: list[str]) -> int:
    """dbt as an analyst runs it by hand; returns its exit status."""
    _environment(Lake(home()))
    result = dbtRunner().invoke([*command, *(_arguments() if command else [])])
    return 0 if result.success else 2 if result.exception else 1


def _arguments() -> list[str]:
    """Where the project lies, and which platforms there are: their staging models make up the messages."""
    given = {"platforms": sorted(PLATFORMS), "file_platforms": sorted(FROM_FILES & PLATFORMS.keys())}
    return ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--vars", json.dumps(given)]


def _environment(lake: Lake) -> None:
    """dbt reads places from the environment; the checkout itself stays clean."""
    lake.dbt_target.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        RESONANZ_WAREHOUSE=str(lake.warehouse),
        DBT_TARGET_PATH=str(lake.dbt_target / "target"),
        DBT_LOG_PATH=str(lake.dbt_target / "logs"),
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        DO_NOT_TRACK="1",
    )
    Path(os.environ["DBT_LOG_PATH"]).mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
