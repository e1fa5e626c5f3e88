"""Requests and answers of Graph API (Facebook, Instagram) against Meta's own lists of fields, edges and parameters.

The lists (`shared/data/specs/meta/*.json`) are those from which Meta makes its SDKs, for v25.0. They say names and
types only; what they leave out and the reference documents is in `_DOCUMENTED`, each with its page.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from specs.fields import Field, FieldsError, parse
from specs.openapi import SHARED, Query

NODES = ("Page", "PagePost", "Comment", "IGUser", "IGMedia", "IGComment", "InsightsResult", "Recommendation")

# Node -> field -> type.
_DOCUMENTED: dict[str, dict[str, str]] = {
    "PagePost": {"attachments": "edge", "to": "edge"},  # "Page Post" (/{page-post-id}): fields of that name
    "InsightsResult": {"total_value": "Object"},  # "Instagram User Insights": metric_type=total_value
    "Comment": {"likes": "edge"},  # "Comment" (/{comment-id}/likes)
}
# Edge or field with node -> parameters that every edge of the kind takes ("Comment Edges", "Post Reactions").
_SUMMARY = {"summary", "filter", "order", "total_count"}
_PAGING = {"limit", "after", "before", "offset", "since", "until", "__paging_token", "__previous"}
_GENERAL = {"fields", "pretty", "debug", "metadata", "locale", "date_format", "appsecret_proof", "ids", "as"}
_TOKENS = {"access_token", "key", "client_secret"}
_OBJECT_TYPES = {  # results that the lists do not describe: what their objects may have, from their reference pages
    "InstagramInsightsResult": "InsightsResult",
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}")
_VERSION = re.compile(r"/?v\d+\.\d+")
_ENUMS = {
    "filter": {"toplevel", "stream"},
    "order": {"chronological", "reverse_chronological", "ranked"},
    "period": {"day", "week", "days_28", "month", "lifetime", "total_over_range"},
    "metric_type": {"default", "time_series", "total_value"},
}


@cache
def node(name: str) -> "Node":
    """A node of the lists; skips the test where they are not at hand."""
    path = SHARED / "meta" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"meta/{name}.json is not at hand (looked for it in {SHARED})")
    content = json.loads(path.read_text(encoding="utf-8"))
    fields = {field["name"]: field["type"] for field in content["fields"]}
    edges = {api["endpoint"]: api for api in content["apis"] if "endpoint" in api}
    reading = {api["endpoint"]: api for api in content["apis"] if "endpoint" in api and api["method"] == "GET"}
    return Node(name, {**fields, **_DOCUMENTED.get(name, {})}, {**edges, **reading})


class Node:
    """The fields (name -> type) and edges (name -> how it is read) of one kind of object."""

    def __init__(self, name: str, fields: Mapping[str, str], edges: Mapping[str, dict[str, Any]]) -> None:
        self.name, self.fields, self.edges = name, fields, edges

    def target(self, name: str) -> str | None:
        """The kind of object behind a field or an edge; None where it is a plain value or the lists do not have it."""
        kind = self.edges[name]["return"] if name in self.edges else self.fields.get(name, "")
        kind = _OBJECT_TYPES.get(kind, kind)
        return kind if kind in NODES else None

    def parameters(self, edge: str) -> set[str]:
        """The names of the parameters with which an edge is read."""
        return {parameter["name"] for parameter in self.edges.get(edge, {}).get("params", ())}

    def wanted(self, fields: Iterable[Field], place: str) -> list[str]:
        """What is wrong with requested fields."""
        found = []
        for one in fields:
            where = f"{place}.{one.name}"
            if one.name not in self.fields and one.name not in self.edges:
                found.append(f"{where}: {self.name} has no such field or edge")
                continue
            known = self.parameters(one.name) | _PAGING | _SUMMARY | _GENERAL
            known |= {"media_id", "comment_id", "username"} if self.fields.get(one.name, "").startswith("IG") else set()
            found += [f"{where}.{name}(): no such parameter" for name in one.modifiers if name not in known]
            found += _values(one.modifiers, where)
            target = self.target(one.name)
            if target and one.fields:
                found += node(target).wanted(one.fields, where)
        return found

    def violations(self, value: Any, place: str = "$", wanted: Sequence[Field] | None = None) -> list[str]:
        """What is wrong with an object of this kind.

        :param wanted: the fields that were asked for: nothing else may be in it but its id.
        """
        if not isinstance(value, dict):
            return [f"{place}: {self.name} is an object, not {value!r:.60}"]
        asked = {one.key: one for one in wanted} if wanted is not None else {}
        found = []
        for key, item in value.items():
            is_page = isinstance(item, dict) and "data" in item
            one = asked.get(key, Field(key))
            if wanted is not None and key not in asked and key != "id":
                found.append(f"{place}.{key}: nobody asked for it")
            elif one.name in self.edges and (is_page or one.name not in self.fields):
                found += self.page(one.name, item, f"{place}.{key}", one.fields or None, one.modifiers)
            elif one.name in self.fields:
                found += self._value(one, item, f"{place}.{key}")
            else:
                found.append(f"{place}.{key}: {self.name} has no such field or edge")
        return found

    def page(
        self,
        edge: str,
        value: Any,
        place: str = "$",
        wanted: Sequence[Field] | None = None,
        modifiers: Mapping[str, str] | None = None,
    ) -> list[str]:
        """What is wrong with a page of an edge's results: `data`, `paging`, and `summary` where it was asked for."""
        if not isinstance(value, dict) or not isinstance(value.get("data"), list):
            return [f"{place}: a page of {edge} has a list called data"]
        found = [f"{place}.{key}: a page has no such property" for key in value.keys() - {"data", "paging", "summary"}]
        if "summary" in value and not {"summary", "total_count"} & set(modifiers or ()):
            found.append(f"{place}.summary: nobody asked for it")
        found += _paging(value.get("paging", {}), f"{place}.paging")
        target = self.target(edge)
        fields = wanted if target is None or wanted is not None else None
        for number, item in enumerate(value["data"]):
            where = f"{place}.data[{number}]"
            if target is not None:
                found += node(target).violations(item, where, fields)
            elif not isinstance(item, dict):
                found.append(f"{where}: an object expected, not {item!r:.60}")
        return found

    def _value(self, one: Field, value: Any, place: str) -> list[str]:
        kind = self.fields[one.name]
        target = self.target(one.name)
        if target is not None:
            return node(target).violations(value, place, one.fields or None)
        return [] if _fits(kind, value) else [f"{place}: {kind} expected, not {value!r:.60}"]


