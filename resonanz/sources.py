"""Checks every source's own options before anything starts."""

from pydantic import ValidationError

from resonanz.errors import ConfigError
from resonanz.platforms import platform
from resonanz.settings import Settings, Source, explain


def options(settings: Settings, source: Source) -> object:
    """The validated `Options` of one source; raises ConfigError that names file, source, field and cure."""
    try:
        return platform(source.platform).Options.model_validate(source.options)
    except ValidationError as error:
        raise ConfigError(f"{settings.file}: sources.{source.name}: {explain(error)}") from None


def check(settings: Settings) -> None:
    """Validate all sources; raises one ConfigError with a line per wrong source."""
    faults = []
    for source in settings.sources:
        try:
            options(settings, source)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
