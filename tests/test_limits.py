"""The extract task and limits: it waits without a worker, goes on where it stopped, and says what it must."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from loopback import Asked, Reply, serve
from mastodon_server import START, Mastodon

from resonanz import limits, settings, stages
from resonanz.errors import Kind
from resonanz.limits import Extract

SOURCES = """
[company]
name = "Weidenfels"
accounts = ["weidenfels@social.example"]

[[sources]]
name = "fediverse"
platform = "mastodon"
base_url = "{base}"
hashtags = ["a", "b"]
"""
TAG_A, TAG_B = "/api/v1/timelines/tag/a", "/api/v1/timelines/tag/b"


class Home:
    """One source at one server, read by the real task as Airflow calls it."""

    def __init__(self, folder: Path, server: Mastodon, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.file = server, folder / "sources.toml"
        self.file.write_text(SOURCES.format(base=base))
        self.lake = settings.load(self.file, folder / "var").lake
        for name in ("AIRFLOW_HOME", "RESONANZ_TRIGGER"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("RESONANZ_SOURCES", str(self.file))
        monkeypatch.setenv("RESONANZ_HOME", str(folder / "var"))
        settings.settings.cache_clear()
        self.task = Extract(task_id="extract", source="fediverse")

    def add(self, line: str) -> None:
        self.file.write_text(self.file.read_text() + line)
        settings.settings.cache_clear()

    def execute(self, run_id: str = "scheduled__1", run_type: str = "scheduled", **params: str) -> list[str]:
        context = {
            "run_id": run_id,
            "params": params,
            "dag_run": SimpleNamespace(run_type=run_type, logical_date=START),
            "dag": SimpleNamespace(timezone=UTC),
        }
        return self.task.execute(context)

    def resume(self, deferred: TaskDeferred, run_id: str = "scheduled__1") -> list[str]:
        """What Airflow does when the trigger has fired: `kwargs` went through its database as JSON."""
        return getattr(self.task, deferred.method_name)(
            {"run_id": run_id}, event=None, **json.loads(json.dumps(deferred.kwargs))
        )

    def texts(self) -> list[str]:
        import pyarrow.parquet as pq

        files = [file for batch in self.lake.batches() for file in batch.files]
        return sorted(row["text"] for file in files for row in pq.read_table(file).to_pylist())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    server = Mastodon()
    server.say("anna", "Die Trommel klappert", 1, tags=("a",))
    server.say("bert", "Leise wie nie", 2, tags=("b",))
    with serve(server) as running:
        yield Home(tmp_path, server, running.address, monkeypatch)
    settings.settings.cache_clear()


def limited(seconds: float, times: int = 1) -> list[Reply | None]:
    reset = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        Reply({"error": "Too many requests"}, 429, {"X-RateLimit-Reset": reset, "X-RateLimit-Remaining": "0"})
    ] * times


def seconds_until(deferred: TaskDeferred) -> float:
    assert isinstance(deferred.trigger, DateTimeTrigger)
    return (deferred.trigger.moment - datetime.now(UTC)).total_seconds()


def test_without_a_limit_nothing_waits(home: Home) -> None:
    assert home.execute() == []
    assert home.texts() == ["Die Trommel klappert", "Leise wie nie"]


def test_a_limit_in_the_middle_waits_for_the_reset_and_goes_on(home: Home) -> None:
    home.server.faults = {TAG_B: limited(600)}
    with pytest.raises(TaskDeferred) as caught:
        home.execute()
    assert 590 < seconds_until(caught.value) < 640
    assert home.texts() == ["Die Trommel klappert"]  # what was read has landed
    assert home.resume(caught.value) == []
    assert home.texts() == ["Die Trommel klappert", "Leise wie nie"]


def test_a_limit_from_the_first_request_on_waits_as_well(home: Home) -> None:
    home.server.faults = {path: limited(900) for path in ("/api/v2/instance", TAG_A, TAG_B)}
    with pytest.raises(TaskDeferred) as caught:
        home.execute()
    assert 890 < seconds_until(caught.value) < 945
    home.server.faults = {}
    assert home.resume(caught.value) == []
    assert len(home.texts()) == 2


def test_what_no_waiting_cures_is_still_reported_after_it(home: Home) -> None:
    home.server.faults = {TAG_A: [Reply({"error": "This action is not allowed"}, 403)], TAG_B: limited(600)}
    with pytest.raises(TaskDeferred) as caught:
        home.execute()
    problems = home.resume(caught.value)
    assert len(problems) == 1
    assert problems[0].startswith("[permission] ")
    assert "limit" not in problems[0]


def test_under_make_run_nothing_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.server.faults = {TAG_B: limited(600)}
    assert home.execute(run_id=f"{stages.MAIN_JOB}2026-11-23T12-00-00")[0].startswith("[limit] ")
    home.server.faults = {TAG_B: limited(600)}
    monkeypatch.setenv("RESONANZ_TRIGGER", "manual")
    assert home.execute()[0].startswith("[limit] ")


def test_a_source_that_is_limited_wholly_fails_under_make_run_and_is_not_retried(home: Home) -> None:
    home.server.faults = {path: limited(900) for path in ("/api/v2/instance", TAG_A, TAG_B)}
    with pytest.raises(AirflowFailException, match=r"^\[limit\] "):
        home.execute(run_id=f"{stages.MAIN_JOB}x")


def test_a_reset_too_far_away_is_left_to_the_next_run(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.server.faults = {TAG_B: limited(5 * 3600)}
    assert home.execute() == []
    notices = [record.getMessage() for record in caplog.records if record.name == stages.NOTICES]
    assert len(notices) == 1
    assert notices[0].startswith("fediverse: ")


def test_waiting_ends_and_the_limit_is_then_a_problem(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_WAITS", 2)
    home.server.faults = {TAG_B: limited(600, times=3)}
    with pytest.raises(TaskDeferred) as first:
        home.execute()
    with pytest.raises(TaskDeferred) as second:
        home.resume(first.value)
    assert home.resume(second.value)[0].startswith("[limit] ")

    monkeypatch.setattr(limits, "LONGEST_IN_ALL", 1000.0)
    home.server.faults = {TAG_B: limited(600, times=2)}
    with pytest.raises(TaskDeferred) as first:
        home.execute()
    assert home.resume(first.value)[0].startswith("[limit] ")


def test_a_spent_budget_is_a_notice_and_waits_for_nobody(
    home: Home, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resonanz import extract
    from resonanz.platforms import Context

    home.add("budget = { posts_per_month = 0 }\n")
    real = extract.platform

    class Spending:
        """The real platform, whose streams take a post from the budget first."""

        def __init__(self, name: str) -> None:
            self.Options = real(name).Options

        def streams(self, options: Any, context: Context) -> list[Any]:
            from resonanz.landing import stream

            def read(_: dict[str, Any]) -> Iterator[Any]:
                context.budget.take("posts")
                yield from ()

            return [stream("posts", read)]

    monkeypatch.setattr(extract, "platform", Spending)
    assert home.execute() == []
    notices = [record.getMessage() for record in caplog.records if record.name == stages.NOTICES]
    assert any("budget posts_per_month = 0" in notice for notice in notices)
    assert any("spent: " in notice for notice in notices)
    with pytest.raises(AirflowFailException, match="budget"):
        home.execute(**{"from": "2026-03-01", "to": "2026-03-02"})  # a backfill has no next run


@pytest.mark.parametrize(("status", "is_retried"), [(401, False), (403, False), (500, True)])
def test_only_what_may_pass_is_retried(
    home: Home, status: int, is_retried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resonanz.http.BACKOFF", 0.001)
    fault = [Reply({"error": "no"}, status)] * 9
    home.server.faults = {path: list(fault) for path in ("/api/v2/instance", TAG_A, TAG_B)}
    with pytest.raises(AirflowException) as caught:  # the task itself, or `report` where single parts failed
        stages.report("fediverse", home.execute(), None)
    assert isinstance(caught.value, AirflowFailException) is not is_retried


def test_neither_tokens_nor_handles_come_out_of_the_task(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANZ_TOKEN_FEDIVERSE", "tok-4711-secret")
    words = {"error": "tok-4711-secret of @anna.lind@meer.example is not allowed"}
    home.server.faults = {TAG_A: [Reply(words, 403)]}
    problems = home.execute()
    assert problems
    assert "tok-4711" not in str(problems)
    assert "anna" not in str(problems)

    def refuse(_: Asked) -> Reply:
        return Reply(words, 401)

    with serve(refuse) as running:
        home.file.write_text(SOURCES.format(base=running.address))
        settings.settings.cache_clear()
        try:
            said = str(home.execute())
        except AirflowFailException as raised:
            said = str(raised)
    assert said.lstrip("['\"").startswith("credentials] ")
    assert "tok-4711" not in said
    assert "anna" not in said


def test_many_long_problems_stay_small() -> None:
    small = limits._small([f"{number} " + "x" * 5_000 for number in range(500)])
    assert len(json.dumps(small)) < 25_000
    assert "470 more" in small[-1]


def test_parameters_and_backfills_reach_the_platform(home: Home) -> None:
    home.execute(run_type="manual", **{"from": "2026-03-01", "to": "2026-03-01"})
    assert len(home.texts()) == 2
    home.execute(run_type="backfill", run_id="backfill__1")
    assert len(home.texts()) == 4  # from START, when both were written, to the schedule's next tick an hour later


def test_a_backfill_that_waits_keeps_its_range(home: Home) -> None:
    home.server.faults = {TAG_B: limited(600)}
    with pytest.raises(TaskDeferred) as caught:
        home.execute(**{"from": "2026-03-01", "to": "2026-03-01"})
    assert home.resume(caught.value) == []
    assert sorted(set(home.texts())) == ["Die Trommel klappert", "Leise wie nie"]
    assert not home.lake.pipelines.exists() or not list(home.lake.pipelines.iterdir())  # no running cursor was made


@pytest.mark.parametrize(
    "params", [{"from": "2026-03-02", "to": "2026-03-01"}, {"from": "morgen"}, {"to": "2026-01-01"}]
)
def test_wrong_dates_fail_at_once(home: Home, params: dict[str, str]) -> None:
    with pytest.raises(AirflowFailException, match="`from`"):
        home.execute(**params)


def test_every_kind_of_fault_is_documented() -> None:
    text = (Path(__file__).parent.parent / "docs" / "errors.md").read_text(encoding="utf-8")
    for kind in Kind:
        assert f"| **{kind}** |" in text