class Graph:
    """A whole Graph API, checked call by call.

    :param kind_of: the kind (one of NODES) of the object with an id, None where the id is unknown.
    """

    def __init__(self, kind_of: Callable[[str], str | None]) -> None:
        self._kind_of = kind_of

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
        """What is wrong with a request and its answer; a batch (`POST /` with `batch=`) is checked part by part.

        :param path: with the version in front, `/v25.0/104928765432101/published_posts`.
        :param sent: the body of the request.
        """
        place = f"{method} {path}"
        found = [f"parameter {name}: tokens belong into the Authorization header" for name in _TOKENS & query.keys()]
        if not _VERSION.match(path):
            found.append("no version in the path")
        try:
            body = json.loads(body) if isinstance(body, bytes) else body
        except ValueError:
            return [f"{place}: the answer with status {status} is no JSON: {body[:80]!r}"]
        parts = [unquote(part) for part in _VERSION.sub("", path, count=1).split("/") if part]
        if method == "POST" and not parts:
            found += self._batch(query, sent, body)
        elif status >= 400 or (isinstance(body, dict) and "error" in body):
            found += _error(status, body)
            found += self._request(parts, query)[1]
        else:
            fields, wrong = self._request(parts, query)
            found += wrong + ([] if wrong else self._answer(parts, query, fields, body))
        return [f"{place}: {words}" for words in found]

    def _request(self, parts: list[str], query: Query) -> tuple[list[Field] | None, list[str]]:
        try:
            fields = parse(",".join(query["fields"])) if query.get("fields") else None
        except FieldsError as error:
            return None, [str(error)]
        first = parts[0] if parts else (query.get("ids") or [""])[0].split(",")[0]
        kind = self._kind_of(first)
        if kind is None:
            return fields, []
        one, edge = node(kind), parts[1] if len(parts) > 1 else None
        if edge is not None and edge not in one.edges:
            return fields, [f"{kind} has no edge {edge}"]
        target = one.target(edge) if edge else kind
        found = node(target).wanted(fields or (), "fields") if target else []
        known = _GENERAL | _TOKENS | ((one.parameters(edge) | _PAGING | _SUMMARY) if edge else set())
        found += [f"parameter {name}: {kind}/{edge or ''} declares none" for name in query.keys() - known]
        return fields, found + _values({name: values[-1] for name, values in query.items()}, "parameter")

    def _answer(self, parts: list[str], query: Query, fields: list[Field] | None, body: Any) -> list[str]:
        if not parts:  # several objects at once: /?ids=…
            found = [f"$.{name}: nobody asked for it" for name in body.keys() - set(",".join(query["ids"]).split(","))]
            for name, value in body.items():
                found += self._answer([name], {}, fields, value)
            return found
        kind = self._kind_of(parts[0])
        if kind is None:
            return [f"an answer for {parts[0]}, which is nothing"]
        if len(parts) == 1:
            return node(kind).violations(body, wanted=fields)
        return node(kind).page(parts[1], body, wanted=fields, modifiers=dict.fromkeys(query, ""))

    def _batch(self, query: Query, sent: bytes, body: Any) -> list[str]:
        form = {**{name: list(values) for name, values in query.items()}, **parse_qs(sent.decode())}
        calls = json.loads(form["batch"][0]) if "batch" in form else []
        found = [f"parameter {name}: tokens belong into the Authorization header" for name in _TOKENS & form.keys()]
        if not isinstance(body, list) or len(body) != len(calls) or not 1 <= len(calls) <= 50:
            return [*found, f"a batch of {len(calls)} calls (1 to 50) needs a list of as many answers"]
        for call, answer in zip(calls, body, strict=True):
            if answer is None:  # ran out of time
                continue
            if answer.keys() - {"code", "headers", "body"}:
                found.append(f"an answer in a batch has code, headers and body, not {sorted(answer)}")
            url = urlsplit(call["relative_url"])
            path = url.path if _VERSION.match(url.path) else f"/v25.0/{url.path.lstrip('/')}"
            inner = json.loads(answer["body"])
            found += self.violations(call["method"], path, parse_qs(url.query), answer["code"], inner)
        return found


