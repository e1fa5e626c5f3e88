"""What X's problem bodies mean ("Response codes and errors" in X's documentation)."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from resonanz.budget import until_next
from resonanz.errors import Kind, SourceError
from resonanz.http_answers import Refusal
from resonanz.social.fields import mappings

INVALID = "invalid"  # the code of a refused parameter: "invalid <parameter> <value>"
NOT_FOUND = "resource-not-found"
GONE = frozenset({NOT_FOUND, "Not Found Error", "not-authorized-for-resource", "Authorization Error"})
_VALUE = re.compile(r"value \[([\w.]+)\]")
_CAPS = {"usage-capped", "UsageCapExceeded", "SpendCapReached"}


def explain(status: int, body: Any, headers: Mapping[str, str]) -> Refusal | None:
    """The fault in a problem (title, detail, type) or in an error of the older form (code, message)."""
    if not isinstance(body, Mapping):
        return None
    title, kind = str(body.get("title") or ""), str(body.get("type") or "").rsplit("/", 1)[-1]
    words = ": ".join(dict.fromkeys(word for word in (title, *_details(body)) if word))
    if not words:
        return None
    if title in _CAPS or kind in _CAPS:
        period = "day" if str(body.get("period")).casefold() == "daily" else "month"
        return Refusal(Kind.LIMIT, title or kind, words, until_next(period, datetime.now(UTC)))
    if status == 402 or title == "CreditsDepleted":
        return Refusal(Kind.PERMISSION, title or "402", f"{words}; buy credits in X's developer console")
    if status == 400:
        parameter, value = _refused(body)
        return Refusal(None, f"{INVALID} {parameter} {value}".strip(), words)
    return Refusal(None, str(body.get("reason") or title or kind or status), words)


def invalid(error: SourceError) -> tuple[str | None, str]:
    """The parameter that X refused ("" where it does not say which) and its value; None where that was not it."""
    head, _, rest = error.code.partition(" ")
    if head != INVALID:
        return None, ""
    parameter, _, value = rest.partition(" ")
    return parameter, value


def told(value: Mapping[str, Any], who: str) -> SourceError:
    """The fault in an answer with status 200 that has errors instead of data."""
    problem = next(mappings(value.get("errors")), {})
    words = str(problem.get("detail") or problem.get("message") or problem.get("title") or "")
    sort = str(problem.get("type") or "").rsplit("/", 1)[-1]
    title = str(problem.get("title") or "")
    if sort == NOT_FOUND or title == "Not Found Error":
        kind, cure = Kind.GONE, "It no longer exists under this name; check sources.toml"
    elif sort.startswith("not-authorized") or title in ("Authorization Error", "Forbidden"):
        kind, cure = Kind.PERMISSION, "It is protected or suspended; nothing of it can be read"
    else:
        kind, cure = Kind.CONTRACT, "Check the address in sources.toml, or whether X has changed"
    return SourceError(kind, f"{who} answered without data ({words or 'no reason given'}). {cure}.", code=title)


def _details(body: Mapping[str, Any]) -> Iterator[str]:
    """What went wrong, in X's words; a list of errors says more than the sentence above it."""
    said = [str(error.get("message") or error.get("detail") or "") for error in mappings(body.get("errors"))]
    yield from said or [str(body.get("detail") or body.get("message") or "")]


def _refused(body: Mapping[str, Any]) -> tuple[str, str]:
    """The first parameter that was refused, and the value where X quotes it."""
    for error in (body, *mappings(body.get("errors"))):
        parameters = error.get("parameters")
        names = [error.get("parameter"), *(parameters if isinstance(parameters, Mapping) else ())]
        if name := next((name for name in names if isinstance(name, str) and name), None):
            words = str(error.get("message") or error.get("detail") or "")
            found = _VALUE.search(words)
            return name, found[1] if found else ""
    return "", ""
