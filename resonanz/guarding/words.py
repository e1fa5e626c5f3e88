"""What the guard found, in words that a person can act on."""

import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from resonanz.guarding.verdict import Finding, Verdict

_SHORT = 80
_LONG = 500
# What would break a line or a terminal. Real values: these come from outside.
_CONTROL = dict.fromkeys([*range(32), *range(127, 160), 8232, 8233], " ")


class _Word:
    """One value: `{name}` quotes it and keeps it short, `{name!s}` takes it as it is."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __str__(self) -> str:
        return _clean(str(self.value), _LONG)

    def __format__(self, specification: str) -> str:
        if self.value is None:
            return "missing"
        if isinstance(self.value, datetime):
            return f"{self.value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if isinstance(self.value, str):
            return f'"{_clean(self.value, _SHORT)}"'
        return f"{self.value:,}" if isinstance(self.value, int | float) else str(self)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """`template` with the values of one row: `kind is {kind}` becomes `kind is "tweet"`."""
    return template.format_map({name: _Word(value) for name, value in values.items()})


def verdict_in_words(verdict: Verdict) -> str:
    """A batch's verdict in one line: what was let in, what was not, and the most frequent reasons."""
    if verdict.status == "refused":
        rows = f" Its rows ({verdict.extracted:,}) lie in {verdict.quarantine}." if verdict.extracted else ""
        return f"{verdict.batch} refused: {_sentence(verdict.reason or '')}{rows}"
    words = f"{verdict.batch} admitted: {verdict.extracted - verdict.quarantined:,} of {verdict.extracted:,} rows"
    if verdict.quarantined:
        failures = [finding for finding in verdict.findings if finding.severity == "critical"]
        words += f"; {verdict.quarantined:,} to {verdict.quarantine}: {reasons_in_words(failures)}"
    if warnings := [finding for finding in verdict.findings if finding.severity != "critical"]:
        words += f"; let in with a warning: {reasons_in_words(warnings)}"
    return words


def reasons_in_words(findings: Iterable[Finding], most: int = 3) -> str:
    """The most frequent reasons with their number of rows, each with the first row's value as the example."""
    chosen = sorted(findings, key=lambda finding: -finding.count)
    told = [f"{finding.count:,}× {finding.reason}" for finding in chosen[:most]]
    more = len(chosen) - most
    return "; ".join(told) + (f"; and {more} more reasons" if more > 0 else "")


def _clean(text: str, most: int) -> str:
    return textwrap.shorten(text[: 4 * most].translate(_CONTROL), most, placeholder=" …") or text[:most].strip()


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
