"""What the DAGs' tasks do: each takes the settings, calls one stage and reports in words.

Imports stand inside the functions: Airflow parses the DAG files again and again, and one task needs one stage only.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from resonanz.errors import ResonanzError, SourceError, StageError
from resonanz.settings import settings

log = logging.getLogger(__name__)

WAREHOUSE_POOL = "warehouse"  # one slot: DuckDB admits one writing process
SCORING_POOL = "default_pool"
RESCORE = "resonanz_rescore"  # the asset that starts a build although nothing new came in
MAIN_JOB = "run__"  # how the ids of runs begin that `make run` triggers: somebody waits for them at a terminal
NOTICES = "resonanz.notices"  # the logger of what somebody should know although nothing failed
RETRIES: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=10)}
SOON = 60.0  # seconds: what a platform allows again only later than that is not worth a retry


def admit(source: str) -> list[str]:
    """Judge the source's landed batches; returns the refusals, in words.

    Succeeds, and so emits the source's asset, only where a batch was admitted; skips where there was none.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    if not settings().lake.unjudged(source):
        raise AirflowSkipException(f"{source}: no new batch")

    from resonanz.guard import admit_pending  # Great Expectations takes seconds
    from resonanz.guarding.words import verdict_in_words

    with failing_in_words():
        verdicts = admit_pending(settings().lake, source, settings().source(source).platform)
        refusals = [verdict_in_words(verdict) for verdict in verdicts if verdict.status == "refused"]
        for verdict in verdicts:
            log.info(verdict_in_words(verdict))
        if len(refusals) == len(verdicts):
            raise ResonanzError("; ".join(refusals))
    return refusals


def report(source: str, problems: list[str] | None, refusals: list[str] | None) -> None:
    """Fail, with every reason, where a part of the source failed or was refused."""
    reasons = [*(problems or []), *(refusals or [])]
    with failing_in_words():
        if reasons:
            raise ResonanzError(f"{source}: {len(reasons)} part(s) failed, the rest went on: " + "; ".join(reasons))


def load() -> None:
    """Admitted batches into raw.*, one transaction each, with their ledger rows; deleted messages lose their words."""
    from resonanz.load import load_pending
    from resonanz.redact import redact

    with failing_in_words():
        try:
            for row in load_pending(settings().lake):
                log.info("%s", row)
        except StageError:
            redact(settings().lake)  # a batch that cannot be loaded keeps no deletion waiting
            raise
        log.info("%s", redact(settings().lake))


def prepare() -> list[str]:
    """dbt: staging and the one common message shape; then what is to be scored, in shards, whose names it returns."""
    from resonanz.score import plan
    from resonanz.transform import transform

    with failing_in_words():
        transform(settings().lake, "prepare")
        return plan(settings().lake, settings().sentiment)


def score(shard: str) -> None:
    """Sentiment and language for the texts of one shard. Needs no warehouse, so shards are scored side by side."""
    from resonanz.score import score

    with failing_in_words():
        log.info("shard %s: %d texts scored", shard, score(settings().lake, settings().sentiment, shard))


def marts() -> None:
    """The scores into the warehouse; dbt: core and the departments' marts, with their tests; then nothing that was
    redacted is in the warehouse."""
    from resonanz.compact import compact
    from resonanz.score import take
    from resonanz.transform import transform

    with failing_in_words():
        log.info("%s", take(settings().lake, settings().sentiment))
        transform(settings().lake, "marts")
        log.info("%s", compact(settings().lake))


def rescore() -> None:
    """Succeed, and so emit the asset that starts a build, only where texts wait for another model's score."""
    from airflow.sdk.exceptions import AirflowSkipException

    from resonanz.score import waiting

    with failing_in_words():
        texts = waiting(settings().lake, settings().sentiment)
    if not texts:
        raise AirflowSkipException("every text has the score of the configured model")
    log.info("%d texts wait for the score of the configured model", texts)


def guard() -> None:
    """Great Expectations on what is about to be published; a critical finding stops the run here."""
    from resonanz.guard import check_marts

    with failing_in_words():
        for finding in check_marts(settings().lake):
            log.warning("%s", finding)


def publish() -> None:
    """Swap the new published file in; readers see the old one or the new one, never something between."""
    from resonanz.publish import publish

    with failing_in_words():
        log.info("%s", publish(settings().lake))


@contextmanager
def failing_in_words() -> Iterator[None]:
    """Our own faults end the task with their message; where trying again soon cannot help, without a retry."""
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    try:
        yield
    except SourceError as error:
        is_soon = error.is_retryable and (error.retry_after or 0) <= SOON
        again = AirflowException if is_soon else AirflowFailException
        raise again(f"[{error.kind}] {error.message}") from None
    except ResonanzError as error:
        raise AirflowFailException(str(error)) from None
