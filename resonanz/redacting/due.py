"""Which messages are due to be redacted. Noted in the transaction that loads a batch, so that no crash forgets one."""

import logging
from collections.abc import Sequence
from pathlib import Path

import duckdb

from resonanz.guarding.quarantine import landed
from resonanz.lake import Batch, Lake
from resonanz.versions import IS_BARE, MARKED, TAKEN_BACK, deleted_messages, fates, is_from_file

log = logging.getLogger(__name__)

# Sightings in the batch that a deletion takes back, loaded or not, and messages whose deletion the batch brought:
# their other sightings lie in other batches.
_NOTE = """
create or replace temporary table found as
with sightings as (
    select
        platform, native_id, observed_at, $load_id as load_id, row_number, $source as source, $stream as stream,
        coalesce(is_deleted, false) as is_deleted, $is_from_file as is_from_file, text, payload
    from {sightings}
),
asked as (
    select distinct platform, native_id from sightings semi join ({deleted}) as known using (platform, native_id)
),
fate as (
    {fates}
)
select platform, native_id
from sightings join fate using (platform, native_id)
where not {marked} and case when is_deleted then text is not null or not {is_bare} else {taken_back} end
"""
_BROUGHT = """
insert into found
select platform, native_id from raw.{connector}
where is_deleted and load_id = $load_id and source = $source and stream = $stream
"""
_ENTER = """
insert into redaction.due
select distinct on (platform, native_id) platform, native_id, uuid()::varchar as salt
from found anti join redaction.due using (platform, native_id)
"""


def note(warehouse: duckdb.DuckDBPyConnection, batch: Batch, files: Sequence[Path], connector: str) -> None:
    """Enter the messages that are due because of `batch`, whose sightings lie in `files`, into redaction.due."""
    names = {"load_id": batch.load_id, "source": batch.source, "stream": batch.stream}
    query = _NOTE.format(
        sightings=landed(files),
        deleted=deleted_messages(),
        fates=fates("from asked"),
        marked=MARKED,
        is_bare=IS_BARE,
        taken_back=TAKEN_BACK,
    )
    warehouse.execute(query, names | {"is_from_file": is_from_file(connector)})
    warehouse.execute(_BROUGHT.format(connector=connector), names)
    warehouse.execute(_ENTER)


def note_kept_out(warehouse: duckdb.DuckDBPyConnection, lake: Lake, batch: Batch, connector: str) -> None:
    """The same for a batch that is not loaded: all of its rows that can be read lie in quarantine."""
    quarantine = lake.quarantine(batch)
    if connector in _connectors(warehouse) and quarantine.exists():
        try:
            note(warehouse, batch, [quarantine], connector)
        except duckdb.Error as error:
            log.warning("%s cannot be searched for deleted messages: %s", batch, str(error).splitlines()[0])


def _connectors(warehouse: duckdb.DuckDBPyConnection) -> set[str]:
    found = warehouse.execute("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall()
    return {name for (name,) in found}
