"""Private people in an export's rows: who wrote, who else is named, and the row with keys in their places."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from resonanz import addresses
from resonanz.archive.options import Options
from resonanz.archive.values import Cells, cell_of, written
from resonanz.privacy import Privacy

_ADDRESS = re.compile(r"(?P<scheme>\w+:)//(?P<host>[^/?#\s]+)(?P<rest>\S*)")
_NAMELESS = re.compile(r"https?://(?:www\.)?(?:twitter|x)\.com/i/status/\d+")
_SITES = frozenset({"www", "m", "twitter", "x", "facebook", "plus", "google", "youtube", "instagram", "tiktok"})
_SHORTEST_NUMBER = 6  # digits; a shorter id is too likely to be some other number of the row


@dataclass(frozen=True)
class Author:
    """Who wrote a row.

    :param key: the author key, None where the row names nobody.
    :param name: the readable name, only of a company account.
    :param identities: what identifies private people in this row -> the key that stands for it.
    """

    key: str | None = None
    name: str | None = None
    is_company: bool = False
    identities: Mapping[str, str] = field(default_factory=dict)


class People:
    """Keys the private people of one source's rows, as its options tell where they stand."""

    def __init__(self, options: Options, privacy: Privacy) -> None:
        self._options = options
        self._privacy = privacy
        self._parts = [re.compile(pattern) for pattern in options.private_url_parts]
        author = options.mapping.author
        self._authors = options.author_columns
        self._nobody = frozenset(author.empty if author else ())
        self._others = frozenset(options.other_people)
        self._private = frozenset(options.private_columns)
        self._texts = frozenset(options.mapping.text.reads)

    def author(self, platform: str, cells: Cells, *, is_company: bool, account: str | None) -> Author:
        """Who wrote the row; `is_company` where the mapping says that one of the company's accounts did."""
        mapped = self._options.mapping.author
        aliases = [written(cell) for name in self._options.author_aliases if (cell := cell_of(cells, name))]
        names = [name for name in (mapped.text_of(cells) if mapped else None, *aliases) if name]
        identities: dict[str, str] = {}
        for column in self._others:
            for name in _several(cell_of(cells, column)):
                if not self._privacy.is_company(name):
                    identities |= _forms(name, self._privacy.author_key(platform, name))
        if is_company or self._privacy.is_company(*names):
            shown = names[0] if names else account
            key = self._privacy.author_key(platform, shown) if shown else None
            return Author(key, shown, True, identities)
        if not names:
            return Author(identities=identities)
        key = self._privacy.author_key(platform, names[0])
        for name in names:
            identities |= _forms(name, key)
        return Author(key, None, False, identities)

    def word(self, platform: str, value: str, identities: Mapping[str, str]) -> str:
        """An id or address (or any cell that is no text) without private people."""
        value = addresses.keyed(self._privacy, platform, value, identities, self._parts)
        if _NAMELESS.fullmatch(value):
            return value
        if match := _ADDRESS.fullmatch(value):
            rest = self._scrubbed(platform, match["rest"], identities)
            return f"{match['scheme']}//{self._host(match['host'], identities)}{rest}"
        return self._scrubbed(platform, value, identities)

    def row(self, platform: str, cells: Cells, author: Author) -> dict[str, Any]:
        """The whole row for the payload: private columns left out, private people keyed."""
        return self._object(platform, cells, author, "")

    def unreadable(self, fields: list[str] | None, line: str | None, header: list[str] | None) -> dict[str, Any]:
        """The payload of a record that could not be read, with private people keyed as far as they can be told.

        Fields before the text are counted from the left and those after it from the right, since nearly always
        it is a delimiter or quote in the text that moved them.
        """
        platform = written(self._options.mapping.platform.constant or "archive")
        if fields is None:
            return {"line": self._line(platform, line or "")}
        kept: list[str | None] = list(fields)
        identities: dict[str, str] = {}
        for position, name in _aligned(len(fields), header or [], self._texts):
            if name in self._private:
                kept[position] = None
            elif name in self._authors or name in self._others:
                cell = fields[position]
                if cell and not self._privacy.is_company(cell):
                    identities |= _forms(cell, self._privacy.author_key(platform, cell))
        return {"fields": [cell if cell is None else self.word(platform, cell, identities) for cell in kept]}

    def _line(self, platform: str, line: str) -> str:
        """A line of JSON that could not be read."""
        identities: dict[str, str] = {}
        for column in self._private:
            name = re.escape(column.rsplit(".", 1)[-1])
            line = re.sub(rf'("{name}"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|\{{.*|[^,}}\s]+)', r"\1null", line)
        for column in self._authors | self._others:
            name = re.escape(column.rsplit(".", 1)[-1])
            for cell in re.findall(rf'"{name}"\s*:\s*"?((?:[^"\\,}}]|\\.)+)', line):
                if not self._privacy.is_company(cell):
                    identities |= _forms(cell.strip(), self._privacy.author_key(platform, cell))
        return self.word(platform, line, identities)

    def _object(self, platform: str, cells: Mapping[str, Any], author: Author, prefix: str) -> dict[str, Any]:
        found = {}
        for name, cell in cells.items():
            path = f"{prefix}{name}"
            if path not in self._private:
                shown = self.word(platform, name, author.identities) if prefix else name
                found[shown] = self._cell(platform, cell, author, path)
        return found

    def _cell(self, platform: str, cell: Any, author: Author, path: str) -> Any:
        if path in self._authors and not author.is_company:
            is_open = not cell or written(cell) in self._nobody
            return cell if is_open else author.key or self._privacy.author_key(platform, written(cell))
        if path in self._others and not isinstance(cell, Mapping | list):
            name = written(cell) if cell else ""
            is_open = not name or self._privacy.is_company(name)
            return cell if is_open else self._privacy.author_key(platform, name)
        if isinstance(cell, Mapping):
            return self._object(platform, cell, author, f"{path}.")
        if isinstance(cell, list):
            return [self._cell(platform, item, author, path) for item in cell]
        if isinstance(cell, str):
            if path in self._texts or any(path.startswith(f"{text}.") for text in self._texts):
                return self._privacy.text(platform, cell)
            return self.word(platform, cell, author.identities)
        if isinstance(cell, int) and (key := author.identities.get(str(cell))):
            return key
        return cell

    def _scrubbed(self, platform: str, value: str, identities: Mapping[str, str]) -> str:
        folded = value.casefold()
        present = {name: key for name, key in identities.items() if name.casefold() in folded}
        for name in sorted(present, key=len, reverse=True):
            # `_` joins parts in ids, so unlike in prose it ends a name here
            pattern = rf"(?<![^\W_]){re.escape(name)}(?![^\W_])"
            value = re.sub(pattern, present[name], value, flags=re.IGNORECASE)
        return self._privacy.text(platform, value)

    def _host(self, host: str, identities: Mapping[str, str]) -> str:
        """A host name whose own labels may be a person (`anna.example`); the sites' names are none."""
        keys = {name.casefold(): key for name, key in identities.items()}
        *labels, top = host.split(".")
        shown = [label if label.casefold() in _SITES else keys.get(label.casefold(), label) for label in labels]
        return ".".join([*shown, top])


def _forms(name: str, key: str) -> dict[str, str]:
    """The ways in which `name` is written in addresses and ids -> `key`."""
    bare = name.strip().lstrip("@＠")
    plain = bare.replace("\\_", "_")
    forms = {name.strip(), bare, plain, plain.replace("_", "\\_"), quote(plain)}
    return {form: key for form in forms if form and not (form.isdecimal() and len(form) < _SHORTEST_NUMBER)}


def _several(cell: Any) -> list[str]:
    if isinstance(cell, list | tuple):
        return [written(item) for item in cell if item]
    return [written(cell)] if cell else []


def _aligned(width: int, header: list[str], texts: frozenset[str]) -> list[tuple[int, str]]:
    """Positions in a row of `width` fields -> column names, see :meth:`People.unreadable`."""
    pivot = next((i for i, name in enumerate(header) if name in texts), len(header))
    left = [(i, name) for i, name in enumerate(header[: pivot + 1]) if i < width]
    taken = {i for i, _ in left}
    right = [(width - len(header) + i, header[i]) for i in range(pivot + 1, len(header))]
    if width < len(header):  # cut off: everything still stands where the header says
        right = [(i, header[i]) for i in range(pivot + 1, width)]
    return left + [(i, name) for i, name in right if i not in taken]
