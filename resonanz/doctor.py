"""`resonanz doctor`: what is configured, reachable and stale, and what to do about it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from glob import glob
from pathlib import Path
from typing import Any

import duckdb
import requests

from resonanz.errors import ConfigError
from resonanz.lake import Lake, read_json
from resonanz.local import processes
from resonanz.sentiment import identify
from resonanz.settings import DEMO_SOURCES, SHIPPED_MODEL, Sentiment, Settings, Source, home, settings, sources_file
from resonanz.sources import options

STALE_AFTER = timedelta(days=2)
_LOW_DISK = 2 * 1024**3


class State(StrEnum):
    """How a finding stands: fine, worth a look, or in the way of the next run."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One thing looked at, how it stands, and what to do where it does not stand well."""

    state: State
    subject: str
    words: str
    cure: str = ""


def examine() -> int:
    """Print every finding; exit status 1 where one is in the way of the next run."""
    findings = []
    for finding in look(sources_file(), home()):
        findings.append(finding)
        print(f"{finding.state:>4}  {finding.subject}: {finding.words}", flush=True)
        if finding.cure:
            print(f"        → {finding.cure}", flush=True)
    faults = [finding for finding in findings if finding.state is State.FAIL]
    print(f"\n{len(findings)} things looked at, {len(faults)} in the way of the next run")
    return 1 if faults else 0


def look(file: Path, where: Path) -> Iterator[Finding]:
    """All findings for the sources in `file` and the state below `where`, cheap ones first."""
    lake = Lake(where)
    yield _disk(lake)
    yield _airflow(lake)
    try:
        current = settings()
    except ConfigError as error:
        yield _shipped()
        yield Finding(State.FAIL, "sources", str(error), "correct the file; sources.example.toml shows every setting")
        return
    yield _model(current.sentiment)
    kind = "the demo company's" if file == DEMO_SOURCES.resolve() else "yours"
    yield Finding(State.OK, "sources", f"{len(current.sources)} in {file} ({kind})")
    ledger = _ledger(lake)
    for source in current.sources:
        yield from _source(current, source, ledger)
    yield _published(lake)


