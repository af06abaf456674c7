"""Clusterings as ONNX: the place of the nearest centre, of the end of a path through a tree, of the likeliest Gaussian."""

import json
import math
from typing import Any, NamedTuple

import numpy as np

from updraft.training.export.graph import Array, Graph
from updraft.training.export.saved import saved, table

EPSILON = float(np.finfo(np.float64).eps)  # What Spark adds to each likelihood, and below which it takes a variance for none.


class Node(NamedTuple):
    """A cluster that was divided into ``children``, or one that is left; Spark's ``number`` of it."""

    number: int
    center: Array
    children: list[int]


def k_means(graph: Graph, features: str, model: Any) -> str:
    """The cluster, shape (rows, 1)."""
    costs = _costs(graph, features, np.array(model.clusterCenters()), model.getDistanceMeasure())
    return graph.double(graph.add("ArgMin", costs, axis=1))


def bisecting_k_means(graph: Graph, features: str, model: Any) -> str:
    """The cluster, shape (rows, 1): from the root on, the nearer of the two children; not the nearest of all leaves."""
    root, nodes = _tree(model)
    place = {number: n for n, number in enumerate(nodes)}
    first, second = (
        np.array([place[node.children[side]] if node.children else place[node.number] for node in nodes.values()])
        for side in (0, -1)
    )
    costs = _costs(graph, features, np.array([node.center for node in nodes.values()]), model.getDistanceMeasure())
    rows = graph.add("Gather", graph.add("Shape", features), np.array([0]), axis=0)
    here = graph.add("Expand", np.array([[place[root]]]), graph.add("Concat", rows, np.array([1]), axis=0))
    for _ in range(_depth(root, nodes)):
        one, other = (graph.add("Gather", side, here, axis=0) for side in (first, second))
        nearer = graph.add(
            "LessOrEqual",
            graph.add("GatherElements", costs, one, axis=1),
            graph.add("GatherElements", costs, other, axis=1),
        )
        here = graph.add("Where", nearer, one, other)
    return graph.double(graph.add("Gather", np.array(list(nodes)), here, axis=0))


def gaussian_mixture(graph: Graph, features: str, model: Any) -> str:
    """The cluster, shape (rows, 1). Far from all Gaussians Spark tells none from another and answers 0; so does this."""
    likelihoods = []
    for weight, found in zip(model.weights, model.gaussiansDF.select("mean", "cov").collect(), strict=True):
        variances, directions = np.linalg.eigh(found.cov.toArray())
        kept = variances > EPSILON * variances.max() * len(variances)
        root = directions[:, kept] / np.sqrt(variances[kept])
        constant = -0.5 * (len(variances) * math.log(2 * math.pi) + np.log(variances[kept]).sum())
        apart = graph.add("MatMul", graph.add("Sub", features, found.mean.toArray()), root)
        square = graph.add("ReduceSumSquare", apart, axes=[1], keepdims=1)
        density = graph.add("Exp", graph.add("Add", graph.add("Mul", square, -0.5), constant))
        likelihoods.append(graph.add("Add", graph.add("Mul", density, float(weight)), EPSILON))
    return graph.double(graph.add("ArgMax", graph.beside(likelihoods), axis=1))


def _costs(graph: Graph, features: str, centers: Array, measure: str) -> str:
    """How far each centre is, up to what all centres of a row have in common; shape (rows, centers)."""
    if measure == "cosine":
        return graph.add("MatMul", features, -(centers / np.linalg.norm(centers, axis=1, keepdims=True)).T)
    return graph.add("Add", graph.add("MatMul", features, -2 * centers.T), (centers**2).sum(axis=1))


def _tree(model: Any) -> tuple[int, dict[int, Node]]:
    """The root's number and the nodes by number, as Spark saves them: pyspark itself shows the leaves only."""
    with saved(model) as folder:
        root = json.loads(next((folder / "data" / "metadata").glob("part-*")).read_text())["rootId"]
        rows = table(folder / "data" / "data")
    columns = zip(rows["index"], rows["center"], rows["children"], strict=True)
    nodes = [Node(int(number), center.toArray(), list(map(int, children))) for number, center, children in columns]
    return int(root), {node.number: node for node in nodes}


def _depth(number: int, nodes: dict[int, Node]) -> int:
    return max((1 + _depth(child, nodes) for child in nodes[number].children), default=0)
