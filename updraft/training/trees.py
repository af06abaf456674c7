"""Tree ensembles as ONNX, of Spark ML and of LightGBM, with inputs and thresholds in double precision.

The converters of onnxmltools round both to float32, so that values near a threshold fall to its other side.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pyspark.ml.classification import GBTClassificationModel
from pyspark.ml.feature import ImputerModel, StringIndexerModel
from pyspark.sql import SparkSession

from updraft.core.settings import settings
from updraft.training.families import Columns, Fitted, SparkModel

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 8


class Node(NamedTuple):
    """A question or, with the mode LEAF, an end. ``absent`` says whether NaN goes where a yes goes."""

    tree: int
    id: int
    mode: str = "LEAF"
    feature: int = 0
    value: float = 0.0
    yes: int = 0
    no: int = 0
    absent: bool = False


class Leaf(NamedTuple):
    """What a leaf adds to either class."""

    tree: int
    id: int
    adds: tuple[float, float]


@dataclass(frozen=True)
class Ensemble:
    """Trees over the categories' indices and the numbers, in the order of ``Columns.all``."""

    labels: list[list[str]]  # Of each category, by index.
    unseen: list[int]  # The index that each category's other values get.
    medians: list[float] | None  # Of each number, where they stand for absent ones.
    nodes: list[Node]  # Each tree's root first.
    leaves: list[Leaf]
    logistic: bool  # Whether the sums are log-odds; otherwise they are probabilities.


def trees_to_onnx(fitted: Fitted) -> onnx.ModelProto:
    """The whole pipeline: an input of shape (rows, 1) for each column, and ``probabilities`` of shape (rows, 2)."""
    ensemble = _of_spark(fitted) if isinstance(fitted, SparkModel) else _of_lightgbm(fitted)
    inputs = []
    for name in fitted.columns.all:
        kind = TensorProto.STRING if name in fitted.columns.categories else TensorProto.DOUBLE
        inputs.append(helper.make_tensor_value_info(name, kind, [None, 1]))
    nodes, constants = _prepare(ensemble, fitted.columns)
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([*nodes, _operator(ensemble)], "trees", inputs, [output], initializer=constants)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)


def _prepare(ensemble: Ensemble, columns: Columns) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    nodes, constants = [], []
    for name, labels, unseen in zip(columns.categories, ensemble.labels, ensemble.unseen, strict=True):
        index: dict[str, Any] = {"keys_strings": labels, "values_int64s": range(len(labels)), "default_int64": unseen}
        nodes.append(helper.make_node("LabelEncoder", [name], [f"{name}__whole"], domain="ai.onnx.ml", **index))
        nodes.append(helper.make_node("Cast", [f"{name}__whole"], [f"{name}__index"], to=TensorProto.DOUBLE))
    features = [f"{name}__index" for name in columns.categories]
    if columns.numbers:
        nodes.append(helper.make_node("Concat", columns.numbers, ["numbers"], axis=1))
        features.append("numbers")
    if columns.numbers and ensemble.medians:
        constants.append(numpy_helper.from_array(np.array([ensemble.medians]), "medians"))
        nodes.append(helper.make_node("IsNaN", ["numbers"], ["absent"]))
        nodes.append(helper.make_node("Where", ["absent", "medians", "numbers"], ["filled"]))
        features[-1] = "filled"
    return [*nodes, helper.make_node("Concat", features, ["features"], axis=1)], constants


def _operator(ensemble: Ensemble) -> onnx.NodeProto:
    nodes = ensemble.nodes
    targets = [(leaf, n) for leaf in ensemble.leaves for n in (0, 1)]
    return helper.make_node(
        "TreeEnsembleRegressor",  # The classifier of this opset knows float32 only.
        ["features"],
        ["probabilities"],
        domain="ai.onnx.ml",
        n_targets=2,
        post_transform="LOGISTIC" if ensemble.logistic else "NONE",
        nodes_treeids=[node.tree for node in nodes],
        nodes_nodeids=[node.id for node in nodes],
        nodes_modes=[node.mode for node in nodes],
        nodes_featureids=[node.feature for node in nodes],
        nodes_values_as_tensor=numpy_helper.from_array(np.array([node.value for node in nodes], dtype=np.float64)),
        nodes_truenodeids=[node.yes for node in nodes],
        nodes_falsenodeids=[node.no for node in nodes],
        nodes_missing_value_tracks_true=[int(node.absent) for node in nodes],
        target_treeids=[leaf.tree for leaf, _ in targets],
        target_nodeids=[leaf.id for leaf, _ in targets],
        target_ids=[n for _, n in targets],
        target_weights_as_tensor=numpy_helper.from_array(np.array([leaf.adds[n] for leaf, n in targets], dtype=np.float64)),
    )


