"""Refusals of the YouTube Data API: Google's reasons and the bodies that carry them ("Errors" in its reference)."""

from typing import Any

from demo.web import Response, dumps

_QUOTA = '<a href="/youtube/v3/getting-started#quota">quota</a>'
ERRORS = {  # reason -> status, the word that newer errors carry, message
    "quotaExceeded": (403, "", f"The request cannot be completed because you have exceeded your {_QUOTA}."),
    "rateLimitExceeded": (403, "RESOURCE_EXHAUSTED", "Quota exceeded for the limit 'Queries per minute'."),
    "forbidden": (403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers. Please use API Key."),
    "accessNotConfigured": (403, "PERMISSION_DENIED", "YouTube Data API v3 has not been used or it is disabled."),
    "authError": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "badRequest": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "processingFailure": (400, "", "The API server failed to successfully process the request."),
    "commentsDisabled": (403, "", "The video identified by the <code>videoId</code> parameter has disabled comments."),
    "invalidPageToken": (400, "", "The request specifies an invalid page token."),
    "missingRequiredParameter": (400, "", "No filter selected. Expected one of its filters."),
    "backendError": (500, "INTERNAL", "Internal error encountered."),
    "notFound": (404, "NOT_FOUND", "Not Found"),
    "playlistNotFound": (404, "", "The playlist identified with the playlistId parameter cannot be found."),
    "videoNotFound": (404, "", "The video identified by the <code>videoId</code> parameter could not be found."),
    "channelNotFound": (404, "", "The specified channel could not be found."),
    "commentNotFound": (404, "", "The specified comment could not be found."),
}
_KEY = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
    "metadata": {"service": "youtube.googleapis.com"},
}


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, reason: str, message: str = "", status: int = 0) -> None:
        super().__init__(reason)
        self.response = refusal(reason, message, status)


def refusal(reason: str, message: str = "", status: int = 0) -> Response:
    """Google's error object for `reason`."""
    known, word, words = ERRORS.get(reason, (status, "", reason))
    status, message = status or known, message or words
    domain = "youtube.quota" if reason == "quotaExceeded" else "global" if word else "youtube.api"
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": domain, "reason": reason}],
    }
    if word:
        error["status"] = word
    if message.startswith("API key not valid"):
        error["details"] = [_KEY]
    return Response(dumps({"error": error}), status)
