"""The `resonanz` command. It starts, looks, and scores files; the pipeline itself runs in Airflow alone."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from resonanz import __version__
from resonanz.errors import ResonanzError
from resonanz.lake import Lake

if TYPE_CHECKING:
    from resonanz.settings import Sentiment

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
    _score_arguments(found["score"])
    actions = found["sources"].add_subparsers(dest="action", required=True, metavar="list|check")
    actions.add_parser("list", help="name them, with platform, schedule and budget")
    ask = actions.add_parser("check", help="ask each platform whether token, permissions and quota suffice")
    ask.add_argument("names", nargs="*", metavar="name", help="these sources only")
    return parser


def _score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=Path, required=True, help="a CSV file with a header row")
    parser.add_argument("--text-column", required=True, help="the name of the column with the texts")
    parser.add_argument("--output", type=Path, required=True, help="the CSV file to write")
    parser.add_argument("--model", help="owner/name@<commit> or a folder; default: the model of sources.toml")
    parser.add_argument("--delimiter", help="what stands between fields; default: found out by the header")
    parser.add_argument("--encoding", help="of the input, and so of the output; default: utf-8")
    parser.add_argument(
        "--provenance", action="store_true", help="add abstain_reason, model_id and model_revision, too"
    )


def _run(_: Arguments) -> int:
    from resonanz.local.main_job import run, say
    from resonanz.local.summary import render
    from resonanz.settings import settings
    from resonanz.sources import check

    current = settings()
    check(current)
    _model(None)
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

    _model(None)
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


def _score(arguments: Arguments) -> int:
    from resonanz.scoring.csv_file import score_csv
    from resonanz.sentiment import load_model

    wanted = _model(arguments.model)
    result = score_csv(
        load_model(wanted.model, wanted.revision, labels=wanted.labels, languages=wanted.languages),
        arguments.input,
        arguments.text_column,
        arguments.output,
        delimiter=arguments.delimiter,
        encoding=arguments.encoding,
        provenance=arguments.provenance,
        say=lambda words: print(words, file=sys.stderr, flush=True),
    )
    print(result)
    return 0


def _drift(_: Arguments) -> int:
    from resonanz.drift import report
    from resonanz.settings import home

    print(report(Lake(home())))
    return 0


def _model(name: str | None) -> "Sentiment":
    """The model called `name`, or that of sources.toml; raises ConfigError where it cannot be used."""
    from resonanz.sentiment import identify
    from resonanz.settings import sentiment

    wanted = sentiment(name)
    identify(wanted.model, wanted.revision, labels=wanted.labels, languages=wanted.languages)
    return wanted


def _airflow(arguments: Arguments) -> int:
    from resonanz.local.background import airflow
    from resonanz.settings import home

    return airflow(home(), arguments.arguments)


COMMANDS: dict[str, tuple[Callable[[Arguments], int], str]] = {
    "run": (_run, "run the main job once: extract, check, score, build, publish; then a summary"),
    "up": (_up, "start Airflow with its UI on 127.0.0.1 and leave it running"),
    "down": (_down, "end what `up` started, with no process left behind"),
    "doctor": (_doctor, "say what is configured, reachable and stale, and what to do about it"),
    "score": (_score, "score the texts of a CSV file, by the same model and code as the warehouse"),
    "drift": (_drift, "how sentiment and languages of late differ from the weeks before"),
    "sources": (_sources, "list the sources, or check their tokens, permissions and quotas"),
    "airflow": (_airflow, "Airflow's own command line, for the Airflow of `up`: backfill create, dags trigger, ..."),
}


if __name__ == "__main__":
    sys.exit(main())
