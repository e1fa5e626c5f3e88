"""Redact: what deleted messages said is taken out of landing, quarantine and raw, wherever it was ever seen.

Loading notes which messages are due (resonanz/redacting/due.py). Their note is struck out in the transaction that
clears the warehouse, after every file is rewritten, so a run that is killed is simply done again. What dbt made of
them goes when dbt builds its tables anew, and what is left of all that in the file's free space with `compact`.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from resonanz.errors import StageError
from resonanz.lake import Batch, Lake, read_json
from resonanz.platforms import PLATFORMS
from resonanz.redacting.batches import Redactor
from resonanz.redacting.deletions import Deletions, read
from resonanz.redacting.payloads import without
from resonanz.versions import BARE_URL, IS_BARE, MARKED, REDACTED, TAKEN_BACK, fates, is_from_file
from resonanz.warehouse import open_warehouse, transaction
from resonanz.warehouse_tables import create_tables

log = logging.getLogger(__name__)

_IN_RAW = """
create or replace temporary table in_raw as
select '{connector}' as connector, sighting.rowid as row_id, sighting.platform, sighting.native_id, salt
from (select rowid, *, {is_from_file} as is_from_file from raw.{connector}) as sighting
join fate using (platform, native_id) join redaction.due using (platform, native_id)
where not {marked} and case when is_deleted then text is not null or not {is_bare} else {taken_back} end
"""
_CLEAR = """
update raw.{connector} as sighting set
    text = null,
    author_name = null,
    url = {bare_url},
    payload = case when is_deleted then '{redacted}}}'
        else '{redacted}, "version": "' || sha256(salt || row_hash) || '"}}' end,
    row_hash = case when is_deleted then row_hash else sha256(salt || row_hash) end
from in_raw where sighting.rowid = row_id
"""


@dataclass(frozen=True)
class Redacted:
    """What was removed.

    :param messages: deleted messages of which something was removed.
    :param sightings: rows in landing and quarantine that lost their text.
    :param batches: batches that were written anew without it.
    """

    messages: int
    sightings: int
    batches: int

    def __str__(self) -> str:
        if not self.messages and not self.sightings:
            return "nothing to redact"
        return f"{self.messages:,} deleted messages redacted: {self.sightings:,} rows in {self.batches:,} batches"


def redact(lake: Lake) -> Redacted:
    """Take what deleted messages said out of every batch that was loaded or kept out, and out of raw.

    Reads nothing but a small table where nothing is due. Raises StageError where a file cannot be written anew; what
    was done stays, and the next call goes on.
    """
    with open_warehouse(lake) as warehouse:
        create_tables(warehouse)
        if warehouse.execute("select count(*) from redaction.due").fetchone() == (0,):
            return Redacted(0, 0, 0)
        try:
            deletions = read(warehouse)
            sightings, batches = _clear_files(lake, warehouse, deletions)
            done = _clear_warehouse(warehouse, deletions, sightings, batches)
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StageError(
                f"Deleted messages could not be redacted: {said}. The next run goes on with it."
            ) from error
    log.info("%s", done)
    return done


def _clear_files(lake: Lake, warehouse: duckdb.DuckDBPyConnection, deletions: Deletions) -> tuple[int, int]:
    sightings = batches = 0
    for batch, connector in _taken_up(lake, warehouse):
        place = (batch.load_id, batch.source, batch.stream)
        redactor = Redactor(warehouse, deletions, place, is_from_file=is_from_file(connector))
        rows = 0
        for file in [*batch.files, *_existing(lake.quarantine(batch))]:
            try:
                rows += redactor.rewrite(file)
            except pa.ArrowInvalid as error:  # the guard told of it, and keeps what can be read of it in quarantine
                log.warning("%s is damaged and cannot be searched for deleted messages: %s", file, error)
        if rows:
            log.info("%s: %d rows redacted", batch, rows)
        sightings += rows
        batches += bool(rows)
    return sightings, batches


def _taken_up(lake: Lake, warehouse: duckdb.DuckDBPyConnection) -> Iterator[tuple[Batch, str]]:
    """Batches with a verdict and a ledger row, and their connectors. What the guard reads at this moment is left alone:
    loading it looks for deleted messages again."""
    known = set(warehouse.execute("select load_id, source, stream from ops.load_ledger").fetchall())
    for batch in lake.batches():
        admission = read_json(lake.admission(batch))
        if admission is not None and (batch.load_id, batch.source, batch.stream) in known:
            yield batch, admission["platform"]


def _existing(file: Path) -> list[Path]:
    return [file] if file.exists() else []


def _clear_warehouse(
    warehouse: duckdb.DuckDBPyConnection, deletions: Deletions, sightings: int, batches: int
) -> Redacted:
    warehouse.execute(f"create or replace temporary table fate as {fates('from redaction.due')}")
    messages: set[tuple[str, str]] = set()
    with transaction(warehouse):
        for connector in PLATFORMS:
            messages |= _clear_raw(warehouse, connector)
            _clear_carriers(warehouse, connector, deletions)
        warehouse.execute(f"delete from enrichment.sentiment where text_hash not in ({_live_hashes()})")  # noqa: S608
        done = Redacted(len(messages), sightings, batches)
        now = datetime.now(UTC)
        if messages or sightings:
            warehouse.execute(
                "insert into ops.redactions values (?, ?, ?, ?)", [now, len(messages), sightings, batches]
            )
            warehouse.execute("insert into redaction.remains values (?)", [now])
        warehouse.execute("delete from redaction.due")
    return done


def _clear_raw(warehouse: duckdb.DuckDBPyConnection, connector: str) -> set[tuple[str, str]]:
    parts = {"connector": connector, "is_from_file": is_from_file(connector), "bare_url": BARE_URL}
    parts |= {"marked": MARKED, "is_bare": IS_BARE, "taken_back": TAKEN_BACK, "redacted": REDACTED}
    warehouse.execute(_IN_RAW.format(**parts))
    found = warehouse.execute("select distinct platform, native_id from in_raw").fetchall()
    if found:
        warehouse.execute(_CLEAR.format(**parts))
    return {(platform, name) for platform, name in found}


def _clear_carriers(warehouse: duckdb.DuckDBPyConnection, connector: str, deletions: Deletions) -> None:
    """What deleted messages say in the payloads of others."""
    if not deletions.carrying:
        return
    platforms, names = zip(*sorted(deletions.carrying), strict=True)
    carrying = pa.table({"platform": platforms, "native_id": names})  # noqa: F841  DuckDB finds it by its name
    query = f"select rowid, platform, native_id, text, payload from raw.{connector} semi join carrying using (platform, native_id) where not {MARKED}"  # noqa: S608, E501
    news: dict[str, list[str | int]] = {"row_id": [], "cleared": []}
    for row_id, platform, name, text, payload in warehouse.execute(query).fetchall():
        gone, said = deletions.gone.get(platform, ()), deletions.said.get((platform, name), ())
        if payload and (cleared := without(payload, gone, said, text)) is not None:
            news["row_id"].append(row_id)
            news["cleared"].append(cleared)
    if news["row_id"]:
        changed = pa.table(news)  # noqa: F841
        warehouse.execute(
            f"update raw.{connector} as sighting set payload = cleared from changed where sighting.rowid = row_id"  # noqa: S608
        )


def _live_hashes() -> str:
    return " union ".join(
        f"select sha256(text) from raw.{connector} where text is not null"  # noqa: S608
        for connector in PLATFORMS
    )
