"""A source's options and budget, as its platform understands them; checked before anything starts."""

from pydantic import ValidationError

from resonanz.budget import Budget
from resonanz.errors import ConfigError
from resonanz.platforms import platform
from resonanz.settings import Settings, Source, explain


def options(settings: Settings, source: Source) -> object:
    """The validated `Options` of one source; raises ConfigError that names file, source, field and cure."""
    try:
        return platform(source.platform).Options.model_validate(source.options)
    except ValidationError as error:
        raise ConfigError(f"{settings.file}: sources.{source.name}: {explain(error)}") from None


def budget(settings: Settings, source: Source, is_kept: bool = True) -> Budget:
    """What the source may spend and has spent: what sources.toml says, and where it says nothing, the quota that the
    platform gives to everybody (`BUDGET` and `BUDGET_ZONE` in its file, where it has one).

    :param is_kept: whether its spending is written down.
    """
    module = platform(source.platform)
    limits = {**getattr(module, "BUDGET", {}), **source.budget}
    file = settings.lake.usage(source.name) if is_kept else None
    return Budget(limits, file, getattr(module, "BUDGET_ZONE", "UTC"))


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
