"""Tree ensembles as ONNX, of Spark ML and of LightGBM, with inputs and thresholds in double precision.

The converters of onnxmltools round both to float32, so that values near a threshold fall to its other side.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from onnx import numpy_helper
from pyspark.ml.classification import GBTClassificationModel, OneVsRestModel, RandomForestClassificationModel
from pyspark.ml.regression import RandomForestRegressionModel

from updraft.training.export.graph import Graph
from updraft.training.export.linear import classes
from updraft.training.export.saved import saved, table

LEAF = "LEAF"


class Node(NamedTuple):
    """A question or, with the mode LEAF, an end. ``absent`` says whether NaN goes where a yes goes."""

    tree: int
    id: int
    mode: str = LEAF
    feature: int = 0
    value: float = 0.0
    yes: int = 0
    no: int = 0
    absent: bool = False


class Added(NamedTuple):
    """What a leaf adds to one of the sums."""

    tree: int
    leaf: int
    sum: int
    value: float


@dataclass(frozen=True)
class Ensemble:
    """Trees over the features, and what their leaves add to ``sums`` sums."""

    sums: int
    nodes: list[Node] = field(default_factory=list)  # Each tree's root first.
    added: list[Added] = field(default_factory=list)


def spark_trees(graph: Graph, features: str, model: Any) -> str:
    """Forests and boosted trees of Spark: the scores, shape (rows, width)."""
    models = model.models if isinstance(model, OneVsRestModel) else [model]
    ensemble, trees = Ensemble(graph.width), count()
    for place, one in enumerate(models):
        for number, rows in _saved(one).groupby("tree"):
            tree = next(trees)
            nodes = list(_spark_nodes(tree, rows))
            ensemble.nodes.extend(nodes)
            ensemble.added.extend(
                Added(tree, node.id, 0, 0.0) for node in nodes if node.id > rows.id.max() and node.mode == LEAF
            )
            for leaf in rows[rows.left < 0].itertuples():
                for target, value in enumerate(_adds(one, int(number), leaf, graph.width), start=place):
                    ensemble.added.append(Added(tree, leaf.id, target, value))
    sums = _sums(graph, features, ensemble)
    if not isinstance(models[0], GBTClassificationModel):
        return sums
    chances = graph.add("Sigmoid", sums)
    if len(models) == 1:
        return chances
    return graph.add("Div", chances, graph.add("ReduceSum", chances, np.array([1]), keepdims=1))


def lightgbm_trees(graph: Graph, features: str, model: Any) -> str:
    """LightGBM's model for scikit-learn: the scores, shape (rows, width)."""
    dumped = model.booster_.dump_model()
    sums, information = dumped["num_tree_per_iteration"], dumped["tree_info"]
    share = sums / len(information) if dumped.get("average_output") else 1.0
    ensemble = Ensemble(sums)
    for tree, info in enumerate(information):
        _lightgbm_nodes(tree, info["tree_structure"], count(), share, ensemble)
    found = _sums(graph, features, ensemble)
    return classes(graph, found, sums) if hasattr(model, "classes_") else found


def _sums(graph: Graph, features: str, ensemble: Ensemble) -> str:
    """Shape (rows, sums)."""
    nodes, added = ensemble.nodes, ensemble.added
    found = graph.add(
        "TreeEnsembleRegressor",  # The classifier of this opset knows float32 only.
        features,
        domain="ai.onnx.ml",
        n_targets=ensemble.sums,
        nodes_treeids=[node.tree for node in nodes],
        nodes_nodeids=[node.id for node in nodes],
        nodes_modes=[node.mode for node in nodes],
        nodes_featureids=[node.feature for node in nodes],
        nodes_values_as_tensor=numpy_helper.from_array(np.array([node.value for node in nodes], dtype=np.float64)),
        nodes_truenodeids=[node.yes for node in nodes],
        nodes_falsenodeids=[node.no for node in nodes],
        nodes_missing_value_tracks_true=[int(node.absent) for node in nodes],
        target_treeids=[one.tree for one in added],
        target_nodeids=[one.leaf for one in added],
        target_ids=[one.sum for one in added],
        target_weights_as_tensor=numpy_helper.from_array(np.array([one.value for one in added], dtype=np.float64)),
    )
    return graph.double(found)


def _adds(model: Any, tree: int, leaf: Any, width: int) -> list[float]:
    """What a leaf of Spark's adds to the sums, from the first one of its model on."""
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
    """One tree's nodes. A split by a set of categories becomes a chain of thresholds between their indices.

    Not of questions whether the index is one of the set: ONNX Runtime merges those, and then answers some of them wrongly. It
    wants the no of each question to lead to a node of its own, so the last one is a question that is always answered by yes.
    """
    free = count(int(rows.id.max()) + 1)
    for row in rows.sort_values("id").itertuples():
        if row.left < 0:
            yield Node(tree, row.id)
        elif row.categories < 0:
            yield Node(tree, row.id, "BRANCH_LEQ", row.feature, row.split[0], row.left, row.right)
        else:
            left = {int(category) for category in row.split}
            leads = [row.left if category in left else row.right for category in range(row.categories)]
            ends = [n for n in range(row.categories) if n == row.categories - 1 or leads[n] != leads[n + 1]]
            chain = [row.id, *(next(free) for _ in ends)]
            for here, after, end in zip(chain, chain[1:], ends, strict=False):
                yield Node(tree, here, "BRANCH_LEQ", row.feature, end + 0.5, leads[end], after)
            yield Node(tree, chain[-1])  # Where nobody gets.


def _saved(model: Any) -> Any:
    """The nodes of all trees, in pandas."""
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
    named = [f"nodeData.{name} AS {short}" for name, short in columns.items()]
    with saved(model) as folder:
        return table(folder / "data", "treeID AS tree", *named)


def _lightgbm_nodes(tree: int, node: Any, free: Iterator[int], share: float, into: Ensemble) -> int:
    """Append a node and all below it; returns its number."""
    here, place = next(free), len(into.nodes)
    into.nodes.append(Node(tree, here))  # Its place, before those below it: the root stands first.
    if "leaf_value" in node:
        into.added.append(Added(tree, here, tree % into.sums, share * node["leaf_value"]))
        return here
    # Where no value was absent in training, LightGBM takes one that is for 0.
    absent = node["threshold"] >= 0 if node["missing_type"] == "None" else node["default_left"]
    yes = _lightgbm_nodes(tree, node["left_child"], free, share, into)
    no = _lightgbm_nodes(tree, node["right_child"], free, share, into)
    into.nodes[place] = Node(tree, here, "BRANCH_LEQ", node["split_feature"], node["threshold"], yes, no, absent)
    return here
