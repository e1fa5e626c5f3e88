"""From labelled and unlabelled texts to a trained network."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from sklearn.metrics import f1_score
from tokenizers import Tokenizer

from training import adapt, data, finetune, loop, vocabulary
from training.data import Row
from training.network import Sentiment, old_vocabulary

MAX_LENGTH = 96
# Masked guessing learns as much from the first 64 pieces of a text, for less.
_ADAPT_LENGTH = 64


@dataclass(frozen=True)
class Plan:
    adapt_epochs: int
    finetune_epochs: int
    rows: int | None = None  # of each language, for a trial run


def run(folder: Path, work: Path, plan: Plan) -> tuple[Sentiment, Tokenizer]:
    """Train, or go on where an earlier call in the same `work` folder was ended."""
    rows, validation = data.labelled(folder, "train"), data.labelled(folder, "validation")
    unlabelled = data.unlabelled(folder)
    tokenizer = vocabulary.build(old_vocabulary(), [row.text for row in rows] + unlabelled)
    if plan.rows is not None:
        rows = _sample(rows, plan.rows)
    network = Sentiment(tokenizer.get_vocab_size())
    torch.manual_seed(loop.SEED)
    torch.nn.init.normal_(network.head.weight, std=0.02)
    torch.nn.init.zeros_(network.head.bias)
    network.start_from_base(tokenizer)
    if plan.adapt_epochs:
        # A share of English keeps the encoder from forgetting what it came with.
        english = [row.text for row in rows if row.language == "en"][::2]
        texts = unlabelled + [row.text for row in rows if row.language == "de"] + english
        ids = [numbers for numbers in encode(tokenizer, texts, _ADAPT_LENGTH) if len(numbers) > 4]
        adapt.run(network, ids, tokenizer.token_to_id("[MASK]"), plan.adapt_epochs, work / "adapt.pt")
    held_out = encode(tokenizer, [row.text for row in validation], MAX_LENGTH)
    finetune.run(
        network, rows, encode(tokenizer, [row.text for row in rows], MAX_LENGTH), plan.finetune_epochs,
        work / "finetune.pt", lambda: _report(network, validation, held_out),
    )
    return network, tokenizer


def encode(tokenizer: Tokenizer, texts: list[str], longest: int) -> list[list[int]]:
    tokenizer.enable_truncation(longest)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    tokenizer.no_truncation()
    return ids


def _sample(rows: list[Row], each: int) -> list[Row]:
    shuffled = random.Random(loop.SEED).sample(rows, len(rows))
    return [row for language in ("de", "en") for row in [r for r in shuffled if r.language == language][:each]]


def _report(network: Sentiment, validation: list[Row], ids: list[list[int]]) -> None:
    guesses = finetune.logits(network, ids).argmax(1)
    for language in ("en", "de"):
        chosen = [number for number, row in enumerate(validation) if row.language == language]
        score = f1_score([validation[n].label for n in chosen], guesses[chosen], average="macro")
        print(f"validation {language}: macro-F1 {score:.4f} on {len(chosen)} texts", flush=True)
