"""A tiny model in ONNX, which needs neither Spark nor training, with rows and their scores."""

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper

ROWS = pd.DataFrame({"x": [0.0, 1.0, 2.0], "kind": ["a", "b", "a"]})
SCORES = np.array([[0.25], [0.5], [0.75]])


def tiny_model() -> onnx.ModelProto:
    """Return a model with the score 0.25 + x / 4. It has a text input, too, which it ignores."""
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 1]),
        helper.make_tensor_value_info("kind", TensorProto.STRING, [None]),
    ]
    output = helper.make_tensor_value_info("probability", TensorProto.DOUBLE, [None, 1])
    quarter = helper.make_tensor("quarter", TensorProto.DOUBLE, [], [0.25])
    nodes = [
        helper.make_node("Mul", ["x", "quarter"], ["product"]),
        helper.make_node("Add", ["product", "quarter"], ["probability"]),
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, [output], [quarter])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
