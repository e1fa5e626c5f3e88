"""Settings that take no unknown name in silence."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Strict(BaseModel):
    """A model whose unknown names are errors that name the nearest known one."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for name in data:
                if name not in cls.model_fields:
                    raise ValueError(f"unknown setting {name!r}; {nearest(name, cls.model_fields)}")
        return data


def nearest(name: str, names: Iterable[str]) -> str:
    """`did you mean ...?`, or all names there are."""
    known = list(names)
    by_fold = {other.casefold(): other for other in known}
    near = [by_fold[other] for other in get_close_matches(str(name).casefold(), list(by_fold), n=2, cutoff=0.5)]
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(map(repr, known))}"
