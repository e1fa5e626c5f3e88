"""The suites in expectations/: what must hold at each guarded boundary, in Great Expectations' own vocabulary.

One file is one suite. An entry is a Great Expectations configuration (`type`, `kwargs`, `severity`) whose `meta`
says in words what a failure means and why the bar lies where it lies. Only this module reads those files.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resonanz.errors import ConfigError
from resonanz.settings import REPOSITORY, explain

FOLDER = REPOSITORY / "expectations"


class ExpectationMeta(BaseModel):
    """What Great Expectations carries along untouched.

    :param id: the name under which a failure stands in quarantine and in the run's messages; unique in its suite.
    :param scope: `row`: the rows that fail are bad; `batch`: the batch or table as a whole is.
    :param reason: what is wrong, in words; `{column}` stands for the value of the bad row (in a `batch` scope: of
        the first row that the query returns), `{count}` for the number of bad rows, `{observed}` for the value seen.
    :param why: why this is asked for, and why the threshold lies where it lies.
    :param is_decisive: rows that fail here are not judged further, since what else is wrong follows from it.
    """

    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    scope: Literal["row", "batch"]
    reason: str
    why: str
    is_decisive: bool = False


class Expectation(BaseModel):
    """One entry of a suite. `critical` quarantines the row or refuses the batch; `warning` and `info` are told."""

    model_config = ConfigDict(extra="forbid")
    type: str = Field(pattern=r"^(expect|unexpected)_[a-z_]+$")
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning", "info"]
    meta: ExpectationMeta

    @property
    def id(self) -> str:
        return self.meta.id


class SuiteMeta(BaseModel):
    """What the suite guards.

    :param table: `schema.table`, or one name.
    :param key: the column by which its rows are told apart, where there is one; the scope `row` needs it.
    :param about: which boundary this is, in words.
    """

    model_config = ConfigDict(extra="forbid")
    table: str = Field(pattern=r"^([a-z_]+\.)?[a-z_]+$")
    key: str | None = None
    about: str


class Suite(BaseModel):
    """One file of expectations/."""

    model_config = ConfigDict(extra="forbid")
    name: str
    meta: SuiteMeta
    expectations: list[Expectation] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> "Suite":
        if self.meta.key is None and any(expectation.meta.scope == "row" for expectation in self.expectations):
            raise ValueError(
                "an expectation has the scope `row`, so meta.key must name the column that is the rows' key"
            )
        ids = [expectation.id for expectation in self.expectations]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"the id {twice[0]!r} stands twice; give each expectation its own")
        return self


def read_suite(file: Path) -> Suite:
    """The suite in `file`; raises ConfigError that names the file, the field and what is wrong with it."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such suite") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from None
    try:
        suite = Suite.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{file}: {explain(error)}") from None
    if suite.name != file.stem:
        raise ConfigError(f"{file}: name: {suite.name!r} must be the file's own name, {file.stem!r}")
    return suite
