"""Google's error bodies: {"error": {"code", "message", "status", "errors": [{"reason", "domain"}], "details": [...]}}.

Sources: "Errors" and "Standard error responses" of the YouTube Data API; "Errors" of Google's API design guide
(google.rpc.ErrorInfo, google.rpc.RetryInfo).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from resonanz.errors import Kind
from resonanz.http_answers import Refusal
from resonanz.social.fields import mappings
from resonanz.social.pages import CURSOR_EXPIRED
from resonanz.social.plaintext import plaintext

ZONE = "America/Los_Angeles"  # where the days of Google's quotas begin

_DAILY = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})
_BY_REASON = {
    "keyInvalid": Kind.CREDENTIALS,
    "keyExpired": Kind.CREDENTIALS,
    "API_KEY_INVALID": Kind.CREDENTIALS,
    "authError": Kind.CREDENTIALS,
    "UNAUTHENTICATED": Kind.CREDENTIALS,
    "ACCESS_TOKEN_EXPIRED": Kind.CREDENTIALS,
    "youtubeSignupRequired": Kind.PERMISSION,
    "accessNotConfigured": Kind.PERMISSION,
    "SERVICE_DISABLED": Kind.PERMISSION,
    "forbidden": Kind.PERMISSION,
    "insufficientPermissions": Kind.PERMISSION,
    "ipRefererBlocked": Kind.PERMISSION,
    "commentsDisabled": Kind.PERMISSION,
    "rateLimitExceeded": Kind.LIMIT,
    "userRateLimitExceeded": Kind.LIMIT,
    "concurrentLimitExceeded": Kind.LIMIT,
    "RATE_LIMIT_EXCEEDED": Kind.LIMIT,
    "RESOURCE_EXHAUSTED": Kind.LIMIT,
    "backendError": Kind.TRANSIENT,
    "internalError": Kind.TRANSIENT,
    "processingFailure": Kind.TRANSIENT,
    "SERVICE_UNAVAILABLE": Kind.TRANSIENT,
    "invalidPageToken": Kind.CONTRACT,
}
_NO_CALLER = re.compile(r"unregistered callers|API key not valid|API key expired", re.IGNORECASE)
_PER_DAY = re.compile(r"per[ _]?day", re.IGNORECASE)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")


def explain(status: int, body: Any, headers: Mapping[str, str]) -> Refusal | None:
    """What a refusal means; its code is Google's reason (`quotaExceeded`), or CURSOR_EXPIRED."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    message = error.get("message")
    words = plaintext(message) if isinstance(message, str) else ""
    reasons = list(_reasons(error))
    code = reasons[0] if reasons else str(status)
    kind = next((_BY_REASON[reason] for reason in reasons if reason in _BY_REASON), None)
    if _DAILY.intersection(reasons):
        kind = Kind.LIMIT
    elif _NO_CALLER.search(words):
        kind = Kind.CREDENTIALS
    elif kind is None and status == 400:
        kind = Kind.CONTRACT
    if kind is Kind.LIMIT:
        return Refusal(kind, code, words, _wait(reasons, error, headers))
    if "invalidPageToken" in reasons:
        code = CURSOR_EXPIRED
    return Refusal(kind, code, words)


def until_midnight(headers: Mapping[str, str]) -> float:
    """Seconds until Google's next day begins, by the server's own clock where it shows one."""
    try:
        now = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        now = datetime.now(UTC)
    there = now.astimezone(ZoneInfo(ZONE))
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight.astimezone(UTC) - now.astimezone(UTC)).total_seconds()


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    """What the body calls the fault, most telling first: ErrorInfo's reason says more than `badRequest`."""
    listed = [one.get("reason") for one in mappings(error.get("errors"))]
    detailed = [one.get("reason") for one in mappings(error.get("details"))]
    general = ("badRequest", "global", "invalid")
    found = [*(one for one in listed if one not in general), *detailed, *listed, error.get("status")]
    yield from dict.fromkeys(one for one in found if isinstance(one, str) and one)


def _wait(reasons: list[str], error: Mapping[str, Any], headers: Mapping[str, str]) -> float | None:
    """Seconds until trying again makes sense; None: a moment."""
    for detail in mappings(error.get("details")):
        if found := _SECONDS.fullmatch(str(detail.get("retryDelay") or "")):
            return float(found[1])
    if headers.get("Retry-After"):
        return None  # read where all platforms' headers are
    limits = [detail.get("metadata") for detail in mappings(error.get("details"))]
    names = [str(limit.get("quota_limit")) for limit in limits if isinstance(limit, Mapping)]
    is_daily = bool(_DAILY.intersection(reasons)) or any(_PER_DAY.search(one) for one in [*names, _said(error)])
    return until_midnight(headers) if is_daily else None


def _said(error: Mapping[str, Any]) -> str:
    return str(error.get("message") or "")
