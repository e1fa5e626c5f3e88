"""The doctor: each fault is found and comes with its cure."""

from pathlib import Path

import pytest

from resonanz import doctor
from resonanz.doctor import Finding, State
from resonanz.settings import load

COMPANY = '[company]\nname = "Test"\n'


def findings(folder: Path, sources: str, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    file = folder / "sources.toml"
    file.write_text(COMPANY + sources)
    monkeypatch.setattr(doctor, "settings", lambda: load(file, folder / "var"))
    return list(doctor.look(file, folder / "var"))


def test_a_sound_configuration_has_nothing_in_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("text\nhello\n")
    source = '[[sources]]\nname = "letters"\nplatform = "archive"\nfiles = ["*.csv"]\nmapping = { text = "text" }\n'
    found = findings(tmp_path, source, monkeypatch)
    assert [finding for finding in found if finding.state is not State.OK] == []
    assert any("1 file(s)" in finding.words for finding in found)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('[[sources]]\nname = "a"\nplatform = "archive"\nfiles = ["no.csv"]\nmapping = { text = "t" }\n', "no.csv"),
        ('[[sources]]\nname = "a"\nplatform = "archive"\nfiles = ["no.csv"]\nmapping = { txt = "t" }\n', "txt"),
        (
            '[[sources]]\nname = "a"\nplatform = "mastodon"\nbase_url = "http://127.0.0.1:9"\nhashtags = ["x"]\n',
            "cannot be reached",
        ),
        ('[[sources]]\nname = "a"\nplatform = "myspace"\n', "myspace"),
        (
            '[sentiment]\nmodel = "a/b@main"\n[[sources]]\nname = "a"\nplatform = "archive"\nfiles = ["*.csv"]\n'
            'mapping = { text = "t" }\n',
            "40 hex digits",
        ),
    ],
)
def test_a_fault_is_found_and_has_a_cure(
    tmp_path: Path, source: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [found for found in findings(tmp_path, source, monkeypatch) if found.state is State.FAIL]
    assert any(words in fault.words for fault in faults)
    assert all(fault.cure for fault in faults)
