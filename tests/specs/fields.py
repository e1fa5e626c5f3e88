"""Graph API's `fields=` expressions: `id,comments.limit(5).summary(true){id,message},reactions.type(LIKE).as(like)`."""

import re
from dataclasses import dataclass, field


@dataclass
class Field:
    """One requested field or edge: its modifiers (`limit` -> `5`), what is wanted of it, and what it is called then."""

    name: str
    modifiers: dict[str, str] = field(default_factory=dict)
    fields: "list[Field]" = field(default_factory=list)

    @property
    def key(self) -> str:
        """The property under which it comes."""
        return self.modifiers.get("as", self.name)


class FieldsError(ValueError):
    """The expression does not follow the grammar."""


def parse(text: str) -> list[Field]:
    """The fields that are requested at the top level; raises FieldsError."""
    found, rest = _list(text)
    if rest.strip():
        raise FieldsError(f"unexpected {rest!r} in fields={text}")
    return found


def _list(text: str) -> tuple[list[Field], str]:
    found = []
    while True:
        name, text = _word(text)
        one = Field(name)
        while text[:1] == ".":
            modifier, text = _word(text[1:])
            if text[:1] == "(":
                value, closed, text = text[1:].partition(")")
                if not closed:
                    raise FieldsError(f"no ) after .{modifier}(")
                one.modifiers[modifier] = value
            else:  # a field of the field: `mentioned_media.media_id(…)` has brackets, `from.id` none
                one.fields.append(Field(modifier))
        if text[:1] == "{":
            inner, text = _list(text[1:])
            one.fields += inner
            if text[:1] != "}":
                raise FieldsError(f"no }} after {name}{{")
            text = text[1:]
        found.append(one)
        if text[:1] != ",":
            return found, text
        text = text[1:]


def _word(text: str) -> tuple[str, str]:
    match = re.match(r"\s*([\w-]+)\s*", text)
    if match is None:
        raise FieldsError(f"a name expected before {text[:30]!r}")
    return match[1], text[match.end() :]
