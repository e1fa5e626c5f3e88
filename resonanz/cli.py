"""The `resonanz` command. It starts and looks; the pipeline itself runs in Airflow alone."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from resonanz import __version__
from resonanz.errors import ResonanzError

Arguments = argparse.Namespace


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 fine, 1 something failed, 2 the configuration is wrong."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.function(chosen)
    except ResonanzError as error:
        print(f"resonanz {chosen.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"resonanz {chosen.command}: stopped", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="resonanz", description=__doc__)
    parser.add_argument("--version", action="version", version=f"resonanz {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    found = {}
    for name, (function, description) in COMMANDS.items():
        found[name] = commands.add_parser(name, help=description, description=description)
        found[name].set_defaults(function=function)
    found["airflow"].add_argument("arguments", nargs=argparse.REMAINDER, help="as `airflow` takes them")
    actions = found["sources"].add_subparsers(dest="action", required=True, metavar="list|check")
    actions.add_parser("list", help="name them, with platform, schedule and budget")
    ask = actions.add_parser("check", help="ask each platform whether token, permissions and quota suffice")
    ask.add_argument("names", nargs="*", metavar="name", help="these sources only")
    return parser


def _run(_: Arguments) -> int:
    from resonanz.local.main_job import run, say
    from resonanz.local.summary import render
    from resonanz.settings import settings
    from resonanz.sources import check

    current = settings()
    check(current)
    say(f"{current.company.name}: {len(current.sources)} sources from {current.file}")
    started = datetime.now(UTC)
    outcome = run(current)
    print(render(current, started))
    if outcome.notices:
        print("\n" + "\n".join(f"NOTICE {notice}" for notice in outcome.notices))
    for failure in outcome.failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if outcome.failures else 0


def _up(_: Arguments) -> int:
    from resonanz.local.background import up
    from resonanz.settings import settings

    return up(settings())


def _down(_: Arguments) -> int:
    from resonanz.local.background import down
    from resonanz.settings import home

    return down(home())


def _doctor(_: Arguments) -> int:
    from resonanz.doctor import examine

    return examine()


def _sources(arguments: Arguments) -> int:
    from resonanz import access
    from resonanz.local.at_hand import at_hand
    from resonanz.settings import home, settings, sources_file

    if arguments.action == "list":
        return access.show(settings())
    with at_hand(sources_file(), home()):
        return access.check(settings(), arguments.names)


def _airflow(arguments: Arguments) -> int:
    from resonanz.local.background import airflow
    from resonanz.settings import home

    return airflow(home(), arguments.arguments)


COMMANDS: dict[str, tuple[Callable[[Arguments], int], str]] = {
    "run": (_run, "run the main job once: extract, check, score, build, publish; then a summary"),
    "up": (_up, "start Airflow with its UI on 127.0.0.1 and leave it running"),
    "down": (_down, "end what `up` started, with no process left behind"),
    "doctor": (_doctor, "say what is configured, reachable and stale, and what to do about it"),
    "sources": (_sources, "list the sources, or check their tokens, permissions and quotas"),
    "airflow": (_airflow, "Airflow's own command line, for the Airflow of `up`: backfill create, dags trigger, ..."),
}


if __name__ == "__main__":
    sys.exit(main())
