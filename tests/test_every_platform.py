"""What holds for each platform alike, on the demo company's sources: kills and faults lose nothing, names stay out."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import extraction  # noqa: F401  its loads do not pause
import pyarrow.parquet as pq
import pytest

from demo.server import start
from demo.web import Fault, Server
from demo.world import World, build
from resonanz import http
from resonanz.extract import extract
from resonanz.local.demo_tokens import TOKEN, demo_tokens
from resonanz.settings import DEMO_SOURCES, Settings, load

CHANNELS = {
    "weidenfels_facebook": "facebook",
    "weidenfels_instagram": "instagram",
    "weidenfels_x": "x",
    "weidenfels_youtube": "youtube",
    "weidenfels_linkedin": "linkedin",
    "weidenfels_google_business": "google_business",
    "weidenfels_mastodon": "mastodon",
    "weidenfels_bluesky": "bluesky",
}
SOURCES = sorted(CHANNELS)
EXTRACT = (
    "import sys; from pathlib import Path; from resonanz.settings import load; from resonanz.extract import extract; "
)
EXTRACT += "extract(load(Path(sys.argv[1]), Path(sys.argv[2])), sys.argv[3])"
FAULTS = {
    "500": Fault(status=500, every=5, times=10_000),
    "429": Fault(status=429, every=5, times=6, reset_after=0.2),
    "cut": Fault(kind="cut", every=5, times=10_000),
    "truncated": Fault(kind="truncated", every=5, times=10_000),
    "html": Fault(kind="html", every=5, times=10_000),
}


@pytest.fixture(scope="module")
def world() -> World:
    return build()


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[Server]:
    with start(world=world) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESONANZ_DEMO_PORT", str(running.port))
        for name, token in demo_tokens().items():
            patch.setenv(name, token)
        yield running


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Source -> ids of all messages that it brings undisturbed. Each lands once, and a rerun asks little."""
    settings = load(DEMO_SOURCES, tmp_path_factory.mktemp("undisturbed"))
    found = {}
    for name in SOURCES:
        assert extract(settings, name).problems == [], name
        landed = ids(settings, name)
        assert len(landed) == len(set(landed)), f"{name}: a message landed twice"
        found[name] = set(landed)
        before = server.requests
        assert extract(settings, name).batches == [], f"{name}: a rerun with nothing new landed something"
        streams = len({batch.stream for batch in settings.lake.batches(name)})
        looked = server.requests - before
        # Beside a few requests per stream, the conversations that are read again in turn.
        assert looked <= 5 * streams + RECHECKED, f"{name}: {looked} requests for {streams} streams"
    return found


RECHECKED = 45  # 20 conversations without a visible change, a page or two each


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BACKOFF", 0.01)


def ids(settings: Settings, name: str) -> list[str]:
    files = [file for batch in settings.lake.batches(name) for file in batch.files]
    return [row["native_id"] for file in files for row in pq.read_table(file, columns=["native_id"]).to_pylist()]


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_is_killed_in_the_middle_loses_nothing(
    server: Server, undisturbed: dict[str, set[str]], tmp_path: Path, name: str
) -> None:
    before = server.requests
    command = [sys.executable, "-c", EXTRACT, str(DEMO_SOURCES), str(tmp_path), name]
    process = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while server.requests < before + 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was through before it could be killed"
    settings = load(DEMO_SOURCES, tmp_path)
    assert extract(settings, name).problems == []
    assert set(ids(settings, name)) == undisturbed[name]


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("kind", FAULTS)
def test_when_faults_end_everything_has_landed(
    server: Server,
    undisturbed: dict[str, set[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
) -> None:
    monkeypatch.setattr(http, "ATTEMPTS", 2)
    settings = load(DEMO_SOURCES, tmp_path)
    fault = Fault(**{**vars(FAULTS[kind]), "path": f"/{CHANNELS[name]}"})
    server.inject(fault)
    try:
        extract(settings, name)
    finally:
        server.faults.clear()
    for _ in range(2):  # what a fault left open is read by the next run; a conversation found there by the one after
        assert extract(settings, name).problems == []
    assert set(ids(settings, name)) == undisturbed[name]


@pytest.mark.parametrize("name", SOURCES)
def test_neither_the_token_nor_a_private_name_is_written(
    server: Server, world: World, tmp_path: Path, name: str
) -> None:
    settings = load(DEMO_SOURCES, tmp_path)
    texts = [str(extract(settings, name))]
    for path in sorted(tmp_path.rglob("*")):
        if path.suffix == ".parquet":
            texts.append(json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False))
        elif path.is_file() and path.suffix != ".secret":
            texts.append(path.read_bytes().decode("utf-8", "replace"))
    written = "\n".join(texts)
    assert TOKEN not in written
    people = [person for person in world.people[CHANNELS[name]] if not person.is_company]
    assert len(people) > 30
    # A handle or id as a whole; display names that are ordinary words also occur in what people say.
    words = set(re.findall(r"[\w.:-]*\w", written)) | set(re.findall(r"\w+", written))
    said = " ".join(message.text for messages in world.messages.values() for message in messages)
    private = {value for person in people for value in (person.native_id, person.handle) if len(value) > 5}
    assert sorted(value for value in private & words if not re.search(rf"(?<![@\w]){re.escape(value)}\b", said)) == []
    names = {person.called for person in people if " " in person.called}
    assert sorted(value for value in names if value in written and value not in said) == []
