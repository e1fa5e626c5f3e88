"""`make bench [ONLY=score]`: run the benchmarks, one after the other."""

import os
import sys

from bench import extract, publish, score

BENCHMARKS = {"extract": extract.main, "score": score.main, "publish": publish.main}


def main() -> int:
    """Run all benchmarks, or the one that ONLY names."""
    only = os.environ.get("ONLY")
    if only and only not in BENCHMARKS:
        print(f"no benchmark {only!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name, benchmark in BENCHMARKS.items():
        if only in (None, name):
            print(f"\n== {name}: {benchmark.__doc__}")
            benchmark()
    return 0


if __name__ == "__main__":
    sys.exit(main())
