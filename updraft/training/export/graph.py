"""An ONNX graph in the making: an input for each feature column, an output for each score, double precision between."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from updraft.models.feature_columns import Columns

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 8
Array = npt.NDArray[Any]


class Graph:
    """Nodes and constants, added in order. A tensor is spoken of by its name; arrays become constants."""

    def __init__(self, columns: Columns, outputs: Sequence[str], width: int) -> None:
        """``width``: how many numbers a head gives; fewer than there are outputs, where a class had no row in training."""
        self.columns = columns
        self.outputs = outputs
        self.width = width
        self._taken = {*columns.all, *outputs}  # A feature may be called anything.
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str | Array | float, output: str = "", domain: str = "", **attributes: Any) -> str:
        """Append an operator; returns the name of its only output."""
        names = [given if isinstance(given, str) else self._constant(np.asarray(given)) for given in inputs]
        output = output or self._fresh(operator)
        self._nodes.append(helper.make_node(operator, names, [output], domain=domain, **attributes))
        return output

    def double(self, tensor: str) -> str:
        return self.add("Cast", tensor, to=TensorProto.DOUBLE)

    def beside(self, tensors: Sequence[str]) -> str:
        """Matrices of as many rows, side by side."""
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=1)

    def model(self, scores: str) -> onnx.ModelProto:
        """The model whose outputs are the columns of the matrix ``scores``."""
        for n, name in enumerate(self.outputs):
            self.add("Gather", scores, np.array(n), axis=1, output=name)
        outputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows"]) for name in self.outputs]
        graph = helper.make_graph(self._nodes, "updraft", self._inputs(), outputs, initializer=self._constants)
        model = helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        # MLflow feeds columns of shape (rows,), but a single one as a matrix.
        shape: list[str | int] = ["rows"] if len(self.columns.all) > 1 else ["rows", 1]
        texts = self.columns.categories
        kinds = {name: TensorProto.STRING if name in texts else TensorProto.DOUBLE for name in self.columns.all}
        return [helper.make_tensor_value_info(name, kind, shape) for name, kind in kinds.items()]

    def _constant(self, values: Array) -> str:
        name = self._fresh("constant")
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def _fresh(self, kind: str) -> str:
        name = f"{kind}_{len(self._taken)}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name