def _disk(lake: Lake) -> Finding:
    place = next(folder for folder in (lake.home, *lake.home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    words = f"{free / 1024**3:.1f} GiB free for {lake.home}"
    if free < _LOW_DISK:
        return Finding(State.WARN, "disk", words, "free some space, or set RESONANZ_HOME to a larger disk")
    return Finding(State.OK, "disk", words)


def _shipped() -> Finding:
    missing = [name for name in ("config.json", "tokenizer.json", "model.onnx") if not (SHIPPED_MODEL / name).exists()]
    if missing:
        return Finding(
            State.FAIL, "model", f"{SHIPPED_MODEL} lacks {', '.join(missing)}", "restore it: git checkout model"
        )
    return Finding(State.OK, "model", f"the shipped one in {SHIPPED_MODEL}")


def _model(wanted: Sentiment) -> Finding:
    """The shipped one is looked at by its files, which are named where they are missing."""
    if wanted.model == str(SHIPPED_MODEL):
        return _shipped()
    try:
        name, revision = identify(wanted.model, wanted.revision, labels=wanted.labels, languages=wanted.languages)
    except ConfigError as error:
        return Finding(State.FAIL, "model", str(error), "correct [sentiment]; docs/sentiment.md says how")
    return Finding(State.OK, "model", f"{name} at {revision}")


def _airflow(lake: Lake) -> Finding:
    state = processes.running(lake)
    if state is None:
        return Finding(State.OK, "Airflow", "not running; `make run` starts its own, `make up` one that stays")
    return Finding(State.OK, "Airflow", f"http://127.0.0.1:{state['port']} ({state['mode']}, process {state['pid']})")


def _source(current: Settings, source: Source, ledger: dict[str, tuple[datetime, int, int]]) -> Iterator[Finding]:
    subject = f"source {source.name} ({source.platform})"
    try:
        chosen: Any = options(current, source)
    except ConfigError as error:
        yield Finding(State.FAIL, subject, str(error), "correct the setting; sources.example.toml shows them all")
        return
    yield from _reach(current, subject, chosen)
    if source.name not in ledger:
        yield Finding(State.OK, subject, "nothing loaded yet", "make run")
        return
    last, quarantined, refused = ledger[source.name]
    age = datetime.now(UTC) - last
    if age > STALE_AFTER:
        cure = "`make run` reads it now; `make up` on its schedule"
        yield Finding(State.WARN, subject, f"stale: the last load was {age.days} days ago", cure)
    else:
        yield Finding(State.OK, subject, f"last load {last:%Y-%m-%d %H:%M} UTC")
    if refused or quarantined:
        words = f"{quarantined:,} rows quarantined, {refused} batches refused so far"
        where = current.lake.home / "quarantine" / source.name
        yield Finding(State.WARN, subject, words, f"the reasons stand in the column `reason` of {where}/**/*.parquet")


def _reach(current: Settings, subject: str, chosen: Any) -> Iterator[Finding]:
    for pattern in getattr(chosen, "files", None) or []:
        found = glob(str(current.file.parent / pattern), recursive=True)  # noqa: PTH207  an absolute pattern stays absolute
        if found:
            yield Finding(State.OK, subject, f"{len(found)} file(s) at {pattern}")
        elif current.file == DEMO_SOURCES.resolve():
            yield Finding(State.OK, subject, "written by the demo company when a run starts")
        else:
            cure = f"put it there or correct `files`; relative paths start at {current.file.parent}"
            yield Finding(State.FAIL, subject, f"no file at {pattern}", cure)
    address = getattr(chosen, "base_url", None) or getattr(chosen, "service", None)
    if address is None:
        return
    if current.file == DEMO_SOURCES.resolve():
        yield Finding(State.OK, subject, "served by the demo company's stand-in while Airflow runs")
        return
    try:
        answer = requests.get(str(address), timeout=10)
    except requests.RequestException as error:
        cure = "check the address in sources.toml, the network and any proxy"
        yield Finding(State.FAIL, subject, f"{address} cannot be reached ({type(error).__name__})", cure)
        return
    if answer.status_code >= 500:
        yield Finding(
            State.WARN, subject, f"{address} answers {answer.status_code}", "the platform has trouble; try later"
        )
    else:
        yield Finding(State.OK, subject, f"{address} answers")


def _ledger(lake: Lake) -> dict[str, tuple[datetime, int, int]]:
    """Source -> (last finished load, rows quarantined, batches refused), from the published ledger."""
    if not lake.published.exists():
        return {}
    with duckdb.connect(str(lake.published), read_only=True) as marts:
        marts.execute("set TimeZone = 'UTC'")
        rows = marts.execute(
            """
            select source, max(finished_at), sum(quarantined)::bigint, count(*) filter (status = 'refused')
            from ops.load_ledger group by source
            """
        ).fetchall()
    return {source: (last, quarantined, refused) for source, last, quarantined, refused in rows}


def _published(lake: Lake) -> Finding:
    if not lake.published.exists():
        return Finding(State.OK, "published marts", "none yet", "make run")
    age = datetime.now(UTC) - datetime.fromtimestamp(lake.published.stat().st_mtime, UTC)
    unpublished = _refused_since(lake)
    words = f"{lake.published}, {age.days} days old" if age.days else f"{lake.published}, of today"
    if unpublished:
        return Finding(
            State.WARN, "published marts", f"{words}; {unpublished} refused batches", "see the sources above"
        )
    if age > STALE_AFTER:
        return Finding(State.WARN, "published marts", f"stale: {words}", "make run")
    return Finding(State.OK, "published marts", words)


def _refused_since(lake: Lake) -> int:
    """Batches that the guard refused after the last publish: what a reader does not see yet."""
    since = lake.published.stat().st_mtime
    verdicts = (lake.home / "admission").glob("*/*/*.json")
    fresh = (read_json(path) for path in verdicts if path.stat().st_mtime > since)
    return sum(1 for verdict in fresh if verdict and verdict["status"] == "refused")
