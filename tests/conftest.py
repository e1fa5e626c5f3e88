"""What several test files share: the public data sets, where they are at hand, and a fast, quiet environment."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

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
    """Side by side goes file by file; only what starts a whole Airflow goes one after the other, and begins first."""
    whole = {item.path for item in items if item.get_closest_marker("airflow")}
    items.sort(key=lambda item: item.path not in whole)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("airflow" if item.path in whole else item.path.stem))
