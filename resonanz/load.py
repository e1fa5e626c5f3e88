"""Load: judged batches into raw.*, one transaction each, and what became of their rows into ops.load_ledger."""

import logging
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb

from resonanz.errors import StageError
from resonanz.guarding.quarantine import landed, scan, write_unreadable
from resonanz.lake import Batch, Lake, read_json
from resonanz.landing import SCHEMA
from resonanz.platforms import PLATFORMS
from resonanz.redacting.due import note, note_kept_out
from resonanz.versions import AS_DELETION, ROW_HASH, is_from_file
from resonanz.warehouse import open_warehouse, transaction
from resonanz.warehouse_tables import create_tables

log = logging.getLogger(__name__)

_COLUMNS = ", ".join(SCHEMA.names)

# A version is a duplicate where the one before it, in the order of observation, says the same. What is known comes
# before what comes in at the same instant. `known` is what any connector knows of these messages. A file that still
# has a deleted message says nothing new: its row counts as the deletion said once more.
_NEW = """
with known as (
    {known}
),
versions as (
    select * from known
    union all by name
    select
        platform, native_id, observed_at, row_number, row_hash, is_deleted,
        $is_from_file as is_from_file, true as is_incoming
    from incoming
),
placed as (
    select
        *,
        last_value(case when is_deleted then row_hash when not is_from_file then '' end ignore nulls)
            over (sightings rows between unbounded preceding and current row) as deletion
    from versions
    window sightings as (partition by platform, native_id order by observed_at, is_incoming, load_id, row_number)
),
told as (
    select * replace (if(is_from_file and deletion <> '', deletion, row_hash) as row_hash) from placed
),
compared as (
    select
        row_number,
        is_incoming,
        row_hash is distinct from lag(row_hash) over (
            partition by platform, native_id order by observed_at, is_incoming, load_id, row_number
        ) as is_new
    from told
)
select incoming.*, $source as source, $stream as stream, $load_id as load_id, $now::timestamptz as loaded_at
from incoming
where row_number in (select row_number from compared where is_incoming and is_new)
order by row_number
"""
_KNOWN = """
    select
        platform, native_id, observed_at, load_id, row_number, row_hash, is_deleted,
        {is_from_file} as is_from_file, false as is_incoming
    from raw.{connector} semi join incoming using (platform, native_id)
"""


@dataclass(frozen=True)
class LedgerRow:
    """One row of ops.load_ledger: extracted = loaded + duplicates + quarantined."""

    load_id: str
    source: str
    stream: str
    extracted: int
    duplicates: int
    quarantined: int
    loaded: int
    status: Literal["loaded", "refused", "failed"]
    reason: str | None
    started_at: datetime
    finished_at: datetime

    def __str__(self) -> str:
        counts = (
            f"{self.extracted:,} extracted = {self.loaded:,} loaded + {self.duplicates:,} duplicates "
            f"+ {self.quarantined:,} quarantined"
        )
        why = f": {self.reason}" if self.reason else ""
        return f"{self.source}/{self.stream}/{self.load_id} {self.status}, {counts}{why}"


class _Unreadable(Exception):
    """A batch cannot be read as it was when the guard judged it."""


def load_pending(lake: Lake) -> list[LedgerRow]:
    """Load every judged batch that has no ledger row yet, oldest first; returns their ledger rows.

    Each batch is one transaction: killed at any moment, it is in the warehouse wholly or not at all, and the next
    call goes on. A batch that was refused or failed is taken up again when the guard has judged it anew since.

    Raises StageError at the end where a batch could not be read any more: it has a ledger row then (failed, all of
    its rows quarantined), and the others are loaded. Raises it at once where the warehouse cannot be written.
    """
    rows = []
    with open_warehouse(lake) as warehouse:
        try:
            create_tables(warehouse)
            for batch, admission in _pending(lake, warehouse):
                rows.append(_load(lake, warehouse, batch, admission))
                log.info("%s", rows[-1])
        except (duckdb.Error, OSError) as error:
            raise StageError(
                f"{lake.warehouse}: {str(error).splitlines()[0]}. What was loaded before stays; the rest is loaded "
                f"by the next run."
            ) from error
    if broken := [row for row in rows if row.status == "failed"]:
        raise StageError(
            f"{len(broken)} of {len(rows)} batches could not be loaded, the others are: " + "; ".join(map(str, broken))
        )
    return rows


