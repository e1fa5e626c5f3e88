"""The extract task. Where a platform asks to wait for long, it defers, and holds no worker meanwhile."""

import logging
import random
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator

from resonanz.backfill import window_of
from resonanz.budget import Budget
from resonanz.errors import Kind, SourceError
from resonanz.platforms import Window
from resonanz.settings import is_scheduled, settings
from resonanz.stages import MAIN_JOB, NOTICES, failing_in_words

MOST_WAITS = 24  # of one run
LONGEST_WAIT = 2 * 3600.0  # seconds; what takes longer is left to the next scheduled run
LONGEST_IN_ALL = 6 * 3600.0  # seconds of waiting in one run
UNKNOWN_WAIT = 300.0  # seconds, where the platform does not tell
_MOST_WORDS = 30  # problems that are handed on; the log has all
_LONGEST_WORDS = 600  # characters of each

log = logging.getLogger(__name__)
notices = logging.getLogger(NOTICES)


@dataclass
class Progress:
    """What a run knows across its waits; kept by Airflow, as JSON.

    :param since: the window of a backfill, with `until`: ISO, UTC.
    :param waited: seconds in all.
    :param kept: problems of earlier rounds that no waiting cures, in words.
    """

    since: str | None = None
    until: str | None = None
    waits: int = 0
    waited: float = 0.0
    kept: list[str] = field(default_factory=list)

    @property
    def window(self) -> Window | None:
        if self.since is None or self.until is None:
            return None
        return Window(datetime.fromisoformat(self.since), datetime.fromisoformat(self.until))


class Extract(BaseOperator):
    """Lands what is new at `source`; returns the faults of single parts, in words. All else has landed.

    A run that Airflow backfills, or that has the parameters `from` and `to`, reads that range instead.
    """

    def __init__(self, *, source: str, **options: Any) -> None:
        super().__init__(**options)
        self.source = source

    def execute(self, context: Any) -> list[str]:
        """The first round."""
        progress = Progress()
        with failing_in_words():
            window = window_of(context, settings().source(self.source).schedule)
        if window is not None:
            progress.since, progress.until = window.since.isoformat(), window.until.isoformat()
            log.info("%s: backfill from %s until %s", self.source, progress.since, progress.until)
        return self._read(context, progress)

    def resume(self, context: Any, event: Any, progress: dict[str, Any]) -> list[str]:
        """A further round, after a wait; what an earlier one read has landed, and reading goes on from there."""
        return self._read(context, Progress(**progress))

    def _read(self, context: Any, progress: Progress) -> list[str]:
        from resonanz.extract import Extraction, extract  # dlt takes seconds

        nothing_read: SourceError | None = None
        with failing_in_words():
            try:
                result = extract(settings(), self.source, progress.window)
            except SourceError as error:
                if error.kind is not Kind.LIMIT:
                    raise
                nothing_read = error
                result = Extraction([], [error], spent=_books(self.source))
        log.info("%s: %d new batches landed; spent: %s", self.source, len(result.batches), result.spent)
        if settings().source(self.source).budget and result.spent != "nothing":
            notices.info("%s: spent: %s", self.source, result.spent)
        for notice in result.notices:
            notices.warning("%s: %s", self.source, notice)
        problems, left_to_next, wait = self._sorted(context, progress, result.problems)
        if wait is not None:
            self._defer(progress, problems, wait)
        for problem in left_to_next:
            notices.warning("%s: %s", self.source, problem.message)
        if nothing_read is not None and nothing_read in problems:
            with failing_in_words():
                raise nothing_read
        words = [f"[{problem.kind}] {problem.message}" for problem in problems]
        return _small([*progress.kept, *(word for word in words if word not in progress.kept)])

    def _sorted(
        self, context: Any, progress: Progress, problems: list[SourceError]
    ) -> tuple[list[SourceError], list[SourceError], float | None]:
        """Problems that fail the run; limits that the next scheduled run is left; seconds to wait, if it is worth it.

        A budget that is spent is no fault, and nothing to wait for. A backfill has no next run: what it could not
        read is a problem.
        """
        limits = [problem for problem in problems if problem.kind is Kind.LIMIT]
        spent = [problem for problem in limits if problem.code == "budget"]
        limits = [problem for problem in limits if problem not in spent]
        is_backfill = progress.window is not None
        may_wait = is_scheduled() and not str(context["run_id"]).startswith(MAIN_JOB)
        left_to_next = [] if is_backfill else list(spent)
        if limits and may_wait:
            wait = max(limit.retry_after or UNKNOWN_WAIT for limit in limits)
            wait *= random.uniform(1.0, 1.02)  # noqa: S311  sources of one platform do not come back all at once
            wait += random.uniform(1.0, 5.0)  # noqa: S311
            is_near = wait <= LONGEST_WAIT
            if is_near and progress.waits < MOST_WAITS and progress.waited + wait <= LONGEST_IN_ALL:
                return problems, left_to_next, wait
            if not is_near and not is_backfill:
                left_to_next += limits
        return [problem for problem in problems if problem not in left_to_next], left_to_next, None

    def _defer(self, progress: Progress, problems: list[SourceError], wait: float) -> NoReturn:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        moment = datetime.now(UTC) + timedelta(seconds=wait)
        for problem in problems:
            word = f"[{problem.kind}] {problem.message}"
            if not problem.is_retryable and word not in progress.kept:
                progress.kept.append(word)  # the cursor may be past it; what waiting can cure, the next round says
        log.info("%s: waits until %s, then goes on", self.source, f"{moment:%Y-%m-%d %H:%M:%S} UTC")
        progress.kept = _small(progress.kept)
        progress.waits, progress.waited = progress.waits + 1, progress.waited + wait
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="resume", kwargs={"progress": asdict(progress)})
        raise AssertionError("defer always raises")


def _books(source: str) -> str:
    """All that stands in the source's books, where a run broke off before it could tell what it has spent itself."""
    standing = Budget(settings().source(source).budget, settings().lake.usage(source)).standing()
    return "; ".join(f"{name}: {spent:,} in all" for name, (spent, _) in standing.items()) or "nothing"


def _small(words: list[str]) -> list[str]:
    """So many problems as a person reads; XCom is no log."""
    for word in words:
        log.warning("%s", word)
    cut = [word if len(word) <= _LONGEST_WORDS else f"{word[:_LONGEST_WORDS]} …" for word in words[:_MOST_WORDS]]
    return cut + ([f"and {len(words) - _MOST_WORDS} more, see the task's log"] if len(words) > _MOST_WORDS else [])
