"""Recommendations as ONNX: the product of a user's and an item's factors, and the fallback for the cold."""

from typing import Any

import numpy as np

from updraft.core.schema import ITEM, USER
from updraft.training.export.graph import Graph
from updraft.training.export.preparation import indexed
from updraft.training.families import Recommender


def recommender(graph: Graph, fitted: Recommender) -> str:
    """The prediction, shape (rows, 1). Factors stay in the single precision in which ALS learns them."""
    stages: list[Any] = fitted.model.stages
    indexer, als = stages
    fallbacks, sizes = (fitted.fallback.users, fitted.fallback.items), [len(labels) for labels in indexer.labelsArray]
    factors, known, cold, places = [], [], [], []
    for name, labels, found, answers in zip(
        (USER, ITEM), indexer.labelsArray, (als.userFactors, als.itemFactors), fallbacks, strict=True
    ):
        rows = found.toPandas()
        matrix = np.zeros((len(labels) + 1, als.rank), dtype=np.float32)  # The last row stands for the unknown.
        matrix[rows["id"].to_numpy()] = np.stack(rows["features"].to_list())
        place = graph.add("Squeeze", indexed(graph, name, labels, len(labels)), np.array([1]))
        places.append(place)
        factors.append(graph.double(graph.add("Gather", matrix, place, axis=0)))
        known.append(graph.add("Gather", np.isin(np.arange(len(matrix)), rows["id"]), place, axis=0))
        cold.append(graph.add("Gather", np.append(answers, fitted.fallback.both), place, axis=0))
    product = graph.add("ReduceSum", graph.add("Mul", *factors), np.array([1]), keepdims=0)
    answer = graph.add("Where", graph.add("Less", places[1], np.array(sizes[1])), cold[1], cold[0])
    prediction = graph.add("Where", graph.add("And", *known), product, answer)
    return graph.add("Unsqueeze", prediction, np.array([1]))
