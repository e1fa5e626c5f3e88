"""How one value comes out of a record: a column, several joined, a template or a constant, then patterns and tables."""

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from resonanz.archive.strict import Strict
from resonanz.archive.timestamps import check_format, check_zone

_SLOT = re.compile(r"\{([^{}]+)\}")
_TRUE = frozenset({"true", "1", "yes", "y", "t", "ja", "j", "wahr"})
_FALSE = frozenset({"false", "0", "no", "n", "f", "nein", "falsch"})
_SAFE_INTEGER = 2**53  # beyond it a float no longer tells neighbouring ids apart

Cells = Mapping[str, Any]
Names = Annotated[list[str], Field(min_length=1)]


class Value(Strict):
    """Where a value comes from (one of the first five) and what is done with it, in this order.

    :param column: one column; in JSONL and nested Parquet `user.name` goes down into objects.
    :param columns: several columns, those that are not empty joined by `joined_by`.
    :param first_of: several columns, the first that is not empty.
    :param template: parts such as `"Pro: {pros}"`, joined by `joined_by`; a part with an empty column is dropped.
    :param constant: always this.
    :param empty: values that stand for nothing in this export (`["null", "-1"]`).
    :param replace: literal text -> what stands for it (`{ '\\_' = "_" }` undoes a Markdown escape).
    :param pattern: regular expressions tried in order; the first that matches gives its group.
    :param cases: regular expression -> value; the first that matches anywhere decides.
    :param lookup: table from what was found to what it means, upper and lower case alike.
    :param default: what stands where nothing was found.
    """

    column: str | None = None
    columns: Names | None = None
    first_of: Names | None = None
    template: Names | None = None
    constant: str | int | float | bool | None = None
    joined_by: str = "\n"
    empty: list[str] = Field(default_factory=list)
    replace: dict[str, str] = Field(default_factory=dict)
    pattern: list[str] = Field(default_factory=list)
    cases: dict[str, str] = Field(default_factory=dict)
    lookup: dict[str, str] = Field(default_factory=dict)
    default: str | int | float | bool | None = None

    @field_validator("template", "pattern", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _ready(self) -> Self:
        given = [n for n in ("column", "columns", "first_of", "template", "constant") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give one of column, columns, first_of, template, constant (here: {', '.join(given) or 'none'})"
            )
        if self.template and not any(_SLOT.search(part) for part in self.template):
            raise ValueError('a template names columns in braces, such as "{title}"; for a fixed value use constant')
        if self.pattern and self.cases:
            raise ValueError("give pattern or cases, not both")
        _ = self._patterns, self._cases
        return self

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        return [_compiled(pattern) for pattern in self.pattern]

    @cached_property
    def _cases(self) -> list[tuple[re.Pattern[str], str]]:
        return [(_compiled(pattern), value) for pattern, value in self.cases.items()]

    @cached_property
    def _table(self) -> dict[str, str]:
        return {key.casefold(): value for key, value in self.lookup.items()}

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that this value is made of."""
        if self.column is not None:
            return (self.column,)
        if self.template:
            return tuple(slot for part in self.template for slot in _SLOT.findall(part))
        return tuple(self.columns or self.first_of or ())

    def of(self, cells: Cells) -> Any:
        """The value in a record's `cells`, None where it is empty; raises ValueError in words."""
        found = self._found(cells)
        if self.replace and found is not None:
            found = written(found)
            for old, new in self.replace.items():
                found = found.replace(old, new)
        if self.pattern or self.cases:
            found = self._matched(None if found is None else written(found))
        if self.lookup and found is not None:
            word = written(found)
            found = self._table.get(word.casefold())
            if found is None and self.default is None:
                raise ValueError(f"{_short(word)} is not in the lookup table; add it, or a default")
        return self.default if found is None else found

    def text_of(self, cells: Cells) -> str | None:
        """The value as text, None where it is empty."""
        found = self.of(cells)
        return None if found is None else written(found) or None

    def _found(self, cells: Cells) -> Any:
        if self.constant is not None:
            return self.constant
        if self.column is not None:
            return self._cell(cells, self.column)
        if self.first_of:
            return next((cell for name in self.first_of if (cell := self._cell(cells, name)) is not None), None)
        if self.columns:
            found = (self._cell(cells, name) for name in self.columns)
            return self.joined_by.join(written(cell) for cell in found if cell is not None) or None
        parts = (self._part(cells, part) for part in self.template or ())
        return self.joined_by.join(part for part in parts if part is not None) or None

    def _part(self, cells: Cells, part: str) -> str | None:
        found = {slot: self._cell(cells, slot) for slot in _SLOT.findall(part)}
        if any(cell is None for cell in found.values()):
            return None
        return _SLOT.sub(lambda slot: written(found[slot[1]]), part)

    def _cell(self, cells: Cells, name: str) -> Any:
        cell = cell_of(cells, name)
        if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
            return None
        return None if self.empty and written(cell) in self.empty else cell

    def _matched(self, word: str | None) -> str | None:
        if word is None:
            return None
        for pattern in self._patterns:
            if match := pattern.search(word):
                return match[1] if pattern.groups else match[0]
        return next((value for pattern, value in self._cases if pattern.search(word)), None)


class Timestamp(Value):
    """A value that is a point in time.

    :param formats: tried in order, instead of the source's `timestamp_formats`.
    :param time_zone: IANA name for times that carry no offset, instead of the source's `time_zone`.
    """

    formats: Names | None = None
    time_zone: str | None = None

    @field_validator("formats", mode="before")
    @classmethod
    def _one_format(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("formats")
    @classmethod
    def _readable(cls, value: list[str] | None) -> list[str] | None:
        return value and [check_format(form) for form in value]

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        return value and check_zone(value)


def _shorthand(value: Any) -> Any:
    """`"name"` is the column of that name, `true` and `3` are constants."""
    if isinstance(value, str):
        return {"column": value}
    return {"constant": value} if isinstance(value, bool | int | float) else value


Mapped = Annotated[Value, BeforeValidator(_shorthand)]
MappedTime = Annotated[Timestamp, BeforeValidator(_shorthand)]


def cell_of(cells: Cells, name: str) -> Any:
    """The cell called `name`: the column itself, else the path `a.b` down through nested objects."""
    if name in cells:
        return cells[name]
    cell: Any = cells
    for step in name.split("."):
        if not isinstance(cell, Mapping) or step not in cell:
            return None
        cell = cell[step]
    return cell


def written(cell: Any) -> str:
    """A cell as text, as its export would have written it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _SAFE_INTEGER:
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, Mapping | list | tuple):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def truth(cell: Any) -> bool:
    """A cell as yes or no; raises ValueError in words."""
    word = written(cell).strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{_short(word)} is neither true nor false")


def number(cell: Any, decimal_mark: str = ".") -> float:
    """A cell as a number, thousands grouped or not; raises ValueError in words."""
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        found = _float(cell)
    else:
        word = written(cell).strip()
        group = "," if decimal_mark == "." else "."
        point, comma = re.escape(decimal_mark), re.escape(group)
        if not re.fullmatch(rf"[+-]?(?:\d+|\d{{1,3}}(?:{comma}\d{{3}})+)(?:{point}\d+)?(?:[eE][+-]?\d{{1,2}})?", word):
            raise ValueError(f"{_short(word)} is not a number")
        found = _float(word.replace(group, "").replace(decimal_mark, "."))
    if not math.isfinite(found):
        raise ValueError(f"{_short(written(cell))} is not a number that can be counted with")
    return found


def _float(cell: int | float | Decimal | str) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from None


def _short(word: str) -> str:
    return repr(word if len(word) <= 40 else f"{word[:40]}...")
