"""dbt: both stages on a small real warehouse, incremental against full refresh, the unit tests, the contracts."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt_warehouse import (
    PUBLISHED,
    START,
    Snapshot,
    changes,
    conversation,
    create,
    load,
    opened,
    phrases,
    run,
    snapshot,
)

from resonanz import transform
from resonanz.errors import StageError
from resonanz.lake import Lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A warehouse that both stages have built from one load."""
    lake = Lake(tmp_path_factory.mktemp("home"))
    create(lake, [*conversation(), *phrases()])
    run(lake)
    return lake


@pytest.fixture(scope="module")
def snapshots(lake: Lake) -> dict[str, Snapshot]:
    """What is published after a second run with nothing new, after a second load, and rebuilt from nothing."""
    states = {"first": snapshot(lake), "again": run(lake)}
    with opened(lake) as warehouse:
        load(warehouse, "2", changes())
    states["incremental"] = run(lake)
    states["rebuilt"] = run(lake, full_refresh=True)
    return states


def rows(state: Snapshot, lake: Lake, table: str, key: str) -> dict[str, dict[str, Any]]:
    """The rows of a published table by the column `key`, as dicts."""
    with opened(lake, read_only=True) as warehouse:
        names = [column[0] for column in warehouse.execute(f"describe {table}").fetchall()]
    return {row[names.index(key)]: dict(zip(names, row, strict=True)) for row in state[table]}


def test_second_run_leaves_every_row_as_it_was(snapshots: dict[str, Snapshot]) -> None:
    assert snapshots["first"].keys() == snapshots["again"].keys()
    assert [table for table, before in snapshots["first"].items() if before != snapshots["again"][table]] == []


def test_incremental_run_equals_full_refresh(snapshots: dict[str, Snapshot]) -> None:
    assert snapshots["incremental"] != snapshots["first"]
    differing = [table for table, built in snapshots["rebuilt"].items() if built != snapshots["incremental"][table]]
    assert differing == []


