"""`resonanz sources`: which sources there are, and whether their tokens, permissions and quotas suffice."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from resonanz.budget import Budget
from resonanz.credentials import Credentials
from resonanz.errors import WHO_ACTS, ConfigError, ResonanzError, SourceError
from resonanz.extract import connect
from resonanz.lock import held
from resonanz.platforms import Check, Context, platform
from resonanz.settings import Settings, Source
from resonanz.sources import budget


@dataclass(frozen=True)
class Finding:
    """One thing that was asked for at one source; `problem` says what is wrong and the cure."""

    source: str
    subject: str
    words: str
    problem: str | None = None

    def __str__(self) -> str:
        state = "FAIL" if self.problem else "ok"
        return f"{state:<4}  {self.source}: {self.subject}: {self.words}" + (
            f" → {self.problem}" if self.problem else ""
        )


def check(settings: Settings, names: Sequence[str] = ()) -> int:
    """Print a line per finding for the sources called `names`, or all; exit status 1 where something fails."""
    sources = [settings.source(name) for name in names] or settings.sources
    failed = 0
    for source in sources:
        for finding in findings(settings, source):
            print(finding, flush=True)
            failed += finding.problem is not None
    print(f"\n{len(sources)} source(s) asked, " + (f"{failed} thing(s) to mend" if failed else "nothing to mend"))
    return 1 if failed else 0


def show(settings: Settings) -> int:
    """Print a line per source: its name, platform, schedule and budget."""
    rows = [("source", "platform", "schedule", "budget")]
    for source in settings.sources:
        budget = ", ".join(f"{name} = {limit:,}" for name, limit in source.budget.items())
        rows.append((source.name, source.platform, source.schedule or "", budget))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def findings(settings: Settings, source: Source) -> Iterator[Finding]:
    """What the platform says to the source's own credentials, then its budget. A fault is a finding, never raised."""
    with ExitStack() as stack:
        try:
            chosen, context = connect(settings, source)
        except ConfigError as error:
            yield Finding(source.name, "configuration", "cannot be used", str(error))
            return
        context.memory = None  # that is a run's business
        try:
            stack.enter_context(held(settings.lake.lock(source.name), f"source {source.name}"))
        except SourceError:
            context.budget = budget(settings, source, is_kept=False)  # the run that is at work writes the real one
        for found in _asked(source, chosen, context):
            plain = _plain(source, context, found)
            yield Finding(source.name, plain.subject, plain.words, plain.problem)
        context.budget.flush()
    yield from _budget(source, budget(settings, source))


def _asked(source: Source, chosen: Any, context: Context) -> Iterator[Check]:
    ask = getattr(platform(source.platform), "check", None)
    if ask is None:
        yield Check("configuration", f"is valid; {source.platform} cannot be asked for more")
        return
    try:
        yield from ask(chosen, context)
    except SourceError as error:
        yield Check(error.kind, WHO_ACTS[error.kind], error.message)
    except ResonanzError as error:
        yield Check("configuration", "cannot be used", str(error))
    except Exception as error:
        yield Check("check", "could not be made", f"{type(error).__name__}; this is a fault in Resonanz: report it")


def _plain(source: Source, context: Context, found: Check) -> Check:
    """Without tokens and handles, whatever the platform said."""
    signed_in = Credentials(context.token, dict(context.secrets))

    def plain(words: str) -> str:
        return context.privacy.text(source.platform, signed_in.hidden_in(words))

    return Check(plain(found.subject), plain(found.words), plain(found.problem) if found.problem else None)


def _budget(source: Source, budget: Budget) -> Iterator[Finding]:
    for name, (spent, limit) in budget.standing().items():
        unit, period = name.split("_per_")
        if limit is None:
            yield Finding(source.name, f"budget {unit}", f"{spent:,} spent this month, not limited")
            continue
        words = f"{spent:,} spent this {period}, {max(0, limit - spent):,} of {limit:,} left"
        problem = None if spent < limit else f"wait for the next {period}, or raise {name} in sources.toml"
        yield Finding(source.name, f"budget {unit}", words, problem)
