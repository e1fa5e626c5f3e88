"""The dlt pipelines: one per source with its cursors, and one for the source's backfills with cursors of its own."""

import os
import shutil
from typing import Any

# Before dlt is imported: it would ask Airflow for hundreds of Variables, one request each, and report its use.
os.environ.update(PROVIDERS__ENABLE_AIRFLOW_SECRETS="false", RUNTIME__DLTHUB_TELEMETRY="false")
# What has landed is not kept a second time: deleted messages would live on there.
os.environ["LOAD__DELETE_COMPLETED_JOBS"] = "true"
# Streams one after the other: conversations need what the timelines found, and nothing waits in memory for its turn.
os.environ["EXTRACT__NEXT_ITEM_MODE"] = "fifo"

import dlt
from dlt.destinations import filesystem
from dlt.pipeline.exceptions import PipelineStepFailed

from resonanz.errors import Kind, ResonanzError, SourceError
from resonanz.lake import read_json, write_json
from resonanz.platforms import Window
from resonanz.settings import Settings

LAYOUT = "{table_name}/{load_id}/{file_id}.{ext}"


class Pipeline:
    """Lands the streams of source `name`; what a killed run left half done lands first.

    A backfill's cursors and memory last as long as its window is being read: a round that a limit cut short goes on
    where it stopped, and the next backfill starts afresh. They never reach landing, where the running ones have a copy.
    """

    def __init__(self, settings: Settings, name: str, window: Window | None = None) -> None:
        self._settings, self._name = settings, name
        self._schema = name if window is None else settings.lake.backfill(name).name
        self._pipeline = self._open(window)
        self._run(None)
        if window is not None:
            self._turn_to(window)

    def land(self, streams: list[Any]) -> None:
        """Read the dlt resources `streams` and land their rows; raises a ResonanzError, and has landed nothing then."""
        self._run(dlt.source(lambda: streams, name=self._schema)())

    def finish(self) -> None:
        """The backfill's window is read: forget how far. Does nothing to the running cursors."""
        if self._schema != self._name:
            self._marker.unlink(missing_ok=True)

    @property
    def _marker(self) -> Any:
        return self._settings.lake.backfills / f"{self._name}.json"

    def _turn_to(self, window: Window) -> None:
        asked = {"since": window.since.isoformat(), "until": window.until.isoformat()}
        if read_json(self._marker) != asked:
            shutil.rmtree(self._settings.lake.backfill(self._name), ignore_errors=True)
            write_json(self._marker, asked)
            self._pipeline = self._open(window)

    def _open(self, window: Window | None) -> dlt.Pipeline:
        lake = self._settings.lake
        lake.landing.mkdir(parents=True, exist_ok=True)
        folder = lake.pipelines if window is None else lake.backfills
        for landed in (folder / self._schema / "load" / "loaded").glob("*/completed_jobs/*"):
            landed.unlink()  # dlt was killed before it could, or came from a version that kept them
        pipeline = dlt.pipeline(
            pipeline_name=self._schema,
            pipelines_dir=str(folder),
            destination=filesystem(bucket_url=lake.landing.as_uri(), layout=LAYOUT),
            dataset_name=self._name,
        )
        if window is not None:
            pipeline.config.restore_from_destination = False
        return pipeline

    def _run(self, data: Any) -> None:
        try:
            self._pipeline.run(data, loader_file_format="parquet")
        except PipelineStepFailed as error:
            raise _cause(error) from error


def _cause(error: BaseException) -> ResonanzError:
    """The fault in our own words, from below dlt's wrapping."""
    below: BaseException | None = error
    last = error
    while below is not None:
        if isinstance(below, ResonanzError):
            return below
        last, below = below, below.__cause__ or below.__context__
    return SourceError(Kind.TRANSIENT, _unforeseen(last))


def _unforeseen(error: BaseException) -> str:
    """What an error that nobody foresaw says; of one that may quote a message or a name, where it came up."""
    if isinstance(error, OSError) or type(error).__module__.startswith("dlt."):
        return f"{type(error).__name__}: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"
