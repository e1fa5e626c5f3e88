"""Landed batches and their quarantine files, written anew without what deleted messages said.

A file is read and written a few rows at a time and takes its place in one step, or stays as it was. Rows keep their
number, ids, times, metrics and flags, so that verdicts and the ledger stay true.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from resonanz.landing import LATER, ROWS_PER_TABLE
from resonanz.redacting.deletions import Deletions, Fate
from resonanz.redacting.payloads import names_one_of, without
from resonanz.versions import CONTENT_HASH, IS_BARE, REDACTED

_BLANKED = ("text", "author_name", "url", "payload", "reason", "parse_error")
_KEYS = ("platform", "native_id", "observed_at", "row_number", "is_deleted", *_BLANKED)


class Redactor:
    """Rewrites the files of one batch.

    :param warehouse: a connection in UTC, for the marks only.
    :param place: the batch's load id, source and stream.
    """

    def __init__(
        self,
        warehouse: duckdb.DuckDBPyConnection,
        deletions: Deletions,
        place: tuple[str, str, str],
        *,
        is_from_file: bool,
    ) -> None:
        self._warehouse, self._deletions = warehouse, deletions
        self._load_id, self._source, self._stream = place
        self._is_from_file = is_from_file
        self._ids = pa.array(sorted({name for _, name in deletions.fates.keys() | deletions.carrying}), pa.string())

    def rewrite(self, file: Path) -> int:
        """Take out what is due in `file`; returns how many rows lost something. A second call changes nothing."""
        if not self._concerns(file):
            return 0
        temporary = file.with_name(f"{file.name}.tmp")
        changed = 0
        try:
            with (
                pq.ParquetFile(file) as parquet,
                pq.ParquetWriter(temporary, parquet.schema_arrow, compression=_compression(parquet)) as writer,
            ):
                for batch in parquet.iter_batches(ROWS_PER_TABLE):
                    batch, count = self._redacted(batch)
                    writer.write_batch(batch)
                    changed += count
            if changed:
                _put(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)
        return changed

    def _concerns(self, file: Path) -> bool:
        """Whether a row may be one that is due, or carry one; reads nothing but ids."""
        with pq.ParquetFile(file) as parquet:
            if "native_id" not in parquet.schema_arrow.names:
                return False
            return any(
                self._chosen(batch.column("native_id")).true_count
                for batch in parquet.iter_batches(ROWS_PER_TABLE * 10, columns=["native_id"])
            )

    def _chosen(self, ids: pa.Array) -> pa.BooleanArray:
        # What could not be parsed has no id, and its payload must be looked at.
        return pc.or_(pc.is_in(ids.cast(pa.string()), value_set=self._ids), pc.is_null(ids))

    def _redacted(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
        names = batch.schema.names
        columns: dict[str, list[Any]] = {}
        changed = 0
        for index in pc.indices_nonzero(self._chosen(batch.column("native_id"))).to_pylist():
            row = {name: batch.column(name)[index].as_py() if name in names else None for name in _KEYS}
            news = self._news(row, batch.slice(index, 1))
            if not news:
                continue
            changed += 1
            for name, value in news.items():
                if name in names:
                    columns.setdefault(name, batch.column(name).to_pylist())[index] = value
        for name, values in columns.items():
            field = batch.schema.field(name)
            batch = batch.set_column(names.index(name), field, pa.array(values, field.type))
        return batch, changed

    def _news(self, row: dict[str, Any], alone: pa.RecordBatch) -> dict[str, Any]:
        """The columns of `row` that change, with their new values."""
        payload = row["payload"] or ""
        if payload.startswith(REDACTED):
            return {}
        place = (row["observed_at"], self._load_id, row["row_number"], self._source, self._stream)
        if row["native_id"] is None:
            return self._unparsed(row)
        if row["is_deleted"] and (row["platform"], row["native_id"]) in self._deletions.fates:
            return {} if row["text"] is None and self._is_bare(payload) else _blank(row, f"{REDACTED}}}")
        if fate := self._deletions.takes_back(row, place, is_from_file=self._is_from_file):
            return _blank(row, f'{REDACTED}, "version": "{self._mark(alone, fate)}"}}')
        key = (row["platform"], row["native_id"])
        if key not in self._deletions.carrying:
            return {}
        gone, said = self._deletions.gone.get(row["platform"], ()), self._deletions.said.get(key, ())
        cleared = without(payload, gone, said, row["text"])
        return {} if cleared is None else {"payload": cleared}

    def _unparsed(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row that could not be parsed; which message it is only its payload tells."""
        payload = row["payload"] or ""
        gone: Collection[str] = self._deletions.gone.get(row["platform"] or "", set())
        cleared = without(payload, gone)
        if cleared is None:
            return {}
        return _blank(row, f"{REDACTED}}}") if names_one_of(json.loads(payload), gone) else {"payload": cleared}

    def _is_bare(self, payload: str) -> bool:
        found = self._warehouse.execute(f"select {IS_BARE} from (select ? as payload)", [payload]).fetchone()  # noqa: S608
        return found == (True,)

    def _mark(self, row: pa.RecordBatch, fate: Fate) -> str:
        """Tells the versions of one message apart, and nothing about what they said once the salt is forgotten."""
        sighting = pa.Table.from_batches([row])  # noqa: F841  DuckDB finds it by its name
        later = ", ".join(f'null::varchar as "{name}"' for name in LATER)
        try:
            found = self._warehouse.execute(
                f"select sha256($salt || {CONTENT_HASH}) "  # noqa: S608
                f"from (select {later} where false union all by name from sighting)",
                {"salt": fate.salt},
            ).fetchone()
        except duckdb.Error:  # a batch of another shape: it is in quarantine as a whole
            return fate.salt
        return str(found[0]) if found else fate.salt


def _blank(row: dict[str, Any], payload: str) -> dict[str, Any]:
    """The row's new values; words about it keep what they say, unless they quote the text."""
    news: dict[str, Any] = {"text": None, "author_name": None, "payload": payload}
    news["url"] = row["url"] and row["url"].partition("?")[0].partition("#")[0]
    for name in ("reason", "parse_error"):
        if row[name] and row["text"] and row["text"].strip()[:80] in row[name]:
            news[name] = "the message was deleted"
    return news


def _compression(parquet: pq.ParquetFile) -> str:
    if not parquet.metadata.num_row_groups:
        return "snappy"
    name = str(parquet.metadata.row_group(0).column(0).compression).lower()
    return "none" if name == "uncompressed" else name


def _put(temporary: Path, file: Path) -> None:
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(file)
