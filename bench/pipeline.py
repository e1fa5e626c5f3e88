"""transformers' own `pipeline` on torch, with the weights that are shipped.

The shipped file is int8 for ONNX Runtime, which torch cannot read: so each weight is multiplied out to float32 (int8
times its scale) and put into transformers' BertModel, with the mean of the tokens and the linear layer behind it. That
is what somebody gets who runs this model with the library's defaults. Its labels are compared with ours, so that it
cannot be another model by mistake.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def pipeline(folder: Path, threads: int, *, batch: int) -> Callable[[list[str]], list[str]]:
    """A function from texts to labels; `batch` is the pipeline's batch_size."""
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    config = transformers.AutoConfig.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    run = transformers.TextClassificationPipeline(
        model=_network(folder, config).eval(), tokenizer=tokenizer, device=torch.device("cpu")
    )
    longest = json.loads((folder / "config.json").read_text())["resonanz"]["max_length"]

    def answer(texts: list[str]) -> list[str]:
        from resonanz.sentiment import normalise

        clean = [normalise(text) for text in texts]
        return [row["label"] for row in run(clean, batch_size=batch, truncation=True, max_length=longest)]

    return answer


def _network(folder: Path, config: Any) -> Any:
    import torch
    from transformers import BertModel, PreTrainedModel
    from transformers.modeling_outputs import SequenceClassifierOutput

    class BertForSequenceClassificationByMean(PreTrainedModel):
        config_class = type(config)

        def __init__(self) -> None:
            super().__init__(config)
            self.encoder = BertModel(config, add_pooling_layer=False)
            self.head = torch.nn.Linear(config.hidden_size, len(config.id2label))
            self.post_init()

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None, **_: Any) -> Any:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            kept = attention_mask.unsqueeze(-1).to(states.dtype)
            return SequenceClassifierOutput(logits=self.head((states * kept).sum(1) / kept.sum(1)))

    network = BertForSequenceClassificationByMean()
    weights = {name: torch.from_numpy(value.copy()) for name, value in _weights(folder / "model.onnx").items()}
    left = network.load_state_dict(weights, strict=False)
    if lacking := [name for name in left.missing_keys if "position_ids" not in name]:
        raise SystemExit(f"model.onnx is not the network that this benchmark knows: no {lacking[:3]}")
    return network


def _weights(file: Path) -> dict[str, Any]:
    """float32 weights by torch's names. Biases keep them in the file; the product before a bias is its weight."""
    import onnx

    graph = onnx.load(str(file)).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {name: value for name, value in tensors.items() if name.endswith((".weight", ".bias"))}
    rows = next(name for name in tensors if name.endswith("_rows"))
    found["encoder.embeddings.word_embeddings.weight"] = (
        tensors[rows].astype("float32") * tensors[rows.removesuffix("_rows") + "_scales"]
    )
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    for node in graph.node:
        if node.op_type != "MatMulIntegerToFloat":
            continue
        output = node.output[0].removesuffix("_raw")
        biases = [name for user in users[output] for name in user.input if name.endswith(".bias")]
        bias = next(name for name in biases if "LayerNorm" not in name)
        product = tensors[node.input[1]].astype("float32") * tensors[node.input[3]]
        found[bias.removesuffix("bias") + "weight"] = product.T
    return found
