"""LinkedIn's error bodies: {"status": 401, "serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN", "message": ...}.

Sources: LinkedIn's "API Error Handling", "API Rate Limiting" and "Versioning".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from resonanz.budget import until_next
from resonanz.errors import Kind
from resonanz.http_answers import Refusal

_TOKEN_CODES = range(65_600, 65_605)  # serviceErrorCode: the token is invalid, revoked, expired, empty ...
_KINDS = {
    "ACCESS_DENIED": Kind.PERMISSION,
    "NOT_ENOUGH_PERMISSIONS": Kind.PERMISSION,
    "NONEXISTENT_VERSION": Kind.CONTRACT,
    "VERSION_MISSING": Kind.CONTRACT,
    "TOO_MANY_REQUESTS": Kind.LIMIT,
    "RESOURCE_NOT_FOUND": Kind.GONE,
}
_DAILY = re.compile(r"\bDAY\b|throttle limit|daily", re.IGNORECASE)
_BY_SPAN = {"SECOND": 1.0, "MINUTE": 60.0, "HOUR": 3600.0}
_SPAN = re.compile(r"\b(SECOND|MINUTE|HOUR)\b", re.IGNORECASE)
_NO_ROUTE = re.compile(r"virtual resource|No root resource", re.IGNORECASE)
_PEOPLE = re.compile(r"urn(:|%3A)li\1(?:person|member)\1[\w-]+", re.IGNORECASE)
_NEW_VERSION = "LinkedIn serves a version for about a year: set version in sources.toml to a newer month, as YYYYMM"


def explain(status: int, body: Any, headers: Mapping[str, str]) -> Refusal | None:
    """What a refusal means. Its code is LinkedIn's (`ACCESS_DENIED`), else its number."""
    if not isinstance(body, Mapping) or not {"status", "message", "serviceErrorCode", "code"} & body.keys():
        return None
    number, message = body.get("serviceErrorCode"), body.get("message")
    code = body.get("code")
    code = code if isinstance(code, str) and code else str(number or status)
    words = _PEOPLE.sub("a member", message) if isinstance(message, str) else ""
    kind = _KINDS.get(code)
    if number in _TOKEN_CODES or code.endswith("_ACCESS_TOKEN"):
        kind = Kind.CREDENTIALS
    elif status == 426:
        kind, words = Kind.CONTRACT, f"{words}. {_NEW_VERSION}"
    elif status == 404 and _NO_ROUTE.search(words):
        kind = Kind.CONTRACT  # a wrong address, not something that was deleted
    wait = _wait(words, headers) if status == 429 or kind is Kind.LIMIT else None
    return Refusal(kind, code, f"{code}: {words}" if words else code, wait)


def _wait(words: str, headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit is lifted: the quotas of app and member begin anew at midnight in UTC.

    :return: None where a header says it, or for a short throttle, of which nothing more is known.
    """
    if headers.get("Retry-After"):
        return None
    if _DAILY.search(words):
        try:
            now = parsedate_to_datetime(headers.get("Date", ""))
        except ValueError:
            now = datetime.now(UTC)
        return until_next("day", now.astimezone(UTC))
    found = _SPAN.search(words)
    return _BY_SPAN[found[1].upper()] if found else None
