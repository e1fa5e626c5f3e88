"""What several test files share: the public data sets, where they are at hand, and a fast, quiet environment."""

import os
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).resolve().parent.parent

WITH_AIRFLOW = ("test_main_job.py", "test_runs.py", "test_background.py", "test_compose_services.py")

# dlt's and dbt's usage reports have no place in tests.
os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false", DO_NOT_TRACK="1", RESONANZ_AUTHOR_KEY_SECRET="a secret for tests only"
)


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of real public data sets beside the checkout; skips where it is missing."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no public data sets at {folder}")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    for item in items:
        if item.get_closest_marker("airflow") and item.path.name not in WITH_AIRFLOW:
            raise pytest.UsageError(f"{item.nodeid} starts an Airflow: name its file in WITH_AIRFLOW, {__file__}")
    items.sort(key=lambda item: item.path.name not in WITH_AIRFLOW)


class ByFile(LoadScopeScheduling):
    """Several processes (`pytest -n`) share the work file by file; whole Airflows run one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "airflow" if Path(file).name in WITH_AIRFLOW else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Called by pytest-xdist."""
    return ByFile(config, log)
