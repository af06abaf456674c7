"""Fitted models as ONNX: one form for every family, loaded without pickles, scored alike in Spark, in tests and over HTTP."""

import contextlib
import io
from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, compose, helper
from pyspark.ml.classification import LogisticRegressionModel

from updraft.core.errors import UpdraftError
from updraft.training.families import Columns, Fitted, Scores, SparkModel
from updraft.training.trees import trees_to_onnx

SPARK_OPSET = 15  # The newest that the converter of Spark models knows.
PARITY = 1e-4


def to_onnx(fitted: Fitted) -> onnx.ModelProto:
    """The whole pipeline: an input of shape (rows,) for each feature column, and ``probability`` of shape (rows,).

    MLflow's ONNX flavour feeds a DataFrame's columns one by one and flattens what comes out, so both have one dimension.
    """
    linear = isinstance(fitted, SparkModel) and isinstance(fitted.model.stages[-1], LogisticRegressionModel)
    converted = _linear(fitted) if linear else trees_to_onnx(fitted)
    inner = compose.add_prefix(converted, "inner_")
    inner.graph.name = "pipeline"
    probabilities = inner.graph.output[-1].name
    # Operators that every opset since 8 knows: each converter chooses its own.
    column_shape = helper.make_tensor("column_shape", TensorProto.INT64, [2], [-1, 1])
    positive = helper.make_tensor("positive", TensorProto.INT64, [], [1])
    nodes, inputs = [], []
    for column in fitted.columns.all:
        given = next(i for i in inner.graph.input if i.name == f"inner_{column}")
        kind = TensorProto.STRING if column in fitted.columns.categories else TensorProto.DOUBLE
        inputs.append(helper.make_tensor_value_info(column, kind, ["rows"]))
        wanted = given.type.tensor_type.elem_type
        source = column
        if wanted != kind:
            source = f"{column}_cast"
            nodes.append(helper.make_node("Cast", [column], [source], to=wanted))
        nodes.append(helper.make_node("Reshape", [source, "column_shape"], [given.name]))
    nodes += inner.graph.node
    nodes.append(helper.make_node("Gather", [probabilities, "positive"], ["probability"], axis=1))
    output = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows"])
    graph = helper.make_graph(
        nodes, "updraft", inputs, [output], initializer=[*inner.graph.initializer, column_shape, positive]
    )
    model = helper.make_model(graph, opset_imports=converted.opset_import, ir_version=converted.ir_version)
    onnx.checker.check_model(model)
    return model


def score_onnx(model: onnx.ModelProto, rows: pd.DataFrame) -> Scores:
    """Scores of shape (rows, outputs) by ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {i.name: rows[i.name].to_numpy(object if "string" in i.type else float) for i in session.get_inputs()}
    return np.column_stack([np.asarray(one, dtype=float) for one in session.run(None, feed)])


def check_parity(model: onnx.ModelProto, rows: pd.DataFrame, native: Scores) -> float:
    """The largest difference between the exported and the native model on ``rows``. Converters have been silently wrong.

    Raises:
        UpdraftError: it exceeds ``PARITY``.
    """
    difference = float(np.max(np.abs(score_onnx(model, rows) - native)))
    if not difference <= PARITY:
        raise UpdraftError(
            f"export: the ONNX model differs from the native one by {difference:.2g}, expected at most {PARITY:g}. "
            "It was not registered. Use another algorithm, or report the converter's fault."
        )
    return difference


def _linear(fitted: Fitted) -> onnx.ModelProto:
    from onnxmltools import convert_sparkml
    from onnxmltools.convert.common.data_types import FloatTensorType, StringTensorType
    from pyspark.sql import SparkSession

    types = _types(fitted.columns, StringTensorType, FloatTensorType)
    spark = SparkSession.getActiveSession()
    with contextlib.redirect_stdout(io.StringIO()):  # The converter prints every weight of a linear model.
        exported: onnx.ModelProto = convert_sparkml(
            fitted.model, "pipeline", types, spark_session=spark, target_opset=SPARK_OPSET
        )
    # It gives reshaping a domain name that is an alias, which the checker does not know, with an opset of its own.
    for node in exported.graph.node:
        node.domain = "" if node.domain == "ai.onnx" else node.domain
        # It also lets an unseen category fail. Spark gives that a weight which no row has moved from 0: the same as none.
        for attribute in node.attribute:
            if (node.op_type, attribute.name) == ("OneHotEncoder", "zeros"):
                attribute.i = 1
    opsets = [opset for opset in exported.opset_import if opset.domain != "ai.onnx"]
    del exported.opset_import[:]
    exported.opset_import.extend(opsets)
    return exported


def _types(columns: Columns, category: Any, number: Any) -> list[tuple[str, Any]]:
    return [(c, (category if c in columns.categories else number)([None, 1])) for c in columns.all]
