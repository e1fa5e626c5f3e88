"""From labelled and unlabelled texts to a trained network."""

import random
from pathlib import Path

import torch
from sklearn.metrics import f1_score
from tokenizers import Tokenizer

from training import data, finetune, loop, vocabulary
from training.data import Row
from training.network import Sentiment, old_vocabulary

MAX_LENGTH = 96
STEPS = 1_000
# No label of one source gives more rows than this to an epoch: the rest says little new (7,123 angry airline tweets).
_MOST = 2_500


def run(folder: Path, work: Path, steps: int) -> tuple[Sentiment, Tokenizer]:
    """Train, or go on where an earlier call in the same `work` folder was ended."""
    rows, validation = data.labelled(folder, "train"), data.labelled(folder, "validation")
    tokenizer = vocabulary.build(old_vocabulary(), [row.text for row in rows] + data.unlabelled(folder))
    rows = capped(rows)
    network = Sentiment(tokenizer.get_vocab_size())
    torch.manual_seed(loop.SEED)
    torch.nn.init.normal_(network.head.weight, std=0.02)
    torch.nn.init.zeros_(network.head.bias)
    network.start_from_base(tokenizer)
    held_out = encode(tokenizer, [row.text for row in validation], MAX_LENGTH)
    finetune.run(
        network,
        rows,
        encode(tokenizer, [row.text for row in rows], MAX_LENGTH),
        steps,
        work / "finetune.pt",
        lambda: _report(network, validation, held_out),
    )
    return network, tokenizer


def encode(tokenizer: Tokenizer, texts: list[str], longest: int) -> list[list[int]]:
    tokenizer.enable_truncation(longest)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    tokenizer.no_truncation()
    return ids


def capped(rows: list[Row]) -> list[Row]:
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in random.Random(loop.SEED).sample(rows, len(rows)):  # noqa: S311  an order, no secret
        groups.setdefault((row.source, row.language, row.label), []).append(row)
    return [row for group in groups.values() for row in group[:_MOST]]


def _report(network: Sentiment, validation: list[Row], ids: list[list[int]]) -> None:
    guesses = finetune.logits(network, ids).argmax(1)
    for language in ("en", "de"):
        chosen = [number for number, row in enumerate(validation) if row.language == language]
        score = f1_score([validation[n].label for n in chosen], guesses[chosen], average="macro")
        print(f"validation {language}: macro-F1 {score:.4f} on {len(chosen)} texts", flush=True)
