"""Spark's tree ensembles as ONNX, with inputs and thresholds in double precision and sets of categories kept whole.

onnxmltools would round thresholds to float32 and take a set of categories for its first one, and reads tree after tree.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pyspark.ml import PipelineModel
from pyspark.ml.classification import GBTClassificationModel, RandomForestClassificationModel
from pyspark.sql import SparkSession

from updraft.core.settings import settings
from updraft.training.families import SparkModel

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 8
Node = tuple[int, str, int, float, int, int]  # id, mode, feature, value, where true, where false


def is_ensemble(pipeline: PipelineModel) -> bool:
    """Whether the pipeline ends in a tree ensemble."""
    return isinstance(pipeline.stages[-1], RandomForestClassificationModel | GBTClassificationModel)


def trees_to_onnx(fitted: SparkModel) -> onnx.ModelProto:
    """The pipeline as ``families`` builds it: an input of shape (rows, 1) a column, ``probabilities`` of shape (rows, 2)."""
    stages: list[Any] = list(fitted.model.stages)
    inputs, nodes, constants, features = [], [], [], []
    if fitted.columns.numbers:
        medians = stages.pop(0).surrogateDF.first().asDict()
        values = np.array([[medians[name] for name in fitted.columns.numbers]])
        constants.append(numpy_helper.from_array(values, "medians"))
        nodes.append(helper.make_node("Concat", fitted.columns.numbers, ["numbers"], axis=1))
        nodes.append(helper.make_node("IsNaN", ["numbers"], ["absent"]))
        nodes.append(helper.make_node("Where", ["absent", "medians", "numbers"], ["filled"]))
        features.append("filled")
    if fitted.columns.categories:
        for name, labels in zip(fitted.columns.categories, stages.pop(0).labelsArray, strict=True):
            index = {"keys_strings": labels, "values_int64s": range(len(labels)), "default_int64": len(labels)}
            nodes.append(helper.make_node("LabelEncoder", [name], [f"{name}__whole"], domain="ai.onnx.ml", **index))
            nodes.append(helper.make_node("Cast", [f"{name}__whole"], [f"{name}__index"], to=TensorProto.DOUBLE))
            features.append(f"{name}__index")
    nodes.append(helper.make_node("Concat", features, ["features"], axis=1))
    nodes.append(_ensemble(stages[-1]))
    for name in fitted.columns.all:
        kind = TensorProto.STRING if name in fitted.columns.categories else TensorProto.DOUBLE
        inputs.append(helper.make_tensor_value_info(name, kind, [None, 1]))
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph(nodes, "trees", inputs, [output], initializer=constants)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)


def _ensemble(model: Any) -> onnx.NodeProto:
    """One node for all trees. It adds what their leaves give to either class; a forest's leaves give shares of its rows."""
    boosted = isinstance(model, GBTClassificationModel)
    nodes: list[tuple[int, Node]] = []
    targets: list[tuple[int, int, int, float]] = []  # tree, node, class, weight
    for tree, rows in _read(model).groupby("tree"):
        nodes += [(int(tree), node) for node in _nodes(rows)]
        for leaf in rows[rows.left < 0].itertuples():
            if boosted:  # The probability is the logistic of twice the margin.
                margin = 2 * model.treeWeights[int(tree)] * leaf.prediction
                shares = [-margin, margin]
            else:
                shares = list(np.asarray(leaf.stats) / np.sum(leaf.stats) / model.getNumTrees)
            targets += [(int(tree), int(leaf.id), n, share) for n, share in enumerate(shares)]
    return helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["probabilities"],
        domain="ai.onnx.ml",
        n_targets=2,
        post_transform="LOGISTIC" if boosted else "NONE",
        nodes_treeids=[tree for tree, _ in nodes],
        nodes_nodeids=[node[0] for _, node in nodes],
        nodes_modes=[node[1] for _, node in nodes],
        nodes_featureids=[node[2] for _, node in nodes],
        nodes_values_as_tensor=numpy_helper.from_array(np.array([node[3] for _, node in nodes], dtype=np.float64)),
        nodes_truenodeids=[node[4] for _, node in nodes],
        nodes_falsenodeids=[node[5] for _, node in nodes],
        target_treeids=[target[0] for target in targets],
        target_nodeids=[target[1] for target in targets],
        target_ids=[target[2] for target in targets],
        target_weights_as_tensor=numpy_helper.from_array(np.array([target[3] for target in targets], dtype=np.float64)),
    )


def _nodes(rows: Any) -> Iterator[Node]:
    """One tree's nodes, its root first. A set of categories becomes a chain of questions, one for each."""
    free = int(rows.id.max()) + 1
    for row in rows.sort_values("id").itertuples():
        if row.left < 0:
            yield row.id, "LEAF", 0, 0.0, 0, 0
        elif row.categories < 0:
            yield row.id, "BRANCH_LEQ", row.feature, row.split[0], row.left, row.right
        else:
            asked, inside, outside = set(row.split), row.left, row.right
            if len(asked) > row.categories / 2:
                asked, inside, outside = set(range(row.categories)) - asked, row.right, row.left
            chain = [row.id, *range(free, free + len(asked) - 1)]
            free += len(asked) - 1
            for here, after, category in zip(chain, [*chain[1:], outside], sorted(asked), strict=True):
                yield here, "BRANCH_EQ", row.feature, float(category), inside, after


def _read(model: Any) -> Any:
    """The nodes of all trees as Spark saves them, in pandas: one read, and no call into the JVM for each node."""
    spark = SparkSession.builder.getOrCreate()
    folder = settings().path("scratch", uuid.uuid4().hex)  # Under the root, which Spark's workers see too.
    try:
        model.write().save(str(folder))
        return (
            spark.read.parquet(str(folder / "data"))
            .selectExpr(
                "treeID AS tree",
                "nodeData.id AS id",
                "nodeData.prediction AS prediction",
                "nodeData.impurityStats AS stats",
                "nodeData.leftChild AS left",
                "nodeData.rightChild AS right",
                "nodeData.split.featureIndex AS feature",
                "nodeData.split.numCategories AS categories",
                "nodeData.split.leftCategoriesOrThreshold AS split",
            )
            .toPandas()
        )
    finally:
        folder.fs.rm(folder.path, recursive=True)
