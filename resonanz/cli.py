"""The `resonanz` command. It starts and looks; the pipeline itself runs in Airflow alone."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from resonanz import __version__
from resonanz.errors import ResonanzError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 fine, 1 something failed, 2 the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="resonanz", description=__doc__)
    parser.add_argument("--version", action="version", version=f"resonanz {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (function, description) in COMMANDS.items():
        commands.add_parser(name, help=description, description=description).set_defaults(function=function)
    chosen = parser.parse_args(arguments)
    try:
        status: int = chosen.function()
    except ResonanzError as error:
        print(f"resonanz {chosen.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"resonanz {chosen.command}: stopped", file=sys.stderr)
        return 130
    return status


def _run() -> int:
    from resonanz.local.main_job import run, say
    from resonanz.local.summary import render
    from resonanz.settings import settings
    from resonanz.sources import check

    current = settings()
    check(current)
    say(f"{current.company.name}: {len(current.sources)} sources from {current.file}")
    started = datetime.now(UTC)
    failures = run(current)
    print(render(current, started))
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


def _up() -> int:
    from resonanz.local.background import up
    from resonanz.settings import settings

    return up(settings())


def _down() -> int:
    from resonanz.local.background import down
    from resonanz.settings import home

    return down(home())


def _doctor() -> int:
    from resonanz.doctor import examine

    return examine()


COMMANDS: dict[str, tuple[Callable[[], int], str]] = {
    "run": (_run, "run the main job once: extract, check, score, build, publish; then a summary"),
    "up": (_up, "start Airflow with its UI on 127.0.0.1 and leave it running"),
    "down": (_down, "end what `up` started, with no process left behind"),
    "doctor": (_doctor, "say what is configured, reachable and stale, and what to do about it"),
}


if __name__ == "__main__":
    sys.exit(main())
