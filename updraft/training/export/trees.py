"""Tree ensembles as ONNX, of Spark ML and LightGBM: inputs and thresholds in double precision.

The converters of onnxmltools round both to float32, which moves values near a threshold to its
other side.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from onnx import numpy_helper
from pyspark.ml.classification import (
    GBTClassificationModel,
    OneVsRestModel,
    RandomForestClassificationModel,
)
from pyspark.ml.regression import RandomForestRegressionModel

from updraft.training.export.graph import Graph
from updraft.training.export.linear import class_probabilities
from updraft.training.export.saved import read_table, saved_model

LEAF = "LEAF"
BRANCH = "BRANCH_LEQ"  # True where the feature is at most the threshold.


class Node(NamedTuple):
    """A branch or, by its ``mode``, a leaf; ``missing_is_true``: where NaN goes."""

    tree: int
    id: int
    mode: str = LEAF
    feature: int = 0
    threshold: float = 0.0
    true_id: int = 0
    false_id: int = 0
    missing_is_true: bool = False


class LeafValue(NamedTuple):
    """What a leaf adds to one of the ensemble's sums."""

    tree: int
    leaf: int
    sum: int
    value: float


@dataclass(frozen=True)
class Ensemble:
    """Trees on the features, and what their leaves add to each of the ``sums``."""

    sums: int
    nodes: list[Node] = field(default_factory=list)  # The root of each tree first.
    leaf_values: list[LeafValue] = field(default_factory=list)


def spark_trees(graph: Graph, features: str, model: Any) -> str:
    """The scores of Spark's forests and boosted trees, of shape (rows, width)."""
    models = model.models if isinstance(model, OneVsRestModel) else [model]
    ensemble = Ensemble(graph.width)
    trees = count()
    for first_sum, part in enumerate(models):
        for number, rows in _saved_nodes(part).groupby("tree"):
            _add_spark_tree(ensemble, next(trees), int(number), rows, part, first_sum)
    sums = _sums(graph, features, ensemble)
    if not isinstance(models[0], GBTClassificationModel):
        return sums
    probabilities = graph.add("Sigmoid", sums)
    if len(models) == 1:
        return probabilities
    total = graph.add("ReduceSum", probabilities, np.array([1]), keepdims=1)
    return graph.add("Div", probabilities, total)


def lightgbm_trees(graph: Graph, features: str, model: Any) -> str:
    """The scores of LightGBM's model for scikit-learn, of shape (rows, width)."""
    dumped = model.booster_.dump_model()
    number_of_sums = dumped["num_tree_per_iteration"]
    trees = dumped["tree_info"]
    weight = number_of_sums / len(trees) if dumped.get("average_output") else 1.0
    ensemble = Ensemble(number_of_sums)
    for tree, info in enumerate(trees):
        _add_lightgbm_node(ensemble, tree, info["tree_structure"], count(), weight)
    sums = _sums(graph, features, ensemble)
    if hasattr(model, "classes_"):
        return class_probabilities(graph, sums, number_of_sums)
    return sums


def _sums(graph: Graph, features: str, ensemble: Ensemble) -> str:
    """Of shape (rows, sums)."""
    nodes = ensemble.nodes
    leaf_values = ensemble.leaf_values
    thresholds = np.array([node.threshold for node in nodes], dtype=np.float64)
    values = np.array([leaf.value for leaf in leaf_values], dtype=np.float64)
    sums = graph.add(
        "TreeEnsembleRegressor",  # The classifier of this opset has float32 only.
        features,
        domain="ai.onnx.ml",
        n_targets=ensemble.sums,
        nodes_treeids=[node.tree for node in nodes],
        nodes_nodeids=[node.id for node in nodes],
        nodes_modes=[node.mode for node in nodes],
        nodes_featureids=[node.feature for node in nodes],
        nodes_values_as_tensor=numpy_helper.from_array(thresholds),
        nodes_truenodeids=[node.true_id for node in nodes],
        nodes_falsenodeids=[node.false_id for node in nodes],
        nodes_missing_value_tracks_true=[int(node.missing_is_true) for node in nodes],
        target_treeids=[leaf.tree for leaf in leaf_values],
        target_nodeids=[leaf.leaf for leaf in leaf_values],
        target_ids=[leaf.sum for leaf in leaf_values],
        target_weights_as_tensor=numpy_helper.from_array(values),
    )
    return graph.double(sums)