def _pending(lake: Lake, warehouse: duckdb.DuckDBPyConnection) -> Iterator[tuple[Batch, dict[str, Any]]]:
    known = {
        tuple(key): (status, finished_at)
        for *key, status, finished_at in warehouse.execute(
            "select load_id, source, stream, status, finished_at from ops.load_ledger"
        ).fetchall()
    }
    for batch in lake.batches():
        admission = read_json(lake.admission(batch))
        if admission is None:
            continue
        status, finished_at = known.get((batch.load_id, batch.source, batch.stream), (None, None))
        if status is None or (
            status != "loaded" and datetime.fromisoformat(admission["judged_at"]) > finished_at.astimezone(UTC)
        ):
            yield batch, admission


def _load(lake: Lake, warehouse: duckdb.DuckDBPyConnection, batch: Batch, admission: dict[str, Any]) -> LedgerRow:
    if admission["status"] != "admitted":
        return _keep_out(lake, warehouse, batch, admission, "refused", admission["reason"])
    try:
        _read(lake, warehouse, batch, admission)
    except _Unreadable as error:
        reason = f"{error} Delete {lake.admission(batch)} to have it judged again."
        write_unreadable(lake, batch, reason, "batch_can_be_loaded", known=admission["extracted"])
        return _keep_out(lake, warehouse, batch, admission, "failed", reason)
    known = " union all ".join(
        _KNOWN.format(connector=connector, is_from_file=is_from_file(connector)) for connector in PLATFORMS
    )
    values = {"source": batch.source, "stream": batch.stream, "load_id": batch.load_id, "now": datetime.now(UTC)}
    values["is_from_file"] = is_from_file(admission["platform"])
    with transaction(warehouse):
        inserted = warehouse.execute(
            f"insert into raw.{admission['platform']} by name {_NEW.format(known=known)}", values
        ).fetchone()
        note(warehouse, batch, batch.files, admission["platform"])
        return _enter(warehouse, batch, admission, "loaded", loaded=inserted[0] if inserted else 0)


def _keep_out(
    lake: Lake,
    warehouse: duckdb.DuckDBPyConnection,
    batch: Batch,
    admission: dict[str, Any],
    status: Literal["refused", "failed"],
    reason: str,
) -> LedgerRow:
    note_kept_out(warehouse, lake, batch, admission["platform"])
    return _enter(warehouse, batch, admission, status, reason=reason)


def _read(lake: Lake, warehouse: duckdb.DuckDBPyConnection, batch: Batch, admission: dict[str, Any]) -> None:
    """The batch's good rows, with their hash, into the temporary table `incoming`."""
    if admission["platform"] not in PLATFORMS:
        raise _Unreadable(f"{batch}: there is no platform called {admission['platform']!r} (any more).")
    quarantine = lake.quarantine(batch)
    quarantined = scan([quarantine]) if admission["quarantined"] else "(select 0 as row_number where false)"
    try:
        warehouse.execute(f"""
            create or replace temporary table incoming as
            with good as (
                select landed.* from {landed(batch.files)} as landed anti join {quarantined} as held using (row_number)
            ),
            told as (
                select * replace ({AS_DELETION}) from good
            )
            select {_COLUMNS}, {ROW_HASH} as row_hash from told
        """)  # noqa: S608  names of ours and paths as literals
        (count,) = warehouse.execute("select count(*) from incoming").fetchone() or (0,)
    except duckdb.Error as error:
        if isinstance(error, duckdb.OutOfMemoryException) or "No space left" in str(error):
            raise
        raise _Unreadable(f"{batch} was admitted and cannot be read now: {str(error).splitlines()[0]}.") from error
    if count != admission["extracted"] - admission["quarantined"]:
        raise _Unreadable(
            f"{batch} has changed since it was judged: {count:,} rows without those in quarantine, "
            f"{admission['extracted']:,} - {admission['quarantined']:,} then."
        )


def _enter(
    warehouse: duckdb.DuckDBPyConnection,
    batch: Batch,
    admission: dict[str, Any],
    status: Literal["loaded", "refused", "failed"],
    *,
    loaded: int = 0,
    reason: str | None = None,
) -> LedgerRow:
    """Write the batch's ledger row; where it is not loaded, all of its rows are in quarantine."""
    extracted = admission["extracted"]
    quarantined = admission["quarantined"] if status == "loaded" else extracted
    row = LedgerRow(
        load_id=batch.load_id,
        source=batch.source,
        stream=batch.stream,
        extracted=extracted,
        duplicates=extracted - quarantined - loaded,
        quarantined=quarantined,
        loaded=loaded,
        status=status,
        reason=reason,
        started_at=datetime.fromisoformat(admission["started_at"]),
        finished_at=datetime.now(UTC),
    )
    warehouse.execute(f"insert or replace into ops.load_ledger values ({', '.join('?' * 11)})", astuple(row))  # noqa: S608
    return row
