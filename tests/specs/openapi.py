"""Requests and answers against an OpenAPI document (3.0 and 3.1)."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from specs.schema import Document

SHARED = Path(__file__).parents[3] / "shared" / "data" / "specs"
Query = Mapping[str, Sequence[str]]


class OpenAPI:
    """One API.

    :param renamed: how the document calls what the wire calls otherwise (property, parameter or value of a list).
    :param also: parameter -> values that the platform documents elsewhere.
    :param errors: a further schema for answers with a status from 400.
    """

    def __init__(
        self,
        content: dict[str, Any],
        renamed: Mapping[str, str] | None = None,
        also: Mapping[str, set[str]] | None = None,
        errors: dict[str, Any] | None = None,
    ) -> None:
        self.document = Document(content)
        self._renamed, self._also = renamed or {}, also or {}
        self._errors = Document({"error": errors}) if errors else None
        self._routes = [(_pattern(template), template) for template in sorted(content["paths"], key=_generality)]

    def operation(self, method: str, path: str) -> str | None:
        """JSON pointer to the operation that answers `method path`; fixed paths go before those with parameters."""
        for pattern, template in self._routes:
            if pattern.fullmatch(path) and method.lower() in self.document.content["paths"][template]:
                return f"/paths/{_escape(template)}/{method.lower()}"
        return None

    def violations(
        self,
        method: str,
        path: str,
        query: Query,
        status: int,
        body: Any,
        headers: Mapping[str, str] | None = None,
        sent: bytes = b"",
        *,
        strict: bool = True,
    ) -> list[str]:
        """What is wrong with a request and its answer.

        :param path: below the API's root, as in the document, still percent-encoded.
        :param body: the answer: parsed JSON, or bytes.
        :param headers: of the request, names in lower case; None: they are not looked at.
        :param sent: the body of the request, where it has one.
        :param strict: unknown parameters and properties are wrong, too.
        """
        place = f"{method} {path}"
        pointer = self.operation(method, path)
        if pointer is None:
            return [f"{place}: no such operation"]
        found = self._parameters(pointer, path, query, strict)
        found += self._headers(pointer, headers) if headers is not None else []
        found += self._sent(pointer, sent, strict) if sent else []
        found += self._answer(pointer, status, body, strict)
        return [f"{place}: {words}" for words in found]

    def _declared(self, pointer: str, where: str) -> dict[str, tuple[str, dict[str, Any]]]:
        """Name -> (pointer, declaration) of the parameters in the query, the path or the headers."""
        found = {}
        for holder in (pointer.rpartition("/")[0], pointer):
            for number in range(len(self.document.at(holder).get("parameters", ()))):
                place = f"{holder}/parameters/{number}"
                place = self.document.at(place).get("$ref", place)
                declared = self.document.at(place)
                if declared["in"] == where:
                    found[declared["name"]] = (place, declared)
        return found

    def _parameters(self, pointer: str, path: str, query: Query, strict: bool) -> list[str]:
        found = []
        declared = self._declared(pointer, "query")
        given = {self._name(name.removesuffix("[]")): values for name, values in query.items()}
        for name, values in given.items():
            if name in declared:
                found += self._parameter(*declared[name], values)
            elif strict:
                found.append(f"the operation declares no parameter {name}")
        found += [f"parameter {n} is missing" for n, (_, d) in declared.items() if d.get("required") and n not in given]
        template = pointer.split("/")[2].replace("~1", "/").replace("~0", "~")
        match = _pattern(template).fullmatch(path)
        in_path = self._declared(pointer, "path")
        for name, value in zip(re.findall(r"\{(\w+)\}", template), match.groups() if match else (), strict=False):
            if name in in_path:
                found += self._parameter(*in_path[name], [unquote(value)])
        return found

    def _parameter(self, place: str, declared: dict[str, Any], values: Sequence[str]) -> list[str]:
        schema = self._resolved(declared.get("schema", {}))
        value: Any
        if schema.get("type") == "array":
            items = self._resolved(schema.get("items", {}))
            explode = declared.get("explode", declared.get("style", "form") == "form")
            parts = values if explode and len(values) > 1 else [part for v in values for part in v.split(",")]
            known = items.get("enum", ())
            parts = list(dict.fromkeys(part if part in known else self._name(part) for part in parts))
            also = self._also.get(declared["name"], ())
            value = [_parsed(part, items.get("type")) for part in parts if part not in also]
            if not value and parts:
                return []
        else:
            value = _parsed(values[-1], schema.get("type"))
            if len(values) > 1:
                return [f"parameter {declared['name']} is given {len(values)} times"]
        wrong = self.document.violations(f"{place}/schema", value) if "schema" in declared else []
        return [f"parameter {declared['name']}={value}: {words}" for words in wrong]

    def _headers(self, pointer: str, headers: Mapping[str, str]) -> list[str]:
        found = []
        for name, (place, declared) in self._declared(pointer, "header").items():
            value = headers.get(name.lower())
            if value is not None:
                found += [f"header {name}: {words}" for words in self.document.violations(f"{place}/schema", value)]
            elif declared.get("required"):
                found.append(f"header {name} is missing")
        return found

    def _sent(self, pointer: str, body: bytes, strict: bool) -> list[str]:
        content = self.document.at(pointer).get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return ["the operation takes no JSON"]
        try:
            value = json.loads(body)
        except ValueError:
            return [f"what was sent is no JSON: {body[:80]!r}"]
        place = f"{pointer}/requestBody/content/application~1json/schema"
        return [f"sent: {words}" for words in self.document.violations(place, self._words(value), strict=strict)]

    def _answer(self, pointer: str, status: int, body: Any, strict: bool) -> list[str]:
        responses = self.document.at(f"{pointer}/responses")
        key = next((key for key in (str(status), f"{status // 100}XX", "default") if key in responses), None)
        if key is None:
            return [f"the operation declares no answer with status {status}, but {', '.join(responses)}"]
        place = f"{pointer}/responses/{key}"
        place = self.document.at(place).get("$ref", place)
        content = self.document.at(place).get("content", {})
        if isinstance(body, bytes):
            if not body and not content:
                return []
            try:
                body = json.loads(body)
            except ValueError:
                return [f"the answer with status {status} is no JSON: {body[:80]!r}"]
        if not content:
            return [] if body is None or status >= 400 else [f"an answer with status {status} has no body"]
        options = [
            self.document.violations(f"{place}/content/{_escape(kind)}/schema", self._words(body), strict=strict)
            for kind, media in content.items()
            if "schema" in media
        ]
        if status >= 400 and self._errors is not None:
            options.append(self._errors.violations("/error", body, strict=strict))
        return min(options, key=len, default=[])

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema and "type" not in schema:
            schema = self.document.at(schema["$ref"])
        return schema

    def _name(self, name: str) -> str:
        return self._renamed.get(name, name)

    def _words(self, value: Any) -> Any:
        """`value` with its properties called as the document calls them."""
        if not self._renamed:
            return value
        if isinstance(value, list):
            return [self._words(item) for item in value]
        if isinstance(value, dict):
            return {self._name(name): self._words(item) for name, item in value.items()}
        return value


@cache
def mastodon() -> OpenAPI:
    """Mastodon's API, from github.com/abraham/mastodon-openapi (made from Mastodon's documentation)."""
    return OpenAPI(_shared("mastodon-openapi.json"))


@cache
def x() -> OpenAPI:
    """X's API v2, from its own document. It says post and repost where clients still say tweet and retweet."""
    return OpenAPI(_shared("x-openapi.json"), _IN_POSTS, _X_FIELDS, _X_ERROR)


