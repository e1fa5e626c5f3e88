"""One way to score, in a process of its own: `python -m bench.score_ways <way>`, texts on stdin.

Every line on stdin is a JSON array of texts; every line on stdout says how long they took and what this process has
needed of memory at most. The first array is for warming up. `pipeline` needs torch and onnx, the others do not.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.pipeline import pipeline
from resonanz.scoring.rate import rate
from resonanz.sentiment import LABELS, load_model

THREADS = 2
SHIPPED_MODEL = Path(__file__).parents[1] / "model"  # the settings need more than the training environment has
_ours = lambda: load_model(str(SHIPPED_MODEL), threads=THREADS)  # noqa: E731


def _batches() -> Callable[[list[str]], list[str]]:
    model = _ours()
    return lambda texts: [LABELS[row] for row in model.predict(texts).argmax(axis=1)]


def _rated() -> Callable[[list[str]], list[str]]:
    model = _ours()
    return lambda texts: [rating.sentiment or "" for rating in rate(model, texts)]


def _one_by_one() -> Callable[[list[str]], list[str]]:
    model = _ours()
    return lambda texts: [LABELS[model.predict([text])[0].argmax()] for text in texts]


WAYS: dict[str, Callable[[], Callable[[list[str]], list[str]]]] = {
    "ours": _batches,
    "ours with languages": _rated,
    "onnx one by one": _one_by_one,
    "pipeline one by one": lambda: pipeline(SHIPPED_MODEL, THREADS, batch=1),
    "pipeline batches of 8": lambda: pipeline(SHIPPED_MODEL, THREADS, batch=8),
    "pipeline batches of 32": lambda: pipeline(SHIPPED_MODEL, THREADS, batch=32),
}


def peak_mb() -> float:
    """The most memory that this process has held, MB."""
    found: list[Any] = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[0]) / 1024


def main() -> None:
    answer = WAYS[sys.argv[1]]()
    for line in sys.stdin:
        texts = json.loads(line)
        start = time.perf_counter()
        labels = answer(texts)
        taken = time.perf_counter() - start
        print(json.dumps({"seconds": taken, "mb": peak_mb(), "labels": labels}), flush=True)


if __name__ == "__main__":
    main()
