"""Recommenders as ONNX: the product of a user's and an item's factors, with a fallback."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from updraft.core.schema import ITEM, USER
from updraft.training.export.graph import Array, Graph
from updraft.training.export.preparation import category_index
from updraft.training.families import Recommender


@dataclass(frozen=True)
class _Side:
    """Tensors for the users or the items of the rows, each of shape (rows,) or (rows, rank)."""

    index: str
    factors: str
    has_factors: str
    fallback: str


def recommender(graph: Graph, fitted: Recommender) -> str:
    """The prediction, of shape (rows, 1).

    Factors stay in single precision, in which ALS computes them.
    """
    stages: list[Any] = fitted.model.stages
    indexer, als = stages
    user_labels, item_labels = indexer.labelsArray
    user_fallback = np.append(fitted.fallback.users, fitted.fallback.overall)
    item_fallback = np.append(fitted.fallback.items, fitted.fallback.overall)
    user = _side(graph, USER, user_labels, als.userFactors, als.rank, user_fallback)
    item = _side(graph, ITEM, item_labels, als.itemFactors, als.rank, item_fallback)
    products = graph.add("Mul", user.factors, item.factors)
    product = graph.add("ReduceSum", products, np.array([1]), keepdims=0)
    is_known_item = graph.add("Less", item.index, np.array(len(item_labels)))
    fallback = graph.add("Where", is_known_item, item.fallback, user.fallback)
    have_factors = graph.add("And", user.has_factors, item.has_factors)
    prediction = graph.add("Where", have_factors, product, fallback)
    return graph.add("Unsqueeze", prediction, np.array([1]))


def _side(
    graph: Graph, name: str, labels: list[str], factors: DataFrame, rank: int, fallback: Array
) -> _Side:
    """``factors``: Spark's table of ids and factors; ``fallback``: of shape (labels + 1,)."""
    table = factors.toPandas()
    matrix = np.zeros((len(labels) + 1, rank), dtype=np.float32)  # The last row: unknown ones.
    matrix[table["id"].to_numpy()] = np.stack(table["features"].to_list())
    index_matrix = category_index(graph, name, labels, unknown=len(labels))
    index = graph.add("Squeeze", index_matrix, np.array([1]))
    has_factors = np.isin(np.arange(len(matrix)), table["id"])
    return _Side(
        index=index,
        factors=graph.double(graph.add("Gather", matrix, index, axis=0)),
        has_factors=graph.add("Gather", has_factors, index, axis=0),
        fallback=graph.add("Gather", fallback, index, axis=0),
    )
