"""The recipe for a new platform holds: an extractor file, a registry line and a staging folder, and no other edit."""

import shutil
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt_warehouse import opened
from extraction import Source

from resonanz import settings, transform
from resonanz.errors import StageError
from resonanz.guard import admit_pending, check_marts
from resonanz.load import load_pending
from resonanz.platforms import PLATFORMS

EXTRACTOR = '''
"""A platform that answers from memory."""

from datetime import UTC, date, datetime

from pydantic import BaseModel

from resonanz.landing import Message, account_metrics, stream


class Options(BaseModel):
    account: str


def streams(options, context):
    def read(state):
        yield Message(
            platform="toy", native_id="1", kind="post", thread_native_id="1", text="Was meint ihr?", is_company=True,
            author_name=options.account, account=options.account, created_at=datetime(2026, 9, 1, 8, tzinfo=UTC),
            created_at_precision="second", metrics={"views": 10}, payload={"id": 1},
        )
        yield Message(
            platform="toy", native_id="2", kind="comment", parent_native_id="1", thread_native_id="1", text="Danke!",
            author_key=context.privacy.author_key("toy", "ann"), account=options.account,
            created_at=datetime(2026, 9, 1, 9, tzinfo=UTC), created_at_precision="second", payload={"id": 2},
        )
        yield account_metrics("toy", "7", options.account, {"followers": 3}, day=date(2026, 9, 1))

    return [stream("posts", read)]


def check(options, context):
    return iter(())
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project, which the stages use."""
    copy = tmp_path / "dbt_project"
    shutil.copytree(transform.PROJECT, copy)
    monkeypatch.setattr(transform, "PROJECT", copy)
    return copy


def stage(project: Path, name: str) -> None:
    """The staging folder of `name`, copied from another platform's as the recipe says."""
    folder = project / "models" / "staging" / name
    folder.mkdir()
    for file in (project / "models" / "staging" / "mastodon").iterdir():
        text = file.read_text(encoding="utf-8").replace("mastodon", name)
        (folder / file.name.replace("mastodon", name)).write_text(text, encoding="utf-8")


def test_a_platform_by_the_recipe_arrives_in_the_marts(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy_platform.py").write_text(EXTRACTOR, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(PLATFORMS, "toy", "toy_platform")
    stage(project, "toy")
    stage(project, "unregistered")  # does no harm

    source = Source(tmp_path, {"platform": "toy", "account": "Weidenfels"})
    assert source.run().problems == []
    lake = settings.load(tmp_path / "sources.toml", tmp_path / "var").lake
    assert [verdict.quarantined for verdict in admit_pending(lake, "fediverse", "toy")] == [0]
    assert [(row.loaded, row.duplicates) for row in load_pending(lake)] == [(3, 0)]
    transform.transform(lake, "prepare")
    transform.transform(lake, "marts")
    assert [finding.expectation for finding in check_marts(lake)] == ["texts_are_scored"]
    with opened(lake, read_only=True) as warehouse:
        messages = warehouse.execute("select message_id, parent_id, thread_id, text from core.fct_messages").fetchall()
        accounts = warehouse.execute("select account_id, metric, value from core.fct_account_metrics_daily").fetchall()
        staged = warehouse.execute("from duckdb_views() select view_name where schema_name = 'staging'").fetchall()
    assert messages == [
        ("toy:1", None, "toy:1", "Was meint ihr?"),
        ("toy:2", "toy:1", "toy:1", "Danke!"),
    ]
    assert accounts == [("toy:Weidenfels", "followers", 3.0)]
    assert {name for (name,) in staged} == {f"stg_{name}__messages" for name in PLATFORMS}


def test_a_registered_platform_without_its_staging_folder_is_named(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLATFORMS, "toy", "toy_platform")
    lake = settings.load(settings.DEMO_SOURCES, tmp_path / "var").lake
    with pytest.raises(StageError, match="stg_toy__messages"):
        transform.transform(lake, "prepare")


def test_every_registered_platform_has_its_staging_folder() -> None:
    staging = transform.PROJECT / "models" / "staging"
    for name in PLATFORMS:
        assert {file.name for file in (staging / name).iterdir()} == {
            f"stg_{name}__messages.sql",
            f"stg_{name}__messages.yml",
        }


def test_dbt_without_the_platforms_says_how_to_call_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANZ_HOME", str(tmp_path))
    assert transform.main(["parse"]) == 0
    bare = dbtRunner().invoke(
        ["parse", "--project-dir", str(transform.PROJECT), "--profiles-dir", str(transform.PROJECT)]
    )
    assert "python -m resonanz.transform" in str(bare.exception)
