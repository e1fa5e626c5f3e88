"""int8 with one scale a token.

The usual dynamic quantisation takes one scale for a whole batch, so that a text's score depends on the texts beside
it. Here each token's vector has its own scale and each weight column its own: closer to fp32, and a text always gets
the same score.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

_CONTRIB = "com.microsoft"


def quantise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace, in place, each product with constant weights and the word embeddings by their int8 form."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    quantised: set[str] = set()
    _constants(model.graph)
    for node in model.graph.node:
        weight = weights.get(node.input[1]) if node.op_type == "MatMul" else None
        if weight is not None:
            if node.input[0] not in quantised:
                nodes += _activations(node.input[0])
                quantised.add(node.input[0])
            nodes += _product(model.graph, node, numpy_helper.to_array(weight))
        elif (
            node.op_type == "Gather"
            and node.input[0] in weights
            and len(weights[node.input[0]].dims) == 2
            and weights[node.input[0]].dims[0] > 1_000
        ):
            nodes += _embedding(model.graph, node, numpy_helper.to_array(weights[node.input[0]]))
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    if all(entry.domain != _CONTRIB for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
    return model


def _constants(graph: onnx.GraphProto) -> None:
    for name, value in {
        "q_last": np.array([-1], np.int64),
        "q_steps": np.array(127, np.float32),
        "q_least": np.array(1e-12, np.float32),
        "q_one": np.array(1, np.float32),
        # Unsigned rows around 128: the processors' int8 products are made for unsigned by signed.
        "q_middle": np.array(128, np.uint8),
        "q_middles": np.array(128, np.float32),
        "q_nothing": np.array(0, np.float32),
    }.items():
        graph.initializer.append(numpy_helper.from_array(value, name))


def _activations(name: str) -> list[onnx.NodeProto]:
    """(batch, length, width) floats to uint8 rows (batch x length, width) and one scale a row."""
    make = helper.make_node
    return [
        make("Shape", [name], [f"{name}_width"], start=2),
        make("Concat", ["q_last", f"{name}_width"], [f"{name}_flat"], axis=0),
        make("Reshape", [name, f"{name}_flat"], [f"{name}_rows"]),
        make("Abs", [f"{name}_rows"], [f"{name}_abs"]),
        make("ReduceMax", [f"{name}_abs", "q_last"], [f"{name}_top"], keepdims=0),
        make("Max", [f"{name}_top", "q_least"], [f"{name}_safe"]),
        make("Div", [f"{name}_safe", "q_steps"], [f"{name}_scale"]),
        make("Mul", [f"{name}_scale", "q_nothing"], [f"{name}_noughts"]),
        make("Add", [f"{name}_noughts", "q_middles"], [f"{name}_middles"]),
        make("Cast", [f"{name}_middles"], [f"{name}_zeros"], to=onnx.TensorProto.UINT8),
        make("QuantizeLinear", [f"{name}_rows", f"{name}_scale", f"{name}_zeros"], [f"{name}_int8"], axis=0),
        make("Unsqueeze", [f"{name}_scale", "q_last"], [f"{name}_column"]),
        make("Shape", [name], [f"{name}_shape"], end=2),
        make("Concat", [f"{name}_shape", "q_last"], [f"{name}_back"], axis=0),
    ]


def _product(graph: onnx.GraphProto, node: onnx.NodeProto, weight: np.ndarray) -> list[onnx.NodeProto]:
    source, target = node.input[0], node.output[0]
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-12).astype(np.float32) / 127
    numbers = np.round(weight / scale).astype(np.int8)
    graph.initializer.append(numpy_helper.from_array(numbers, f"{target}_weight"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{target}_weight_scale"))
    return [
        helper.make_node(
            "MatMulIntegerToFloat",
            [f"{source}_int8", f"{target}_weight", "q_one", f"{target}_weight_scale", "q_middle"],
            [f"{target}_raw"],
            domain=_CONTRIB,
        ),
        helper.make_node("Mul", [f"{target}_raw", f"{source}_column"], [f"{target}_scaled"]),
        helper.make_node("Reshape", [f"{target}_scaled", f"{source}_back"], [target]),
    ]


def _embedding(graph: onnx.GraphProto, node: onnx.NodeProto, rows: np.ndarray) -> list[onnx.NodeProto]:
    target = node.output[0]
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12).astype(np.float32) / 127
    graph.initializer.append(numpy_helper.from_array(np.round(rows / scale).astype(np.int8), f"{target}_rows"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{target}_scales"))
    make = helper.make_node
    return [
        make("Gather", [f"{target}_rows", node.input[1]], [f"{target}_int8"]),
        make("Cast", [f"{target}_int8"], [f"{target}_float"], to=onnx.TensorProto.FLOAT),
        make("Gather", [f"{target}_scales", node.input[1]], [f"{target}_scale"]),
        make("Mul", [f"{target}_float", f"{target}_scale"], [target]),
    ]
