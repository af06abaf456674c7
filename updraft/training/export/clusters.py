"""Clusterings as ONNX: nearest centre, path through a tree of centres, likeliest Gaussian."""

import json
import math
from typing import Any, NamedTuple

import numpy as np

from updraft.training.export.graph import Array, Graph
from updraft.training.export.saved import read_table, saved_model

# Spark adds it to each likelihood, and takes smaller variances, relative to the largest, for 0.
EPSILON = float(np.finfo(np.float64).eps)


class Node(NamedTuple):
    """A cluster with the ``number`` that Spark gave it; ``children`` if it was divided."""

    number: int
    center: Array
    children: list[int]


def k_means(graph: Graph, features: str, model: Any) -> str:
    """The cluster, of shape (rows, 1)."""
    centers = np.array(model.clusterCenters())
    costs = _costs(graph, features, centers, model.getDistanceMeasure())
    return graph.double(graph.add("ArgMin", costs, axis=1))


def bisecting_k_means(graph: Graph, features: str, model: Any) -> str:
    """The cluster, of shape (rows, 1).

    Follows the nearer child from the root; the leaf reached need not be the nearest leaf.
    """
    root, nodes = _tree(model)
    index = {number: n for n, number in enumerate(nodes)}
    first_child = _child_indices(nodes, index, 0)
    second_child = _child_indices(nodes, index, -1)
    centers = np.array([node.center for node in nodes.values()])
    costs = _costs(graph, features, centers, model.getDistanceMeasure())
    rows = graph.add("Gather", graph.add("Shape", features), np.array([0]), axis=0)
    shape = graph.add("Concat", rows, np.array([1]), axis=0)
    node = graph.add("Expand", np.array([[index[root]]]), shape)
    for _ in range(_depth(root, nodes)):
        first = graph.add("Gather", first_child, node, axis=0)
        second = graph.add("Gather", second_child, node, axis=0)
        is_first_nearer = graph.add(
            "LessOrEqual",
            graph.add("GatherElements", costs, first, axis=1),
            graph.add("GatherElements", costs, second, axis=1),
        )
        node = graph.add("Where", is_first_nearer, first, second)
    return graph.double(graph.add("Gather", np.array(list(nodes)), node, axis=0))


def gaussian_mixture(graph: Graph, features: str, model: Any) -> str:
    """The cluster, of shape (rows, 1).

    Far from all Gaussians Spark cannot distinguish them and answers 0; so does this.
    """
    gaussians = model.gaussiansDF.select("mean", "cov").collect()
    likelihoods = []
    for weight, gaussian in zip(model.weights, gaussians, strict=True):
        variances, directions = np.linalg.eigh(gaussian.cov.toArray())
        is_positive = variances > EPSILON * variances.max() * len(variances)
        root = directions[:, is_positive] / np.sqrt(variances[is_positive])
        log_determinant = np.log(variances[is_positive]).sum()
        constant = -0.5 * (len(variances) * math.log(2 * math.pi) + log_determinant)
        difference = graph.add("Sub", features, gaussian.mean.toArray())
        whitened = graph.add("MatMul", difference, root)
        square = graph.add("ReduceSumSquare", whitened, axes=[1], keepdims=1)
        log_density = graph.add("Add", graph.add("Mul", square, -0.5), constant)
        density = graph.add("Exp", log_density)
        weighted_density = graph.add("Mul", density, float(weight))
        likelihoods.append(graph.add("Add", weighted_density, EPSILON))
    return graph.double(graph.add("ArgMax", graph.concat(likelihoods), axis=1))


def _costs(graph: Graph, features: str, centers: Array, measure: str) -> str:
    """The distance to each centre, of shape (rows, centres).

    Terms that are the same for all centres of a row are left out.
    """
    if measure == "cosine":
        directions = centers / np.linalg.norm(centers, axis=1, keepdims=True)
        return graph.add("MatMul", features, -directions.T)
    products = graph.add("MatMul", features, -2 * centers.T)
    return graph.add("Add", products, (centers**2).sum(axis=1))


def _child_indices(nodes: dict[int, Node], index: dict[int, int], side: int) -> Array:
    """The index of each node's first or last child, of shape (nodes,); a leaf's own index."""
    numbers = [node.children[side] if node.children else node.number for node in nodes.values()]
    return np.array([index[number] for number in numbers])


def _tree(model: Any) -> tuple[int, dict[int, Node]]:
    """The number of the root, and the nodes by number, as Spark saves them.

    pyspark itself gives access to the leaves only.
    """
    with saved_model(model) as folder:
        metadata = next((folder / "data" / "metadata").path.glob("part-*"))
        root = json.loads(metadata.read_text())["rootId"]
        rows = read_table(folder / "data" / "data")
    columns = zip(rows["index"], rows["center"], rows["children"], strict=True)
    nodes = [
        Node(int(number), center.toArray(), list(map(int, children)))
        for number, center, children in columns
    ]
    return int(root), {node.number: node for node in nodes}


def _depth(number: int, nodes: dict[int, Node]) -> int:
    depths = [_depth(child, nodes) for child in nodes[number].children]
    return 1 + max(depths) if depths else 0
