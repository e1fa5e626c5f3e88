"""`python -m demo serve`: the demo company's platforms on this machine. `python -m demo export`: its files only."""

import argparse
import sys
from pathlib import Path

from demo import archives
from demo.phrases import PhraseError
from demo.server import serve
from demo.world import SEED, build


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="write the exports and serve the platforms' APIs until stopped")
    serving.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1 (default: 8765; 0: any free one)")
    serving.add_argument(
        "--times",
        type=_times,
        action="append",
        default=[],
        metavar="CHANNEL=N",
        help="N times as much is said on a channel, for measuring",
    )
    exporting = commands.add_parser("export", help="write the exports and end")
    for command in (serving, exporting):
        command.add_argument("--archives", type=Path, required=True, help="folder for the exports")
        command.add_argument("--seed", type=int, default=SEED, help=f"another seed, another history (default: {SEED})")
    arguments = parser.parse_args()
    try:
        if arguments.command == "serve":
            serve(arguments.port, arguments.archives, arguments.seed, dict(arguments.times))
        else:
            for path in archives.write(build(arguments.seed), arguments.archives):
                print(path)
    except (PhraseError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def _times(text: str) -> tuple[str, int]:
    channel, _, number = text.partition("=")
    return channel, int(number)


if __name__ == "__main__":
    sys.exit(main())
