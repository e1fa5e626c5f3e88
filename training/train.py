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
STEPS = 2_400
# No label of one source gives more rows than this to an epoch: the rest says little new (7,123 angry airline tweets).
# English, which the base model knows, and the reviews, which are long and least like posts, give less.
_MOST = {"us_airlines": 1_500, "restaurant_reviews": 600, "hotel_reviews": 900}
_MOST_ELSEWHERE = 2_500
# Training reads less than the model does later on: few posts are longer, and the reviews would cost twice the time.
_TRAINED_LENGTH = 64


def run(folder: Path, work: Path, steps: int, start: Path | None = None) -> tuple[Sentiment, Tokenizer]:
    """Train, or go on where an earlier call in the same `work` folder was ended."""
    rows = data.labelled(folder, "train")
    checks = {split: data.labelled(folder, split) for split in ("validation", "held_out")}
    tokenizer = _tokenizer(work / "tokenizer.json", folder, rows)
    rows = capped(rows)
    network = Sentiment(tokenizer.get_vocab_size())
    torch.manual_seed(loop.SEED)
    if start is None:
        network.start_from_base(tokenizer)
    else:
        network.start_from(tokenizer, start)
    check = [row for rows_of in checks.values() for row in rows_of if row.source in ("umsab", "sb10k", "potts")]
    encoded = encode(tokenizer, [row.text for row in check], MAX_LENGTH)
    finetune.run(
        network,
        rows,
        encode(tokenizer, [row.text for row in rows], _TRAINED_LENGTH),
        steps,
        work / "finetune.pt",
        lambda: _report(network, check, encoded),
    )
    return network, tokenizer


def _tokenizer(file: Path, folder: Path, rows: list[Row]) -> Tokenizer:
    """Built once for a run: going on after a kill should not cost another minute."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        built = vocabulary.build(old_vocabulary(), [row.text for row in rows] + data.unlabelled(folder))
        built.save(str(file), pretty=False)
    return Tokenizer.from_file(str(file))


def encode(tokenizer: Tokenizer, texts: list[str], longest: int) -> list[list[int]]:
    tokenizer.enable_truncation(longest)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    tokenizer.no_truncation()
    return ids


def capped(rows: list[Row]) -> list[Row]:
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in random.Random(loop.SEED).sample(rows, len(rows)):  # noqa: S311  an order, no secret
        groups.setdefault((row.source, row.language, row.label), []).append(row)
    return [row for (source, *_), group in groups.items() for row in group[: _MOST.get(source, _MOST_ELSEWHERE)]]


def _report(network: Sentiment, rows: list[Row], ids: list[list[int]]) -> None:
    guesses = finetune.logits(network, ids).argmax(1)
    for group in sorted({(row.language, row.source) for row in rows}):
        chosen = [number for number, row in enumerate(rows) if (row.language, row.source) == group]
        score = f1_score([rows[n].label for n in chosen], guesses[chosen], average="macro")
        print(f"{' '.join(group)}: macro-F1 {score:.4f} on {len(chosen)} texts", flush=True)