def _add_spark_tree(
    ensemble: Ensemble, tree: int, number: int, rows: Any, model: Any, first_sum: int
) -> None:
    """Append the tree of this ``number`` in ``model``; ``rows``: its nodes, as saved."""
    nodes = list(_spark_nodes(tree, rows))
    ensemble.nodes.extend(nodes)
    for node in nodes:
        is_added = node.id > rows.id.max()
        if is_added and node.mode == LEAF:
            ensemble.leaf_values.append(LeafValue(tree, node.id, 0, 0.0))
    width = ensemble.sums
    for leaf in rows[rows.left < 0].itertuples():
        for n, value in enumerate(_spark_leaf_values(model, number, leaf, width)):
            ensemble.leaf_values.append(LeafValue(tree, leaf.id, first_sum + n, value))


def _spark_leaf_values(model: Any, tree: int, leaf: Any, width: int) -> list[float]:
    """What a leaf of Spark's adds to the sums, from the first sum of its model on."""
    match model:
        case RandomForestClassificationModel():
            shares = np.asarray(leaf.stats) / np.sum(leaf.stats) / model.getNumTrees
            return list(shares[-width:])
        case RandomForestRegressionModel():
            return [leaf.prediction / model.getNumTrees]
        case GBTClassificationModel():  # The probability is the logistic of twice the margin.
            return [2 * model.treeWeights[tree] * leaf.prediction]
        case _:
            return [model.treeWeights[tree] * leaf.prediction]


def _spark_nodes(tree: int, rows: Any) -> Iterator[Node]:
    """The nodes of one tree, the root first. ``rows``: the nodes, as saved."""
    new_ids = count(int(rows.id.max()) + 1)
    for row in rows.sort_values("id").itertuples():
        if row.left < 0:
            yield Node(tree, row.id)
        elif row.categories < 0:
            yield Node(tree, row.id, BRANCH, row.feature, row.split[0], row.left, row.right)
        else:
            yield from _category_split(tree, row, new_ids)


def _category_split(tree: int, row: Any, new_ids: Iterator[int]) -> Iterator[Node]:
    """A split by a set of categories, as a chain of thresholds between their indices.

    Not as branches of equality with each category: ONNX Runtime merges those, and then evaluates
    some of them wrongly. It also needs a node of its own for the false side of each branch, so
    the last branch is always true, and its false side is a leaf that no row reaches.
    """
    left = {int(category) for category in row.split}
    children = [row.left if n in left else row.right for n in range(row.categories)]
    # The last category of each run of categories that go to the same child.
    ends = [
        n
        for n in range(row.categories)
        if n == row.categories - 1 or children[n] != children[n + 1]
    ]
    node_id = row.id
    for end in ends:
        false_id = next(new_ids)
        yield Node(tree, node_id, BRANCH, row.feature, end + 0.5, children[end], false_id)
        node_id = false_id
    yield Node(tree, node_id)


def _saved_nodes(model: Any) -> Any:
    """The nodes of all trees of a Spark model, a data frame with a row for each."""
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
    expressions = [f"nodeData.{name} AS {short}" for name, short in columns.items()]
    with saved_model(model) as folder:
        return read_table(folder / "data", "treeID AS tree", *expressions)


def _add_lightgbm_node(
    ensemble: Ensemble, tree: int, node: Any, new_ids: Iterator[int], weight: float
) -> int:
    """Append a node and all below it; returns its id."""
    node_id = next(new_ids)
    position = len(ensemble.nodes)
    ensemble.nodes.append(Node(tree, node_id))  # Before those below it: the root has to be first.
    if "leaf_value" in node:
        value = weight * node["leaf_value"]
        ensemble.leaf_values.append(LeafValue(tree, node_id, tree % ensemble.sums, value))
        return node_id
    # If no value was missing in training, LightGBM takes a missing one for 0.
    threshold = node["threshold"]
    missing_is_true = threshold >= 0 if node["missing_type"] == "None" else node["default_left"]
    true_id = _add_lightgbm_node(ensemble, tree, node["left_child"], new_ids, weight)
    false_id = _add_lightgbm_node(ensemble, tree, node["right_child"], new_ids, weight)
    feature = node["split_feature"]
    ensemble.nodes[position] = Node(
        tree, node_id, BRANCH, feature, threshold, true_id, false_id, missing_is_true
    )
    return node_id
