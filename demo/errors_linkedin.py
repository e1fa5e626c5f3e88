"""Refusals of LinkedIn's APIs: its codes and the bodies that carry them ("API Error Handling", "API Rate Limiting")."""

from demo.web import Response, dumps

ERRORS = {  # code -> status, serviceErrorCode, message
    "EMPTY_ACCESS_TOKEN": (401, 65604, "Empty oauth2 access token"),
    "INVALID_ACCESS_TOKEN": (401, 65600, "Invalid access token"),
    "EXPIRED_ACCESS_TOKEN": (401, 65602, "The token used in the request has expired"),
    "REVOKED_ACCESS_TOKEN": (401, 65601, "The token used in the request has been revoked by the user"),
    "ACCESS_DENIED": (403, 100, "Not enough permissions to access this resource"),
    "RESOURCE_NOT_FOUND": (404, None, "Entity could not be found"),
    "NONEXISTENT_VERSION": (426, None, "Requested version is not active"),
    "VERSION_MISSING": (400, None, "A version must be present. Please specify a version by adding LinkedIn-Version"),
    "ILLEGAL_ARGUMENT": (400, 100, "Invalid query parameters passed to request"),
    "METHOD_NOT_ALLOWED": (405, None, "This resource takes GET only"),
    "TOO_MANY_REQUESTS": (
        429,
        101,
        "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.",
    ),
    "INTERNAL_SERVER_ERROR": (500, None, "Internal Server Error"),
}


class Refused(Exception):
    """The request is answered with one of LinkedIn's errors."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.response = refusal(code, message)


def refusal(code: str, message: str = "", status: int = 0) -> Response:
    """LinkedIn's error object."""
    usual, number, words = ERRORS[code]
    numbered = {"serviceErrorCode": number} if number else {}
    body = {"status": status or usual, **numbered, "code": code, "message": message or words}
    return Response(dumps(body), status or usual)
