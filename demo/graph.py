"""How Graph API speaks, for the stand-ins of Facebook and Instagram: fields, edges, pages, errors, usage headers."""

import base64
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from demo.graph_fields import Field, GraphError, parse_fields, written
from demo.web import TOKEN, Fault, Limits, Request, Response, StandIn, dumps

_VERSION = re.compile(r"/v\d+\.\d+(?=/|$)")
_DEFAULT = 25
_MOST_IDS = 50


@dataclass(frozen=True)
class Edge:
    """A list below an object, in the order in which it is shown."""

    items: Sequence["Node"]
    summary: Mapping[str, Any] = field(default_factory=dict)
    has_paging: bool = True
    most: int = 100  # in one page


Edges = Mapping[str, Callable[[Mapping[str, str]], Edge]]


@dataclass(frozen=True)
class Node:
    """An object: its fields, and its edges as functions of what was asked for. `moment` is its place in lists."""

    kind: str
    values: Mapping[str, Any]
    edges: Edges = field(default_factory=dict)
    moment: datetime | None = None
    default: tuple[str, ...] = ("id",)


class GraphStandIn(StandIn):
    """One part of Graph API. Subclasses give objects by id, and special paths.

    :param use: the type in X-Business-Use-Case-Usage ("pages", "instagram").
    :param business: the id under which it is counted there.
    """

    def __init__(self, use: str, business: str, limit: int = 100_000, window: float = 300.0) -> None:
        self.limits = Limits(limit, window, lambda *numbers: _usage(use, business, *numbers))

    def node(self, name: str) -> Node | None:
        """The object with this id or alias; None where there is none."""
        raise NotImplementedError

    def get(self, request: Request) -> Response:
        """Answer as Graph does: `/<version>/<id>`, `/<version>/<id>/<edge>`, `/<version>/?ids=...`."""
        try:
            return Response(dumps(self._answer(request)))
        except GraphError as error:
            return error.response()

    def error(self, status: int) -> Response:
        """Graph's error object."""
        if status == 429:
            return GraphError(80001, "(#80001) There have been too many calls to this account.", status=400).response()
        return GraphError(1, "An unknown error has occurred.", status=status).response()

    def fault(self, fault: Fault) -> Response:
        """`fault.code` is the number of one of Graph's errors."""
        if not fault.code:
            return self.error(fault.status)
        code = int(fault.code)
        words = {
            4: "(#4) Application request limit reached",
            190: "Error validating access token: Session has expired.",
        }
        return GraphError(code, words.get(code, f"(#{code}) Something went wrong"), status=fault.status).response()

    def _answer(self, request: Request) -> Any:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            if "authorization" not in request.headers:
                raise GraphError(104, "An access token is required to request this resource.")
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        version = _VERSION.match(request.path)
        if version is None:
            raise GraphError(2500, "Unknown path components: " + request.path)
        parts = [part for part in request.path[version.end() :].split("/") if part]
        root = f"{request.base}{version[0]}"
        wanted = parse_fields(text) if (text := request.one("fields")) else []
        query = {name: values[0] for name, values in request.query.items()}
        if not parts:
            return self._by_ids(query, wanted, root)
        node = self.node(parts[0])
        if node is None:
            raise _missing(parts[0])
        if len(parts) == 1:
            return _shown(node, wanted, root)
        if len(parts) > 2 or parts[1] not in node.edges:
            words = f"(#100) Tried accessing nonexisting field ({parts[1]}) on node type ({node.kind})"
            raise GraphError(100, words)
        return _page(node.edges[parts[1]](query), query, wanted, root, "/".join(parts))

    def _by_ids(self, query: Mapping[str, str], wanted: Sequence[Field], root: str) -> dict[str, Any]:
        names = [name for name in query.get("ids", "").split(",") if name]
        if not names:
            raise GraphError(100, "(#100) The parameter ids is required")
        if len(names) > _MOST_IDS:
            raise GraphError(100, f"(#100) Too many IDs. Maximum: {_MOST_IDS}. Provided: {len(names)}.")
        nodes = {name: self.node(name) for name in names}
        if gone := [name for name, node in nodes.items() if node is None]:
            raise GraphError(803, f"(#803) Some of the aliases you requested do not exist: {', '.join(gone)}")
        return {name: _shown(node, wanted, root) for name, node in nodes.items() if node is not None}


