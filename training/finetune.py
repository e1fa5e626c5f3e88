"""Encoder and head learn the three labels."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from training import batches, loop
from training.data import LABELS, Row
from training.network import Sentiment
from training.vocabulary import SPECIAL

# Short public posts are what the model is for; the reviews teach German words, the airline tweets one trade.
_SOURCE_WEIGHT = {"umsab": 2.0, "sb10k": 1.5, "hotel_reviews": 0.6, "restaurant_reviews": 0.6, "us_airlines": 0.7}

# The share of tokens that a training text loses: no one word may carry a label alone.
_HIDDEN = 0.1


def weights(rows: Sequence[Row]) -> torch.Tensor:
    """One weight a row, mean 1: within each source the labels count alike (up to a factor of 4), so that the model
    cannot read the label off the source."""
    labels, sources = (
        Counter((row.source, row.language, row.label) for row in rows),
        Counter((row.source, row.language) for row in rows),
    )
    raw = [
        _SOURCE_WEIGHT.get(row.source, 1.0)
        * min(4.0, sources[row.source, row.language] / len(LABELS) / labels[row.source, row.language, row.label])
        for row in rows
    ]
    return torch.tensor(raw) / (sum(raw) / len(raw))


def run(
    network: Sentiment,
    rows: Sequence[Row],
    ids: list[list[int]],
    steps: int,
    checkpoint: Path,
    report: Callable[[], None],
) -> None:
    """Train `network` in place."""
    torch.manual_seed(loop.SEED)
    importance, labels = weights(rows), torch.tensor([row.label for row in rows])
    embedding = network.encoder.embeddings.word_embeddings.weight
    encoder = [weight for weight in network.encoder.parameters() if weight is not embedding]
    groups = [
        {"params": [embedding], "lr": 3e-4, "weight_decay": 0.0},
        {"params": encoder, "lr": 1e-4},
        {"params": list(network.head.parameters()), "lr": 1e-3},
    ]

    def loss(numbers: list[int]) -> torch.Tensor:
        tokens, mask = batches.pad([ids[row] for row in numbers])
        hidden = (torch.rand(tokens.shape) < _HIDDEN) & (tokens >= len(SPECIAL))
        logits = network(tokens.masked_fill(hidden, SPECIAL.index("[MASK]")), mask).float()
        each = torch.nn.functional.cross_entropy(logits, labels[numbers], reduction="none", label_smoothing=0.05)
        return (each * importance[numbers]).mean()

    loop.run(network, groups, loss, [len(numbers) for numbers in ids], steps, checkpoint, report)


@torch.no_grad()
def logits(network: Sentiment, ids: Sequence[Sequence[int]]) -> np.ndarray:
    """(texts, 3) float32, in the order of `ids`; the network must be in eval mode."""
    result = np.empty((len(ids), len(LABELS)), dtype=np.float32)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    for start in range(0, len(order), batches.BATCH):
        rows = order[start : start + batches.BATCH]
        result[rows] = network(*batches.pad([ids[row] for row in rows])).numpy()
    return result