def _fits(kind: str, value: Any) -> bool:
    if kind.startswith("list"):
        return isinstance(value, list)
    if kind.startswith("map"):
        return isinstance(value, dict)
    if kind in ("int", "unsigned int"):
        return isinstance(value, int) and not isinstance(value, bool) and (kind == "int" or value >= 0)
    simple = {"string": str, "bool": bool, "float": (int, float)}
    if kind in simple:
        return isinstance(value, simple[kind])
    if kind == "datetime":
        return isinstance(value, str) and _MOMENT.fullmatch(value) is not None
    return isinstance(value, dict)  # Object and kinds that the lists do not describe


def _paging(value: Any, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place}: an object expected"]
    found = [f"{place}.{key}: paging has no such property" for key in value.keys() - {"cursors", "next", "previous"}]
    for key in ("next", "previous"):
        if key in value and not re.match(r"https?://", str(value[key])):
            found.append(f"{place}.{key}: an address expected, not {value[key]!r:.60}")
    cursors = value.get("cursors", {})
    return found + [f"{place}.cursors.{key}: no such cursor" for key in cursors.keys() - {"before", "after"}]


def _values(given: Mapping[str, str], place: str) -> list[str]:
    found = [
        f"{place} {name}={given[name]}: one of {', '.join(sorted(known))}"
        for name, known in _ENUMS.items()
        if name in given and given[name] not in known
    ]
    if "limit" in given and not given["limit"].isdigit():
        found.append(f"{place} limit={given['limit']}: a number expected")
    return found


def _error(status: int, body: Any) -> list[str]:
    """ "Handle Errors" of the Graph API guide."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return [f"an answer with status {status} has an object called error"]
    types = {
        "message": str,
        "type": str,
        "code": int,
        "error_subcode": int,
        "error_user_title": str,
        "error_user_msg": str,
        "error_data": (dict, str),
        "is_transient": bool,
        "fbtrace_id": str,
    }
    found = [f"$.error.{key}: errors have no such property" for key in error.keys() - types.keys()]
    found += [f"$.error.{key}: is missing" for key in ("message", "type", "code", "fbtrace_id") if key not in error]
    wrong = (key for key, kind in types.items() if key in error and not isinstance(error[key], kind))
    return found + [f"$.error.{key}: {error[key]!r:.60} is of the wrong type" for key in wrong]
