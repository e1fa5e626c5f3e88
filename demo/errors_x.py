"""X's problems: the whole answer, or beside the data."""

from typing import Any

_PROBLEMS = "https://api.x.com/2/problems"


class Refused(Exception):
    """A problem that is the whole answer."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def invalid(parameter: str, value: str, words: str) -> Refused:
    """A parameter that is not as it should be."""
    body = {"title": "Invalid Request", "detail": words, "parameter": parameter, "value": value}
    return Refused(400, {**body, "type": f"{_PROBLEMS}/invalid-request", "status": 400})


def not_found(value: str, words: str, kind: str = "tweet", parameter: str = "ids") -> dict[str, Any]:
    """Something that is not there, among others that are."""
    place = {"resource_id": value, "value": value, "parameter": parameter, "resource_type": kind}
    return {**place, "title": "Not Found Error", "detail": words, "type": f"{_PROBLEMS}/resource-not-found"}
