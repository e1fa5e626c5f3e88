"""Which range a backfill reads: that of an Airflow backfill run, or the one that `from` and `to` of a run name."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from resonanz.errors import ConfigError
from resonanz.platforms import Window

FROM, TO = "from", "to"


def window_of(context: Mapping[str, Any], schedule: str | None) -> Window | None:
    """The window that a run of an extract DAG is to read; None for a usual run.

    :param context: Airflow's context of a task.
    :param schedule: the DAG's schedule.
    """
    run, parameters, now = context["dag_run"], context["params"], datetime.now(UTC)
    window = from_parameters(parameters.get(FROM), parameters.get(TO), now)
    if run.run_type != "backfill":
        return window
    if window is not None:
        raise ConfigError(
            f"a backfill takes its range from Airflow; leave out `{FROM}` and `{TO}`, or trigger one run with them"
        )
    return from_schedule(run.logical_date.astimezone(context["dag"].timezone), str(schedule), now)


def from_parameters(first: Any, last: Any, now: datetime) -> Window | None:
    """The window of the days `first` to `last` (ISO dates, both included, UTC); None where neither is given.

    Without `last` it ends now, and never later. Raises ConfigError with the cure for dates that make no range.
    """
    if not first and not last:
        return None
    if not first:
        raise ConfigError(f"`{TO}` is given without `{FROM}`; name the first day as well, for instance 2026-01-01")
    since = _day(FROM, first)
    until = _day(TO, last) if last else now.date()
    if since > until:
        raise ConfigError(f"`{FROM}` ({since}) is after `{TO}` ({until}); exchange them")
    for name, day in ((FROM, since), (TO, until)):
        if day > now.date():
            raise ConfigError(f"`{name}` ({day}) is in the future; the last day that can be read is {now.date()}")
    return _window(_midnight(since), _midnight(until + timedelta(days=1)), now)


def from_schedule(logical_date: datetime, schedule: str, now: datetime) -> Window:
    """The window of one run of an Airflow backfill: from its logical date to the schedule's next tick.

    :param logical_date: aware; the schedule's ticks are counted in its time zone.
    :param schedule: cron line or preset.
    """
    from croniter import croniter  # type: ignore[import-untyped]  # Airflow's own reader of schedules

    following: datetime = croniter(schedule, logical_date).get_next(datetime)
    if logical_date >= now:
        raise ConfigError(f"{logical_date:%Y-%m-%d %H:%M %Z} is in the future; a backfill reads what is past")
    return _window(logical_date, following, now)


def _window(since: datetime, until: datetime, now: datetime) -> Window:
    """Aware, UTC; platforms refuse a range that ends in the future."""
    return Window(since.astimezone(UTC), min(until, now.replace(microsecond=0)).astimezone(UTC))


def _day(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise ConfigError(f"`{name}` is {str(value)[:40]!r}, which is no date; write it like 2026-01-31") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
