"""`resonanz sources check`: a finding for each thing asked, never a traceback, never a token."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from resonanz import platforms
from resonanz.access import check, findings, show
from resonanz.budget import Budget
from resonanz.errors import Kind, SourceError
from resonanz.platforms import Check, Context
from resonanz.settings import Settings, load

SOURCES = """
[company]
name = "Test"
accounts = ["@weidenfels"]

[[sources]]
name = "letters"
platform = "archive"
files = ["letters.csv", "more/*.jsonl"]
mapping = { id = "id", text = "text", created_at = "day" }
"""
ASKED = """
[[sources]]
name = "asked"
platform = "mastodon"
budget = { posts_per_month = 100, requests_per_day = 10 }
"""


class Options(BaseModel):
    company_accounts: list[str] = []


class Asked:
    """A platform whose check the test decides."""

    Options = Options

    def __init__(self, *answers: Check | Exception) -> None:
        self.answers = answers
        self.contexts: list[Context] = []

    def check(self, options: Options, context: Context) -> Iterator[Check]:
        self.contexts.append(context)
        for answer in self.answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "sources.toml").write_text(SOURCES)
    return load(tmp_path / "sources.toml", tmp_path / "var")


def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *answers: Check | Exception) -> tuple[Settings, Asked]:
    platform: Any = Asked(*answers)
    monkeypatch.setitem(sys.modules, "asked_platform", platform)
    monkeypatch.setitem(platforms.PLATFORMS, "mastodon", "asked_platform")
    (tmp_path / "sources.toml").write_text('[company]\nname = "Test"\naccounts = ["@weidenfels"]\n' + ASKED)
    return load(tmp_path / "sources.toml", tmp_path / "var"), platform


def words(settings: Settings, name: str) -> str:
    return "\n".join(map(str, findings(settings, settings.source(name))))


def test_files_that_are_there_and_fit_are_fine(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    folder = settings.file.parent
    (folder / "letters.csv").write_text("id,text,day\n1,Guten Tag,2026-01-01\n2,Hallo,gestern\n")
    (folder / "more").mkdir()
    (folder / "more" / "a.jsonl").write_text('{"id": "3", "text": "Hi"}\n')
    assert check(settings) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok    letters: letters.csv: 2 rows tried, 1 fit the mapping"
    assert lines[1] == "ok    letters: a.jsonl: 1 rows tried, 1 fit the mapping"


def test_what_is_wrong_with_files_is_said_with_the_cure(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    folder = settings.file.parent
    (folder / "letters.csv").write_text("id,message\n1,Guten Tag\n")
    assert check(settings, ["letters"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  letters: letters.csv: cannot be read as the mapping says → " in out
    assert "correct the mapping" in out.casefold()
    assert "*.jsonl: no file → " in out
    (folder / "letters.csv").write_text("id,text,day\n1,Guten Tag,gestern\n")
    assert "no row fits, the first because of created_at" in words(settings, "letters")


def test_a_platform_is_asked_with_the_context_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANZ_TOKEN_ASKED", "tok-4711")
    monkeypatch.setenv("AIRFLOW_CONN_RESONANZ_ASKED", '{"login": "weidenfels"}')
    settings, platform = asked(tmp_path, monkeypatch, Check("token", "works"))
    assert "ok    asked: token: works" in words(settings, "asked")
    context = platform.contexts[0]
    assert (context.token, dict(context.secrets)) == ("tok-4711", {"login": "weidenfels"})
    assert context.privacy.is_company("weidenfels")
    assert context.memory is None


@pytest.mark.parametrize("kind", list(Kind))
def test_a_fault_is_a_finding_that_says_who_must_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, _ = asked(tmp_path, monkeypatch, Check("a", "fine"), SourceError(kind, "what happened"))
    assert check(settings) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok    asked: a: fine"
    assert lines[1].startswith(f"FAIL  asked: {kind}: ")
    assert lines[1].endswith(" → what happened")
    assert len(lines[1]) > len(f"FAIL  asked: {kind}:  → what happened") + 5


def test_a_fault_of_the_check_itself_hides_no_other_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, _ = asked(tmp_path, monkeypatch, KeyError("private name"))
    said = words(settings, "asked")
    assert "FAIL  asked: check: could not be made → KeyError" in said
    assert "private name" not in said


def test_neither_tokens_nor_handles_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANZ_TOKEN_ASKED", "tok-4711-secret")
    answers = (
        Check("token", "tok-4711-secret of @weidenfels"),
        SourceError(Kind.GONE, "tok-4711-secret of @anna.lind"),
    )
    settings, _ = asked(tmp_path, monkeypatch, *answers)
    said = words(settings, "asked")
    assert "*** of @weidenfels" in said
    assert "tok-4711" not in said
    assert "anna" not in said


def test_the_budget_stands_below_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, _ = asked(tmp_path, monkeypatch, Check("token", "works"))
    spent = Budget({}, settings.lake.usage("asked"))
    for unit, amount in (("posts", 100), ("requests", 3), ("units", 7)):
        spent.take(unit, amount)
    spent.flush()
    said = words(settings, "asked")
    assert "FAIL  asked: budget posts: 100 spent this month, 0 of 100 left → wait for the next month" in said
    assert "ok    asked: budget requests: 3 spent this day, 7 of 10 left" in said
    assert "ok    asked: budget units: 7 spent this month, not limited" in said


def test_the_list_shows_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    settings, _ = asked(tmp_path, monkeypatch)
    assert show(settings) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "asked", "mastodon", "@hourly", "posts_per_month", "=", "100,", "requests_per_day", "=", "10",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["sources", "list"], 0, "letters"),
        (["sources", "check", "letters"], 1, "no file"),
        (["sources", "check", "nowhere"], 2, "no source called 'nowhere'"),
        (["airflow", "backfill", "create", "--dag-id", "x"], 2, "make up"),
    ],
)
def test_the_command_line(settings: Settings, arguments: list[str], status: int, said: str) -> None:
    environment = {"RESONANZ_SOURCES": str(settings.file), "RESONANZ_HOME": str(settings.home)}
    command = [sys.executable, "-m", "resonanz.cli", *arguments]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
