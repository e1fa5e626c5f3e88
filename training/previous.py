"""The weights of a model folder that was written here before, to go on from."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer

_EMBEDDING = "embeddings.word_embeddings.weight"


def read(folder: Path) -> tuple[list[str], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Pieces in the order of their embeddings, the encoder's weights, and the head's. int8 becomes float again."""
    graph = onnx.load(folder / "model.onnx").graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    # Weights lose their names in the exported file; the node that adds a layer's bias still tells whose they are.
    layers = {
        product: bias.removesuffix(".bias")
        for node in graph.node
        for bias in node.input
        if bias.endswith(".bias") and "LayerNorm" not in bias
        for product in node.input
    }
    found: dict[str, np.ndarray] = {name: values for name, values in stored.items() if values.dtype == np.float32}
    for name, values in stored.items():
        if values.dtype == np.int8 and name.endswith("_weight"):
            layer = layers[name.removesuffix("_weight")]
            found[f"{layer}.weight"] = (values * stored[f"{name}_scale"]).T
        elif values.dtype == np.int8 and f"{name.removesuffix('_rows')}_scales" in stored:
            found[f"encoder.{_EMBEDDING}"] = values * stored[f"{name.removesuffix('_rows')}_scales"]
    weights = {_without_network(name): torch.from_numpy(np.array(values)) for name, values in found.items()}
    pieces = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    return (
        sorted(pieces, key=pieces.__getitem__),
        {name.removeprefix("encoder."): values for name, values in weights.items() if name.startswith("encoder.")},
        {name.removeprefix("head."): values for name, values in weights.items() if name.startswith("head.")},
    )


def _without_network(name: str) -> str:
    return name.removeprefix("network.")
