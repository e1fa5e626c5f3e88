"""The warehouse's tables that stages write; dbt makes all others from them."""

import duckdb
import pyarrow as pa

from resonanz.landing import SCHEMA
from resonanz.platforms import PLATFORMS
from resonanz.versions import deleted_messages

_TYPES = {
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}
# No check or default here may call a function, `+` included: where such a table's columns have comments, DuckDB 1.5
# cannot replay its log after a crash, and the warehouse does not open any more (duckdb/duckdb#19712).
_TABLES = """
create schema if not exists raw;
create schema if not exists ops;
create schema if not exists enrichment;
create schema if not exists redaction;
create table if not exists ops.load_ledger (
    load_id varchar, source varchar, stream varchar,
    extracted bigint not null, duplicates bigint not null, quarantined bigint not null, loaded bigint not null,
    status varchar not null check (status in ('loaded', 'refused', 'failed')), reason varchar,
    started_at timestamptz, finished_at timestamptz not null,
    primary key (load_id, source, stream),
    check (loaded >= 0), check (duplicates >= 0), check (quarantined >= 0)
);
comment on table ops.load_ledger is
    'What became of every row of every load: extracted = loaded + duplicates + quarantined.';
comment on column ops.load_ledger.load_id is 'The load: the second at which it began, as seconds since 1970.';
comment on column ops.load_ledger.source is 'Name of the source in sources.toml.';
comment on column ops.load_ledger.stream is 'The stream of that source.';
comment on column ops.load_ledger.extracted is 'Rows that were read from the platform.';
comment on column ops.load_ledger.duplicates is
    'Rows that say the same as the version of the message that was known just before.';
comment on column ops.load_ledger.quarantined is 'Rows kept out, with their reasons in quarantine/.';
comment on column ops.load_ledger.loaded is 'Rows that went into the warehouse: new messages and new versions.';
comment on column ops.load_ledger.status is
    'loaded; refused: the guard kept the whole batch out; failed: it could not be read after it was admitted.';
comment on column ops.load_ledger.reason is 'Why it was refused or failed, in words.';
comment on column ops.load_ledger.started_at is 'When the extraction began, UTC.';
comment on column ops.load_ledger.finished_at is 'When this row was written, UTC.';
create table if not exists ops.redactions (
    redacted_at timestamptz not null, messages bigint not null, sightings bigint not null, batches bigint not null
);
comment on table ops.redactions is
    'When what deleted messages had said was removed from landing, quarantine and warehouse. One row per removal.';
comment on column ops.redactions.redacted_at is 'When the removal was done, UTC.';
comment on column ops.redactions.messages is 'Deleted messages of which something was removed.';
comment on column ops.redactions.sightings is 'Rows in landing and quarantine that lost their text.';
comment on column ops.redactions.batches is 'Batches that were written anew without it.';
create table if not exists redaction.remains (since timestamptz);
create table if not exists enrichment.sentiment (
    text_hash varchar, language varchar, language_confidence double, sentiment varchar,
    p_negative double, p_neutral double, p_positive double, confidence double,
    is_abstained boolean, abstain_reason varchar, model_id varchar, model_revision varchar, scored_at timestamptz,
    primary key (text_hash, model_id, model_revision)
);
create table if not exists enrichment.current_model (
    model_id varchar, model_revision varchar, since timestamptz
);
"""


def create_tables(warehouse: duckdb.DuckDBPyConnection) -> None:
    """The schemas and tables that stages write, made where they are missing, with the columns that they lack."""
    columns = {field.name: _TYPES[field.type] for field in SCHEMA}
    columns |= dict.fromkeys(("source", "stream", "load_id", "row_hash"), "varchar") | {"loaded_at": "timestamptz"}
    warehouse.execute(_TABLES)
    for connector in PLATFORMS:
        declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        warehouse.execute(f"create table if not exists raw.{connector} ({declared})")
        for name in columns.keys() - _names(warehouse, connector):
            warehouse.execute(f"alter table raw.{connector} add column {name} {columns[name]}")
    # A warehouse that is older than this table may know of deletions; they are due.
    due = f"select platform, native_id, uuid()::varchar as salt from ({deleted_messages()})"  # noqa: S608  names of ours
    warehouse.execute(f"create table if not exists redaction.due as {due}")


def _names(warehouse: duckdb.DuckDBPyConnection, connector: str) -> set[str]:
    return {name for name, *_ in warehouse.execute(f"describe raw.{connector}").fetchall()}
