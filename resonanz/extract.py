"""Extract: read what is new at one source and land it, through dlt, with the source's cursor in dlt's state."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from resonanz.credentials import Credentials
from resonanz.errors import SourceError
from resonanz.lake import Batch
from resonanz.lock import held
from resonanz.pipelines import Pipeline
from resonanz.platforms import Context, Window, platform
from resonanz.settings import Settings, Source
from resonanz.sources import budget, options


@dataclass(frozen=True)
class Extraction:
    """What one extraction of one source brought.

    :param batches: its new batches.
    :param problems: the parts that failed; everything else has landed.
    :param notices: what somebody should know although nothing failed, in words.
    :param spent: requests, posts and quota units of this run, in words.
    """

    batches: list[Batch]
    problems: list[SourceError]
    notices: list[str] = field(default_factory=list)
    spent: str = "nothing"


def connect(settings: Settings, source: Source, window: Window | None = None) -> tuple[Any, Context]:
    """The source's validated options and what its platform file works with; raises ConfigError with the cure."""
    chosen: Any = options(settings, source)
    found = settings.credentials(source)
    return chosen, Context(
        source=source.name,
        base=settings.file.parent,
        privacy=settings.privacy(getattr(chosen, "company_accounts", None)),
        token=found.token,
        secrets=found.secrets,
        window=window,
        budget=budget(settings, source),
        memory=settings.lake.memory(source.name) if window is None else settings.lake.backfill_memory(source.name),
    )


def extract(settings: Settings, name: str, window: Window | None = None) -> Extraction:
    """Land what is new at source `name`, or with `window` what was said in it, whatever the running cursor says.

    A part of the source that fails (one file, one thread) is in `problems`; the rest has landed. Raises
    SourceError or ConfigError where the source as a whole could not be read, or another run is reading it;
    nothing has moved then. No words hold a token or a private handle.
    """
    source = settings.source(name)
    with held(settings.lake.lock(name), f"source {name}"):
        known = set(settings.lake.batches(name))
        chosen, context = connect(settings, source, window)
        plain = _plain(settings, source, context)
        try:
            pipeline = Pipeline(settings, name, window)
            _land(pipeline, list(platform(source.platform).streams(chosen, context)), context)
        except SourceError as error:
            raise _reworded(error, plain) from None
        return Extraction(
            batches=[batch for batch in settings.lake.batches(name) if batch not in known],
            problems=[_reworded(problem, plain) for problem in context.problems],
            notices=[plain(notice) for notice in context.notices],
            spent=context.budget.in_words(),
        )


def _land(pipeline: Pipeline, streams: list[Any], context: Context) -> None:
    try:
        with _few_collections():
            pipeline.land(streams)
        for landed in context.on_landed:
            landed()
    finally:
        for ended in [context.budget.flush, *context.on_ended]:
            ended()
    if not any(problem.is_retryable for problem in context.problems):
        pipeline.finish()


@contextmanager
def _few_collections() -> Iterator[None]:
    """Python's garbage collector looks at all that was imported again and again while rows pass through by the
    thousand, none of which is in a circle: a tenth of the time of an extraction."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _plain(settings: Settings, source: Source, context: Context) -> Callable[[str], str]:
    """What takes tokens and handles out of words that a platform may have put them into; who stands in sources.toml
    is named, so that somebody can find the place."""
    signed_in = Credentials(context.token, dict(context.secrets))
    named = settings.privacy([*context.privacy.company_accounts, *_strings(source.options)])
    return lambda words: named.text(source.platform, signed_in.hidden_in(words))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _reworded(error: SourceError, plain: Callable[[str], str]) -> SourceError:
    return SourceError(error.kind, plain(error.message), retry_after=error.retry_after, code=error.code)