def stamp(moment: datetime) -> str:
    """A time as Graph writes it: `2026-11-15T08:00:00+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def invalid_metric() -> GraphError:
    return GraphError(100, "(#100) The value must be a valid insights metric")


def _shown(node: Node, wanted: Sequence[Field], root: str) -> dict[str, Any]:
    fields = wanted or [Field(name) for name in node.default]
    shown = {}
    for one in fields:
        if one.name in node.edges:
            path = f"{node.values.get('id')}/{one.name}"
            shown[one.key] = _page(node.edges[one.name](one.modifiers), one.modifiers, one.fields, root, path)
        elif one.name not in node.values:
            words = f"(#100) Tried accessing nonexisting field ({one.name}) on node type ({node.kind})"
            raise GraphError(100, words)
        elif (value := node.values[one.name]) is not None:
            shown[one.key] = _within(value, one.fields, root)
    if "id" in node.values:
        shown["id"] = node.values["id"]
    return shown


def _within(value: Any, wanted: Sequence[Field], root: str) -> Any:
    if isinstance(value, Node):
        return _shown(value, wanted, root)
    if wanted and isinstance(value, Mapping):
        return {one.key: value[one.name] for one in wanted if one.name in value}
    return value


def _page(
    edge: Edge,
    asked: Mapping[str, str],
    wanted: Sequence[Field],
    root: str,
    path: str,
) -> dict[str, Any]:
    try:
        limit = int(asked.get("limit", _DEFAULT))
    except ValueError:
        raise GraphError(100, "(#100) Param limit must be an integer") from None
    limit = min(limit, edge.most)
    start = 0
    if after := asked.get("after"):
        place = _opened(after)
        start = next((n + 1 for n, item in enumerate(edge.items) if _key(item) == place), len(edge.items))
    items = edge.items[start : start + limit]
    page: dict[str, Any] = {"data": [_shown(item, wanted, root) for item in items]}
    if items and edge.has_paging:
        page["paging"] = {"cursors": {"before": _cursor(items[0]), "after": _cursor(items[-1])}}
        if start + limit < len(edge.items):
            fields = {"fields": written(wanted)} if wanted else {}
            following = {"access_token": TOKEN, **asked, **fields, "limit": limit, "after": _cursor(items[-1])}
            page["paging"]["next"] = f"{root}/{path}?{urlencode(following)}"
    if asked.get("summary") not in (None, "0", "false"):
        names = asked["summary"].split(",")
        is_all = bool({"1", "true"} & set(names))
        page["summary"] = {name: value for name, value in edge.summary.items() if is_all or name in names}
    return page


def _key(node: Node) -> str:
    return str(node.values.get("id") or node.moment)


def _cursor(node: Node) -> str:
    return base64.urlsafe_b64encode(f"QVFI{_key(node)}".encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    """Whose cursor it is; raises GraphError where none was ever given like that."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        text = ""
    if not text.startswith("QVFI"):
        raise GraphError(100, "(#100) Invalid cursor")
    return text[4:]


def _missing(name: str) -> GraphError:
    if not re.fullmatch(r"[\d_]+", name):
        return GraphError(803, f"(#803) Some of the aliases you requested do not exist: {name}")
    words = (
        f"Unsupported get request. Object with ID '{name}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api"
    )
    return GraphError(100, words, subcode=33)


def _usage(use: str, business: str, limit: int, left: int, reset: float) -> dict[str, str]:
    share = 100 - math.floor(100 * left / limit)
    minutes = int(max(0.0, reset - time.time()) / 60) if left == 0 else 0
    counts = {"call_count": share, "total_cputime": share // 2, "total_time": share // 2}
    entry = {"type": use, **counts, "estimated_time_to_regain_access": minutes}
    return {
        "X-App-Usage": dumps({"call_count": share // 2, "total_cputime": 1, "total_time": 1}).decode(),
        "X-Business-Use-Case-Usage": dumps({business: [entry]}).decode(),
        "facebook-api-version": "v25.0",
    }


def entries(values: Iterator[tuple[str, str, list[dict[str, Any]]]], owner: str) -> Edge:
    """Insights of `owner` as an edge: (metric, period, values)."""
    nodes = []
    for name, period, found in values:
        title = name.replace("_", " ").title()
        nodes.append(
            Node(
                "InsightsResult",
                {
                    "name": name,
                    "period": period,
                    "values": found,
                    "title": title,
                    "description": title,
                    "id": f"{owner}/insights/{name}/{period}",
                },
                default=("name", "period", "values", "title", "description", "id"),
            )
        )
    return Edge(nodes, has_paging=False)
