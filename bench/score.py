"""Scoring: length-sorted batches of the shipped int8 file against the same weights in transformers' `pipeline` on torch
(as float32, which it runs in) and against one text at a time; same texts, two threads each, every way in a process of
its own, in turns. Then the memory of the warehouse's own scoring by volume."""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from demo import world
from resonanz.settings import REPOSITORY

TEXTS = int(os.environ.get("TEXTS", "20000"))
VOLUMES = [int(volume) for volume in os.environ.get("VOLUMES", "10000 1000000").split()]
ROUNDS = 10
PLAIN = ("ours", "ours with languages", "onnx one by one")
PIPELINE = ("pipeline one by one", "pipeline batches of 8", "pipeline batches of 32")
_REAL = REPOSITORY.parent / "shared" / "data" / "real"
_COLUMNS = {
    "us_airlines_en.csv": "text",
    "deutsche_bahn_de.csv": "text",
    "nytimes_facebook/nytimes_facebook_comments.csv": "comment_message",
    "insurers_facebook/allstate_facebook_statuses.csv": "status_message",
    "insurers_facebook/geico_facebook_statuses.csv": "status_message",
    "insurers_facebook/statefarm_facebook_statuses.csv": "status_message",
}


class Way:
    """A process that scores by one way, and what it has taken so far."""

    def __init__(self, name: str, python: str) -> None:
        self.name, self.seconds, self.mb, self.labels = name, list[float](), 0.0, list[str]()
        self._process = subprocess.Popen(
            [python, "-m", "bench.score_ways", name],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def score(self, texts: list[str], *, is_counted: bool = True) -> None:
        """Have the process score `texts`; raises SystemExit where it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(texts) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended: {sys.executable} -m bench.score_ways '{self.name}' says why")
        said = json.loads(line)
        self.mb = said["mb"]
        if is_counted:
            self.seconds.append(said["seconds"])
            self.labels += said["labels"]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def main() -> None:
    """texts of social media scored with the shipped weights"""
    texts = _texts(TEXTS)
    python = _python_with_torch()
    if python is None:
        print("torch and onnx are not here, so transformers' pipeline is left out (TORCH_PYTHON=<python with both>)")
    names = [(name, sys.executable) for name in PLAIN] + [(name, python) for name in PIPELINE if python]
    found = [Way(name, python or sys.executable) for name, python in names]
    try:
        for way in found:
            way.score(texts[:200], is_counted=False)
        size = -(-len(texts) // ROUNDS)
        for number in range(ROUNDS):
            for way in found[number % len(found) :] + found[: number % len(found)]:
                way.score(texts[number * size : (number + 1) * size])
    finally:
        for way in found:
            way.end()
    _table(found, len(texts))
    for volume in VOLUMES:
        _volume(texts, volume)


def volume(folder: str) -> None:
    """Score the shard that lies in `folder` as a task does; prints the peak memory in MB."""
    from bench.score_ways import peak_mb
    from resonanz.lake import Lake
    from resonanz.score import score
    from resonanz.settings import Sentiment

    score(Lake(Path(folder)), Sentiment(), "0001")
    print(peak_mb())


def _table(found: list[Way], texts: int) -> None:
    first = sum(found[0].seconds)
    print(f"{texts:,} texts in {ROUNDS} rounds")
    print(f"{'way':<26}{'s':>8}{'texts/s':>10}{'time ratio':>12}{'by round':>16}{'peak MB':>9}{'same label':>12}")
    for way in found:
        ratios = [mine / ours for mine, ours in zip(way.seconds, found[0].seconds, strict=True)]
        total, spread = sum(way.seconds), f"{min(ratios):.1f}..{max(ratios):.1f}"
        same = statistics.fmean(a == b for a, b in zip(way.labels, found[0].labels, strict=True))
        ratio = total / first
        print(
            f"{way.name:<26}{total:>8.1f}{texts / total:>10,.0f}{ratio:>12.2f}{spread:>16}{way.mb:>9,.0f}{same:>12.1%}"
        )


def _volume(texts: list[str], rows: int) -> None:
    """`rows` texts of one shard, the same texts again and again where there are not so many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from resonanz.lake import Lake
    from resonanz.scoring.shards import open_shard

    with tempfile.TemporaryDirectory() as folder:
        shard = open_shard(Lake(Path(folder)), "0001")
        shard.folder.mkdir(parents=True)
        schema = pa.schema({"text_hash": pa.string(), "text": pa.string()})
        with pq.ParquetWriter(shard.texts, schema) as writer:
            for start in range(0, rows, 50_000):
                part = [texts[row % len(texts)] for row in range(start, min(start + 50_000, rows))]
                writer.write_table(pa.table([[str(start + row) for row in range(len(part))], part], schema=schema))
        command = [sys.executable, "-c", f"from bench import score; score.volume({folder!r})"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    print(
        f"{rows:>10,} texts as a task scores them: peak memory {float(done.stdout.splitlines()[-1]):,.0f} MB",
        flush=True,
    )


def _texts(most: int) -> list[str]:
    """Distinct texts: the public sets, where they are here, in turns; else the demo company's."""
    if not _REAL.is_dir():
        print(f"no public texts at {_REAL}: the demo company's are taken")
        channels = world.build().messages.values()
        return list(dict.fromkeys(message.text for channel in channels for message in channel if message.text))[:most]
    found = dict.fromkeys(_real())
    return list(islice(found, most))


def _real() -> Iterator[str]:
    for name, column in _COLUMNS.items():
        with (_REAL / name).open(encoding="utf-8", errors="replace", newline="") as file:
            rows: Iterator[dict[str, Any]] = csv.DictReader(file)
            yield from (row[column] for row in rows if row.get(column) and row[column].strip())


def _python_with_torch() -> str | None:
    """This Python, or that of the training environment, where torch and onnx are to be had."""
    candidates = [os.environ.get("TORCH_PYTHON"), sys.executable, str(REPOSITORY / ".venv-training" / "bin" / "python")]
    for python in filter(None, candidates):
        if Path(python).exists():
            tried = subprocess.run(
                [python, "-c", "import torch, onnx, transformers, lingua, onnxruntime"], capture_output=True
            )
            if tried.returncode == 0:
                return python
    return None
