"""Graph API's `fields=` expressions and its errors, as its stand-ins need them."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.web import Response, dumps

_NAME = re.compile(r"\w+")
_KINDS = {190: (401, "OAuthException"), 803: (404, "OAuthException"), 1: (500, "OAuthException")}


class GraphError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, *, status: int | None = None, subcode: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.subcode = code, message, subcode
        self.status, self.type = _KINDS.get(code, (400, "OAuthException"))
        self.status = status or self.status
        self.type = "GraphMethodException" if subcode == 33 else self.type

    def response(self) -> Response:
        """The error as Graph words it."""
        error: dict[str, Any] = {"message": self.message, "type": self.type, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.code in (1, 2, 4, 17):
            error["is_transient"] = True
        error["fbtrace_id"] = "A" + hashlib.sha256(self.message.encode()).hexdigest()[:20]
        return Response(dumps({"error": error}), self.status)


@dataclass(frozen=True)
class Field:
    """One requested field: `name.modifier(value).as(key){fields}`."""

    name: str
    modifiers: Mapping[str, str] = field(default_factory=dict)
    fields: Sequence["Field"] = ()

    @property
    def key(self) -> str:
        return self.modifiers.get("as", self.name)


def parse_fields(text: str) -> list[Field]:
    """The fields in a comma-separated list, nested in braces; raises GraphError as Graph does."""
    fields, rest = _fields(text)
    if rest:
        raise GraphError(2500, f"Syntax error at end of string at character {len(text) - len(rest)}: {rest[:20]}")
    return fields


def written(fields: Sequence[Field]) -> str:
    """The list as it was written."""
    return ",".join(
        one.name
        + "".join(f".{name}({value})" for name, value in one.modifiers.items())
        + (f"{{{written(one.fields)}}}" if one.fields else "")
        for one in fields
    )


def _fields(text: str) -> tuple[list[Field], str]:
    found: list[Field] = []
    while True:
        if (match := _NAME.match(text)) is None:
            raise GraphError(2500, f"Syntax error: expected a field name: {text[:20]}")
        name, text = match[0], text[match.end() :]
        modifiers: dict[str, str] = {}
        while (call := re.match(r"\.(\w+)\(([^()]*)\)", text)) is not None:
            modifiers[call[1]], text = call[2], text[call.end() :]
        inner: list[Field] = []
        if text.startswith("{"):
            inner, text = _fields(text[1:])
            if not text.startswith("}"):
                raise GraphError(2500, "Syntax error: a closing brace is missing")
            text = text[1:]
        found.append(Field(name, modifiers, inner))
        if not text.startswith(","):
            return found, text
        text = text[1:]
