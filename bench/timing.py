"""Timing side by side: the ways take turns, so that a machine whose speed drifts is fair to all."""

import statistics
import time
from collections.abc import Callable


def compare(ways: dict[str, Callable[[], object]], *, units: int, unit: str, rounds: int = 3) -> None:
    """Run each way `rounds` times in turn; print median seconds, `units` per second, time and speed beside the first.

    :param units: how many of `unit` one call works through.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    first = statistics.median(next(iter(seconds.values())))
    print(f"{'way':<34}{'median s':>10}{unit + '/s':>14}{'time ratio':>12}{'speed ratio':>13}{'min..max s':>18}")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        spread = f"{min(taken):.2f}..{max(taken):.2f}"
        ratios = f"{median / first:>12.2f}{first / median:>13.2f}"
        print(f"{name:<34}{median:>10.2f}{units / median:>14,.0f}{ratios}{spread:>18}")
