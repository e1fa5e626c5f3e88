"""Takeout's HTML form of a post, in the shape of its JSON form.

A page has the post's author, address and times, its text, whom it was shared with, who gave +1 and reshared, and its
comments; no ids. Its labels are in the language of the account, so only class names, links and times are read:
`a.author`, `.main-content`, `.reshare-attribution`, `.visibility`, `.plus-oners`, `.resharers`, `.comment`
(`.time`, `.comment-content`). Times are `2014-06-30 14:04:00+0000` in every language.
"""

import html as markup
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from resonanz.google_plus.ids import code_of

LONGEST = 16 * 2**20  # bytes of one page
_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\s?(?:[+-]\d{2}:?\d{2}|Z)?")
_VOID = frozenset(
    {"br", "img", "hr", "meta", "link", "input", "area", "base", "col", "embed", "source", "track", "wbr"}
)
_MEDIA = frozenset({"media-link", "link-embed", "inline-link-embed", "album", "location", "plus-entity-embed"})
# "Public" in the languages in which Google+ pages are most likely to be met.
_PUBLIC = re.compile(
    r"public|öffentlich|public[oa]|público|pubblico|openbaar|publiczn[ey]|offentlig|julkinen|veřejn[éě]|nyilvános",
    re.IGNORECASE,
)


class Node:
    """One element of a page with its children, elements and texts."""

    __slots__ = ("attributes", "children", "classes", "tag")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.classes = frozenset(attributes.get("class", "").split())
        self.children: list[Node | str] = []

    def nodes(self) -> Iterator["Node"]:
        """This element and all below it, in their order."""
        waiting: list[Node] = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(child for child in reversed(node.children) if isinstance(child, Node))

    def all(self, name: str) -> Iterator["Node"]:
        """The elements of a class."""
        return (node for node in self.nodes() if name in node.classes)

    def first(self, name: str) -> "Node | None":
        return next(self.all(name), None)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def inner(self, without: frozenset[str] = frozenset()) -> str:
        """The HTML inside, without elements of these classes."""
        return "".join(
            markup.escape(child, quote=False) if isinstance(child, str) else child.outer(without)
            for child in self.children
            if isinstance(child, str) or not child.classes & without
        )

    def outer(self, without: frozenset[str] = frozenset()) -> str:
        attributes = "".join(f' {name}="{markup.escape(value)}"' for name, value in self.attributes.items())
        close = "" if self.tag in _VOID else f"{self.inner(without)}</{self.tag}>"
        return f"<{self.tag}{attributes}>{close}"


class _Tree(HTMLParser):
    _DEEPEST = 100  # elements within each other; a page of Takeout has ten

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("page", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(node)
        if tag not in _VOID and len(self._open) < self._DEEPEST:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def post(content: str) -> dict[str, Any] | None:
    """The post on a page, like Takeout's JSON of it; None for a page without one.

    `plusOnes` and `reshares` hold as many entries as people are listed. `isPublic` stands in `postAcl`.
    """
    tree = _Tree()
    tree.feed(content)
    tree.close()
    page = tree.root
    comments = [_comment(node) for node in page.all("comment")]
    head = next((node for node in page.nodes() if node.tag == "a" and _is_permalink(node)), None)
    main = page.first("main-content")
    if head is None or "comment" in head.classes or main is None:
        return None
    times = _TIME.findall(_around(page, head))
    found: dict[str, Any] = {
        "url": head.attributes["href"],
        "creationTime": times[0] if times else None,
        "author": _author(page.first("author")),
        "content": main.inner(without=_MEDIA),
    }
    if len(times) > 1:
        found["updateTime"] = times[1]
    if origin := page.first("reshare-attribution"):
        found["resharedPost"] = {"url": origin.attributes.get("href"), "content": _reshared(page, origin)}
    if comments:
        found["comments"] = comments
    for name, field, role in (("plus-oners", "plusOnes", "plusOner"), ("resharers", "reshares", "resharer")):
        if people := page.first(name):
            found[field] = [{role: _author(node)} for node in people.nodes() if node.tag == "a"]
    if shared := page.first("visibility"):
        found["postAcl"] = _visibility(shared)
    return found


def _is_permalink(node: Node) -> bool:
    return code_of(node.attributes.get("href")) is not None and "reshare-attribution" not in node.classes


def _around(page: Node, head: Node) -> str:
    """The text of the line that the permalink stands in: when it was posted, when it was changed."""
    return next((node.text for node in page.nodes() if head in node.children), head.text)


def _author(node: Node | None) -> dict[str, Any]:
    return {"displayName": node.text, "profilePageUrl": node.attributes.get("href")} if node else {}


def _comment(node: Node) -> dict[str, Any]:
    time, said = node.first("time"), node.first("comment-content")
    times = _TIME.findall(time.text if time else "")
    found = {
        "author": _author(node.first("author")),
        "creationTime": times[0] if times else None,
        "content": said.inner(without=_MEDIA) if said else None,
    }
    return found | ({"updateTime": times[1]} if len(times) > 1 else {})


def _reshared(page: Node, origin: Node) -> str:
    """What was shared on: everything beside the line that says whose it was."""
    around = next((node for node in page.nodes() if origin in node.children), None)
    return around.inner(without=_MEDIA | {"reshare-attribution"}) if around else ""


def _visibility(shared: Node) -> dict[str, Any]:
    """`isPublic`, or the collection or community; circles and people are not told apart from each other."""
    links = [node.attributes.get("href", "") for node in shared.nodes() if node.tag == "a"]
    found: dict[str, Any] = {}
    if _PUBLIC.search("".join(child for child in shared.children if isinstance(child, str))):
        found["isPublic"] = True
    for address in links:
        for name in ("collection", "communit"):
            if f"plus.google.com/{name}" in address:
                found["collectionAcl" if name == "collection" else "communityAcl"] = {"url": address}
    return found or {"visibleToStandardAcl": {}}
