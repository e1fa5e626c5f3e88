"""Extract: read what is new at one source and land it, through dlt, with the source's cursor in dlt's state."""

import logging
import os
from dataclasses import dataclass
from typing import Any

# Before dlt is imported: it would ask Airflow for hundreds of Variables, one request each, and report its use.
os.environ.update(PROVIDERS__ENABLE_AIRFLOW_SECRETS="false", RUNTIME__DLTHUB_TELEMETRY="false")
# Streams one after the other: conversations need what the timelines found, and nothing waits in memory for its turn.
os.environ["EXTRACT__NEXT_ITEM_MODE"] = "fifo"

import dlt
from dlt.destinations import filesystem
from dlt.pipeline.exceptions import PipelineStepFailed

from resonanz.budget import Budget
from resonanz.errors import Kind, ResonanzError, SourceError
from resonanz.lake import Batch
from resonanz.platforms import Context, platform
from resonanz.settings import Settings, Source
from resonanz.sources import options

log = logging.getLogger(__name__)
LAYOUT = "{table_name}/{load_id}/{file_id}.{ext}"


@dataclass(frozen=True)
class Extraction:
    """What one extraction of one source brought: its new batches, and the parts that failed."""

    batches: list[Batch]
    problems: list[SourceError]


def prepare(settings: Settings, source: Source) -> tuple[Context, list[Any]]:
    """Validate the source's options and build its dlt resources; raises ConfigError with file, field, cure."""
    chosen: Any = options(settings, source)
    context = Context(
        source=source.name,
        base=settings.file.parent,
        privacy=settings.privacy(getattr(chosen, "company_accounts", None)),
        token=settings.credential(source),
        budget=Budget(source.budget, settings.lake.usage(source.name)),
        memory=settings.lake.memory(source.name),
    )
    return context, list(platform(source.platform).streams(chosen, context))


def extract(settings: Settings, name: str) -> Extraction:
    """Land what is new at source `name`.

    A part of the source that fails (one file, one thread) is in `problems`; the rest has landed. Raises
    SourceError or ConfigError where the source as a whole could not be read; nothing has moved then.
    """
    source = settings.source(name)
    known = set(settings.lake.batches(name))
    context, streams = prepare(settings, source)
    pipeline = _pipeline(settings, name)
    _run(pipeline, None)  # a package that an earlier run was killed over goes first
    try:
        _run(pipeline, dlt.source(lambda: streams, name=name)())
        for landed in context.on_landed:
            landed()
    finally:
        for ended in [context.budget.flush, *context.on_ended]:
            ended()
    new = [batch for batch in settings.lake.batches(name) if batch not in known]
    return Extraction(new, context.problems)


def _pipeline(settings: Settings, name: str) -> dlt.Pipeline:
    settings.lake.landing.mkdir(parents=True, exist_ok=True)
    return dlt.pipeline(
        pipeline_name=name,
        pipelines_dir=str(settings.lake.pipelines),
        destination=filesystem(bucket_url=settings.lake.landing.as_uri(), layout=LAYOUT),
        dataset_name=name,
    )


def _run(pipeline: dlt.Pipeline, data: Any) -> None:
    try:
        pipeline.run(data, loader_file_format="parquet")
    except PipelineStepFailed as error:
        raise _cause(error) from error


def _cause(error: BaseException) -> ResonanzError:
    """The fault in our own words, from below dlt's wrapping."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, ResonanzError):
            return below
        last, below = below, below.__cause__ or below.__context__
    return SourceError(Kind.TRANSIENT, f"{type(last).__name__}: {last}")
