"""Stage one: the encoder learns German by guessing masked pieces of unlabelled texts."""

from pathlib import Path

import torch

from training import batches, loop
from training.network import Sentiment

_MASKED = 0.2


class _Guesser(torch.nn.Module):
    """Scores every piece of the vocabulary for a masked place; the output layer is the embedding itself."""

    def __init__(self, network: Sentiment) -> None:
        super().__init__()
        width = network.encoder.config.hidden_size
        self.encoder = network.encoder
        self.transform = torch.nn.Sequential(
            torch.nn.Linear(width, width), torch.nn.GELU(), torch.nn.LayerNorm(width)
        )
        self.bias = torch.nn.Parameter(torch.zeros(network.encoder.config.vocab_size))

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor, mask_id: int) -> torch.Tensor:
        drawn = (torch.rand(tokens.shape) < _MASKED) & (mask == 1)
        drawn[:, 0] = False
        drawn[0, 1] = True  # a batch without any masked place would have no loss
        # One in five masked places stays as it is, so that the encoder reads unmasked texts well, too.
        hidden = drawn & (torch.rand(tokens.shape) < 0.8)
        states = self.encoder(input_ids=tokens.masked_fill(hidden, mask_id), attention_mask=mask).last_hidden_state
        scores = self.transform(states[drawn]) @ self.encoder.embeddings.word_embeddings.weight.T + self.bias
        return torch.nn.functional.cross_entropy(scores.float(), tokens[drawn])


def run(network: Sentiment, ids: list[list[int]], mask_id: int, epochs: int, checkpoint: Path) -> None:
    """Train the encoder of `network` in place on token ids."""
    torch.manual_seed(loop.SEED)
    guesser = _Guesser(network)
    embedding = guesser.encoder.embeddings.word_embeddings.weight
    rest = [weight for weight in guesser.parameters() if weight is not embedding]
    groups = [{"params": [embedding], "lr": 1e-3, "weight_decay": 0.0}, {"params": rest, "lr": 2e-4}]

    def loss(rows: list[int]) -> torch.Tensor:
        return guesser(*batches.pad([ids[row] for row in rows]), mask_id)

    loop.run(guesser, groups, loss, [len(numbers) for numbers in ids], epochs, checkpoint)
