"""The only reader of the environment and of sources.toml. Everything is validated once, before it is used."""

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from resonanz.budget import ENTRY
from resonanz.credentials import Credentials, credentials
from resonanz.errors import ConfigError
from resonanz.lake import Lake
from resonanz.privacy import Privacy

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO_SOURCES = REPOSITORY / "demo" / "sources.toml"
SHIPPED_MODEL = REPOSITORY / "model"
_PINNED = re.compile(r"(?P<model>[\w.\-]+/[\w.\-]+)@(?P<revision>[^@/]+)")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


class Company(BaseModel):
    """The company whose feedback this is."""

    model_config = ConfigDict(extra="forbid")
    name: str
    accounts: list[str] = []


class Sentiment(BaseModel):
    """Which model scores: the shipped one, a folder, or a Hugging Face hub id with a pinned revision.

    One line is enough: `model = "owner/name@<commit>"`.

    :param labels: the model's own label names to ours.
    :param languages: ISO 639-1 codes that it is for, where its card does not say.
    :param texts_per_shard: texts that one task scores; more workers take more shards at a time.
    :param rescore_per_run: texts with an older revision's score that one run scores anew, newest first.
    """

    model_config = ConfigDict(extra="forbid")
    model: str = str(SHIPPED_MODEL)
    revision: str | None = None
    labels: dict[str, Literal["negative", "neutral", "positive"]] | None = None
    languages: list[str] | None = None
    texts_per_shard: PositiveInt = 20_000
    rescore_per_run: NonNegativeInt = 20_000

    @model_validator(mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        model = value.get("model") if isinstance(value, dict) else None
        if not isinstance(model, str) or (pinned := _PINNED.fullmatch(model)) is None:
            return value
        if value.get("revision") is not None:
            raise ValueError("the revision is given twice, in model behind the @ and in revision; leave one out")
        return value | {"model": pinned["model"], "revision": pinned["revision"]}


class Source(BaseModel):
    """What all sources have in common; the rest of its table goes to the platform's own `Options`."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
    platform: str
    schedule: str | None = "@hourly"
    budget: dict[str, NonNegativeInt] = {}

    @field_validator("budget")
    @classmethod
    def _named(cls, value: dict[str, int]) -> dict[str, int]:
        for name in value:
            if not ENTRY.fullmatch(name):
                raise ValueError(
                    f"unknown entry {name!r}; write requests, posts, units or searches, then _per_day or _per_month"
                )
        return value

    @field_validator("platform")
    @classmethod
    def _known(cls, value: str) -> str:
        from resonanz.platforms import PLATFORMS  # names only: no platform is imported

        if value not in PLATFORMS:
            raise ValueError(f"unknown platform {value!r}; there are {', '.join(sorted(PLATFORMS))}")
        return value

    @property
    def options(self) -> dict[str, Any]:
        """The platform's own settings as they stand in the file, not validated yet."""
        return dict(self.model_extra or {})


class Settings(BaseModel):
    """sources.toml and the environment, validated."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    file: Path
    home: Path
    company: Company
    sentiment: Sentiment = Sentiment()
    sources: list[Source] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> "Settings":
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"sources: the name {twice[0]!r} is used twice; give each source its own")
        return self

    @property
    def lake(self) -> Lake:
        return Lake(self.home)

    def source(self, name: str) -> Source:
        """The source called `name`; raises ConfigError where there is none."""
        for source in self.sources:
            if source.name == name:
                return source
        raise ConfigError(f"{self.file}: there is no source called {name!r}")

    def schedule(self, source: Source) -> str | None:
        """The source's schedule, or None while something else triggers every run (`make run`)."""
        return source.schedule if is_scheduled() else None

    def privacy(self, extra_accounts: list[str] | None = None) -> Privacy:
        """The keyer for private people, with the company's accounts and a source's `extra_accounts`."""
        return Privacy(self._secret(), [*self.company.accounts, *(extra_accounts or [])])

    def credentials(self, source: Source) -> Credentials:
        """The source's token and what else its Airflow connection `resonanz_<source>` holds."""
        return credentials(source.name)

    def credential(self, source: Source) -> str | None:
        """The source's token: RESONANZ_TOKEN_<SOURCE>, else the password of its Airflow connection."""
        return self.credentials(source).token

    def _secret(self) -> bytes:
        if given := os.environ.get("RESONANZ_AUTHOR_KEY_SECRET"):
            if len(given) < 16:
                raise ConfigError("RESONANZ_AUTHOR_KEY_SECRET: at least 16 characters; try `openssl rand -hex 32`")
            return given.encode()
        path = self.lake.secret_file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return path.read_bytes().strip()
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return path.read_bytes().strip()


def is_scheduled() -> bool:
    """Whether DAGs run on their own schedules; `make run` sets RESONANZ_TRIGGER=manual and triggers each itself."""
    return os.environ.get("RESONANZ_TRIGGER", "schedule") != "manual"


def home() -> Path:
    """RESONANZ_HOME, or var/ in the checkout."""
    return Path(os.environ.get("RESONANZ_HOME") or REPOSITORY / "var").resolve()


def sources_file() -> Path:
    """RESONANZ_SOURCES, or the demo company's."""
    return Path(os.environ.get("RESONANZ_SOURCES") or DEMO_SOURCES).resolve()


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load(sources_file(), home())


def sentiment(model: str | None = None) -> Sentiment:
    """The model of sources.toml; or another: a folder, or `owner/name@<commit>`, whose labels and languages stand
    there where sources.toml names the same one. Raises ConfigError where that is not what `model` is."""
    configured = settings().sentiment
    if model is None:
        return configured
    try:
        other = Sentiment.model_validate({"model": model})
    except ValidationError as error:
        raise ConfigError(f"model {model!r}: {explain(error)}") from None
    return configured if (other.model, other.revision) == (configured.model, configured.revision) else other


def load(file: Path, home: Path) -> Settings:
    """Read and validate `file`; raises ConfigError that names the file, the field and the cure."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: no such file. Copy sources.example.toml to it, or name another with SOURCES=<file>."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None
    try:
        return Settings(file=file, home=home, **_expanded(document, file))
    except ValidationError as error:
        raise ConfigError(f"{file}: {explain(error, document)}") from None


def explain(error: ValidationError, document: Mapping[str, Any] | None = None) -> str:
    """A pydantic error in one line per field: `sources.mentions.platform: unknown platform ...`."""
    lines = []
    for item in error.errors(include_url=False):
        place = list(item["loc"])
        if document is not None and len(place) > 1 and place[0] == "sources" and isinstance(place[1], int):
            entry = document["sources"][place[1]]
            place[1] = entry.get("name", f"[{place[1]}]") if isinstance(entry, Mapping) else f"[{place[1]}]"
        where = ".".join(map(str, place))
        message = item["msg"].removeprefix("Value error, ")
        lines.append(f"{where}: {message}" if where else message)
    return "; ".join(lines)


def _expanded(value: Any, file: Path) -> Any:
    """`${NAME}` and `${NAME:-default}` in strings become the environment's value."""
    if isinstance(value, dict):
        return {key: _expanded(item, file) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, file) for item in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match["name"], match["default"])
        if found is None:
            raise ConfigError(
                f"{file}: ${{{match['name']}}} is not set; export it or write ${{{match['name']}:-default}}"
            )
        return found

    return _VARIABLE.sub(variable, value)
