"""HTML as people see it, as plain text: the words stay, the markup goes."""

import re
from html import unescape
from html.parser import HTMLParser

_BLOCKS = frozenset({"p", "div", "blockquote", "pre", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table"})
_LINES = frozenset({"li", "tr", "dt", "dd"})
_SILENT = frozenset({"script", "style", "template", "title"})


# What most posts are made of: paragraphs with line breaks, links and spans. Cut at its tags, such HTML takes a quarter
# of the parser's time, and this is where most of an extraction's goes.
_SIMPLE = re.compile(r"(?:<p(?: [^<>]*)?>(?:[^<]++|<br ?/?>|</?(?:a|span)(?: [^<>]*)?>)*+</p>)++")
_PARAGRAPH = re.compile(r"<p(?: [^<>]*)?>(.*?)</p>", re.DOTALL)
_TAG = re.compile(r"<(/?\w+)[^<>]*>")


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.breaks = 0  # line breaks at the end of what was said so far
        self.silent: list[str] = []  # tags whose content nobody sees, innermost last
        self.is_between = True  # outside any block, where white space means nothing

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.silent:
            return
        if tag == "br":
            self._say("\n")
        elif tag in _SILENT or (tag == "p" and "quote-inline" in (dict(attrs).get("class") or "").split()):
            self.silent.append(tag)  # Mastodon's own "RE: <address>" for readers that cannot show a quoted post
        elif tag in _BLOCKS or tag in _LINES:
            self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag == self.silent[-1]:
                self.silent.pop()
        elif tag in _BLOCKS:
            self._part(tag)

    def handle_data(self, data: str) -> None:
        if self.silent or (self.is_between and not data.strip()):
            return
        self.is_between = False
        self._say(data)

    def _say(self, text: str) -> None:
        self.pieces.append(text)
        end = len(text) - len(text.rstrip("\n"))
        self.breaks = self.breaks + end if end == len(text) else end

    def _part(self, tag: str) -> None:
        """A blank line between blocks, a line break between lines; nothing before the first word."""
        if self.pieces:
            self._say("\n" * max(0, (2 if tag in _BLOCKS else 1) - self.breaks))
        self.is_between = True


def plaintext(html: str) -> str:
    """The visible text of `html`: paragraphs with a blank line between, <br> as a line break, entities resolved.

    Addresses come out whole, since the spans that hide their ends only hide them from the eye.
    """
    if "<" not in html and "&" not in html:
        return html.strip("\n")
    if "quote-inline" not in html and _SIMPLE.fullmatch(html):
        return _cut(html).strip("\n")
    parser = _Plain()
    parser.feed(html)
    parser.close()
    return "".join(parser.pieces).strip("\n")


def _cut(html: str) -> str:
    """What `_Plain` makes of simple HTML."""
    text = ""
    for paragraph in _PARAGRAPH.findall(html):
        is_between = True
        for number, piece in enumerate(_TAG.split(paragraph)):
            if number % 2:
                text += "\n" if piece == "br" else ""
                continue
            said = unescape(piece)
            if not is_between or said.strip():
                text += said
                is_between = False
        if text:
            text += "\n" * (2 - min(2, len(text) - len(text.rstrip("\n"))))
    return text