def test_versions_edits_and_deletions(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    messages = rows(snapshots["incremental"], lake, "core.fct_messages", "message_id")
    assert messages["mastodon:q"]["text"].endswith("ist da.")
    assert messages["mastodon:q"]["first_observed_at"] < messages["mastodon:q"]["last_observed_at"]
    assert messages["mastodon:w"]["text"].startswith("Hotline seit")  # the version that came late is an older one
    gone = messages["mastodon:gone"]
    assert (gone["is_deleted"], gone["text"], gone["sentiment"], gone["departments"]) == (True, None, None, [])
    assert gone["created_at"] == START + timedelta(minutes=15)  # the deletion itself did not say
    assert messages["mastodon:empty"]["text"] is None
    assert messages["mastodon:late2"]["thread_id"] == messages["mastodon:late1"]["thread_id"] == "mastodon:late1"


def test_deleted_text_is_nowhere_in_the_marts(snapshots: dict[str, Snapshot]) -> None:
    found = [table for table, content in snapshots["incremental"].items() if "gleich gelöscht" in repr(content)]
    assert found == []
    assert "gleich gelöscht" in repr(snapshots["first"]["core.fct_messages"])


def test_metrics_by_day_and_post(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    days = [row[1:] for row in snapshots["incremental"]["core.fct_message_metrics_daily"] if row[0] == "mastodon:ad"]
    second, third = (START + timedelta(days=1)).date(), (START + timedelta(days=2)).date()
    assert days == [
        ("reactions", second, 10.0, 10.0),  # an older 4 of the same day came late
        ("shares", second, 2.0, 2.0),
        ("reactions", third, 25.0, 15.0),
    ]
    ad = rows(snapshots["incremental"], lake, "marketing.content_performance", "message_id")["mastodon:ad"]
    assert (ad["reactions"], ad["shares"], ad["engagement"], ad["answers"]) == (25.0, 2.0, 27.0, 1)
    assert (ad["views"], ad["engagement_base"], ad["engagement_rate"]) == (None, None, None)


def test_a_retired_metric_is_null_with_its_reason(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    content = [rows(snapshots[state], lake, "marketing.content_performance", "message_id")["mastodon:reel"]
               for state in ("first", "incremental")]  # fmt: skip
    assert [(reel["views"], reel["reactions"], reel["engagement_base"]) for reel in content] == [
        (900.0, 3.0, "views"),
        (None, 4.0, None),
    ]
    found = {row[:2]: row[2:] for row in snapshots["incremental"]["core.metric_availability"]}
    gone = "of messages: retired on 2026-09-02"  # the account's own views are still there
    assert found["mastodon", "views"] == (False, True, gone, START + timedelta(days=2))
    assert found["mastodon", "reach"] == (False, False, "not permitted", START + timedelta(days=2))
    assert {row[:2]: row[2:] for row in snapshots["first"]["core.metric_availability"]}["mastodon", "reach"] == (
        False, False, "not in the public API", None,
    )  # fmt: skip
    days = [row for row in snapshots["incremental"]["core.fct_message_metrics_daily"] if row[0] == "mastodon:reel"]
    assert [(row[1], row[3]) for row in days] == [("reactions", 3.0), ("views", 900.0), ("reactions", 4.0)]


def test_accounts_have_metrics_and_are_no_messages(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    second, third = (START + timedelta(days=1)).date(), (START + timedelta(days=2)).date()
    for state, views, followers in (
        ("first", [(START.date(), 40.0)], [(second, 120.0)]),
        ("incremental", [(START.date(), 44.0)], [(second, 120.0), (third, 118.0)]),
    ):
        found = [row[1:7] for row in snapshots[state]["core.fct_account_metrics_daily"]]
        assert sorted(found) == sorted(
            ("mastodon", "1", "weidenfels", metric, day, value)
            for metric, values in (("views", views), ("followers", followers))
            for day, value in values
        )
        accounts = rows(snapshots[state], lake, "core.dim_accounts", "account_id")
        assert accounts["mastodon:weidenfels"]["followers"] == followers[-1][1]
    elsewhere = snapshots["incremental"].keys() - {"core.fct_account_metrics_daily"}
    assert [table for table in elsewhere if "account/1" in repr(snapshots["incremental"][table])] == []


def test_threads_and_worklist(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    thread = rows(snapshots["first"], lake, "core.fct_threads", "thread_id")["mastodon:q"]
    assert (thread["first_response_minutes"], thread["is_dialogue"], thread["company_replies"]) == (30.0, True, 1)
    worklist = rows(snapshots["first"], lake, "customer_service.thread_worklist", "thread_id")
    assert worklist["mastodon:w"]["state"] == "unanswered"
    assert worklist["mastodon:q"]["state"] == "waiting"  # "Und jetzt?" names no case, the thread does
    assert "mastodon:h" not in worklist  # its last word is thanks
    assert "mastodon:ad" not in worklist


def test_sentiment_figures_leave_out_what_does_not_count(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    feedback = [
        message
        for message in rows(snapshots["incremental"], lake, "core.fct_messages", "message_id").values()
        if not message["is_company"] and not message["is_deleted"]
    ]
    for department, found in rows(snapshots["incremental"], lake, "core.department_summary", "department").items():
        mine = [m for m in feedback if department in (m["departments"] or ["unassigned"])]
        labels = [m["sentiment"] for m in mine if not m["is_abstained"]]
        positive, negative = labels.count("positive"), labels.count("negative")
        net = (positive - negative) / (positive + negative) if positive + negative else None
        assert (found["messages"], found["positive"], found["negative"]) == (len(mine), positive, negative)
        assert found["net_sentiment"] == pytest.approx(net)


@pytest.mark.parametrize(
    ("phrase_file", "department", "at_least"),
    [
        ("story_faulty_batch", "product_management", 0.6),
        ("story_delivery", "customer_service", 0.5),
        ("story_campaign_praise", "marketing", 0.6),
        ("story_employer_social", "human_resources", 0.5),
        ("complaint_service", "customer_service", 0.6),
        ("praise_product", "product_management", 0.8),
    ],
)
def test_routing_of_the_demo(
    snapshots: dict[str, Snapshot], phrase_file: str, department: str, at_least: float
) -> None:
    found = [row[-3] for row in snapshots["first"]["core.fct_messages"] if row[1] == phrase_file]
    share = sum(department in departments for departments in found) / len(found)
    assert share >= at_least, f"{share:.0%} of {len(found)}"


def test_unit_tests_of_the_models(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    transform.invoke(lake, ["test", "--selector", "tests"])


def test_every_mart_keeps_its_contract_and_its_descriptions(lake: Lake, snapshots: dict[str, Snapshot]) -> None:
    manifest = json.loads((lake.dbt_target / "target" / "manifest.json").read_text(encoding="utf-8"))
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert [m["name"] for m in models if not m["description"]] == []
    marts = {f"{m['schema']}.{m['name']}": m for m in models if m["schema"] in PUBLISHED}
    assert marts.keys() == snapshots["rebuilt"].keys()
    assert [name for name, mart in marts.items() if not mart["contract"]["enforced"]] == []
    with opened(lake, read_only=True) as warehouse:
        columns = warehouse.execute(
            "select schema_name || '.' || table_name, column_name, comment from duckdb_columns()"
            " where schema_name in ('staging', 'intermediate', 'seeds', 'core', 'marketing', 'product_management',"
            " 'customer_service')"
        ).fetchall()
    assert len(columns) > 300
    assert [f"{table}.{column}" for table, column, comment in columns if not comment] == []
    published = {name for exposure in manifest["exposures"].values() for name in exposure["depends_on"]["nodes"]}
    assert {mart["unique_id"] for mart in marts.values()} <= published


def test_wrong_edit_of_a_seed_is_named(
    lake: Lake, snapshots: dict[str, Snapshot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(transform.PROJECT, project)
    with (project / "seeds" / "routing_terms.csv").open("a", encoding="utf-8") as seed:
        seed.write("human_ressources,de,Feierabend,word,1,false,typo in the department\n")
    monkeypatch.setattr(transform, "PROJECT", project)
    elsewhere = Lake(tmp_path)
    shutil.copy(lake.warehouse, elsewhere.warehouse)
    with pytest.raises(StageError, match="relationships_routing_terms_department"):
        transform.transform(elsewhere, "prepare")
