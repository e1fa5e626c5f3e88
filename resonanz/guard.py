"""Guard: Great Expectations on every landed batch, and on everything that is about to be published.

Nothing is changed in landing or in the warehouse: bad rows are copied to quarantine, and the verdict on a batch is
a file of its own, written last.
"""

import logging
from datetime import UTC, datetime

import duckdb

from resonanz.errors import BatchRefused, ResonanzError, StageError
from resonanz.guarding.expectations import FOLDER, read_suite
from resonanz.guarding.judge import Judgement, damage, failed, finding, judge
from resonanz.guarding.quarantine import rows_in, write_rows, write_unreadable
from resonanz.guarding.verdict import Finding, Verdict
from resonanz.lake import Batch, Lake, write_json
from resonanz.warehouse import literal, read_warehouse

log = logging.getLogger(__name__)
_MAY_SHRINK_TO = 0.9  # of the rows published before: the parameter `fewest_rows` of the suites published_*.yml


def admit_pending(lake: Lake, source: str, platform: str) -> list[Verdict]:
    """Judge every completely landed batch of `source` that has no verdict yet, oldest first.

    :param platform: the connector that landed them, a name in PLATFORMS.
    Raises StageError where a batch could not be judged (disk full, an expectation that is wrong in itself); that
    batch stays pending, and the others have their verdicts.
    """
    verdicts, problems = [], []
    for batch in lake.unjudged(source):
        try:
            verdicts.append(admit(lake, batch, platform))
        except (ResonanzError, duckdb.Error, OSError) as error:
            log.exception("%s could not be judged", batch)
            problems.append(f"{batch}: {error}")
    if problems:
        raise StageError(f"{len(problems)} batches of {source} could not be judged and wait: " + "; ".join(problems))
    return verdicts


def admit(lake: Lake, batch: Batch, platform: str) -> Verdict:
    """Judge one landed batch: bad rows go to quarantine, then the verdict is written. Judging again gives the same.

    :param platform: the connector that landed it, a name in PLATFORMS.
    """
    if refusal := damage(batch.files):
        known = sum(rows_in(file) or 0 for file in batch.files)
        quarantined = write_unreadable(lake, batch, *refusal, known=known)
        found = Finding(refusal[1], "critical", "batch", str(batch), refusal[0], 1)
        judgement = Judgement(quarantined, findings=[found])
    else:
        with duckdb.connect() as connection:
            judgement = judge(str(batch), batch.files, connection)
            refusal = judgement.refusal
            quarantined = write_rows(lake, batch, connection, judgement.failures, refusal)
    verdict = Verdict(
        batch=batch,
        platform=platform,
        status="refused" if refusal else "admitted",
        extracted=judgement.extracted,
        quarantined=quarantined,
        quarantine=lake.quarantine(batch),
        reason=refusal[0] if refusal else None,
        findings=tuple(judgement.findings),
        started_at=datetime.fromtimestamp(float(batch.load_id), UTC),
        judged_at=datetime.now(UTC),
    )
    write_json(lake.admission(batch), verdict.as_json())
    return verdict


def check_marts(lake: Lake) -> list[Finding]:
    """Judge what is about to be published by the suites expectations/published_*.yml; returns the warnings.

    Raises BatchRefused with every critical finding in words: the published file stays as it is then.
    """
    findings: list[Finding] = []
    with read_warehouse(lake) as connection:
        tables = _tables(connection, "warehouse")
        _create_raw_messages(connection, tables)
        published = _published(lake, connection)
        for file in sorted(FOLDER.glob("published_*.yml")):
            table = read_suite(file).meta.table
            if table not in tables:
                findings.append(Finding("table_exists", "critical", "batch", table, "there is no such table", 1))
                continue
            parameters = {"fewest_rows": int(published.get(table, 0) * _MAY_SHRINK_TO)}
            findings += [finding(table, outcome) for outcome in failed(connection, file.stem, parameters)]
    if critical := [found for found in findings if found.severity == "critical"]:
        raise BatchRefused(f"Nothing is published, {lake.published} stays as it is: " + "; ".join(map(str, critical)))
    return findings


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    rows = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables where table_catalog = ? order by 1",
        [database],
    ).fetchall()
    return [name for (name,) in rows]


def _create_raw_messages(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> None:
    """`memory.main.raw_messages`: all rows that were ever loaded, for suites that compare a mart with them."""
    parts = [f"select platform, native_id, kind from warehouse.{table}" for table in tables if table.startswith("raw.")]  # noqa: S608
    nothing = "select null::varchar as platform, null::varchar as native_id, null::varchar as kind where false"
    connection.execute(f"create view memory.main.raw_messages as {' union all '.join([nothing, *parts])}")


def _published(lake: Lake, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows per table of the file that is published now; nothing where there is none or it cannot be read."""
    if not lake.published.exists():
        return {}
    try:
        connection.execute(f"attach {literal(lake.published)} as published (read_only)")
        counts = {}
        for table in _tables(connection, "published"):
            (counts[table],) = connection.execute(f"select count(*) from published.{table}").fetchone() or (0,)  # noqa: S608
    except duckdb.Error as error:
        log.warning("%s cannot be read, so nothing is compared with it: %s", lake.published, error)
        return {}
    return counts
