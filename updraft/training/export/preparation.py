"""What every model does first, with learnt constants: fill absent numbers, index categories, scale, one-hot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from pyspark.ml.feature import (
    Bucketizer,
    ImputerModel,
    OneHotEncoderModel,
    StandardScalerModel,
    StringIndexerModel,
)

from updraft.training.export.graph import Graph
from updraft.training.families import SklearnModel, SparkModel


def of_spark(graph: Graph, fitted: SparkModel) -> str:
    """The pipeline's features, a matrix of shape (rows, features)."""
    stages = fitted.model.stages[:-1]
    # Trees take the index of a category, and numbers as they are; all others one-hot categories, after the numbers.
    trees = not any(isinstance(stage, OneHotEncoderModel | StandardScalerModel) for stage in stages)
    texts = []
    names = dict(zip(fitted.columns.plain_categories, fitted.columns.categories, strict=True))
    for indexer in (stage for stage in stages if isinstance(stage, StringIndexerModel)):
        inputs = indexer.getInputCols() if indexer.isSet("inputCols") else [indexer.getInputCol()]
        for plain, labels in zip(inputs, indexer.labelsArray, strict=True):
            index = indexed(graph, names[plain], labels, len(labels))
            texts.append(graph.double(index) if trees else one_hot(graph, index, len(labels)))
    matrices = []
    if imputer := _the(ImputerModel, stages):
        matrix = numbers(graph, np.array(imputer.surrogateDF.select(*fitted.columns.plain_numbers).collect()[0]))
        if scaler := _the(StandardScalerModel, stages):
            deviation = scaler.std.toArray()
            scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation != 0)  # A constant is 0.
            matrix = graph.add("Mul", graph.add("Sub", matrix, scaler.mean.toArray()), scale)
        if bins := _the(Bucketizer, stages):
            matrix = _binned(graph, matrix, bins.getSplitsArray())
        matrices.append(matrix)
    return graph.beside([*texts, *matrices] if trees else [*matrices, *texts])


def of_sklearn(graph: Graph, fitted: SklearnModel) -> str:
    """The features of the ordinal encoding, a matrix of shape (rows, features)."""
    names = fitted.columns.categories
    kinds = fitted.model["prepare"].named_transformers_["categories"].categories_ if names else []
    parts = [graph.double(indexed(graph, name, list(found), -1)) for name, found in zip(names, kinds, strict=True)]
    if fitted.columns.numbers:
        parts.append(numbers(graph, np.array(np.nan)))
    return graph.beside(parts)


def numbers(graph: Graph, absent: Any) -> str:
    """All numbers, shape (rows, numbers), with ``absent`` in the place of NaN and the infinite."""
    matrix = graph.beside([graph.add("Reshape", name, np.array([-1, 1])) for name in graph.columns.numbers])
    finite = graph.add("Less", graph.add("Abs", matrix), np.array(np.inf))
    return graph.add("Where", finite, matrix, absent)


def indexed(graph: Graph, name: str, labels: Sequence[str], unseen: int) -> str:
    """The place of a category's text among ``labels``, whole numbers of shape (rows, 1)."""
    texts = graph.add("Reshape", name, np.array([-1, 1]))
    keys, places = (list(labels), list(range(len(labels)))) if labels else ([""], [unseen])  # It wants one at least.
    return graph.add("LabelEncoder", texts, domain="ai.onnx.ml", keys_strings=keys, values_int64s=places, default_int64=unseen)


def one_hot(graph: Graph, index: str, size: int) -> str:
    """A column for each of the first ``size`` places; none for any other."""
    return graph.double(graph.add("Equal", index, np.arange(size)))


def _binned(graph: Graph, matrix: str, splits: list[Any]) -> str:
    """Each number as one-hot of its bin. A value that is an inner border lies above it."""
    parts = []
    for n, borders in enumerate(splits):
        value = graph.add("Gather", matrix, np.array([n]), axis=1)
        above = graph.add("Cast", graph.add("GreaterOrEqual", value, np.array(borders[1:-1])), to=TensorProto.INT64)
        place = graph.add("ReduceSum", above, np.array([1]), keepdims=1)
        parts.append(one_hot(graph, place, len(borders) - 1))
    return graph.beside(parts)


def _the(kind: type, stages: list[Any]) -> Any:
    return next((stage for stage in stages if isinstance(stage, kind)), None)