def _of_spark(fitted: SparkModel) -> Ensemble:
    labels: list[list[str]] = []
    medians = None
    for stage in fitted.model.stages:
        if isinstance(stage, StringIndexerModel):
            labels = stage.labelsArray
        elif isinstance(stage, ImputerModel):
            medians = list(stage.surrogateDF.select(*fitted.columns.numbers).collect()[0])
    model: Any = fitted.model.stages[-1]
    boosted = isinstance(model, GBTClassificationModel)
    nodes, leaves = [], []
    for tree, rows in _saved(model).groupby("tree"):
        nodes += list(_spark_nodes(int(tree), rows))
        for leaf in rows[rows.left < 0].itertuples():
            if boosted:  # The probability is the logistic of twice the margin.
                margin = 2 * model.treeWeights[int(tree)] * leaf.prediction
                adds = (-margin, margin)
            else:
                negative, positive = np.asarray(leaf.stats) / np.sum(leaf.stats) / model.getNumTrees
                adds = (negative, positive)
            leaves.append(Leaf(int(tree), leaf.id, adds))
    return Ensemble(labels, [len(one) for one in labels], medians, nodes, leaves, boosted)


def _spark_nodes(tree: int, rows: Any) -> Iterator[Node]:
    """One tree's nodes. A split by a set of categories becomes a chain of questions, one for each of the smaller set."""
    free = count(int(rows.id.max()) + 1)
    for row in rows.sort_values("id").itertuples():
        if row.left < 0:
            yield Node(tree, row.id)
        elif row.categories < 0:
            yield Node(tree, row.id, "BRANCH_LEQ", row.feature, row.split[0], row.left, row.right)
        else:
            asked, inside, outside = {int(category) for category in row.split}, row.left, row.right
            if len(asked) > row.categories / 2:
                asked, inside, outside = set(range(row.categories)) - asked, row.right, row.left
            chain = [row.id, *(next(free) for _ in range(len(asked) - 1))]
            for here, after, category in zip(chain, [*chain[1:], outside], sorted(asked), strict=True):
                yield Node(tree, here, "BRANCH_EQ", row.feature, category, inside, after)


def _saved(model: Any) -> Any:
    """The nodes of all trees as Spark saves them, in pandas: one read, and no call into the JVM for each node."""
    spark = SparkSession.builder.getOrCreate()
    folder = settings().path("scratch", uuid.uuid4().hex)  # Under the root, which Spark's workers see too.
    columns = {
        "id": "id",
        "prediction": "prediction",
        "impurityStats": "stats",
        "leftChild": "left",
        "rightChild": "right",
        "split.featureIndex": "feature",
        "split.numCategories": "categories",
        "split.leftCategoriesOrThreshold": "split",
    }
    try:
        model.write().save(str(folder))
        nodes = spark.read.parquet(str(folder / "data"))
        return nodes.selectExpr(
            "treeID AS tree", *[f"nodeData.{name} AS {short}" for name, short in columns.items()]
        ).toPandas()
    finally:
        if folder.exists():
            folder.fs.rm(folder.path, recursive=True)


def _of_lightgbm(fitted: Fitted) -> Ensemble:
    encoder = fitted.model["prepare"].named_transformers_["categories"]
    labels = [list(found) for found in encoder.categories_] if fitted.columns.categories else []
    dumped = fitted.model["model"].booster_.dump_model()
    share = 1 / len(dumped["tree_info"]) if dumped.get("average_output") else 1.0
    nodes: list[Node] = []
    leaves: list[Leaf] = []
    for tree, info in enumerate(dumped["tree_info"]):
        _lightgbm_nodes(tree, info["tree_structure"], count(), share, nodes, leaves)
    return Ensemble(labels, [-1] * len(labels), None, nodes, leaves, logistic=True)


def _lightgbm_nodes(tree: int, node: Any, free: Iterator[int], share: float, nodes: list[Node], leaves: list[Leaf]) -> int:
    """Append a node and all below it; returns its number."""
    here, place = next(free), len(nodes)
    if "leaf_value" in node:
        nodes.append(Node(tree, here))
        leaves.append(Leaf(tree, here, (-share * node["leaf_value"], share * node["leaf_value"])))
        return here
    # Where no value was absent in training, LightGBM takes one that is for 0.
    absent = node["threshold"] >= 0 if node["missing_type"] == "None" else node["default_left"]
    nodes.append(Node(tree, here))  # Its place, before those below it: the root stands first.
    yes = _lightgbm_nodes(tree, node["left_child"], free, share, nodes, leaves)
    no = _lightgbm_nodes(tree, node["right_child"], free, share, nodes, leaves)
    nodes[place] = Node(tree, here, "BRANCH_LEQ", node["split_feature"], node["threshold"], yes, no, absent)
    return here
