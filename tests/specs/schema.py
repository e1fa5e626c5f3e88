"""JSON Schema with a strict mode: what is wrong with a value, and which of its properties the schema does not know."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_BASE = "urn:spec"
_FORMATS = FormatChecker(formats=())


class Document:
    """A document with schemas in it, at any JSON pointer.

    :param content: JSON Schema 2020-12 in all places that are asked for; `nullable` as in OpenAPI 3.0 is understood.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = _with_null(content)
        resource = Resource(contents=self.content, specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_BASE, resource)
        self._validator = lru_cache(maxsize=None)(self._make_validator)

    def at(self, pointer: str) -> Any:
        """What stands at a JSON pointer (`/components/schemas/Status`, or with a leading `#`)."""
        found: Any = self.content
        for part in pointer.lstrip("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found

    def violations(self, pointer: str, value: Any, *, strict: bool = True) -> list[str]:
        """What is wrong with `value` as an instance of the schema at `pointer`.

        :param strict: properties that the schema does not name are wrong, too, unless it allows any.
        """
        found = [_words(error) for error in self._validator(pointer).iter_errors(value)]
        if strict:
            found += [f"{place}: the specification knows no such property" for place in self._unknown(pointer, value)]
        return found

    def _make_validator(self, pointer: str) -> Draft202012Validator:
        schema = {"$ref": f"{_BASE}#{pointer.lstrip('#')}"}
        return Draft202012Validator(schema, registry=self._registry, format_checker=_FORMATS)

    def _unknown(self, pointer: str, value: Any, place: str = "$") -> Iterator[str]:
        if isinstance(value, list):
            for number, item in enumerate(value):
                for option in self._options(pointer, value):
                    if "items" in self.at(option):
                        yield from self._unknown(f"{option}/items", item, f"{place}[{number}]")
                        break
        elif isinstance(value, dict):
            options = self._options(pointer, value)
            if not options or any(self._is_open(self.at(option)) for option in options):
                return
            for name, item in value.items():
                knowing = [option for option in options if name in self.at(option).get("properties", {})]
                if knowing:
                    yield from self._unknown(f"{knowing[0]}/properties/{_escape(name)}", item, f"{place}.{name}")
                    continue
                anything = [o for o in options if isinstance(self.at(o).get("additionalProperties"), dict)]
                if not anything:
                    yield f"{place}.{name}"
                for option in anything[:1]:
                    yield from self._unknown(f"{option}/additionalProperties", item, f"{place}.{name}")

    def _options(self, pointer: str, value: Any) -> list[str]:
        """Pointers to the plain schemas behind references and alternatives that are meant for `value`."""
        schema = self.at(pointer)
        if not isinstance(schema, dict):
            return []
        found = [pointer] if schema.keys() & {"properties", "items", "additionalProperties", "type"} else []
        if "$ref" in schema:
            found += self._options(schema["$ref"], value)
        found += [p for n in range(len(schema.get("allOf", ()))) for p in self._options(f"{pointer}/allOf/{n}", value)]
        for word in ("oneOf", "anyOf"):
            branches = [f"{pointer}/{word}/{n}" for n in range(len(schema.get(word, ())))]
            fitting = [branch for branch in branches if self._validator(branch).is_valid(value)]
            found += [p for branch in fitting for p in self._options(branch, value)]
        return found

    @staticmethod
    def _is_open(schema: dict[str, Any]) -> bool:
        """An object of which the specification says nothing, or that may hold anything."""
        if schema.get("additionalProperties") is True:
            return True
        says = {"properties", "additionalProperties", "$ref", "allOf", "oneOf", "anyOf"}
        return "object" in schema.get("type", ()) and not schema.keys() & says


def _with_null(node: Any) -> Any:
    """`nullable: true` of OpenAPI 3.0 in the words of JSON Schema."""
    if isinstance(node, list):
        return [_with_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: _with_null(value) for name, value in node.items()}
    if node.get("nullable") is not True:
        return node
    rest = {name: value for name, value in node.items() if name != "nullable"}
    if isinstance(rest.get("type"), str):
        if "enum" in rest:
            rest["enum"] = [*rest["enum"], None]
        return {**rest, "type": [rest["type"], "null"]}
    return {"anyOf": [rest, {"type": "null"}]}


def _words(error: ValidationError) -> str:
    """What is wrong and where; with alternatives, also what is wrong with the one that fits best."""
    words = f"{_place(error.absolute_path)}: {error.message[:300]}"
    best = best_match([error])
    if best is None or best is error:
        return words
    return f"{words}, best of them {_place(best.absolute_path)}: {best.message[:300]}"


def _place(path: Any) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


@_FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    """RFC 3339: a date, a time and an offset."""
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
        return False
    return _parses(datetime, re.sub(r"(\.\d{6})\d+", r"\1", value).replace("Z", "+00:00"))


@_FORMATS.checks("google-datetime")
def _is_google_moment(value: object) -> bool:
    return _is_moment(value)


@_FORMATS.checks("date")
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 10 and _parses(date, value))


@_FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[a-zA-Z][\w+.-]*:[^\s<>]+", value) is not None


@_FORMATS.checks("int64")
@_FORMATS.checks("uint64")
def _is_long(value: object) -> bool:
    """As a string where JSON would lose digits."""
    return not isinstance(value, str) or re.fullmatch(r"-?\d{1,20}", value) is not None


def _parses(kind: type[date], value: str) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True
