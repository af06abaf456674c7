"""A builder of ONNX graphs: an input for each feature column, an output for each score."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from updraft.models.feature_columns import FeatureColumns

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 8
Array = npt.NDArray[Any]


class Graph:
    """Operators and constants, in the order in which they were added, in double precision.

    Methods take and return tensors by their names; arrays become constants.
    """

    def __init__(self, columns: FeatureColumns, outputs: Sequence[str], width: int) -> None:
        """``width``: how many scores the model has, without those of classes without rows."""
        self.columns = columns
        self.outputs = outputs
        self.width = width
        self._names = {*columns.all, *outputs}  # A feature may have any name.
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(
        self,
        operator: str,
        *inputs: str | Array | float,
        output: str = "",
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Append an operator with a single output; returns the output's name."""
        names = [
            value if isinstance(value, str) else self._constant(np.asarray(value))
            for value in inputs
        ]
        output = output or self._new_name(operator)
        node = helper.make_node(operator, names, [output], domain=domain, **attributes)
        self._nodes.append(node)
        return output

    def double(self, tensor: str) -> str:
        """The tensor in double precision."""
        return self.add("Cast", tensor, to=TensorProto.DOUBLE)

    def concat(self, matrices: Sequence[str]) -> str:
        """The columns of all matrices, which have the same rows, in one matrix."""
        if len(matrices) == 1:
            return matrices[0]
        return self.add("Concat", *matrices, axis=1)

    def model(self, scores: str) -> onnx.ModelProto:
        """The model whose outputs are the columns of ``scores``, of shape (rows, outputs)."""
        for n, name in enumerate(self.outputs):
            self.add("Gather", scores, np.array(n), axis=1, output=name)
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows"])
            for name in self.outputs
        ]
        graph = helper.make_graph(
            self._nodes, "updraft", self._inputs(), outputs, initializer=self._constants
        )
        model = helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        # MLflow feeds columns of shape (rows,), but a single one as a matrix.
        shape: list[str | int] = ["rows"] if len(self.columns.all) > 1 else ["rows", 1]
        inputs = []
        for name in self.columns.all:
            is_text = name in self.columns.categories
            element_type = TensorProto.STRING if is_text else TensorProto.DOUBLE
            inputs.append(helper.make_tensor_value_info(name, element_type, shape))
        return inputs

    def _constant(self, values: Array) -> str:
        name = self._new_name("constant")
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def _new_name(self, prefix: str) -> str:
        name = f"{prefix}_{len(self._names)}"
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name
