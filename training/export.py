"""From a trained network to the folder that is shipped."""

import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.transformers import optimizer
from tokenizers import Tokenizer

from training.data import LABELS
from training.network import Sentiment
from training.quantise import quantise

OPSET = 18


def export(network: Sentiment, tokenizer: Tokenizer, folder: Path, own: dict[str, object]) -> Path:
    """Write `folder` in the layout of the Hugging Face hub; `own` goes into config.json under the key resonanz.

    Returns the fp32 file it came from, which stays outside of `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    fp32 = Path(tempfile.mkdtemp()) / "fp32.onnx"
    _to_onnx(network, fp32)
    _compare(network, fp32)
    onnx.save(_bare(quantise(onnx.load(fp32))), folder / "model.onnx")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    special = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    _write(
        folder / "tokenizer_config.json",
        {
            # The generic class reads tokenizer.json as it is; BERT's own would bring its English rules back.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 512,
            **special,
        },
    )
    configure(network, folder, own)
    return fp32


def configure(network: Sentiment, folder: Path, own: dict[str, object]) -> None:
    """(Re)write config.json alone."""
    settings = network.encoder.config.to_dict()
    kept = (
        "model_type",
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "hidden_act",
        "max_position_embeddings",
        "type_vocab_size",
        "layer_norm_eps",
        "pad_token_id",
    )
    _write(
        folder / "config.json",
        {
            **{key: settings[key] for key in kept},
            "id2label": dict(enumerate(LABELS)),
            "label2id": {label: number for number, label in enumerate(LABELS)},
            "resonanz": own,
        },
    )


def _to_onnx(network: Sentiment, file: Path) -> None:
    # Plain attention leaves a graph without the checks for rows that are masked as a whole, which no text has.
    network.encoder.set_attn_implementation("eager")
    network.eval()
    # Two tensors: handed the same one twice, the exporter takes both inputs for one.
    ids, mask = torch.arange(14).reshape(2, 7), torch.ones(2, 7, dtype=torch.long)
    batch, length = torch.export.Dim("batch", max=4_096), torch.export.Dim("length", min=2, max=512)
    program = torch.onnx.export(
        network,
        (ids, mask),
        dynamo=True,
        opset_version=OPSET,
        verbose=False,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes={name: {0: batch, 1: length} for name in ("input_ids", "attention_mask")},
    )
    program.save(file)
    logging.getLogger("onnxruntime.transformers").setLevel(logging.WARNING)
    config = network.encoder.config
    fused = optimizer.optimize_model(
        str(file), model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size, opt_level=0
    )
    fused.save_model_to_file(str(file))


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the traces of where in which file each node came up: the folders of whoever trained it."""
    for node in [*model.graph.node, *(node for function in model.functions for node in function.node)]:
        node.doc_string = ""
        node.metadata_props.clear()
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        value.metadata_props.clear()
    return model


def _compare(network: Sentiment, file: Path) -> None:
    """The file must say what the network says, also at other sizes than it was traced with."""
    session = onnxruntime.InferenceSession(str(file))
    for batch, length in ((1, 3), (5, 40)):
        ids = torch.randint(5, network.encoder.config.vocab_size, (batch, length))
        mask = torch.ones_like(ids)
        with torch.no_grad():
            expected = network(ids, mask).numpy()
        found = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
        if not np.allclose(found, expected, atol=1e-3):
            raise SystemExit(f"The exported file differs from the network by {abs(found - expected).max():.3f}")


def _write(file: Path, content: dict[str, object]) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
