"""Extraction: a whole source, parsed, keyed, landed and committed, against a bare loop that sends the same requests to
the same server, one after the other, and writes what they answer, one JSON value a line; and the memory by volume."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import requests
import urllib3

from bench.timing import compare
from resonanz import settings
from resonanz.extract import extract
from resonanz.local.demo_tokens import demo_tokens

# Platform -> how many times as much is said there as in the demo: what starting costs, a quarter of a second a run,
# would hide the rest on a few hundred messages.
PLATFORMS = {
    "facebook": 3,
    "instagram": 4,
    "x": 3,
    "youtube": 8,
    "linkedin": 5,
    "google_business": 20,
    "mastodon": 2,
    "bluesky": 3,
}
NETWORK = 0.02  # seconds; the platforms' own servers take longer
STATUSES = 20_000
VOLUMES = (10_000, 100_000)  # for the memory
_MEMORY = "import sys; from bench import extract; extract.peak(sys.argv[1], sys.argv[2])"
_VOLUME = """
[company]
name = "Weidenfels"
[[sources]]
name = "weidenfels_volume"
platform = "mastodon"
base_url = "{address}"
hashtags = ["weidenfels"]
"""


def main() -> None:
    """every platform of the demo company on its stand-in, then 20,000 messages from a server that does nothing else"""
    os.environ |= demo_tokens()
    for delay in (0.0, NETWORK):
        print(f"\n-- each answer after {delay * 1000:.0f} ms")
        with tempfile.TemporaryDirectory() as folder, _demo(Path(folder), delay):
            for platform in PLATFORMS:
                _side_by_side(Path(folder), f"weidenfels_{platform}", settings.DEMO_SOURCES)
    print("\n-- much from a server that does little")
    with tempfile.TemporaryDirectory() as folder, _volume(STATUSES) as address:
        file = Path(folder) / "sources.toml"
        file.write_text(_VOLUME.format(address=address))
        _side_by_side(Path(folder), "weidenfels_volume", file)
    print(f"\n{'messages':>10}{'peak memory MB':>16}")
    for volume in VOLUMES:
        with _volume(volume) as address, tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", _MEMORY, address, folder]
            measured = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{volume:>10,}{int(measured.stdout) / 1024:>16.0f}")


def peak(address: str, folder: str) -> None:
    """Extract once in this process; prints its peak memory in KiB."""
    file = Path(folder) / "sources.toml"
    file.write_text(_VOLUME.format(address=address))
    _extract(file, Path(folder) / "var", "weidenfels_volume")
    print(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0])


def _side_by_side(folder: Path, name: str, file: Path) -> None:
    homes = (folder / name / str(number) for number in count())
    sent: list[dict[str, Any]] = []
    with _recording(sent):
        rows = _extract(file, next(homes), name)  # imports are over when it counts
    print(f"\n{name}: {rows:,} messages in {len(sent)} requests")
    ways: dict[str, Callable[[], object]] = {
        "bare loop": lambda: _bare(sent, folder / "bare.jsonl"),
        "extraction": lambda: _extract(file, next(homes), name),
    }
    compare(ways, units=rows, unit="messages")


def _bare(sent: list[dict[str, Any]], file: Path) -> None:
    with requests.Session() as session, file.open("w", encoding="utf-8") as out:
        for request in sent:
            answer = session.request(**request, timeout=30)
            out.write(json.dumps(answer.json(), ensure_ascii=False) + "\n")


def _extract(file: Path, home: Path, name: str) -> int:
    landed = extract(settings.load(file, home), name)
    if landed.problems:
        raise landed.problems[0]
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for batch in landed.batches for file in batch.files)


@contextmanager
def _recording(sent: list[dict[str, Any]]) -> Iterator[None]:
    """Note every request that an extraction sends, so that the bare loop can send the same."""
    send = urllib3.PoolManager.request

    def noting(pool: Any, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        answer = send(pool, method, url, **options)
        if "json" in answer.headers.get("Content-Type", ""):
            sent.append({"method": method, "url": url, "headers": dict(options["headers"]), "data": options["body"]})
        return answer

    urllib3.PoolManager.request = noting  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        urllib3.PoolManager.request = send  # type: ignore[method-assign]


@contextmanager
def _demo(folder: Path, delay: float) -> Iterator[None]:
    command = [sys.executable, "-m", "demo", "serve", "--port", "0", "--archives", str(folder / "demo")]
    for channel, times in PLATFORMS.items():
        command += ["--times", f"{channel}={times}"]
    with _serving(command) as line:
        port = os.environ["RESONANZ_DEMO_PORT"] = re.findall(r":(\d+)", line)[-1]
        if delay:
            slow = {"kind": "slow", "times": 10**9, "reset_after": delay}
            requests.post(f"http://127.0.0.1:{port}/_admin/faults", json=slow, timeout=10).raise_for_status()
        yield


@contextmanager
def _volume(statuses: int) -> Iterator[str]:
    with _serving([sys.executable, "-m", "bench.volume_server", str(statuses)]) as address:
        yield address


@contextmanager
def _serving(command: list[str]) -> Iterator[str]:
    """The line with which the server says that it is ready."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()
