"""Points in time as exports write them: formats tried in order, a zone for what names none, an honest precision."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

NAMED = ("iso", "unix", "unix_ms")
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_ISO_MONTH = re.compile(r"\d{4}-\d{2}")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
_ISO_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2}|\d{8})[T ]\d{2}:?\d{2}.*")
_OFFSET_GAP = re.compile(r"\s+(?=(?:[+-]\d{2}:?\d{2}|Z)$)")
_DIRECTIVE = re.compile(r"%([a-zA-Z%])")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def check_format(form: str) -> str:
    """Return `form` if times can be read by it; raises ValueError that says what is wrong with it."""
    if form in NAMED:
        return form
    if "%" not in form:
        raise ValueError(f"{form!r} is no format; write {', '.join(NAMED)} or strptime codes such as '%d.%m.%Y %H:%M'")
    codes = set(_DIRECTIVE.findall(form))
    if "Z" in codes:
        raise ValueError(f"{form!r}: %Z (names such as CEST) is ambiguous; use %z for offsets, or time_zone")
    try:
        datetime.strptime("", form)
    except ValueError as error:
        if "bad directive" in str(error) or "stray %" in str(error):
            raise ValueError(f"{form!r}: {error}") from None
    if not codes & set("yYcx") or not codes & set("mbBjcx"):
        raise ValueError(f"{form!r} needs a year and a month; compose them with a template if they stand apart")
    if "I" in codes and "p" not in codes:
        raise ValueError(f"{form!r}: %I (12 hours) needs %p; for 24 hours write %H")
    return form


def check_zone(name: str) -> str:
    """Return `name` if it is an IANA time zone; raises ValueError with the nearest names."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # KeyError: ZoneInfoNotFoundError
        near = get_close_matches(name, available_timezones(), n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "write an IANA name such as Europe/Berlin"
        raise ValueError(f"there is no time zone {name!r}; {hint}") from None
    return name


def parse(value: object, formats: Sequence[str], zone: tzinfo) -> tuple[datetime, str]:
    """The instant in UTC that `value` names, and its precision (second, day or month).

    A calendar day or month is no instant: it stands at 00:00 UTC of its first day and is never moved by a zone,
    so that a review of April stays in April. Local times that occur twice (end of summer time) are the first
    of the two. Raises ValueError in words.
    """
    if isinstance(value, datetime):
        # pandas' nanosecond stamps are datetimes, too
        plain = datetime.combine(value.date(), value.time(), value.tzinfo)
        return _utc(plain, zone), "second"
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC), "day"
    text = str(value).strip()
    for form in formats:
        try:
            found = _read(text, form)
        except (ValueError, OverflowError, OSError):
            continue
        if found is None:
            continue
        instant, precision = found
        if precision != "second":
            return instant.replace(tzinfo=UTC), precision
        return _utc(instant, zone), precision
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    raise ValueError(f"{shown!r} fits no time format ({', '.join(formats)})")


def _read(text: str, form: str) -> tuple[datetime, str] | None:
    if form == "iso":
        return _iso(text)
    if form in ("unix", "unix_ms"):
        if not _NUMBER.fullmatch(text):
            return None
        seconds = float(text) / (1000 if form == "unix_ms" else 1)
        return datetime.fromtimestamp(seconds, UTC), "second"
    return datetime.strptime(text, form), precision(form)


def precision(form: str) -> str:
    """What a strptime format tells: second, day or month."""
    codes = set(_DIRECTIVE.findall(form))
    if codes & set("HIcX"):
        return "second"
    return "day" if codes & set("djx") else "month"


def _iso(text: str) -> tuple[datetime, str] | None:
    if _ISO_MONTH.fullmatch(text):
        return datetime.fromisoformat(f"{text}-01"), "month"
    if _ISO_DAY.fullmatch(text):
        return datetime.fromisoformat(text), "day"
    text = _OFFSET_GAP.sub("", text.removesuffix(" UTC") + "Z" if text.endswith(" UTC") else text)
    if _ISO_INSTANT.fullmatch(text):
        return datetime.fromisoformat(text), "second"
    return None


def _utc(instant: datetime, zone: tzinfo) -> datetime:
    try:
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:  # the first and last day of the calendar have no neighbours
        return _EARLIEST if instant.year == 1 else _LATEST
