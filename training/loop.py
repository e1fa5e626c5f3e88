"""The training loop; it saves itself and goes on from there after a kill."""

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from training import batches

SEED = 7
_SAVE_EVERY = 25
_WARM_UP = 100
# The learning rate holds and then falls over these last steps, where most of the gain comes.
_FALL = 300


def run(
    network: torch.nn.Module,
    groups: list[dict[str, object]],
    loss: Callable[[list[int]], torch.Tensor],
    lengths: Sequence[int],
    steps: int,
    checkpoint: Path,
    report: Callable[[], None],
) -> None:
    """Train `network` in place. `loss` maps row numbers to a scalar; `groups` are the optimiser's, each with its
    highest learning rate. `report` is called now and then with the network in eval mode."""
    # A batch draws its dropout from its own step's seed, so that a resumed run equals an uninterrupted one.
    numbers = itertools.count()
    plan = list(
        itertools.islice(
            itertools.chain.from_iterable(batches.epoch(lengths, SEED, number) for number in numbers), steps
        )
    )
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / _WARM_UP, (steps - step) / _FALL)
    )
    first = _load(checkpoint, network, optimiser, schedule)
    started, seen, total = time.monotonic(), 0, 0.0
    network.train()
    for step in range(first, steps):
        rows = plan[step]
        torch.manual_seed(SEED * 1_000_000 + step)
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(rows)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        seen, total = seen + len(rows), total + value.item()
        done = step + 1
        if done % 50 == 0:
            speed = seen / (time.monotonic() - started)
            left = (steps - done) * batches.BATCH / speed / 60
            print(
                f"{checkpoint.stem} {done}/{steps} loss {total / (done - first):.3f} "
                f"{speed:.0f} texts/s, {left:.0f} min left",
                flush=True,
            )
        if done == steps or done % 300 == 0:
            network.eval()
            report()
            network.train()
        if done % _SAVE_EVERY == 0 or done == steps:
            _save(checkpoint, done, network, optimiser, schedule)
    network.eval()


def _save(path: Path, step: int, network, optimiser, schedule) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "step": step,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
    }
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def _load(path: Path, network, optimiser, schedule) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    print(f"{path.stem}: going on from step {state['step']}", flush=True)
    return int(state["step"])
