"""Extraction: a whole source, parsed, keyed, landed and committed, against a bare loop that reads the same pages and
writes what they hold, one JSON object a line. And the memory it takes, by volume."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import requests

from bench.timing import compare
from resonanz import settings
from resonanz.extract import extract

STATUSES = 20_000
VOLUMES = (10_000, 100_000)  # for the memory
_MEMORY = "import sys; from bench import extract; extract.peak(sys.argv[1], sys.argv[2])"


def main() -> None:
    """a source of 20,000 messages, on a server that only has to write them out"""
    with _server(STATUSES) as address, tempfile.TemporaryDirectory() as folder:
        homes = (Path(folder) / str(number) for number in count())
        _extract(address, next(homes))  # imports are over when it counts
        ways: dict[str, Callable[[], object]] = {
            "bare loop": lambda: _bare(address, Path(folder) / "bare.jsonl"),
            "extraction": lambda: _extract(address, next(homes)),
        }
        compare(ways, units=STATUSES, unit="messages")
    print(f"\n{'messages':>10}{'peak memory MB':>16}")
    for volume in VOLUMES:
        with _server(volume) as address, tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", _MEMORY, address, folder]
            measured = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{volume:>10,}{int(measured.stdout) / 1024:>16.0f}")


def peak(address: str, folder: str) -> None:
    """Extract once in this process; prints its peak memory in KiB."""
    _extract(address, Path(folder))
    status = Path("/proc/self/status").read_text()
    print(re.findall(r"VmHWM:\s+(\d+)", status)[0])


def _bare(address: str, file: Path) -> None:
    url: str | None = f"{address}/api/v1/timelines/tag/weidenfels?limit=40"
    with requests.Session() as session, file.open("w", encoding="utf-8") as out:
        while url:
            answer = session.get(url, timeout=30)
            out.writelines(json.dumps(status, ensure_ascii=False) + "\n" for status in answer.json())
            url = answer.links.get("next", {}).get("url")


def _extract(address: str, home: Path) -> None:
    home.mkdir(exist_ok=True)
    file = home / "sources.toml"
    source = f'name = "big"\nplatform = "mastodon"\nbase_url = "{address}"\nhashtags = ["weidenfels"]\n'
    file.write_text(f'[company]\nname = "Weidenfels"\n[[sources]]\n{source}')
    landed = extract(settings.load(file, home / "var"), "big")
    if landed.problems:
        raise landed.problems[0]


@contextmanager
def _server(statuses: int) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.volume_server", str(statuses)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()
