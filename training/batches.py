"""Batches of similar length, in an order that depends on the seed and the epoch alone."""

import random
from collections.abc import Sequence

import torch

BATCH = 32
_POOL = BATCH * 50


def epoch(lengths: Sequence[int], seed: int, number: int) -> list[list[int]]:
    """Row numbers by batch. Sorting within pools saves padding and still mixes the texts from epoch to epoch."""
    shuffler = random.Random(seed * 1_000 + number)  # noqa: S311  an order, no secret
    order = list(range(len(lengths)))
    shuffler.shuffle(order)
    batches = []
    for start in range(0, len(order), _POOL):
        pool = sorted(order[start : start + _POOL], key=lambda row: lengths[row])
        batches += [pool[first : first + BATCH] for first in range(0, len(pool), BATCH)]
    shuffler.shuffle(batches)
    return batches


def pad(ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, (batch, longest), int64; the pad id is 0."""
    longest = max(map(len, ids))
    tokens = torch.zeros(len(ids), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, numbers in enumerate(ids):
        tokens[row, : len(numbers)] = torch.tensor(numbers)
        mask[row, : len(numbers)] = 1
    return tokens, mask
