"""How one landed batch is judged: whether it can be read, whether it has landing's columns, then by its suites."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from resonanz.guarding.expectations import FOLDER, read_suite
from resonanz.guarding.gx_duckdb import Outcome, validate
from resonanz.guarding.quarantine import landed, scan
from resonanz.guarding.verdict import Finding
from resonanz.guarding.words import fill, reasons_in_words
from resonanz.landing import LATER, SCHEMA


@dataclass(frozen=True)
class Judgement:
    """What the suites say of a batch.

    :param failures: row_number of each bad row -> (reasons in words, expectations).
    :param findings: every expectation that does not hold, warnings too.
    """

    extracted: int
    failures: dict[int, tuple[str, str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def refusal(self) -> tuple[str, str] | None:
        """(reasons, expectations) for which the batch is refused as a whole, or None."""
        found = [f for f in self.findings if f.scope == "batch" and f.severity == "critical"]
        return ("; ".join(f.reason for f in found), "; ".join(f.expectation for f in found)) if found else None


def damage(files: Sequence[Path]) -> tuple[str, str] | None:
    """(reason, expectation) for which no suite can judge `files`; None where they can be read and have the columns."""
    if not files:
        return "its folder has no Parquet file", "files_can_be_read"
    for file in files:
        try:
            found = pq.read_schema(file)
            if wrong := _misfits(found):
                return (
                    f"{file} does not have the columns of a landed batch: {', '.join(wrong)}. "
                    f"Expected: {_columns(SCHEMA)}. Found: {_columns(found)}.",
                    "schema_is_landings",
                )
            # Every page is decoded here, so that no fault is left for the load to find; nothing is kept.
            with duckdb.connect() as connection:
                connection.execute(f"select bit_xor(hash(columns(*))) from {scan([file])}")  # noqa: S608
        except (pa.ArrowException, duckdb.Error, OSError) as error:
            return f"{file} cannot be read: {str(error).splitlines()[0]}", "files_can_be_read"
    return None


def judge(name: str, files: Sequence[Path], connection: duckdb.DuckDBPyConnection) -> Judgement:
    """Judge readable `files` by expectations/landed_messages.yml, then their rows' fate by judged_messages.yml.

    :param name: the batch's name for findings.
    :param connection: an in-memory one; `landed` is the batch in it afterwards, read from the files when asked.
    """
    connection.execute("set global TimeZone = 'UTC'")
    connection.execute(f"create view landed as from {landed(files)}")
    (extracted,) = connection.execute("select count(*) from landed").fetchone() or (0,)
    outcomes = failed(connection, "landed_messages")
    failures, findings = _by_row(name, [o for o in outcomes if o.expectation.meta.scope == "row"])
    findings += [finding(name, o) for o in outcomes if o.expectation.meta.scope == "batch"]
    judgement = Judgement(extracted, failures, findings)
    if judgement.refusal is None:
        reasons = reasons_in_words(f for f in findings if f.severity == "critical")
        numbers = pa.table({"number": pa.array(sorted(failures), pa.int64())})
        connection.register("failing", numbers)
        fate = "(row_number in (from failing))::integer as is_quarantined"
        connection.execute(f"create table judged as select {fate} from landed")  # noqa: S608
        findings += [finding(name, o, {"reasons": reasons}) for o in failed(connection, "judged_messages")]
    return judgement


def failed(
    connection: duckdb.DuckDBPyConnection, suite: str, parameters: dict[str, Any] | None = None
) -> list[Outcome]:
    """The expectations of `suite` that do not hold for its table."""
    outcomes = validate(connection, read_suite(FOLDER / f"{suite}.yml"), parameters=parameters)
    return [outcome for outcome in outcomes if not outcome.is_met]


def finding(table: str, outcome: Outcome, values: dict[str, Any] | None = None) -> Finding:
    """What a failed expectation of the scope `batch` means, in words."""
    known = {"count": outcome.count, "observed": outcome.observed} | (outcome.rows[0] if outcome.rows else {})
    return _finding(table, outcome, fill(outcome.expectation.meta.reason, known | (values or {})), outcome.count)


def _by_row(name: str, outcomes: Sequence[Outcome]) -> tuple[dict[int, tuple[str, str]], list[Finding]]:
    """What is wrong with each row (all reasons, in the suite's order), and the findings with their counts."""
    judged: set[int] = set()  # rows whose other faults only follow from one that is decisive
    told: dict[int, list[tuple[str, str]]] = {}
    findings = []
    for outcome in outcomes:
        entry = outcome.expectation
        reasons = {
            row["row_number"]: fill(entry.meta.reason, row) for row in outcome.rows if row["row_number"] not in judged
        }
        if entry.meta.is_decisive:
            judged |= reasons.keys()
        if reasons:
            findings.append(_finding(name, outcome, next(iter(reasons.values())), len(reasons)))
        if entry.severity == "critical":
            for number, reason in reasons.items():
                told.setdefault(number, []).append((reason, entry.id))
    return {n: ("; ".join(r for r, _ in t), "; ".join(i for _, i in t)) for n, t in told.items()}, findings


def _finding(table: str, outcome: Outcome, reason: str, count: int) -> Finding:
    entry = outcome.expectation
    return Finding(entry.id, entry.severity, entry.meta.scope, table, reason, count)


def _misfits(found: pa.Schema) -> list[str]:
    """How columns differ from landing's. Their order, further columns and those that came later do not matter."""
    expected = set(SCHEMA.names) - set(LATER)
    missing = [f"{field.name} is missing" for field in SCHEMA if field.name in expected - set(found.names)]
    return missing + [
        f"{field.name} is {found.field(field.name).type}"
        for field in SCHEMA
        if field.name in found.names and found.field(field.name).type != field.type
    ]


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
