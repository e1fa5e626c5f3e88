"""sources.toml: what is wrong in it is said with file, field and cure, before anything starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resonanz.errors import ConfigError
from resonanz.settings import load
from resonanz.sources import check

COMPANY = '[company]\nname = "Test"\n'
ARCHIVE = '[[sources]]\nname = "letters"\nplatform = "archive"\nfiles = ["a.csv"]\nmapping = { text = "text" }\n'


def settings(folder: Path, text: str) -> None:
    file = folder / "sources.toml"
    file.write_text(text)
    check(load(file, folder / "var"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("company = [", ["not valid TOML"]),
        (ARCHIVE, ["company", "required"]),
        (COMPANY, ["sources", "required"]),
        (COMPANY + ARCHIVE.replace("archive", "myspace"), ["sources.letters.platform", "myspace", "archive"]),
        (COMPANY + ARCHIVE.replace("letters", "My Letters"), ["name", "pattern"]),
        (COMPANY + ARCHIVE + ARCHIVE, ["letters", "used twice"]),
        (COMPANY + ARCHIVE + "colour = 1\n", ["sources.letters", "colour"]),
        (COMPANY + ARCHIVE.replace("a.csv", "${NO_SUCH_VARIABLE}/a.csv"), ["NO_SUCH_VARIABLE", "export it"]),
        (COMPANY + ARCHIVE.replace('{ text = "text" }', '{ txt = "text" }'), ["sources.letters", "txt", "text"]),
    ],
)
def test_a_fault_names_the_file_the_field_and_the_cure(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    message = str(caught.value)
    assert "sources.toml" in message
    for word in words:
        assert word in message


def test_variables_and_their_defaults_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTS", "/data")
    file = tmp_path / "sources.toml"
    file.write_text(COMPANY + ARCHIVE.replace("a.csv", "${EXPORTS}/${YEAR:-2026}.csv"))
    assert load(file, tmp_path).sources[0].options["files"] == ["/data/2026.csv"]


def test_the_shipped_examples_are_valid() -> None:
    root = Path(__file__).resolve().parent.parent
    for example in ("sources.example.toml", "examples/public-datasets.toml", "demo/sources.toml"):
        check(load(root / example, root / "var"))


def test_the_secret_for_author_keys_is_made_once_and_for_the_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESONANZ_AUTHOR_KEY_SECRET")
    file = tmp_path / "sources.toml"
    file.write_text(COMPANY + ARCHIVE)
    first, again = (load(file, tmp_path / "var").privacy().author_key("twitter", "anna") for _ in range(2))
    assert first == again
    assert (tmp_path / "var" / "author_key.secret").stat().st_mode & 0o077 == 0
    assert load(file, tmp_path / "elsewhere").privacy().author_key("twitter", "anna") != first


def test_a_token_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    file = tmp_path / "sources.toml"
    file.write_text(COMPANY + ARCHIVE)
    found = load(file, tmp_path)
    assert found.credential(found.sources[0]) is None
    monkeypatch.setenv("RESONANZ_TOKEN_LETTERS", "a token")
    assert found.credential(found.sources[0]) == "a token"


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_model_from_a_hub_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(COMPANY + f'[sentiment]\nmodel = "someone/sentiment@{COMMIT}"\n' + ARCHIVE)
    wanted = load(file, tmp_path / "var").sentiment
    assert (wanted.model, wanted.revision) == ("someone/sentiment", COMMIT)
    file.write_text(COMPANY + f'[sentiment]\nmodel = "someone/sentiment@{COMMIT}"\nrevision = "{COMMIT}"\n' + ARCHIVE)
    with pytest.raises(ConfigError, match=r"sentiment: the revision is given twice"):
        load(file, tmp_path / "var")
    file.write_text(COMPANY + '[sentiment]\nlabels = { LABEL_0 = "angry" }\n' + ARCHIVE)
    with pytest.raises(ConfigError, match=r"sentiment\.labels\.LABEL_0"):
        load(file, tmp_path / "var")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('model = "someone/sentiment"', "40 hex digits"),
        ('model = "{folder}"', "'LABEL_0' is not"),
        ('model = "{folder}/pickled"', "refused"),
    ],
)
def test_a_model_that_cannot_be_used_ends_the_run_at_its_start(tmp_path: Path, line: str, words: str) -> None:
    """Before any Airflow is started, and before anything is read."""
    for folder, weights in ((tmp_path / "model", "model.onnx"), (tmp_path / "model" / "pickled", "pytorch_model.bin")):
        folder.mkdir()
        (folder / weights).write_bytes(b"")
        (folder / "config.json").write_text('{"id2label": {"0": "LABEL_0"}, "resonanz": {"languages": ["de"]}}')
    file = tmp_path / "sources.toml"
    file.write_text(COMPANY + f"[sentiment]\n{line.format(folder=tmp_path / 'model')}\n" + ARCHIVE)
    command = [str(Path(sys.executable).parent / "resonanz"), "run"]
    environment = os.environ | {"RESONANZ_SOURCES": str(file), "RESONANZ_HOME": str(tmp_path / "var")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "var").exists()