def load(path: Path) -> OpenAPI:
    """An OpenAPI document of our own."""
    return OpenAPI(json.loads(path.read_text(encoding="utf-8")))


# X's names from before the document said post: clients ask with them, and are answered in them.
_IN_POSTS = {
    "tweet.fields": "post.fields",
    "tweets": "posts",
    "note_tweet": "note_post",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "most_recent_tweet_id": "most_recent_post_id",
    "pinned_tweet_id": "pinned_post_id",
    "referenced_tweets": "referenced_posts",
    "referenced_tweets.id": "referenced_posts",
    "referenced_tweets.id.author_id": "referenced_posts",
    "retweet_count": "repost_count",
    "total_tweet_count": "total_post_count",
    "tweet_count": "post_count",
}

# "Fields" and "Data dictionary: Post" of X's documentation: asked for by name there, by expansion in the document.
_X_FIELDS = {"post.fields": {"author_id", "edit_history_post_ids", "in_reply_to_user_id", "referenced_posts"}}
_X_ERROR = {  # "Response codes and errors" of X's documentation: problems of no kind of their own (401, 429, 503)
    "type": "object",
    "required": ["title", "detail", "type", "status"],
    "properties": {
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "type": {"const": "about:blank"},
        "status": {"type": "integer"},
    },
}


def _shared(name: str) -> dict[str, Any]:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand (looked for it in {SHARED})")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(template)))


def _generality(template: str) -> tuple[int, int]:
    return template.count("{"), -len(template)


def _parsed(value: str, kind: Any) -> Any:
    """The text of a parameter as the type that the document wants; as it is where it cannot be that."""
    kinds = kind if isinstance(kind, list) else [kind]
    if "integer" in kinds and re.fullmatch(r"-?\d+", value):
        return int(value)
    if "number" in kinds and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if "boolean" in kinds and value in ("true", "false", "1", "0"):
        return value in ("true", "1")
    return value
