"""Requests and answers of Google's APIs against their discovery documents, which lie in google-api-python-client."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from specs.openapi import Query
from specs.schema import Document

_TOKENS = ("access_token", "oauth_token", "key")
_NUMBERS = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?", "boolean": "true|false"}
_ERROR = {  # "Errors" of the YouTube Data API, and google.rpc.Status in the words of HTTP ("Errors", cloud API design)
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string", "pattern": "^[A-Z_]+$"},
                "details": {"type": "array"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["message", "domain", "reason"],
                        "properties": {
                            "message": {"type": "string"},
                            "domain": {"type": "string"},
                            "reason": {"type": "string"},
                            "location": {"type": "string"},
                            "locationType": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
}


class Discovery:
    """One API of Google's, from its discovery document."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._general = content["parameters"]
        self._methods = list(_methods(content))
        schemas = {name: _schema(schema) for name, schema in content["schemas"].items()}
        self._document = Document({"schemas": schemas, "error": _ERROR})

    def violations(
        self,
        method: str,
        path: str,
        query: Query,
        status: int,
        body: Any,
        headers: Mapping[str, str] | None = None,
        sent: bytes = b"",
    ) -> list[str]:
        """What is wrong with a request and its answer; every property must be in the document.

        :param path: below the API's host, `/youtube/v3/videos`.
        :param body: the answer: parsed JSON, or bytes.
        """
        place = f"{method} {path}"
        fitting = (one for one in self._methods if one["pattern"].fullmatch(path) and one["httpMethod"] == method)
        known = next(fitting, None)
        if known is None:
            return [f"{place}: no such method"]
        found = [f"parameter {name}: keys and tokens belong into a header" for name in _TOKENS if name in query]
        declared = {**self._general, **known.get("parameters", {})}
        found += [f"the method declares no parameter {name}" for name in query if name not in declared]
        for name, parameter in declared.items():
            if name in query:
                found += _parameter(name, parameter, query[name])
            elif parameter.get("required") and parameter["location"] == "query":
                found.append(f"parameter {name} is missing")
        try:
            body = json.loads(body) if isinstance(body, bytes) else body
            pointer = "/error" if status >= 400 else f"/schemas/{known['response']['$ref']}"
            found += self._document.violations(pointer, body)
        except ValueError:
            found.append(f"the answer with status {status} is no JSON: {body[:80]!r}")
        return [f"{place}: {words}" for words in found]

    def schema_violations(self, name: str, value: Any) -> list[str]:
        """What is wrong with one object, by the name of its schema (`CommentThread`)."""
        return self._document.violations(f"/schemas/{name}", value)


@cache
def load(name: str) -> Discovery:
    """The document called `name`, such as `youtube.v3`; the package is one of the development requirements."""
    package = find_spec("googleapiclient")
    assert package is not None, "google-api-python-client, which brings the documents, is missing: make setup-dev"
    assert package.origin is not None
    path = Path(package.origin).parent / "discovery_cache" / "documents" / f"{name}.json"
    return Discovery(json.loads(path.read_text(encoding="utf-8")))


def youtube() -> Discovery:
    """YouTube Data API v3."""
    return load("youtube.v3")


def business_accounts() -> Discovery:
    """My Business Account Management API v1."""
    return load("mybusinessaccountmanagement.v1")


def business_locations() -> Discovery:
    """My Business Business Information API v1."""
    return load("mybusinessbusinessinformation.v1")


def _methods(resource: dict[str, Any]) -> Any:
    for method in resource.get("methods", {}).values():
        template = "/" + method.get("flatPath", method["path"])
        yield {**method, "pattern": re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))}
    for child in resource.get("resources", {}).values():
        yield from _methods(child)


def _schema(node: Any) -> Any:
    """A schema of a discovery document (JSON Schema draft 3 of a kind) as one of 2020-12."""
    if isinstance(node, list):
        return [_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {name: _schema(value) for name, value in node.items() if name not in ("required", "id", "annotations")}
    if "properties" in node:
        found["properties"] = {name: _schema(value) for name, value in node["properties"].items()}
    if isinstance(found.get("$ref"), str):
        found["$ref"] = f"#/schemas/{found['$ref']}"
    if found.get("type") == "any":
        return {}
    return found


def _parameter(name: str, declared: Mapping[str, Any], values: Any) -> list[str]:
    found = []
    if len(values) > 1 and not declared.get("repeated"):
        found.append(f"parameter {name} is given {len(values)} times")
    parts = [part for value in values for part in value.split(",")] if declared.get("repeated") else list(values)
    for part in map(unquote, parts):
        if "enum" in declared and part not in declared["enum"]:
            found.append(f"parameter {name}={part}: one of {', '.join(declared['enum'])}")
        pattern = _NUMBERS.get(declared["type"])
        if pattern and not re.fullmatch(pattern, part):
            found.append(f"parameter {name}={part}: {declared['type']} expected")
        elif declared["type"] == "integer":
            low, high = int(declared.get("minimum", -(2**63))), int(declared.get("maximum", 2**63))
            if not low <= int(part) <= high:
                found.append(f"parameter {name}={part}: {low} to {high}")
    return found
